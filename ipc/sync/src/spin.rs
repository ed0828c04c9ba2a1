//! Looking again and again for a moment before going to sleep: only while that pays.
//!
//! A wake-up costs 25 to 40 µs, a peer that runs answers within 0.1 µs. When more processes want to
//! run than there are processors, a spin takes the processor from the one waited for. So each process
//! keeps a budget that success feeds and failure eats. Without budget it sleeps at once, but tries a
//! long spin now and then: two processes that both sleep between their turns find out only so that
//! both could be awake. Tries that fail become rare, so they cost nothing in the long run.
#![cfg_attr(loom, expect(dead_code, reason = "loom's model does not spin"))]

use std::sync::atomic::{AtomicU32, Ordering};

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

static BUDGET: AtomicU32 = AtomicU32::new(FIRST);
static GAP: AtomicU32 = AtomicU32::new(FIRST_GAP);
static WAITS: AtomicU32 = AtomicU32::new(0);

/// Looks at `ready` until it says yes or the budget is used up. Looks are `longest` pauses apart, at
/// first an eighth of that: a look takes the cache line from whoever works on it. Were the first ones
/// closer, two that want the same word all the time would take it from each other after every few steps.
pub(crate) fn spin(longest: u32, mut ready: impl FnMut() -> bool) -> bool {
    let budget = BUDGET.load(Ordering::Relaxed);
    let trying = budget < LEAST;
    if trying && !is_time_to_try() {
        return ready();
    }
    let limit = if trying { MOST } else { budget };
    let (mut used, mut pauses) = (0, longest.div_ceil(8));
    while used < limit {
        if ready() {
            BUDGET.store(after_success(budget, used), Ordering::Relaxed);
            GAP.store(FIRST_GAP, Ordering::Relaxed);
            return true;
        }
        for _ in 0..pauses {
            std::hint::spin_loop();
        }
        used += pauses;
        pauses = (2 * pauses).min(longest);
    }
    BUDGET.store(after_failure(budget), Ordering::Relaxed);
    if trying {
        let gap = GAP.load(Ordering::Relaxed);
        GAP.store((2 * gap).min(LONGEST_GAP), Ordering::Relaxed);
    }
    false
}

fn is_time_to_try() -> bool {
    let waits = WAITS.fetch_add(1, Ordering::Relaxed) + 1;
    let now = waits >= GAP.load(Ordering::Relaxed) && !is_alone();
    if now {
        WAITS.store(0, Ordering::Relaxed);
    }
    now
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
    fn success_never_exceeds_the_most() {
        let mut budget = FIRST;
        for _ in 0..100 {
            budget = after_success(budget, MOST);
        }
        assert_eq!(budget, MOST);
    }
}
