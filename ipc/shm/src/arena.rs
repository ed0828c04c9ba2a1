//! The memory itself: making it, mapping it, and finding things in it.
#![expect(unsafe_code, reason = "offsets become references here and nowhere else")]

use crate::class::PAGE;
use crate::error::Error;
use crate::fork::{self, Expected};
use crate::handle::{Handle, LocalCounts};
use crate::layout::{
    self, BLOCKS_AT, Block, HEADER_AT, Header, MAGIC, MEMBERS, MEMBERS_AT, MOST_BLOCKS, Member,
    PARCELS, PARCELS_AT, VERSION,
};
use crate::parcel::{PARCEL_BYTES, Parcel};
use polyproc_sync::Kind;
use polyproc_sys::memory::{Mapping, memfd, seal_size, set_size};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The environment variable that says how large an arena is.
pub const SIZE_VARIABLE: &str = "POLYPROC_ARENA_SIZE";

/// Address space, not memory.
const USUAL_SIZE: u64 = 64 << 30;
/// When not even this can be mapped, that is an error.
const LEAST_SIZE: u64 = 64 << 20;
/// The smallest size that can be asked for.
const TINY_SIZE: u64 = 4 << 20;

/// The memory that a family of processes shares. A clone is the same arena.
#[derive(Clone, Debug)]
pub struct Arena {
    pub(crate) inner: Arc<Inner>,
}

/// A process that has ended, as the one who started it knows it.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// The pid that it had.
    pub pid: u32,
    /// From [`Arena::place_of_fork`], if it was forked: it may have died before it took its place.
    pub place: Option<Expected>,
}

/// One process's view.
pub(crate) struct Inner {
    pub(crate) file: Arc<File>,
    map: Mapping,
    /// Copies of what the header says, checked once: nobody can change them under us.
    pub(crate) size: u64,
    pub(crate) family: u64,
    data_at: u64,
    most_blocks: u32,
    /// This process's place in the member table, or [`NOBODY`].
    pub(crate) me: AtomicU32,
    pub(crate) local: LocalCounts,
}

/// No place in the member table.
pub(crate) const NOBODY: u32 = u32::MAX;

impl Arena {
    /// A new arena, of the size that `POLYPROC_ARENA_SIZE` says or else as large as can be mapped, up
    /// to 64 GiB. It costs memory only where it is used.
    ///
    /// # Errors
    /// [`Error::Map`] when not even 64 MiB can be mapped, [`Error::BadSize`].
    pub fn create() -> Result<Self, Error> {
        Self::joined(Inner::create()?)
    }

    /// A new arena of `size` bytes, at least 4 MiB.
    ///
    /// # Errors
    /// [`Error::Map`].
    pub fn with_size(size: u64) -> Result<Self, Error> {
        Self::joined(Inner::with_size(size)?)
    }

    /// The file of a new arena as [`Arena::create`] makes it, for somebody to [`Arena::attach`]. Nobody
    /// is a member yet, and nothing stays mapped here.
    ///
    /// # Errors
    /// As [`Arena::create`].
    pub fn make_file() -> Result<Arc<File>, Error> {
        Ok(Arc::clone(&Inner::create()?.file))
    }

    /// The arena in a file that this process inherited or was sent.
    ///
    /// # Errors
    /// [`Error::NotAnArena`] when it holds something else, or the arena of another version;
    /// [`Error::Map`]; [`Error::NoPlace`] when 512 processes are members.
    pub fn attach(file: Arc<File>) -> Result<Self, Error> {
        let failed = |source| Error::Map { size: 0, source };
        let size = file.metadata().map_err(failed)?.len();
        if size < TINY_SIZE || !size.is_multiple_of(PAGE) {
            return Err(Error::NotAnArena);
        }
        let failed = |source| Error::Map { size, source };
        let map = Mapping::shared(&file, size as usize).map_err(failed)?;
        let mut inner = Inner {
            file,
            map,
            size,
            family: 0,
            data_at: 0,
            most_blocks: 0,
            me: AtomicU32::new(NOBODY),
            local: LocalCounts::default(),
        };
        inner.read_header()?;
        Self::joined(inner)
    }

