//! A number that one moves and others sleep on: where producers and consumers of a queue meet.

use super::lock::leave;
use crate::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::crash_point;
use crate::park::{Host, Outcome, Park, SLICE, Slice, Slices, Wait, sleep_slice};
use crate::report::{Kind, Report};
use std::marker::PhantomData;

/// Somebody may sleep: who moves the cursor has to wake.
const SLEEPERS: u64 = 1 << 63;
/// Looks follow each other closely at first, and then leave the one who moves it time for a batch.
const BATCHED: u32 = 4;

/// A number of 63 bits that one process at a time moves, and that others sleep on until it has.
///
/// Sleepers leave a mark in the number itself. Moving it is a swap that takes the mark away: nobody
/// who marked before can be missed, and without a mark there is nobody to wake. All zeros is 0.
#[derive(Debug)]
#[repr(C)]
pub struct Cursor<P = Host> {
    /// The number and the sleepers' mark.
    word: AtomicU64,
    /// The futex: how many wake-ups there were.
    wakes: AtomicU32,
    /// How many sleep: for onlookers.
    waiters: AtomicU32,
    park: PhantomData<P>,
}

/// How a wait for a [`Cursor`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Passed {
    /// It has another value now.
    Moved {
        /// Whether that took a sleep: then this wake-up may stand for several moves, and who cannot
        /// make use of all of them passes it on with [`Cursor::wake`].
        slept: bool,
    },
    /// Whoever would move it is gone.
    Gone,
    /// [`Outcome::TimedOut`] or [`Outcome::Interrupted`].
    GaveUp(Outcome),
}

impl<P> Cursor<P> {
    /// At 0. The same as all zeros.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            wakes: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
            park: PhantomData,
        }
    }

    /// At 0, for the model.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            wakes: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
            park: PhantomData,
        }
    }

    /// Where it is. What was written before it was moved there is seen after.
    #[inline]
    pub fn get(&self) -> u64 {
        self.word.load(Ordering::Acquire) & !SLEEPERS
    }

    /// Moves it. True when somebody may sleep, whom the caller then has to [`Cursor::wake`].
    #[inline]
    #[must_use = "nobody else wakes the sleepers"]
    pub fn advance(&self, to: u64) -> bool {
        let before = self.word.swap(to & !SLEEPERS, Ordering::AcqRel);
        crash_point!("cursor.moved");
        before & SLEEPERS != 0
    }

    /// Moves it on by one, for those who are many. True as for [`Cursor::advance`].
    #[must_use = "nobody else wakes the sleepers"]
    pub fn step(&self) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let next = (word & !SLEEPERS).wrapping_add(1) & !SLEEPERS;
            match self.word.compare_exchange(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return word & SLEEPERS != 0,
                Err(other) => word = other,
            }
        }
    }

    /// The state at this moment.
    pub fn report(&self) -> Report {
        Report {
            kind: Kind::Channel,
            holder: None,
            thread: None,
            waiters: self.waiters.load(Ordering::Relaxed),
            count: 0,
            abandoned: false,
        }
    }
}

impl<P: Park> Cursor<P> {
    /// Wakes at most `count` sleepers, whether or not it has moved.
    #[cold]
    pub fn wake(&self, count: u32) {
        self.wakes.fetch_add(1, Ordering::Release);
        crash_point!("cursor.bumped");
        if P::wake(&self.wakes, count) == 0 {
            // Whoever was counted is awake, or was killed in its sleep.
            self.waiters.store(0, Ordering::Relaxed);
        }
    }

    /// Waits until it is somewhere else than at `seen`.
    ///
    /// `gone` is asked before each sleep, with `false`, and at the end of each slice of 40 ms, with
    /// `true`, when it may take its time: whether there is nobody left to move the cursor. Who has
    /// nothing to ask sleeps in longer slices.
    pub fn wait(&self, seen: u64, wait: Wait, gone: Option<&dyn Fn(bool) -> bool>) -> Passed {
        self.wait_meanwhile(seen, wait, gone, || ())
    }

    /// [`Cursor::wait`] that calls `meanwhile` after each look before it sleeps: to fetch what will be
    /// read as soon as the cursor has moved, so that it comes as soon as the number does.
    #[inline]
    pub fn wait_meanwhile(
        &self,
        seen: u64,
        wait: Wait,
        gone: Option<&dyn Fn(bool) -> bool>,
        meanwhile: impl Fn(),
    ) -> Passed {
        let look = || {
            let has_moved = self.get() != seen;
            meanwhile();
            has_moved
        };
        if P::spin(BATCHED, look) {
            return Passed::Moved { slept: false };
        }
        self.wait_asleep(seen, wait, gone)
    }

