//! Holding a block.
#![expect(unsafe_code, reason = "counts are behind a lock that outlives a fork")]

use crate::arena::Inner;
use crate::error::Error;
use crate::layout::Block;
use crate::parcel::{Parcel, Ticket};
use polyproc_sync::raw::Lock;
use polyproc_sync::{Kind, Wait};
use std::cell::UnsafeCell;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How many handles this process has on each block. The shared bit changes with the first and the
/// last.
///
/// The lock is one of ours: a fork takes it before and gives it back on both sides.
#[derive(Default)]
pub(crate) struct LocalCounts {
    lock: Lock,
    counts: UnsafeCell<Vec<u32>>,
}

// SAFETY: the counts are only touched under the lock.
unsafe impl Sync for LocalCounts {}

impl LocalCounts {
    pub(crate) fn lock(&self) {
        // A holder that died was another process: the lock is ours alone, so that is never so.
        _ = self.lock.acquire(Wait::FOREVER);
    }

    pub(crate) fn unlock(&self) {
        self.lock.release();
    }

    /// The blocks that this process holds; for who has the lock.
    pub(crate) fn held(&self) -> impl Iterator<Item = u32> {
        // SAFETY: the caller has the lock.
        let counts = unsafe { &*self.counts.get() };
        (0..counts.len() as u32).filter(|&index| counts[index as usize] != 0)
    }

    /// Runs `change` on a block's count, under the lock.
    fn with<R>(&self, index: u32, change: impl FnOnce(&mut u32) -> R) -> R {
        self.lock();
        // SAFETY: under the lock, and gone before it is given back.
        let counts = unsafe { &mut *self.counts.get() };
        if counts.len() <= index as usize {
            counts.resize(index as usize + 1, 0);
        }
        let result = change(&mut counts[index as usize]);
        self.unlock();
        result
    }
}

/// Holds a block: as long as one exists, in any process, the block is there.
///
/// A clone costs a local count. [`Handle::send`] makes the bytes for a message.
pub struct Handle {
    arena: Arc<Inner>,
    index: u32,
    generation: u32,
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a handle is a place in memory that belongs to no thread.
unsafe impl Send for Handle {}
// SAFETY: as above; who reads and writes the bytes answers for races.
unsafe impl Sync for Handle {}

impl Handle {
    pub(crate) fn allocate(
        arena: &Arc<Inner>,
        len: usize,
        kind: Kind,
        tag: u64,
    ) -> Result<Self, Error> {
        let (handle, dirty) = Self::allocate_any(arena, len, kind, tag)?;
        if dirty {
            arena.zero(handle.block());
        }
        Ok(handle)
    }

    pub(crate) fn allocate_unzeroed(
        arena: &Arc<Inner>,
        len: usize,
        kind: Kind,
        tag: u64,
    ) -> Result<Self, Error> {
        Self::allocate_any(arena, len, kind, tag).map(|(handle, _)| handle)
    }

    /// A new block, and whether it has bytes of an earlier use.
    fn allocate_any(
        arena: &Arc<Inner>,
        len: usize,
        kind: Kind,
        tag: u64,
    ) -> Result<(Self, bool), Error> {
        let member = arena.me()?;
        arena.check_room(len as u64)?;
        arena.local.lock();
        let first = arena.lock().allocate(len as u64, kind, tag, member);
        let new = match first {
            Err(Error::Full { .. }) if arena.reclaim(|_| true) != 0 => {
                arena.lock().allocate(len as u64, kind, tag, member)
            }
            other => other,
        };
        let new = new.inspect_err(|_| arena.local.unlock())?;
        arena.local.unlock_counting(new.index);
        Ok((Self::of(arena, new.index, new.generation)?, new.dirty))
    }

    /// Receives a parcel, which is empty then unless it is to `stay`.
    pub(crate) fn receive(arena: &Arc<Inner>, bytes: &[u8], stay: bool) -> Result<Self, Error> {
        let ticket = Ticket::read(bytes).ok_or(Error::Foreign)?;
        if ticket.family != arena.family {
            return Err(Error::Foreign);
        }
        let member = arena.me()?;
        arena.local.lock();
        let locked = arena.lock();
        if let Err(error) = locked.hold_parcel(&ticket, member) {
            drop(locked);
            arena.local.unlock();
            return Err(error);
        }
        if !stay {
            locked.give_back(&ticket);
        }
        drop(locked);
        arena.local.unlock_counting(ticket.block);
        Self::of(arena, ticket.block, ticket.generation)
    }

    /// For a block that this process holds and has counted.
    fn of(arena: &Arc<Inner>, index: u32, generation: u32) -> Result<Self, Error> {
        let block = arena.blocks().get(index as usize).ok_or(Error::Gone)?;
        let (start, len) = arena.data(block).ok_or(Error::Gone)?;
        Ok(Self { arena: arena.clone(), index, generation, start, len })
    }

    /// Makes the bytes that carry this handle to another member, who calls [`crate::Arena::receive`].
    /// The block is held by them until then.
    ///
    /// # Errors
    /// [`Error::NoPlace`] when 65,536 handles are on their way.
    pub fn send(&self) -> Result<Parcel, Error> {
        let ticket = self.arena.lock().post(self.index, self.generation)?;
        Ok(Parcel::new(self.arena.clone(), ticket))
    }

    /// The first byte, at a multiple of 64.
    pub fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// How many bytes were asked for.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no bytes were asked for.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What the object is.
    pub fn kind(&self) -> Kind {
        Kind::from_number(self.block().kind.load(Ordering::Relaxed))
    }

    /// A number for the object that no other of the family has at the same time.
    pub fn id(&self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// Gives the object a name for whoever looks from outside; cut at 40 bytes.
    pub fn set_name(&self, name: &str) {
        let name = name.bytes().chain(std::iter::repeat(0));
        for (place, byte) in self.block().name.iter().zip(name) {
            place.store(byte, Ordering::Relaxed);
        }
    }

    /// The name, empty if none was given.
    pub fn name(&self) -> String {
        self.block().name()
    }

    pub(crate) fn tag(&self) -> u64 {
        self.block().tag.load(Ordering::Relaxed)
    }

    pub(crate) fn arena(&self) -> &Inner {
        &self.arena
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    fn block(&self) -> &Block {
        &self.arena.block_table()[self.index as usize]
    }
}

impl LocalCounts {
    /// Counts one more and gives the lock back.
    fn unlock_counting(&self, index: u32) {
        // SAFETY: the caller has the lock, and nobody else a reference.
        let counts = unsafe { &mut *self.counts.get() };
        if counts.len() <= index as usize {
            counts.resize(index as usize + 1, 0);
        }
        counts[index as usize] += 1;
        self.unlock();
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        self.arena.local.with(self.index, |count| *count += 1);
        Self { arena: self.arena.clone(), ..*self }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let arena = &self.arena;
        arena.local.with(self.index, |count| {
            *count = count.saturating_sub(1);
            // Under the local lock, so that no fork comes between count and bit.
            if let (0, Ok(member)) = (*count, arena.me()) {
                arena.lock().drop_holding(self.index, member);
            }
        });
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("block", &self.index)
            .field("generation", &self.generation)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