    fn joined(inner: Inner) -> Result<Self, Error> {
        inner.join()?;
        let inner = Arc::new(inner);
        fork::watch(&inner);
        Ok(Self { inner })
    }

    /// The descriptor to hand to a child, which [`Arena::attach`]es it.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.inner.file.as_fd()
    }

    /// The handles of a message that came with these tickets (see [`crate::Delivery`]): all of them,
    /// or none and they are given back.
    ///
    /// # Errors
    /// As [`Arena::receive`].
    pub fn receive_all(&self, tickets: &[u8]) -> Result<Vec<Handle>, Error> {
        let each = tickets.chunks(PARCEL_BYTES).map(|bytes| self.receive(bytes));
        let handles: Result<Vec<_>, _> = each.collect();
        if handles.is_err() {
            self.give_back_all(tickets);
        }
        handles
    }

    /// The same for a message that may have to be received again, by this process or another: who sent it
    /// goes on holding what it speaks of, by its parcels.
    ///
    /// # Errors
    /// As [`Arena::receive`].
    pub fn hold_all(&self, tickets: &[u8]) -> Result<Vec<Handle>, Error> {
        let each = tickets.chunks(PARCEL_BYTES);
        each.map(|bytes| Handle::receive(&self.inner, bytes, true)).collect()
    }

    /// [`Arena::give_back`] for a whole message.
    pub fn give_back_all(&self, tickets: &[u8]) {
        tickets.chunks(PARCEL_BYTES).for_each(|bytes| self.give_back(bytes));
    }

    /// A number that no other family has.
    pub fn family(&self) -> u64 {
        self.inner.family
    }

    /// A new block of `len` zero bytes that this process holds.
    ///
    /// # Errors
    /// [`Error::Full`], after the holdings of dead members have been reclaimed.
    pub fn allocate(&self, len: usize, kind: Kind) -> Result<Handle, Error> {
        Handle::allocate(&self.inner, len, kind, 0)
    }

    /// The handle in a message: the block that [`Handle::send`] was called for. Works once.
    ///
    /// # Errors
    /// [`Error::Foreign`] for a message of another family or bytes that are no handle;
    /// [`Error::Gone`] when it was received or given back already.
    pub fn receive(&self, bytes: &[u8]) -> Result<Handle, Error> {
        Handle::receive(&self.inner, bytes, false)
    }

    /// Gives back the handle in a message that nobody will read. Does nothing if that has happened.
    pub fn give_back(&self, bytes: &[u8]) {
        self.inner.give_back(bytes);
    }

    /// Gives back what dead members held; says how many members that were. Whoever learns of a death
    /// calls this; joining and a full arena do it as well.
    pub fn reclaim(&self) -> usize {
        self.inner.reclaim(|_| true)
    }

    /// The same for one process that is known to have ended, which is faster in a large family.
    pub fn reclaim_process(&self, pid: u32) -> usize {
        self.inner.reclaim(|owner| owner.pid() == pid)
    }

    /// Settles what is left of a process that has ended, for the one who started it: gives back the
    /// parcels that were `sent` to it and not received; those that it handed over to this process,
    /// but for the `reported` ones, which have arrived; and what it held. Free when there is nothing.
    ///
    /// Waits a tenth of a second at most for a member that was stopped in the middle of something:
    /// then it stays for whoever looks next.
    pub fn settle(&self, ended: &Ended, sent: Vec<Parcel>, reported: &[u8]) {
        self.inner.settle(ended, sent, reported);
    }

    /// The place that was made for the child that the calling thread has forked last.
    pub fn place_of_fork(&self) -> Option<Expected> {
        fork::last_place(self.inner.family)
    }
}

