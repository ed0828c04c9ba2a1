//! Permits that anybody may take and anybody may give.

use super::lock::leave;
use crate::atomic::{AtomicU32, Ordering};
use crate::crash_point;
use crate::park::{Host, Outcome, PATIENT, Park, Slice, Slices, Wait};
use crate::report::{Kind, Report};
use std::fmt;
use std::marker::PhantomData;

/// Somebody may sleep.
const SLEEPERS: u32 = 1 << 31;

/// Permits that anybody may take and anybody may give. All zeros is no permit.
///
/// It does not know who took: permits that a dead process had are gone. [`super::HeldSemaphore`]
/// gives them back.
#[derive(Debug)]
#[repr(C)]
pub struct Semaphore<P = Host> {
    /// Permits and the sleepers' mark. Also the futex.
    state: AtomicU32,
    /// How many sleep: for onlookers.
    waiters: AtomicU32,
    park: PhantomData<P>,
}

/// A release that would leave more permits than there were at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AboveBound;

impl fmt::Display for AboveBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("semaphore released too many times")
    }
}

impl std::error::Error for AboveBound {}

impl<P> Semaphore<P> {
    /// The most permits.
    pub const MAX: u32 = SLEEPERS - 1;

    /// With `permits`; more than [`Semaphore::MAX`] are as many as that.
    #[cfg(not(loom))]
    pub const fn new(permits: u32) -> Self {
        let permits = if permits > Self::MAX { Self::MAX } else { permits };
        Self { state: AtomicU32::new(permits), waiters: AtomicU32::new(0), park: PhantomData }
    }

    /// With `permits`, for the model.
    #[cfg(loom)]
    pub fn new(permits: u32) -> Self {
        Self { state: AtomicU32::new(permits), waiters: AtomicU32::new(0), park: PhantomData }
    }

    /// How many permits are left.
    pub fn permits(&self) -> u32 {
        self.state.load(Ordering::Relaxed) & !SLEEPERS
    }

    /// The state at this moment.
    pub fn report(&self) -> Report {
        Report {
            kind: Kind::Semaphore,
            holder: None,
            thread: None,
            waiters: self.waiters.load(Ordering::Relaxed),
            count: self.permits(),
            abandoned: false,
        }
    }
}

impl<P: Park> Semaphore<P> {
    /// Takes a permit if there is one; else [`Outcome::TimedOut`].
    #[inline]
    pub fn try_acquire(&self) -> Outcome {
        if self.take(0).is_some() { Outcome::Done } else { Outcome::TimedOut }
    }

    /// Takes a permit, waiting for one as `wait` says.
    #[inline]
    pub fn acquire(&self, wait: Wait) -> Outcome {
        if self.take(0).is_some() {
            return Outcome::Done;
        }
        self.acquire_slowly(wait)
    }

    /// Takes a permit and adds `keep` to the state; says how many are left.
    #[inline]
    fn take(&self, keep: u32) -> Option<u32> {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & !SLEEPERS != 0 {
            match self.exchange(state, (state - 1) | keep) {
                Ok(()) => {
                    crash_point!("semaphore.taken");
                    return Some((state - 1) & !SLEEPERS);
                }
                Err(other) => state = other,
            }
        }
        None
    }

