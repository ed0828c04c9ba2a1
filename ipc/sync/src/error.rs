//! What the typed layer returns when it does not return a plain guard.
//!
//! # Design
//! As with std's poisoning, the guard is in the error: the lock *was* taken. The data may be half
//! changed, and whoever knows how to mend it calls [`OwnerDied::recover`]. Until somebody does, every
//! taker is told.

use std::fmt;

/// What became of the one who held the lock before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Abandoned {
    /// Its process was killed, or ended without releasing.
    Died,
    /// It panicked while it held the guard.
    Panicked,
}

/// The lock is yours, but whoever held it before left in the middle.
#[must_use = "the guard is in it: recover it or drop it"]
pub struct OwnerDied<G> {
    guard: G,
    abandoned: Abandoned,
    recover: fn(&G),
}

impl<G> OwnerDied<G> {
    /// For other crates that hand out guards.
    #[doc(hidden)]
    pub fn of(guard: G, abandoned: Abandoned, recover: fn(&G)) -> Self {
        Self { guard, abandoned, recover }
    }

    /// Declares the data good again, or about to be made good: later takers get a plain guard. For a
    /// guard that only reads, the same as [`OwnerDied::into_guard`].
    pub fn recover(self) -> G {
        (self.recover)(&self.guard);
        self.guard
    }

    /// The guard, without declaring anything: the next taker is told as well.
    pub fn into_guard(self) -> G {
        self.guard
    }

    /// A look at the guard.
    pub fn get_ref(&self) -> &G {
        &self.guard
    }

    /// What became of the holder.
    pub fn abandoned(&self) -> Abandoned {
        self.abandoned
    }
}

impl<G> fmt::Debug for OwnerDied<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnerDied").field("abandoned", &self.abandoned).finish_non_exhaustive()
    }
}

impl<G> fmt::Display for OwnerDied<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.abandoned {
            Abandoned::Died => "the process that held the lock died without releasing it",
            Abandoned::Panicked => "whoever held the lock panicked while holding it",
        })
    }
}

impl<G> std::error::Error for OwnerDied<G> {}

/// Why a lock was not simply taken by a call that does not wait without end.
#[must_use = "with OwnerDied the lock is held"]
pub enum TryLockError<G> {
    /// Taken, but whoever held it before left in the middle.
    OwnerDied(OwnerDied<G>),
    /// Held by somebody, now or until the deadline.
    WouldBlock,
}

impl<G> fmt::Debug for TryLockError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnerDied(died) => died.fmt(f),
            Self::WouldBlock => f.write_str("WouldBlock"),
        }
    }
}

impl<G> fmt::Display for TryLockError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnerDied(died) => fmt::Display::fmt(died, f),
            Self::WouldBlock => f.write_str("the lock is held by somebody else"),
        }
    }
}

impl<G> std::error::Error for TryLockError<G> {}

impl<G> From<OwnerDied<G>> for TryLockError<G> {
    fn from(died: OwnerDied<G>) -> Self {
        Self::OwnerDied(died)
    }
}

/// It did not happen before the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out")
    }
}

impl std::error::Error for TimedOut {}

/// Somebody gave up on the barrier, aborted or reset it, or died in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenBarrier;

impl fmt::Display for BrokenBarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the barrier is broken")
    }
}

impl std::error::Error for BrokenBarrier {}