impl Inner {
    fn create() -> Result<Self, Error> {
        match std::env::var(SIZE_VARIABLE) {
            Ok(text) => Self::with_size(parse_size(&text).ok_or(Error::BadSize(text))?),
            Err(_) => Self::as_large_as_possible(),
        }
    }

    fn as_large_as_possible() -> Result<Self, Error> {
        let mut size = USUAL_SIZE;
        loop {
            match Self::with_size(size) {
                Err(Error::Map { .. }) if size > LEAST_SIZE => size /= 2,
                other => return other,
            }
        }
    }

    fn with_size(size: u64) -> Result<Self, Error> {
        let size = size.max(TINY_SIZE).next_multiple_of(PAGE);
        let failed = |source| Error::Map { size, source };
        let file = memfd(c"polyproc-arena").map_err(failed)?;
        set_size(&file, size).map_err(failed)?;
        // Nobody who holds the descriptor can cut the memory away under the others.
        seal_size(&file).map_err(failed)?;
        let map = Mapping::shared(&file, size as usize).map_err(failed)?;
        let most_blocks = (size / 1024).clamp(1024, MOST_BLOCKS);
        let data_at = (BLOCKS_AT + most_blocks * size_of::<Block>() as u64).next_multiple_of(PAGE);
        let inner = Self {
            file: Arc::new(file),
            map,
            size,
            family: random(),
            data_at,
            most_blocks: most_blocks as u32,
            me: AtomicU32::new(NOBODY),
            local: LocalCounts::default(),
        };
        inner.write_header();
        Ok(inner)
    }

    fn write_header(&self) {
        let header = self.header();
        header.version.store(VERSION, Ordering::Relaxed);
        header.most_blocks.store(self.most_blocks, Ordering::Relaxed);
        header.size.store(self.size, Ordering::Relaxed);
        header.family.store(self.family, Ordering::Relaxed);
        header.data_at.store(self.data_at, Ordering::Relaxed);
        header.end.store(self.data_at, Ordering::Relaxed);
        header.magic.store(MAGIC, Ordering::Release);
    }

    fn read_header(&mut self) -> Result<(), Error> {
        let header = self.header();
        let good = header.magic.load(Ordering::Acquire) == MAGIC
            && header.version.load(Ordering::Relaxed) == VERSION
            && header.size.load(Ordering::Relaxed) == self.size;
        let most_blocks = header.most_blocks.load(Ordering::Relaxed);
        let data_at = header.data_at.load(Ordering::Relaxed);
        let table_end = BLOCKS_AT + u64::from(most_blocks) * size_of::<Block>() as u64;
        let family = header.family.load(Ordering::Relaxed);
        if !good || data_at < table_end || data_at > self.size {
            return Err(Error::NotAnArena);
        }
        (self.most_blocks, self.data_at, self.family) = (most_blocks, data_at, family);
        Ok(())
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: Header is made of atomics, fits the smallest arena, and the mapping is page aligned.
        unsafe { self.at(HEADER_AT) }
    }

    pub(crate) fn members(&self) -> &[Member; MEMBERS] {
        // SAFETY: as above; the table starts at a page.
        unsafe { self.at(MEMBERS_AT) }
    }

    /// The places that were ever taken.
    pub(crate) fn used_members(&self) -> &[Member] {
        let top = self.header().member_top.load(Ordering::Relaxed) as usize;
        &self.members()[..top.min(MEMBERS)]
    }

    pub(crate) fn parcels(&self) -> &[layout::Parcel; PARCELS] {
        // SAFETY: as above.
        unsafe { self.at(PARCELS_AT) }
    }

    /// The parcels that were ever used.
    pub(crate) fn used_parcels(&self) -> &[layout::Parcel] {
        let top = self.header().parcel_top.load(Ordering::Relaxed) as usize;
        &self.parcels()[..top.min(PARCELS)]
    }

