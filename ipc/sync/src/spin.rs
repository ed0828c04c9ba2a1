//! Looking again and again for a moment before going to sleep: only while that pays.
//!
//! A wake-up costs 25 to 40 µs, a peer that runs answers within 0.1 µs. When more processes want to
//! run than there are processors, a spin takes the processor from the one waited for. So each process
//! (of a pool: each side)
//! keeps a budget that success feeds and failure eats. Without budget it sleeps at once, but tries a
//! long spin now and then: two processes that both sleep between their turns find out only so that
//! both could be awake. Tries that fail become rare, so they cost nothing in the long run.
#![cfg_attr(loom, expect(dead_code, reason = "loom's model does not spin"))]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The most pauses: a little more than a wake-up of the peer takes.
const MOST: u32 = 3000;
/// The budget of a process that has not waited yet.
const FIRST: u32 = 1000;
/// What a success leaves at least.
const GOOD: u32 = 300;
/// Below this a spin is not worth starting.
const LEAST: u32 = 40;
/// So many waits without a spin come before the first try, and twice as many before each next one.
const FIRST_GAP: u32 = 8;
const LONGEST_GAP: u32 = 1024;

/// A sleep that was no longer than this could have been a spin.
const SHORT: Duration = Duration::from_micros(60);

/// After so many pauses, and then after twice as many again and again, a spin that yields does so.
const FIRST_YIELD: u32 = 32;
/// If it has not got the processor back after so long, others need it more.
const LONGEST_YIELD: Duration = Duration::from_micros(100);

/// That of all locks of this process.
static LOCKS: Spin = Spin::new();

/// What the waits of one kind have learned.
#[derive(Debug)]
pub struct Spin {
    budget: AtomicU32,
    gap: AtomicU32,
    /// Since the last spin or try.
    waits: AtomicU32,
    /// The last try has failed.
    has_failed: AtomicBool,
    yields: bool,
}

impl Default for Spin {
    fn default() -> Self {
        Self::new()
    }
}

impl Spin {
    /// That of somebody who has not waited yet.
    pub const fn new() -> Self {
        Self {
            budget: AtomicU32::new(FIRST),
            gap: AtomicU32::new(FIRST_GAP),
            waits: AtomicU32::new(0),
            has_failed: AtomicBool::new(false),
            yields: false,
        }
    }

    /// One that lends its processor now and then to whoever else wants it. Two that wait for each other
    /// in turns may share one: the kernel leaves them there as long as only one of them runs at a time,
    /// and moves one elsewhere when both want to run.
    pub const fn yielding() -> Self {
        Self { yields: true, ..Self::new() }
    }

    /// Looks at `ready` until it says yes or the budget is used up. Looks are `longest` pauses apart,
    /// at first an eighth of that: a look takes the cache line from whoever works on it. Were the first
    /// ones closer, two that want the same word all the time would take it from each other after every
    /// few steps.
    pub fn until(&self, longest: u32, mut ready: impl FnMut() -> bool) -> bool {
        let budget = self.budget.load(Ordering::Relaxed);
        let trying = budget < LEAST;
        if trying && !self.is_time_to_try() {
            return ready();
        }
        let limit = if trying { MOST } else { budget };
        let (mut used, mut pauses) = (0, longest.div_ceil(8));
        let mut next_yield = if self.yields { FIRST_YIELD } else { u32::MAX };
        while used < limit {
            if ready() {
                self.budget.store(after_success(budget, used), Ordering::Relaxed);
                self.gap.store(FIRST_GAP, Ordering::Relaxed);
                return true;
            }
            for _ in 0..pauses {
                std::hint::spin_loop();
            }
            used += pauses;
            pauses = (2 * pauses).min(longest);
            let is_time = used >= next_yield;
            if is_time && !lend() {
                break;
            }
            next_yield <<= u32::from(is_time);
        }
        self.budget.store(after_failure(budget), Ordering::Relaxed);
        self.has_failed.store(trying, Ordering::Relaxed);
        false
    }

