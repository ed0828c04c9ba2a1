//! A flag to wait for.

use super::lock::leave;
use crate::atomic::{AtomicU32, Ordering};
use crate::crash_point;
use crate::park::{EAGER, Host, Outcome, Park, Slice, Slices, Wait};
use crate::report::{Kind, Report};
use std::marker::PhantomData;

const SET: u32 = 1;
/// Somebody may sleep until it is set. Taken away by every `set`, which wakes all.
const SLEEPERS: u32 = 2;
/// Somebody may sleep until it is clear. Taken away by the `clear` that wakes all.
const WATCHERS: u32 = 4;
/// One change from set to clear.
const GENERATION: u32 = 8;

/// A flag to wait for: set, clear, wait. All zeros is clear.
///
/// One word changes by one compare-and-exchange, so a process killed at any instruction leaves it
/// set or clear. A waiter that sleeps when it is set returns, even if it is cleared at once.
#[derive(Debug)]
#[repr(C)]
pub struct Event<P = Host> {
    /// Generation, watchers' mark, sleepers' mark, set. Also the futex.
    state: AtomicU32,
    /// How many sleep: for onlookers.
    waiters: AtomicU32,
    park: PhantomData<P>,
}

impl<P> Event<P> {
    /// Clear. The same as all zeros.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self { state: AtomicU32::new(0), waiters: AtomicU32::new(0), park: PhantomData }
    }

    /// Clear, for the model.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self { state: AtomicU32::new(0), waiters: AtomicU32::new(0), park: PhantomData }
    }

    /// Whether it is set. What was written before it was set is seen after.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.state.load(Ordering::Acquire) & SET != 0
    }

    /// Which turn it is at: one more with every change, odd while it is set. What was written before the
    /// change is seen after.
    pub fn turn(&self) -> u32 {
        turn_of(self.state.load(Ordering::Acquire))
    }

    /// The state at this moment.
    pub fn report(&self) -> Report {
        Report {
            kind: Kind::Event,
            holder: None,
            thread: None,
            waiters: self.waiters.load(Ordering::Relaxed),
            count: u32::from(self.is_set()),
            abandoned: false,
        }
    }
}

impl<P: Park> Event<P> {
    /// Sets it and wakes all who wait. False when it was set already.
    #[inline]
    pub fn set(&self) -> bool {
        // One step that takes the cache line once. Also when it is set already: what we wrote before is
        // to be seen by whoever sees it set.
        let before = self.state.fetch_or(SET, Ordering::AcqRel);
        crash_point!("event.set");
        if before & SLEEPERS != 0 {
            self.wake();
        }
        before & SET == 0
    }

    /// Takes the mark away before it wakes: who marks anew after that sleeps on another value.
    #[cold]
    fn wake(&self) {
        self.state.fetch_and(!SLEEPERS, Ordering::Relaxed);
        crash_point!("event.unmarked");
        if P::wake(&self.state, u32::MAX) == 0 {
            self.waiters.store(0, Ordering::Relaxed);
        }
    }

    /// Clears it. False when it was clear already.
    pub fn clear(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & SET != 0 {
            match self.exchange(state, (state & !(SET | WATCHERS)).wrapping_add(GENERATION)) {
                Ok(()) => {
                    self.tell_watchers(state);
                    return true;
                }
                Err(other) => state = other,
            }
        }
        false
    }

    /// After a change from `before`, which took the watchers' mark away.
    fn tell_watchers(&self, before: u32) {
        crash_point!("event.cleared");
        if before & WATCHERS != 0 {
            P::wake(&self.state, u32::MAX);
        }
    }

    /// Sleeps until it is at another turn than `seen`, or `is_over` says so; whoever makes that say so
    /// calls [`Event::nudge`], until it is heard.
    pub fn await_turn(&self, seen: u32, wait: Wait, is_over: &dyn Fn() -> bool) {
        let mut slices = Slices::new(wait);
        loop {
            let state = self.state.load(Ordering::Acquire);
            if turn_of(state) != seen || is_over() {
                return;
            }
            let mark = if state & SET == 0 { SLEEPERS } else { WATCHERS };
            if state & mark == 0 && self.exchange(state, state | mark).is_err() {
                continue;
            }
            crash_point!("event.watched");
            // Asked again with the mark set: a nudge after this takes it away, and so ends the sleep.
            if is_over() {
                return;
            }
            self.waiters.fetch_add(1, Ordering::Relaxed);
            let slice = slices.sleep::<P>(&self.state, state | mark);
            leave(&self.waiters);
            if matches!(slice, Slice::GiveUp(_)) {
                return;
            }
        }
    }

