//! A lock that the thread that holds it may take again.

use super::Lock;
use crate::atomic::Ordering;
use crate::crash_point;
use crate::park::{Host, Outcome, Park, Wait};
use crate::report::{Kind, Report};
use std::fmt;

/// A lock that the thread that holds it may take again, and that only that thread may release.
#[derive(Debug)]
#[repr(C)]
pub struct RLock<P = Host> {
    lock: Lock<P>,
}

/// A release by a thread that does not hold the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOwner;

impl fmt::Display for NotOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lock is not held by this thread")
    }
}

impl std::error::Error for NotOwner {}

impl<P> RLock<P> {
    /// Unlocked. The same as all zeros.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self { lock: Lock::new() }
    }

    /// Unlocked, for the model.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self { lock: Lock::new() }
    }

    /// The lock below: whether, by whom and since whose death it is held.
    pub fn lock(&self) -> &Lock<P> {
        &self.lock
    }

    /// The state at this moment; `count` is how often the holder has taken it.
    pub fn report(&self) -> Report {
        Report { kind: Kind::RLock, ..self.lock.report() }
    }
}

impl<P: Park> RLock<P> {
    /// Takes it, or takes it once more, waiting as `wait` says.
    pub fn acquire(&self, wait: Wait) -> Outcome {
        if self.is_mine() {
            self.lock.depth.fetch_add(1, Ordering::Relaxed);
            return Outcome::Done;
        }
        self.first(self.lock.acquire(wait))
    }

    /// Takes it, or takes it once more, if nobody else holds it.
    pub fn try_acquire(&self) -> Outcome {
        if self.is_mine() {
            self.lock.depth.fetch_add(1, Ordering::Relaxed);
            return Outcome::Done;
        }
        self.first(self.lock.try_acquire())
    }

    fn first(&self, outcome: Outcome) -> Outcome {
        if outcome.is_acquired() {
            crash_point!("rlock.taken");
            self.lock.depth.store(1, Ordering::Relaxed);
        }
        outcome
    }

    /// Takes back one acquisition, and the lock with the last one.
    ///
    /// # Errors
    /// [`NotOwner`], and nothing changes, when the calling thread does not hold it.
    pub fn release(&self) -> Result<(), NotOwner> {
        if !self.is_mine() {
            return Err(NotOwner);
        }
        let depth = self.lock.depth.load(Ordering::Relaxed).saturating_sub(1);
        self.lock.depth.store(depth, Ordering::Relaxed);
        crash_point!("rlock.counted");
        if depth == 0 {
            self.lock.release();
        }
        Ok(())
    }

    /// Whether the calling thread holds it.
    pub fn is_mine(&self) -> bool {
        self.lock.is_my_threads()
    }

    /// Gives it back however often it was taken; says how often. For a wait on a condition.
    pub(super) fn release_all(&self) -> u32 {
        let depth = self.lock.depth.swap(0, Ordering::Relaxed);
        self.lock.release();
        depth
    }

    /// Takes it as often as it was given back by [`RLock::release_all`].
    pub(super) fn acquire_again(&self, depth: u32) -> Outcome {
        let outcome = self.lock.acquire(Wait::FOREVER);
        self.lock.depth.store(depth, Ordering::Relaxed);
        outcome
    }
}

#[cfg(not(loom))]
impl<P> Default for RLock<P> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn taken_twice_and_released_twice_by_the_same_thread_only() {
        let lock: RLock = RLock::new();
        assert_eq!(lock.acquire(Wait::FOREVER), Outcome::Done);
        assert_eq!(lock.try_acquire(), Outcome::Done);
        assert_eq!(lock.report().count, 2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(lock.try_acquire(), Outcome::TimedOut);
                assert_eq!(lock.release(), Err(NotOwner));
            });
        });
        assert_eq!(lock.release(), Ok(()));
        assert!(lock.lock().is_locked());
        assert_eq!(lock.release(), Ok(()));
        assert!(!lock.lock().is_locked());
        assert_eq!(lock.release(), Err(NotOwner));
    }
}
