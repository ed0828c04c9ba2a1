//! Looking again and again for a moment before going to sleep: only while that pays.
//!
//! A wake-up costs 25 to 40 µs, a peer that runs answers within 0.1 µs. When more processes want to
//! run than there are processors, a spin takes the processor from the one waited for. So each process
//! keeps a budget that success feeds and failure eats.
#![cfg_attr(loom, expect(dead_code, reason = "loom's model does not spin"))]

use std::sync::atomic::{AtomicU32, Ordering};

/// The most looks: about what a wake-up costs.
const MOST: u32 = 1500;
/// The budget of a process that has not waited yet.
const FIRST: u32 = 400;
/// Below this a spin is not worth starting, except as a [`PROBE`].
const LEAST: u32 = 40;
/// A short spin to notice that times are better.
const PROBE: u32 = 150;
/// One in so many waits probes.
const PROBE_EVERY: u32 = 32;

static BUDGET: AtomicU32 = AtomicU32::new(FIRST);
static WAITS: AtomicU32 = AtomicU32::new(0);

/// Looks at `ready` until it says yes or the budget is used up.
pub(crate) fn spin(mut ready: impl FnMut() -> bool) -> bool {
    let budget = BUDGET.load(Ordering::Relaxed);
    let limit = if budget >= LEAST {
        budget
    } else if WAITS
        .fetch_add(1, Ordering::Relaxed)
        .is_multiple_of(PROBE_EVERY)
        && !is_alone()
    {
        PROBE
    } else {
        return ready();
    };
    for used in 0..limit {
        if ready() {
            BUDGET.store(after_success(budget, used), Ordering::Relaxed);
            return true;
        }
        std::hint::spin_loop();
    }
    BUDGET.store(after_failure(budget), Ordering::Relaxed);
    false
}

/// Moves towards three times what was needed.
fn after_success(budget: u32, used: u32) -> u32 {
    let goal = (3 * used + 2 * PROBE).min(MOST);
    if goal > budget {
        budget + (goal - budget).div_ceil(4)
    } else {
        budget - (budget - goal) / 16
    }
}

fn after_failure(budget: u32) -> u32 {
    if is_alone() { 0 } else { budget - budget / 4 }
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
    fn failures_end_it_and_a_probe_brings_it_back() {
        let mut budget = MOST;
        let failures = (0..100).find(|_| {
            budget = after_failure(budget);
            budget < LEAST
        });
        assert!(failures.is_some());
        for _ in 0..20 {
            budget = after_success(budget, 10);
        }
        assert!(budget > PROBE && budget <= MOST, "{budget}");
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