    /// Has all who sleep in [`Event::await_turn`] ask whether it is over.
    #[cold]
    pub fn nudge(&self) {
        // Who marks after this sees what the caller has written before it.
        self.state.fetch_and(!(SLEEPERS | WATCHERS), Ordering::Release);
        P::wake(&self.state, u32::MAX);
    }

    fn exchange(&self, from: u32, to: u32) -> Result<(), u32> {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).map(drop)
    }

    /// Waits until it is set.
    #[inline]
    pub fn wait(&self, wait: Wait) -> Outcome {
        let first = self.state.load(Ordering::Acquire);
        if first & SET != 0 {
            return Outcome::Done;
        }
        self.wait_slowly(first, wait)
    }

    #[cold]
    fn wait_slowly(&self, first: u32, wait: Wait) -> Outcome {
        // Set, or set and cleared since.
        let happened = |state: u32| state & SET != 0 || (state ^ first) >= GENERATION;
        if P::spin(EAGER, || happened(self.state.load(Ordering::Acquire))) {
            return Outcome::Done;
        }
        let mut slices = Slices::new(wait);
        loop {
            let state = self.state.load(Ordering::Acquire);
            if happened(state) {
                return Outcome::Done;
            }
            if state & SLEEPERS == 0 && self.exchange(state, state | SLEEPERS).is_err() {
                continue;
            }
            crash_point!("event.marked");
            self.waiters.fetch_add(1, Ordering::Relaxed);
            let slice = slices.sleep::<P>(&self.state, state | SLEEPERS);
            leave(&self.waiters);
            match slice {
                Slice::GiveUp(_) if happened(self.state.load(Ordering::Acquire)) => {
                    return Outcome::Done;
                }
                Slice::GiveUp(outcome) => return outcome,
                Slice::Look | Slice::Over => {}
            }
        }
    }
}

fn turn_of(state: u32) -> u32 {
    (state / GENERATION) << 1 | state & SET
}

impl<P> Default for Event<P> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn set_clear_and_time_out() {
        let event: Event = Event::new();
        let soon = Wait::timeout(Duration::from_millis(1));
        assert_eq!(event.wait(soon), Outcome::TimedOut);
        assert!(event.set());
        assert!(!event.set());
        assert!(event.is_set());
        assert_eq!(event.wait(Wait::FOREVER), Outcome::Done);
        assert!(event.clear());
        assert!(!event.clear() && !event.is_set());
    }

    #[test]
    fn set_and_cleared_at_once_still_wakes() {
        let event: Event = Event::new();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| event.wait(Wait::FOREVER));
            while event.report().waiters == 0 {
                std::thread::yield_now();
            }
            event.set();
            event.clear();
            assert_eq!(waiter.join().unwrap(), Outcome::Done);
        });
    }

    #[test]
    fn every_change_is_a_turn() {
        let event: Event = Event::new();
        let now = Wait::until(polyproc_sys::clock::Deadline::now());
        let somebody_sleeps = || event.report().waiters != 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                (0..10).for_each(|turn| event.await_turn(turn, Wait::FOREVER, &|| false));
            });
            for turn in 0..10 {
                assert_eq!(event.turn(), turn);
                event.await_turn(turn, now, &|| false);
                std::iter::repeat_with(std::thread::yield_now).find(|()| somebody_sleeps());
                assert!(event.is_set() && event.clear() || event.set());
            }
        });
        event.await_turn(10, Wait::FOREVER, &|| true);
    }

    proptest::proptest! {
        #[test]
        fn any_bits_can_be_set_and_cleared(state: u32) {
            let event: Event = Event::new();
            event.state.store(state, Ordering::Relaxed);
            event.set();
            proptest::prop_assert!(event.is_set() && event.turn() % 2 == 1);
            event.clear();
            proptest::prop_assert!(!event.is_set() && event.turn() % 2 == 0);
        }
    }
}