    fn wait_asleep(&self, seen: u64, wait: Wait, gone: Option<&dyn Fn(bool) -> bool>) -> Passed {
        let (mut slices, mut slept) = (Slices::new(wait), false);
        loop {
            // Before the number and before asking: who moves it, or goes, after that changes this.
            let wakes = self.wakes.load(Ordering::Acquire);
            if gone.is_some_and(|gone| gone(false)) {
                return self.leave(seen, slept, Passed::Gone);
            }
            if !self.mark(seen) {
                match self.leave(seen, slept, Passed::Gone) {
                    // All the way round and back, between two looks.
                    Passed::Gone => continue,
                    moved => return moved,
                }
            }
            crash_point!("cursor.marked");
            self.waiters.fetch_add(1, Ordering::Relaxed);
            let slice = match gone {
                Some(_) => sleep_slice::<P>(&self.wakes, wakes, wait, SLICE),
                None => slices.sleep::<P>(&self.wakes, wakes),
            };
            leave(&self.waiters);
            crash_point!("cursor.woken");
            slept = true;
            match slice {
                Slice::GiveUp(outcome) => return self.leave(seen, true, Passed::GaveUp(outcome)),
                Slice::Over if gone.is_some_and(|gone| gone(true)) => {
                    return self.leave(seen, true, Passed::Gone);
                }
                Slice::Over | Slice::Look => {}
            }
        }
    }

    /// Leaves word that somebody is about to sleep. False when it is not at `seen` any more.
    fn mark(&self, seen: u64) -> bool {
        let marked = seen | SLEEPERS;
        match self.word.compare_exchange(seen, marked, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(word) => word == marked,
        }
    }

    /// A move counts more than whatever else ended the wait. Who was woken marks anew for those that
    /// still sleep: the move that woke it took the mark of all.
    fn leave(&self, seen: u64, slept: bool, otherwise: Passed) -> Passed {
        if self.get() == seen {
            return otherwise;
        }
        if slept {
            self.word.fetch_or(SLEEPERS, Ordering::AcqRel);
        }
        Passed::Moved { slept }
    }
}

impl<P> Default for Cursor<P> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn moves_are_seen_and_deadlines_kept() {
        let cursor: Cursor = Cursor::new();
        let soon = Wait::timeout(Duration::from_millis(1));
        assert_eq!(cursor.wait(0, soon, None), Passed::GaveUp(Outcome::TimedOut));
        assert!(cursor.advance(7), "the sleeper left its mark");
        assert!(!cursor.advance(8));
        assert_eq!(cursor.wait(7, Wait::FOREVER, None), Passed::Moved { slept: false });
        assert_eq!(cursor.get(), 8);
    }

    #[test]
    fn who_is_gone_ends_the_wait_unless_it_moved_before() {
        let cursor: Cursor = Cursor::new();
        let gone = cursor.wait(0, Wait::FOREVER, Some(&|thorough| thorough));
        assert_eq!(gone, Passed::Gone);
        let move_and_go = |_| {
            assert!(cursor.advance(1), "the first wait left its mark");
            true
        };
        let moved = cursor.wait(0, Wait::FOREVER, Some(&move_and_go));
        assert_eq!(moved, Passed::Moved { slept: false });
    }

    #[test]
    fn every_sleeper_learns_of_a_move_within_its_slices() {
        let cursor: Cursor = Cursor::new();
        std::thread::scope(|scope| {
            let wait = || cursor.wait(0, Wait::FOREVER, None);
            let waiters: Vec<_> = (0..3).map(|_| scope.spawn(wait)).collect();
            while cursor.report().waiters == 0 {
                std::thread::yield_now();
            }
            if cursor.advance(1) {
                cursor.wake(1);
            }
            for waiter in waiters {
                assert!(matches!(waiter.join().unwrap(), Passed::Moved { .. }));
            }
        });
    }

    proptest::proptest! {
        #[test]
        fn any_bits_can_be_moved_and_waited_for(word: u64, wakes: u32, to: u64) {
            let cursor: Cursor = Cursor::new();
            cursor.word.store(word, Ordering::Relaxed);
            cursor.wakes.store(wakes, Ordering::Relaxed);
            let seen = cursor.get();
            let now = Wait::until(polyproc_sys::clock::Deadline::now());
            proptest::prop_assert_eq!(cursor.wait(seen, now, None), Passed::GaveUp(Outcome::TimedOut));
            proptest::prop_assert!(cursor.advance(to));
        }
    }
}
