//! Memory that processes share: a file without a name, and its mapping.
#![expect(unsafe_code, reason = "memfd_create and mmap are C calls")]

use super::{check, retry, streaming};
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, FromRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// A new file in memory without a path. It is gone when the last descriptor and the last mapping
/// are. `name` only shows in `/proc/PID/maps`.
///
/// # Errors
/// `EMFILE` and `ENFILE` at the limits on descriptors, `ENOMEM`.
pub fn memfd(name: &CStr) -> io::Result<File> {
    let create = |flags| {
        // SAFETY: `name` is a C string.
        check(unsafe { libc::memfd_create(name.as_ptr(), flags) })
    };
    // Kernels before 6.3 do not know NOEXEC_SEAL; later ones log a warning when it is left out.
    let fd = match create(libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING | libc::MFD_NOEXEC_SEAL) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            create(libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING)?
        }
        other => other?,
    };
    // SAFETY: the call just returned this descriptor, so nobody else owns it.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// Opens the memory file at `path`, for reading and writing. Not what a link there points to: whoever
/// may write to the folder could lend the name to another file.
///
/// # Errors
/// `ENOENT`, `EACCES`; `ELOOP` for a link.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    File::options().read(true).write(true).custom_flags(flags).open(path)
}

/// Makes a file `len` bytes long. A limit on the size of files (`RLIMIT_FSIZE`) holds for memory
/// files, too; going over it is an error here, and not the signal that usually ends the program.
///
/// # Errors
/// `EFBIG` over that limit, `ENOMEM`.
pub fn set_size(file: &File, len: u64) -> io::Result<()> {
    without_size_signal(|| file.set_len(len))
}

/// Writes all of `bytes` to a memory file, with the same regard for the limit as [`set_size`].
///
/// # Errors
/// `EFBIG` over that limit, `ENOMEM` and `ENOSPC` when there is no more memory.
pub fn write_all(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    without_size_signal(|| file.write_all(bytes))
}

/// The kernel sends `SIGXFSZ` to the thread that goes over the limit: it is kept waiting, and taken
/// away before anybody sees it.
fn without_size_signal<T>(call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let mut mask = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: room for a set.
    unsafe { libc::sigemptyset(mask.as_mut_ptr()) };
    // SAFETY: an initialised set and a valid signal.
    unsafe { libc::sigaddset(mask.as_mut_ptr(), libc::SIGXFSZ) };
    // SAFETY: initialised above.
    let (mask, mut old) = (unsafe { mask.assume_init() }, MaybeUninit::zeroed());
    // SAFETY: both pointers are to live sets.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const mask, old.as_mut_ptr()) };
    let result = call();
    if matches!(&result, Err(error) if error.raw_os_error() == Some(libc::EFBIG)) {
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: a live set and a live time; what the signal carried is not asked for.
        unsafe { libc::sigtimedwait(&raw const mask, std::ptr::null_mut(), &raw const now) };
    }
    // SAFETY: the set that the call above filled.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, old.as_ptr(), std::ptr::null_mut()) };
    result
}

/// Fixes the size of a file made by [`memfd`]: nobody can cut memory away under a mapping.
///
/// # Errors
/// `EPERM` when the file cannot be sealed.
pub fn seal_size(file: &File) -> io::Result<()> {
    let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: F_ADD_SEALS takes an integer.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) }).map(drop)
}

/// Fixes the least size of a file made by [`memfd`]: it may grow, but nobody can cut memory away
/// under a mapping, nor undo this.
///
/// # Errors
/// `EPERM` when the file cannot be sealed.
pub fn seal_shrinking(file: &File) -> io::Result<()> {
    let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_SEAL;
    // SAFETY: F_ADD_SEALS takes an integer.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) }).map(drop)
}

/// Fixes what is in a file made by [`memfd`]: nobody can write to it, shorten or lengthen it any more.
///
/// # Errors
/// `EBUSY` while somebody has it mapped for writing, `EPERM` when the file cannot be sealed.
pub fn seal_content(file: &File) -> io::Result<()> {
    // SAFETY: F_ADD_SEALS takes an integer.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, CONTENT_SEALS) }).map(drop)
}

const CONTENT_SEALS: libc::c_int =
    libc::F_SEAL_WRITE | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;

/// What is in a file that was sealed by [`seal_content`], read where it lies; unmapped on drop.
#[derive(Debug)]
pub struct Sealed(Mapping);

