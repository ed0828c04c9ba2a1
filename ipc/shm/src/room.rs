//! Whether there is memory for an object. The arena is address space, and touching a page of it costs
//! memory: beyond the limit of its control group the kernel kills a process, which is a bad message.

use crate::arena::Inner;
use crate::class;
use crate::error::Error;
use crate::layout::COLD;
use polyproc_sys::cgroup::{self, MemoryLimit};
use std::sync::atomic::Ordering;

/// So many bytes are allocated (by all members) between two looks at the limit, and have to be left
/// over.
const STEP: u64 = 16 << 20;

impl Inner {
    /// An error when the control group has not that much memory left. Looks now and then, so that small
    /// objects cost nothing: other processes use the same memory, so it could not be exact.
    pub(crate) fn check_room(&self, len: u64) -> Result<(), Error> {
        let unchecked = &self.header().unchecked;
        if unchecked.fetch_add(len, Ordering::Relaxed).saturating_add(len) < STEP {
            return Ok(());
        }
        unchecked.store(0, Ordering::Relaxed);
        let checked = self.look_for_room(len, cgroup::memory_limit);
        if checked.is_err() {
            // The next one has to look again, however small it is.
            unchecked.store(STEP, Ordering::Relaxed);
        }
        checked
    }

    fn look_for_room(&self, len: u64, limit: fn() -> Option<MemoryLimit>) -> Result<(), Error> {
        // Reading the limits takes 0.1 ms, so the other question comes first.
        if self.has_warm(len) || has_room(limit(), len) {
            return Ok(());
        }
        // What is free in here may be what is missing there.
        self.reclaim(|_| true);
        self.lock().chill_all();
        match limit() {
            Some(MemoryLimit { limit, free })
                if !has_room(Some(MemoryLimit { limit, free }), len) =>
            {
                Err(Error::Memory { asked: len, limit, free })
            }
            _ => Ok(()),
        }
    }

    /// Whether a block is free that has its memory already.
    fn has_warm(&self, len: u64) -> bool {
        let _locked = self.lock();
        let head =
            class::of(len).map(|class| self.header().free[class].warm.load(Ordering::Relaxed));
        let block = head.and_then(|head| self.blocks().get(head.checked_sub(1)? as usize));
        block.is_some_and(|block| block.state() & COLD == 0)
    }
}

fn has_room(limit: Option<MemoryLimit>, len: u64) -> bool {
    limit.is_none_or(|memory| memory.free >= len.saturating_add(STEP))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Arena;
    use polyproc_sync::Kind;

    const LITTLE: fn() -> Option<MemoryLimit> =
        || Some(MemoryLimit { limit: 1 << 30, free: 32 << 20 });

    #[test]
    fn more_than_is_left_is_an_error_that_names_the_limit() {
        let arena = Arena::with_size(1 << 30).unwrap();
        assert!(arena.inner.look_for_room(10 << 20, LITTLE).is_ok());
        let error = arena.inner.look_for_room(100 << 20, LITTLE).unwrap_err();
        assert!(matches!(error, Error::Memory { free: 0x200_0000, .. }), "{error}");
        assert!(error.to_string().contains("1073741824 bytes, and 33554432 are left"), "{error}");
        assert!(arena.inner.look_for_room(100 << 20, || None).is_ok());
    }

    #[test]
    fn memory_that_is_there_already_needs_no_room() {
        let arena = Arena::with_size(1 << 30).unwrap();
        let len = 20 << 20;
        drop(arena.allocate(len, Kind::Bytes).unwrap());
        assert!(arena.inner.look_for_room(len as u64, LITTLE).is_ok());
        arena.trim();
        assert!(arena.inner.look_for_room(len as u64, LITTLE).is_err());
    }
}