    /// After a sleep that took so long: only short ones speak for another try, or against it if there
    /// was one. (Nobody should have looked for as long as a long one.) Says whether it was a short one.
    pub fn slept(&self, time: Duration) -> bool {
        let has_failed = self.has_failed.swap(false, Ordering::Relaxed);
        let is_short = time <= SHORT;
        if is_short {
            self.waits.fetch_add(1, Ordering::Relaxed);
            if has_failed {
                self.wait_longer();
            }
        }
        is_short
    }

    fn wait_longer(&self) {
        let gap = self.gap.load(Ordering::Relaxed);
        self.gap.store((2 * gap).min(LONGEST_GAP), Ordering::Relaxed);
    }

    fn is_time_to_try(&self) -> bool {
        let waits = self.waits.load(Ordering::Relaxed);
        let now = waits >= self.gap.load(Ordering::Relaxed) && !is_alone();
        if now {
            self.waits.store(0, Ordering::Relaxed);
        }
        now
    }
}

/// Lends the processor to whoever wants it; says whether it came back soon.
fn lend() -> bool {
    let since = Instant::now();
    std::thread::yield_now();
    since.elapsed() <= LONGEST_YIELD
}

/// [`Spin::until`] for locks: who waits for one does not ask how long it sleeps, so every wait counts
/// as a short one.
pub(crate) fn spin(longest: u32, ready: impl FnMut() -> bool) -> bool {
    if LOCKS.budget.load(Ordering::Relaxed) < LEAST {
        LOCKS.waits.fetch_add(1, Ordering::Relaxed);
    }
    let is_ready = LOCKS.until(longest, ready);
    if LOCKS.has_failed.swap(false, Ordering::Relaxed) {
        LOCKS.wait_longer();
    }
    is_ready
}

/// Moves towards three times what was needed.
fn after_success(budget: u32, used: u32) -> u32 {
    let goal = (3 * used + GOOD).min(MOST);
    if goal > budget { budget + (goal - budget).div_ceil(2) } else { budget - (budget - goal) / 16 }
}

fn after_failure(budget: u32) -> u32 {
    if is_alone() { 0 } else { budget / 2 }
}

/// Whether this process may use one processor only: then nobody answers while it spins.
fn is_alone() -> bool {
    static PROCESSORS: AtomicU32 = AtomicU32::new(0);
    if PROCESSORS.load(Ordering::Relaxed) == 0 {
        let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        PROCESSORS.store(count as u32, Ordering::Relaxed);
    }
    PROCESSORS.load(Ordering::Relaxed) == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_end_it_and_a_success_brings_it_back() {
        let mut budget = MOST;
        let failures = (0..100).find(|_| {
            budget = after_failure(budget);
            budget < LEAST
        });
        assert!(failures.is_some());
        budget = after_success(budget, 10);
        assert!((LEAST..=MOST).contains(&budget), "{budget}");
    }

    #[test]
    fn short_sleeps_lead_to_a_try_and_long_ones_do_not() {
        let spin = Spin::new();
        while spin.budget.load(Ordering::Relaxed) >= LEAST {
            assert!(!spin.until(1, || false));
        }
        let looks = |spin: &Spin| {
            let mut looks = 0;
            spin.until(1, || {
                looks += 1;
                false
            });
            looks
        };
        for _ in 0..100 {
            assert!(!spin.slept(SHORT * 2));
            assert_eq!(looks(&spin), 1, "nothing came soon");
        }
        (0..FIRST_GAP).for_each(|_| assert!(spin.slept(SHORT)));
        if !is_alone() {
            assert!(looks(&spin) > 1, "what came soon could have been looked for");
            assert!(spin.slept(SHORT));
            assert_eq!(spin.gap.load(Ordering::Relaxed), 2 * FIRST_GAP, "it was no use");
        }
    }

    #[test]
    fn success_never_exceeds_the_most() {
        let mut budget = FIRST;
        for _ in 0..100 {
            budget = after_success(budget, MOST);
        }
        assert_eq!(budget, MOST);
    }
}