impl Sealed {
    /// Maps all of `file`.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when it is not sealed, so that what is read could change or go away;
    /// `EINVAL` for an empty one, `ENOMEM` when the address space or `RLIMIT_AS` is exhausted.
    pub fn map(file: &File) -> io::Result<Self> {
        // SAFETY: F_GET_SEALS takes no argument.
        let seals = check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GET_SEALS) })?;
        if seals & CONTENT_SEALS != CONTENT_SEALS {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a memory file that may change",
            ));
        }
        let len = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        // Private, since kernels before 6.7 refuse others of such files, even for reading.
        Mapping::map(file, len, libc::PROT_READ, libc::MAP_PRIVATE).map(Self)
    }
}

impl Deref for Sealed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: all of the mapping, which nobody can write to: the file is sealed for ever.
        unsafe { self.0.bytes(0, self.0.len) }
    }
}

/// A shared mapping of the first `len` bytes of a file; unmapped on drop.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    len: usize,
    writable: bool,
}

// SAFETY: a mapping is plain memory that belongs to no thread; who reads and writes it through
// `start` answers for races.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `file` for reading and writing. What others write to it is seen here.
    ///
    /// # Errors
    /// `ENOMEM` when the address space or `RLIMIT_AS` is exhausted, `EINVAL` for a length of zero.
    pub fn shared(file: &impl AsFd, len: usize) -> io::Result<Self> {
        Self::map(file, len, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED)
    }

    /// Maps `file` for reading. What others write to it is seen here.
    ///
    /// # Errors
    /// As [`shared`](Self::shared).
    pub fn read_only(file: &impl AsFd, len: usize) -> io::Result<Self> {
        Self::map(file, len, libc::PROT_READ, libc::MAP_SHARED)
    }

    fn map(
        file: &impl AsFd,
        len: usize,
        access: libc::c_int,
        kind: libc::c_int,
    ) -> io::Result<Self> {
        let (anywhere, fd) = (std::ptr::null_mut(), file.as_fd().as_raw_fd());
        // SAFETY: a fresh mapping at an address of the kernel's choice disturbs no other memory.
        let start = unsafe { libc::mmap(anywhere, len, access, kind, fd, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        match NonNull::new(start.cast()) {
            Some(start) => Ok(Self { start, len, writable: access & libc::PROT_WRITE != 0 }),
            None => Err(io::ErrorKind::OutOfMemory.into()),
        }
    }

    /// The first byte; page aligned.
    pub fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// The memory as words that several processes may read and write at once. Whatever bits the
    /// others leave there is a valid value. A last part of less than 8 bytes is left out.
    pub fn words(&self) -> &[AtomicU64] {
        #[expect(clippy::cast_ptr_alignment, reason = "mmap returns whole pages")]
        let start = self.start.as_ptr().cast::<AtomicU64>();
        // SAFETY: a page-aligned mapping that lives as long as `self`; atomics may be shared, and
        // any bit pattern is one. The file does not shrink: see `seal_size`.
        unsafe { std::slice::from_raw_parts(start, self.len / size_of::<AtomicU64>()) }
    }

    /// The same memory as words of half the size, for futexes.
    pub fn half_words(&self) -> &[AtomicU32] {
        #[expect(clippy::cast_ptr_alignment, reason = "mmap returns whole pages")]
        let start = self.start.as_ptr().cast::<AtomicU32>();
        // SAFETY: as for `words`.
        unsafe { std::slice::from_raw_parts(start, self.len / size_of::<AtomicU32>()) }
    }

    /// Copies `bytes` to `offset`. Whoever reads them at the same time may see any mixture.
    ///
    /// # Panics
    /// Beyond the end of the mapping, and when it is read-only.
    pub fn copy_in(&self, offset: usize, bytes: &[u8]) {
        assert!(self.writable && self.holds(offset, bytes.len()), "within a writable mapping");
        // SAFETY: `offset` is within the mapping.
        let to = unsafe { self.start.as_ptr().add(offset) };
        if let 8..=16 = bytes.len() {
            let halves = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>());
            if let (Some(first), Some(last)) = halves {
                // SAFETY: within the range, as below.
                unsafe { to.cast::<[u8; 8]>().write_unaligned(*first) };
                // SAFETY: the same for the range's end.
                let end = unsafe { to.add(bytes.len() - 8) };
                // SAFETY: within the range.
                unsafe { end.cast::<[u8; 8]>().write_unaligned(*last) };
            }
            return;
        }
        // SAFETY: so is the whole range; nobody here holds a reference into shared memory that
        // could be written to (`bytes` cannot overlap: see `bytes`).
        unsafe { streaming::copy(bytes.as_ptr(), to, bytes.len()) };
    }

    /// Appends `len` bytes from `offset` on to `bytes`. If somebody writes them at the same time,
    /// any mixture comes out; what comes out does not change afterwards.
    ///
    /// # Panics
    /// Beyond the end of the mapping.
    pub fn copy_out(&self, offset: usize, len: usize, bytes: &mut Vec<u8>) {
        assert!(self.holds(offset, len), "within the mapping");
        bytes.reserve(len);
        prefer_large_pages(bytes.spare_capacity_mut());
        // SAFETY: `offset` is within the mapping.
        let from = unsafe { self.start.as_ptr().add(offset) };
        let to = bytes.spare_capacity_mut().as_mut_ptr().cast();
        // SAFETY: both ranges are valid for `len` bytes, and a fresh allocation overlaps nothing.
        unsafe { std::ptr::copy_nonoverlapping(from, to, len) };
        // SAFETY: reserved above, and written just now.
        unsafe { bytes.set_len(bytes.len() + len) };
    }

    /// The same for all of `bytes`, over what they were.
    ///
    /// # Panics
    /// Beyond the end of the mapping.
    #[inline]
    pub fn copy_to(&self, offset: usize, bytes: &mut [u8]) {
        assert!(self.holds(offset, bytes.len()), "within the mapping");
        // SAFETY: `offset` is within the mapping.
        let from = unsafe { self.start.as_ptr().add(offset) };
        // SAFETY: both ranges are valid for that length, and nobody here holds a mutable reference
        // into shared memory, so they do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), bytes.len()) };
    }

    /// A part of the memory in place.
    ///
    /// # Panics
    /// Beyond the end of the mapping.
    ///
    /// # Safety
    /// Nobody, in this process or another, writes there while the reference lives.
    pub unsafe fn bytes(&self, offset: usize, len: usize) -> &[u8] {
        assert!(self.holds(offset, len), "within the mapping");
        // SAFETY: within the mapping, which lives as long as `self`.
        let start = unsafe { self.start.as_ptr().add(offset) };
        // SAFETY: nobody writes there, which the caller promises.
        unsafe { std::slice::from_raw_parts(start, len) }
    }

    /// Has the processor fetch what lies at `offset`, which will be read soon. Only a hint.
    #[inline]
    pub fn fetch(&self, offset: usize) {
        #[cfg(target_arch = "x86_64")]
        if offset < self.len {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: within the mapping.
            let place = unsafe { self.start.as_ptr().add(offset) };
            // SAFETY: a hint reads nothing, whatever the address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = offset;
    }

    /// Has the processor fetch the line at `offset` from whoever has it, because it will be written
    /// soon. Only a hint.
    #[inline]
    pub fn fetch_to_write(&self, offset: usize) {
        #[cfg(target_arch = "x86_64")]
        if offset < self.len {
            // SAFETY: within the mapping.
            let place = unsafe { self.start.as_ptr().add(offset) };
            // SAFETY: a hint changes nothing, whatever the address.
            unsafe {
                std::arch::asm!("prefetchw [{}]", in(reg) place, options(nostack, preserves_flags));
            };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = offset;
    }

    fn holds(&self, offset: usize, len: usize) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.len)
    }

    /// Keeps a forked copy of this process from having this memory.
    pub fn keep_from_forks(&self) {
        // SAFETY: exactly the mapped range; the copy has no reference to it that it uses: whoever
        // holds the mapping here gives it up there.
        unsafe { libc::madvise(self.start.as_ptr().cast(), self.len, libc::MADV_DONTFORK) };
    }

    /// How many bytes are mapped.
    #[expect(clippy::len_without_is_empty, reason = "an empty mapping cannot be made")]
    pub fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly the range that mmap returned, and no borrow of it outlives `self`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// Copies `from` to memory that another process reads next: see `streaming`.
///
/// # Safety
/// As many bytes at `to` may be written, nobody holds a reference to them, and `from` is elsewhere.
pub unsafe fn copy_to_shared(from: &[u8], to: NonNull<u8>) {
    // SAFETY: the caller's promise.
    unsafe { streaming::copy(from.as_ptr(), to.as_ptr(), from.len()) };
}

/// Room from this size on is worth large pages.
const LARGE_ROOM: usize = 2 << 20;

/// Asks for large pages where `room` was not touched yet, if there is much of it: to touch it for the
/// first time is then several times cheaper. No more than advice, to a kernel that may not know it.
#[inline]
pub fn prefer_large_pages<T>(room: &mut [MaybeUninit<T>]) {
    if size_of_val(room) >= LARGE_ROOM {
        advise_large_pages(room.as_mut_ptr().cast(), size_of_val(room));
    }
}

/// Has the allocator keep such room when it is freed: glibc gives back what is more than twice the
/// largest block that was ever mapped for itself and freed, and the next user pays for fresh pages. It
/// learns from one that nobody touches.
fn expect_large_blocks() {
    const LARGEST_THAT_TEACHES: usize = (32 << 20) - (64 << 10);
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGEST_THAT_TEACHES)));
}

