//! Waiting for a change under a lock.

use super::lock::leave;
use super::{Lock, RLock};
use crate::atomic::{AtomicU32, Ordering};
use crate::crash_point;
use crate::park::{Host, Outcome, Park, Slice, Slices, Wait};
use crate::report::{Kind, Report};
use std::marker::PhantomData;

/// Somebody may sleep.
const SLEEPERS: u32 = 1;
/// A notification has not been delivered in full: whoever waited before it and looks by itself takes
/// it. Left behind by a notifier that was killed before it woke anybody.
const RINGING: u32 = 2;
/// One notification.
const GENERATION: u32 = 4;

/// Waiting for a change under a lock. All zeros is a condition on which nobody waits.
///
/// The kernel's queue of sleepers is the list of waiters, so a waiter that was killed is not on it
/// and swallows no notification.
#[derive(Debug)]
#[repr(C)]
pub struct Condition<P = Host> {
    /// Generation, ringing, sleepers' mark. Also the futex.
    state: AtomicU32,
    /// How many sleep: for onlookers.
    waiters: AtomicU32,
    park: PhantomData<P>,
}

impl<P> Condition<P> {
    /// Nobody waits. The same as all zeros.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self { state: AtomicU32::new(0), waiters: AtomicU32::new(0), park: PhantomData }
    }

    /// Nobody waits, for the model.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self { state: AtomicU32::new(0), waiters: AtomicU32::new(0), park: PhantomData }
    }

    /// The state at this moment.
    pub fn report(&self) -> Report {
        Report {
            kind: Kind::Condition,
            holder: None,
            thread: None,
            waiters: self.waiters.load(Ordering::Relaxed),
            count: 0,
            abandoned: false,
        }
    }
}

impl<P: Park> Condition<P> {
    /// Gives `lock` back, waits for a notification, and takes `lock` again (for as long as that
    /// takes). Returns how the wait ended, and how the lock was taken.
    pub fn wait(&self, lock: &Lock<P>, wait: Wait) -> (Outcome, Outcome) {
        let first = self.enter();
        lock.release();
        let ended = self.sleep(first, wait);
        (ended, lock.acquire(Wait::FOREVER))
    }

    /// The same with a lock that was taken any number of times by this thread.
    pub fn wait_with_rlock(&self, lock: &RLock<P>, wait: Wait) -> (Outcome, Outcome) {
        let first = self.enter();
        let depth = lock.release_all();
        let ended = self.sleep(first, wait);
        (ended, lock.acquire_again(depth))
    }

    /// Leaves word that somebody waits, while the lock is still held.
    fn enter(&self) -> u32 {
        let state = self.state.fetch_or(SLEEPERS, Ordering::AcqRel) | SLEEPERS;
        crash_point!("condition.entered");
        state
    }

    fn sleep(&self, first: u32, wait: Wait) -> Outcome {
        let mut slices = Slices::new(wait);
        let mut expected = first;
        loop {
            self.waiters.fetch_add(1, Ordering::Relaxed);
            let slice = slices.sleep::<P>(&self.state, expected);
            leave(&self.waiters);
            crash_point!("condition.woken");
            let state = self.state.load(Ordering::Acquire);
            let changed = (state ^ expected) >= GENERATION;
            // Who was woken was chosen by the kernel. Who looks by itself was not, unless the
            // notification is still to be taken.
            if changed && (slice == Slice::Look || state & RINGING != 0) {
                return Outcome::Done;
            }
            if let Slice::GiveUp(outcome) = slice {
                return outcome;
            }
            expected = self.mark_again(state);
        }
    }

    /// A notifier that found nobody asleep has taken the mark away. Nothing is missed between the
    /// look at `state` and this: a notification in between changes the generation.
    fn mark_again(&self, state: u32) -> u32 {
        match self.exchange(state, state | SLEEPERS) {
            Ok(()) => state | SLEEPERS,
            // Not what the word holds, so that the next sleep ends at once, as it should.
            Err(_) => state & !SLEEPERS,
        }
    }