    fn exchange(&self, from: u32, to: u32) -> Result<(), u32> {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).map(drop)
    }

    #[cold]
    fn acquire_slowly(&self, wait: Wait) -> Outcome {
        P::spin(PATIENT, || self.permits() != 0);
        let mut slices = Slices::new(wait);
        let mut keep = 0;
        loop {
            if let Some(left) = self.take(keep) {
                self.pass_on(keep, left);
                return Outcome::Done;
            }
            let state = self.state.load(Ordering::Relaxed);
            if state & !SLEEPERS != 0 || (state == 0 && self.exchange(0, SLEEPERS).is_err()) {
                continue;
            }
            crash_point!("semaphore.marked");
            self.waiters.fetch_add(1, Ordering::Relaxed);
            let slice = slices.sleep::<P>(&self.state, SLEEPERS);
            leave(&self.waiters);
            crash_point!("semaphore.woken");
            keep = SLEEPERS;
            if let Slice::GiveUp(outcome) = slice {
                return self.last_try(outcome);
            }
        }
    }

    /// The time is up; but a wake-up may have been meant for us, so it must not be lost.
    fn last_try(&self, gave_up: Outcome) -> Outcome {
        let Some(left) = self.take(SLEEPERS) else {
            return gave_up;
        };
        self.pass_on(SLEEPERS, left);
        Outcome::Done
    }

    /// Two releases may have found one mark: who slept wakes the next if permits are left.
    fn pass_on(&self, keep: u32, left: u32) {
        if keep != 0 && left != 0 {
            P::wake(&self.state, 1);
        }
    }

    /// Gives `count` permits. False, and nothing is given, when that were too many.
    #[inline]
    pub fn release(&self, count: u32) -> bool {
        self.release_within(count, Self::MAX)
    }

    #[inline]
    fn release_within(&self, count: u32, bound: u32) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let Some(permits) =
                (state & !SLEEPERS).checked_add(count).filter(|&permits| permits <= bound)
            else {
                return false;
            };
            match self.exchange(state, permits) {
                Ok(()) => break,
                Err(other) => state = other,
            }
        }
        crash_point!("semaphore.given");
        if state & SLEEPERS != 0 && P::wake(&self.state, count) == 0 {
            self.waiters.store(0, Ordering::Relaxed);
        }
        true
    }
}

/// A semaphore that never holds more permits than it was made with.
#[derive(Debug)]
#[repr(C)]
pub struct BoundedSemaphore<P = Host> {
    semaphore: Semaphore<P>,
    bound: u32,
    reserved: u32,
}

impl<P> BoundedSemaphore<P> {
    /// With `permits`, and never more.
    #[cfg(not(loom))]
    pub const fn new(permits: u32) -> Self {
        Self { semaphore: Semaphore::new(permits), bound: permits, reserved: 0 }
    }

    /// The semaphore below: take from it, wait for it, look at it.
    pub fn semaphore(&self) -> &Semaphore<P> {
        &self.semaphore
    }
}

impl<P: Park> BoundedSemaphore<P> {
    /// Gives `count` permits.
    ///
    /// # Errors
    /// [`AboveBound`], and nothing is given, when there would be more than at first.
    pub fn release(&self, count: u32) -> Result<(), AboveBound> {
        let bound = self.bound.min(Semaphore::<P>::MAX);
        if self.semaphore.release_within(count, bound) { Ok(()) } else { Err(AboveBound) }
    }
}

#[cfg(all(test, not(loom)))]
#[expect(clippy::excessive_nesting, reason = "threads in scopes")]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn permits_are_taken_and_given() {
        let semaphore: Semaphore = Semaphore::new(1);
        assert_eq!(semaphore.try_acquire(), Outcome::Done);
        assert_eq!(semaphore.try_acquire(), Outcome::TimedOut);
        let soon = Wait::timeout(Duration::from_millis(1));
        assert_eq!(semaphore.acquire(soon), Outcome::TimedOut);
        assert!(semaphore.release(2));
        assert_eq!(semaphore.permits(), 2);
        assert!(!semaphore.release(u32::MAX));
    }

    #[test]
    fn a_bound_is_kept() {
        let bounded: BoundedSemaphore = BoundedSemaphore::new(1);
        assert_eq!(bounded.release(1), Err(AboveBound));
        assert_eq!(bounded.semaphore().try_acquire(), Outcome::Done);
        assert_eq!(bounded.release(1), Ok(()));
    }

    #[test]
    fn as_many_pass_as_there_are_permits() {
        let semaphore: Semaphore = Semaphore::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        assert_eq!(semaphore.acquire(Wait::FOREVER), Outcome::Done);
                    }
                });
            }
            for _ in 0..4000 {
                assert!(semaphore.release(1));
            }
        });
        assert_eq!(semaphore.permits(), 0);
    }
}