#[cold]
fn advise_large_pages(start: *mut u8, len: usize) {
    static ONCE: Once = Once::new();
    ONCE.call_once(expect_large_blocks);
    let page = super::constants::page_size() as usize;
    let skipped = start.align_offset(page);
    let whole = len.saturating_sub(skipped) / page * page;
    // SAFETY: whole pages within the room; the advice changes nothing that anybody can read there.
    unsafe { libc::madvise(start.wrapping_add(skipped).cast(), whole, libc::MADV_HUGEPAGE) };
}

/// Makes a file `len` bytes long and gets the memory for them now: later there may be none, and a
/// write to the mapping of such a file is `SIGBUS`.
///
/// # Errors
/// `ENOSPC` when the file system has not that much, `EFBIG` over the limit on the size of files,
/// `EINVAL` for no bytes.
pub fn reserve(file: &File, len: u64) -> io::Result<()> {
    without_size_signal(|| {
        retry(|| {
            // SAFETY: fallocate takes a descriptor and integers.
            check(unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, len.cast_signed()) })
        })
    })
    .map(drop)
}

/// Makes holes: gives the pages of `range` back to the system; they read as zeros afterwards.
///
/// # Errors
/// `EOPNOTSUPP` when the file system cannot.
pub fn punch_hole(file: &File, offset: u64, len: u64) -> io::Result<()> {
    let (offset, len) = (offset.cast_signed(), len.cast_signed());
    let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    retry(|| {
        // SAFETY: fallocate takes a descriptor and integers.
        check(unsafe { libc::fallocate(file.as_raw_fd(), mode, offset, len) })
    })
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_mappings_of_one_memfd_are_the_same_memory() {
        let file = memfd(c"polyproc-test").unwrap();
        file.set_len(4096).unwrap();
        let (one, two) =
            (Mapping::shared(&file, 4096).unwrap(), Mapping::shared(&file, 4096).unwrap());
        // SAFETY: the mapping is 4096 bytes long and this thread alone uses it.
        unsafe { one.start().as_ptr().write(7) };
        // SAFETY: as above.
        assert_eq!(unsafe { two.start().as_ptr().read() }, 7);
        punch_hole(&file, 0, 4096).unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { two.start().as_ptr().read() }, 0);
    }

    #[test]
    fn bytes_go_in_and_out_and_a_shrink_is_refused() {
        let file = memfd(c"polyproc-test").unwrap();
        file.set_len(8192).unwrap();
        seal_shrinking(&file).unwrap();
        assert!(file.set_len(4096).is_err());
        file.set_len(16384).unwrap();
        let writer = Mapping::shared(&file, 8192).unwrap();
        let reader = Mapping::read_only(&file, 8192).unwrap();
        writer.copy_in(4090, b"across pages");
        let mut out = vec![b'>'];
        reader.copy_out(4090, 12, &mut out);
        assert_eq!(out, b">across pages");
        reader.copy_to(4096, &mut out[..6]);
        assert_eq!(&out[..6], b" pages");
        // SAFETY: nobody writes.
        assert_eq!(unsafe { reader.bytes(4090, 6) }, b"across");
        assert_eq!(reader.half_words().len(), 2048);
    }

    #[test]
    fn what_is_sealed_stays_as_it_is() {
        let file = memfd(c"polyproc-test").unwrap();
        write_all(&file, b"for good").unwrap();
        assert_eq!(Sealed::map(&file).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let writer = Mapping::shared(&file, 8).unwrap();
        assert!(seal_content(&file).is_err(), "somebody can write");
        drop(writer);
        seal_content(&file).unwrap();
        let sealed = Sealed::map(&file).unwrap();
        assert!(write_all(&file, b"!").is_err());
        assert!(file.set_len(0).is_err() && file.set_len(100).is_err());
        assert!(Mapping::shared(&file, 8).is_err());
        drop(file);
        assert_eq!(&*sealed, b"for good");
    }

    #[test]
    #[should_panic(expected = "within a writable mapping")]
    fn a_read_only_mapping_is_not_written() {
        let file = memfd(c"polyproc-test").unwrap();
        file.set_len(4096).unwrap();
        Mapping::read_only(&file, 4096).unwrap().copy_in(0, b"x");
    }
}