    /// The blocks that count.
    pub(crate) fn blocks(&self) -> &[Block] {
        let count = self.header().blocks.load(Ordering::Acquire);
        &self.block_table()[..count.min(self.most_blocks) as usize]
    }

    pub(crate) fn block_table(&self) -> &[Block] {
        // SAFETY: the table is made of atomics, starts at a multiple of 64, and `read_header` or
        // `with_size` saw that it ends before the data, which start within the mapping.
        let first: &Block = unsafe { self.at(BLOCKS_AT) };
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts(first, self.most_blocks as usize) }
    }

    /// # Safety
    /// A `T` made of atomics lies at `offset`, aligned and within the mapping.
    unsafe fn at<T>(&self, offset: u64) -> &T {
        // SAFETY: within the mapping, by the caller's word.
        let place = unsafe { self.map.start().add(offset as usize) };
        // SAFETY: aligned and valid for any bits, by the caller's word.
        unsafe { place.cast().as_ref() }
    }

    /// Where a block's bytes are, if its record makes sense.
    pub(crate) fn data(&self, block: &Block) -> Option<(NonNull<u8>, usize)> {
        let offset = block.offset.load(Ordering::Relaxed);
        let len = block.len.load(Ordering::Relaxed);
        let inside = offset >= self.data_at
            && offset.is_multiple_of(crate::class::ALIGN)
            && offset.checked_add(len).is_some_and(|end| end <= self.size);
        if !inside {
            return None;
        }
        // SAFETY: the offset lies within the mapping.
        let start = unsafe { self.map.start().add(offset as usize) };
        Some((start, len as usize))
    }

    /// Sets a block's bytes to zero.
    pub(crate) fn zero(&self, block: &Block) {
        if let Some((start, len)) = self.data(block) {
            // SAFETY: the block's bytes, which only the caller holds so far.
            unsafe { start.write_bytes(0, len) };
        }
    }

    pub(crate) fn data_at(&self) -> u64 {
        self.data_at
    }

    pub(crate) fn most_blocks(&self) -> u32 {
        self.most_blocks
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arena")
            .field("family", &self.family)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// A number that nobody else draws, and not 0: 8 bytes of the kernel's, or else of the hasher's seed.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    use std::io::Read;
    let mut bytes = [0; 8];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    let number = match read {
        Ok(()) => u64::from_ne_bytes(bytes),
        Err(_) => std::hash::RandomState::new().build_hasher().finish(),
    };
    number.max(1)
}

/// Bytes, or a number with K, M or G.
fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, shift) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 10),
        b'm' | b'M' => (&text[..text.len() - 1], 20),
        b'g' | b'G' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse_size("4096"), Some(4096));
        assert_eq!(parse_size(" 16 M "), Some(16 << 20));
        assert_eq!(parse_size("2g"), Some(2 << 30));
        assert_eq!(parse_size("lots"), None);
        assert_eq!(parse_size(""), None);
        assert_eq!(parse_size("99999999999999G"), None);
    }

    #[test]
    fn more_than_the_address_space_is_an_error_that_names_the_limits() {
        let error = Arena::with_size(1 << 60).unwrap_err().to_string();
        assert!(error.contains("RLIMIT_AS") && error.contains(SIZE_VARIABLE), "{error}");
    }

    #[test]
    fn anything_else_is_refused() {
        let file = memfd(c"polyproc-test").unwrap();
        let attach = |file: &File| Arena::attach(Arc::new(file.try_clone().unwrap()));
        assert!(matches!(attach(&file), Err(Error::NotAnArena)));
        file.set_len(8 << 20).unwrap();
        assert!(matches!(attach(&file), Err(Error::NotAnArena)));
        let arena = Arena::with_size(8 << 20).unwrap();
        arena.inner.header().version.store(99, Ordering::Relaxed);
        assert!(matches!(attach(&arena.inner.file), Err(Error::NotAnArena)));
    }
}