    fn exchange(&self, from: u32, to: u32) -> Result<(), u32> {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).map(drop)
    }

    /// Wakes at most `count` of those who wait; says how many slept.
    pub fn notify(&self, count: u32) -> u32 {
        let mut state = self.state.load(Ordering::Relaxed);
        let rung = loop {
            if state & SLEEPERS == 0 || count == 0 {
                return 0;
            }
            let rung = state.wrapping_add(GENERATION) | RINGING;
            match self.exchange(state, rung) {
                Ok(()) => break rung,
                Err(other) => state = other,
            }
        };
        crash_point!("condition.ringing");
        let woken = P::wake(&self.state, count);
        crash_point!("condition.rung");
        // Fewer than asked for: nobody sleeps now, but somebody between two sleeps may still have to
        // see this. Either fails only because of a later notification, which then decides.
        _ = if woken < count {
            self.exchange(rung, rung & !SLEEPERS)
        } else {
            self.exchange(rung, rung & !RINGING)
        };
        woken
    }

    /// Wakes all who wait; says how many slept.
    pub fn notify_all(&self) -> u32 {
        self.notify(u32::MAX)
    }
}

impl<P> Default for Condition<P> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
#[expect(clippy::unwrap_used, reason = "clippy sees tests only in the functions themselves")]
mod tests {
    use super::*;
    use polyproc_sys::stat::{self, RunState};
    use std::collections::BTreeSet;
    use std::sync::Mutex;
    use std::time::Duration;

    /// Threads that wait.
    #[derive(Default)]
    struct Waiters {
        lock: Lock,
        condition: Condition,
        waiting: Mutex<BTreeSet<u32>>,
        woken: AtomicU32,
    }

    impl Waiters {
        fn wait(&self) {
            assert_eq!(self.lock.acquire(Wait::FOREVER), Outcome::Done);
            self.waiting.lock().unwrap().insert(Host::thread());
            let waited = self.condition.wait(&self.lock, Wait::FOREVER);
            assert_eq!(waited, (Outcome::Done, Outcome::Done));
            self.waiting.lock().unwrap().remove(&Host::thread());
            self.woken.fetch_add(1, Ordering::Relaxed);
            self.lock.release();
        }

        fn woken(&self) -> u32 {
            self.woken.load(Ordering::Relaxed)
        }

        /// Until `least` of `count` were woken and all others are counted, and asleep: the kernel has to
        /// be reached as well.
        fn settle(&self, count: u32, least: u32) {
            let sleeps = |thread: &u32| {
                let now = stat::read(*thread).unwrap();
                now.is_some_and(|now| now.state == RunState::Sleeping)
            };
            let is_settled = || {
                let waiting = self.waiting.lock().unwrap();
                let asleep = self.condition.report().waiters;
                self.woken() >= least
                    && waiting.len() as u32 == asleep
                    && self.woken() + asleep == count
                    && waiting.iter().all(sleeps)
            };
            while !is_settled() {
                std::thread::yield_now();
            }
        }
    }

    /// Whether exactly two of five were woken. (Of those that look by themselves just then more may be: such
    /// a look is rare, unless this thread is kept from running in the middle.)
    fn two_of_five_wake() -> bool {
        let waiters = Waiters::default();
        std::thread::scope(|scope| {
            for _ in 0..5 {
                scope.spawn(|| waiters.wait());
            }
            waiters.settle(5, 0);
            let told = waiters.condition.notify(2);
            waiters.settle(5, told);
            let exactly = (told, waiters.woken()) == (2, 2);
            while waiters.woken() < 5 {
                waiters.condition.notify_all();
                std::thread::yield_now();
            }
            exactly
        })
    }

    #[test]
    fn exactly_as_many_wake_as_were_notified() {
        assert!((0..50).any(|_| two_of_five_wake()));
        assert_eq!(Condition::<Host>::default().notify_all(), 0);
    }

    #[test]
    fn times_out_with_the_lock_held() {
        let (lock, condition) = (RLock::<Host>::new(), Condition::<Host>::new());
        assert_eq!(lock.acquire(Wait::FOREVER), Outcome::Done);
        assert_eq!(lock.acquire(Wait::FOREVER), Outcome::Done);
        let waited = condition.wait_with_rlock(&lock, Wait::timeout(Duration::from_millis(2)));
        assert_eq!(waited, (Outcome::TimedOut, Outcome::Done));
        assert!(lock.release().is_ok() && lock.release().is_ok() && lock.release().is_err());
    }

    /// The notifier was killed between its change and its wake.
    #[test]
    fn a_notification_that_was_left_ringing_is_taken() {
        let waiters = Waiters::default();
        std::thread::scope(|scope| {
            scope.spawn(|| waiters.wait());
            waiters.settle(1, 0);
            waiters.condition.state.fetch_add(GENERATION | RINGING, Ordering::Relaxed);
        });
    }
}
