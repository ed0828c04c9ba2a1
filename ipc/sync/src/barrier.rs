//! A meeting point, std's shape.

use crate::error::BrokenBarrier;
use crate::park::Wait;
use crate::raw::{self, Arrival};
use crate::report::Report;
use polyproc_sys::clock::Deadline;
use std::time::Duration;

/// A meeting point for a fixed number of parties. std's `Barrier`, between processes, with an end for
/// those who wait for somebody who never comes.
#[derive(Debug)]
#[repr(C)]
pub struct Barrier {
    barrier: raw::Barrier,
}

/// Whether this party was the last to arrive: one of each meeting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether this party was the last to arrive.
    pub fn is_leader(self) -> bool {
        self.0
    }
}

impl Barrier {
    /// For `parties`, 1 to 4,095.
    pub const fn new(parties: u32) -> Self {
        Self { barrier: raw::Barrier::new(parties) }
    }

    /// Arrives and waits for the others: without end for one that died before it came, unless it had
    /// [enrolled](Barrier::enroll).
    ///
    /// # Errors
    /// [`BrokenBarrier`]: somebody gave up, aborted, reset, or had enrolled and died.
    pub fn wait(&self) -> Result<BarrierWaitResult, BrokenBarrier> {
        self.wait_as(Wait::FOREVER)
    }

    /// The same, no longer than `timeout`: then the barrier breaks for all.
    ///
    /// # Errors
    /// As [`Barrier::wait`].
    pub fn wait_timeout(&self, timeout: Duration) -> Result<BarrierWaitResult, BrokenBarrier> {
        self.wait_deadline(Deadline::after(timeout))
    }

    /// The same, until `deadline`.
    ///
    /// # Errors
    /// As [`Barrier::wait`].
    pub fn wait_deadline(&self, deadline: Deadline) -> Result<BarrierWaitResult, BrokenBarrier> {
        self.wait_as(Wait::until(deadline))
    }

    fn wait_as(&self, wait: Wait) -> Result<BarrierWaitResult, BrokenBarrier> {
        match self.barrier.wait(wait) {
            Arrival::Passed { leader, .. } => Ok(BarrierWaitResult(leader)),
            Arrival::Broken | Arrival::Interrupted(_) => Err(BrokenBarrier),
        }
    }

    /// Breaks it for all who wait and come, until [`Barrier::reset`].
    pub fn abort(&self) {
        self.barrier.abort();
    }

    /// Makes it new; who waits gets [`BrokenBarrier`].
    pub fn reset(&self) {
        self.barrier.reset();
    }

    /// From now on the death of this process breaks the barrier. False when 32 others are enrolled.
    pub fn enroll(&self) -> bool {
        self.barrier.enroll()
    }

    /// Takes back [`Barrier::enroll`].
    pub fn leave(&self) {
        self.barrier.leave();
    }

    /// How many have arrived and wait, at this moment.
    pub fn report(&self) -> Report {
        self.barrier.report()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leads() {
        let barrier = Barrier::new(3);
        let leaders = std::thread::scope(|scope| {
            let parties: Vec<_> = (0..3).map(|_| scope.spawn(|| barrier.wait())).collect();
            parties
                .into_iter()
                .map(|party| party.join().unwrap().unwrap())
                .filter(|result| result.is_leader())
                .count()
        });
        assert_eq!(leaders, 1);
    }

    #[test]
    fn nobody_comes() {
        let barrier = Barrier::new(2);
        let result = barrier.wait_timeout(Duration::from_millis(1));
        assert_eq!(result, Err(BrokenBarrier));
        assert!(barrier.report().abandoned);
        barrier.reset();
        assert!(!barrier.report().abandoned);
    }
}
