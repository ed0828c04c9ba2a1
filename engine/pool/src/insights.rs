//! Where the time of a pool went.

use crate::dispatch::{Fate, Nanos, Task};
use crate::link::Work;
use crate::published::Published;
use polyproc_process::Ending;
use std::time::Duration;

/// So many of the slowest tasks are kept.
const SLOWEST: usize = 5;

/// What the workers of one place have done, one after the other.
#[derive(Clone, Debug, Default)]
pub struct WorkerInsights {
    /// The pid of the last of them.
    pub pid: u32,
    /// How many of them there were.
    pub starts: u64,
    /// How many tasks they answered.
    pub tasks: u64,
    /// From the making of the process until it was ready, in all.
    pub start_time: Duration,
    /// Ready and without a task.
    pub wait_time: Duration,
    /// In tasks, as the workers measured it.
    pub work_time: Duration,
    /// With a task, but not in it: waking up, reading, writing, waiting for the parent to read.
    pub transfer_time: Duration,
    /// Bytes of tasks.
    pub bytes_in: u64,
    /// Bytes of results.
    pub bytes_out: u64,
    /// Processor time of those that have ended; a front may add the others'.
    pub cpu_time: Duration,
    /// The most memory that one of those that have ended held, in bytes.
    pub peak_memory: Option<u64>,
}

/// A task that took long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowTask {
    /// The submitter's number for it.
    pub index: u64,
    /// The worker that ran it.
    pub pid: u32,
    /// Which definition it belongs to.
    pub definition: u32,
    /// How long it ran.
    pub time: Duration,
}

/// What a pool has done so far.
#[derive(Clone, Debug, Default)]
pub struct Insights {
    /// By place.
    pub workers: Vec<WorkerInsights>,
    /// Tasks that were lost with their worker, or ended with it.
    pub lost: u64,
    /// The slowest tasks, the slowest first.
    pub slowest: Vec<SlowTask>,
}

/// Counts.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    insights: Insights,
    /// By place.
    clocks: Vec<Clock>,
    /// Tasks that took no longer are not among the slowest.
    fast: Nanos,
    /// The part of it that others see at once.
    pub(crate) published: Published,
}

/// What is counted of a worker for every task, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    /// Since when it is in the state that it is in.
    since: Nanos,
    /// How many tasks it has.
    given: u64,
    start: Nanos,
    wait: Nanos,
    work: Nanos,
    transfer: Nanos,
}

impl Clock {
    /// The time since the last event of this place.
    fn lap(&mut self, now: Nanos) -> Nanos {
        now.saturating_sub(std::mem::replace(&mut self.since, now))
    }

    /// A task is no longer the worker's.
    fn passed(&mut self, cost: Nanos, now: Nanos) {
        let lap = self.lap(now);
        self.given = self.given.saturating_sub(1);
        self.work = self.work.saturating_add(cost);
        // Several answers read at once: the first one's lap holds the time of all.
        self.transfer = self.transfer.saturating_add(lap).saturating_sub(cost);
    }
}

impl Ledger {
    pub(crate) fn insights(&self) -> Insights {
        let mut insights = self.insights.clone();
        for (worker, clock) in insights.workers.iter_mut().zip(&self.clocks) {
            worker.start_time = Duration::from_nanos(clock.start);
            worker.wait_time = Duration::from_nanos(clock.wait);
            worker.work_time = Duration::from_nanos(clock.work);
            worker.transfer_time = Duration::from_nanos(clock.transfer);
        }
        insights
    }

    fn worker(&mut self, slot: usize) -> (&mut WorkerInsights, &mut Clock) {
        if self.insights.workers.len() <= slot {
            self.insights.workers.resize_with(slot + 1, WorkerInsights::default);
            self.clocks.resize_with(slot + 1, Clock::default);
        }
        (&mut self.insights.workers[slot], &mut self.clocks[slot])
    }

    pub(crate) fn started(&mut self, slot: usize, pid: u32, now: Nanos) {
        let (worker, clock) = self.worker(slot);
        worker.pid = pid;
        worker.starts += 1;
        (clock.given, clock.since) = (0, now);
        self.published.started(slot, pid);
    }

    pub(crate) fn ready(&mut self, slot: usize, now: Nanos) {
        let (worker, clock) = self.worker(slot);
        clock.start += clock.lap(now);
        let pid = worker.pid;
        self.published.ready(slot, pid);
    }

    pub(crate) fn given(&mut self, slot: usize, count: u64, now: Nanos) {
        let (_, clock) = self.worker(slot);
        if clock.given == 0 {
            clock.wait += clock.lap(now);
        }
        clock.given += count;
    }

    pub(crate) fn answered(
        &mut self,
        slot: usize,
        task: &Task<Work>,
        (cost, bytes): (Nanos, usize),
        now: Nanos,
    ) {
        self.published.answered();
        let (worker, clock) = self.worker(slot);
        clock.passed(cost, now);
        worker.tasks += 1;
        worker.bytes_in += task.payload.payload().len() as u64;
        worker.bytes_out += bytes as u64;
        if cost > self.fast {
            self.note_slow(slot, task, Duration::from_nanos(cost));
        }
    }

    /// A task is no longer the worker's, whether it has its result, is tried again or was skipped.
    pub(crate) fn passed(&mut self, slot: usize, cost: Nanos, now: Nanos) {
        self.worker(slot).1.passed(cost, now);
    }

    #[cold]
    fn note_slow(&mut self, slot: usize, task: &Task<Work>, time: Duration) {
        let pid = self.insights.workers[slot].pid;
        let task = SlowTask { index: task.payload.index, pid, definition: task.kind, time };
        let slowest = &mut self.insights.slowest;
        let place = slowest.partition_point(|other| other.time >= task.time);
        slowest.insert(place, task);
        slowest.truncate(SLOWEST);
        if let Some(last) = slowest.get(SLOWEST - 1) {
            self.fast = u64::try_from(last.time.as_nanos()).unwrap_or(u64::MAX);
        }
    }

    pub(crate) fn lost(&mut self, fate: Fate) {
        if matches!(fate, Fate::Crashed | Fate::TimedOut | Fate::OverMemory) {
            self.insights.lost += 1;
        }
    }

    pub(crate) fn died(&mut self, slot: usize, ending: Ending, now: Nanos) {
        self.published.died(slot);
        let (worker, clock) = self.worker(slot);
        (clock.given, clock.since) = (0, now);
        if let Some(usage) = ending.usage {
            worker.cpu_time += usage.user + usage.system;
            worker.peak_memory = worker.peak_memory.max(Some(usage.peak_memory));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_waits_also_after_a_task_that_was_taken_back() {
        let mut ledger = Ledger::default();
        ledger.started(0, 7, 0);
        ledger.ready(0, 100);
        ledger.given(0, 1, 110);
        ledger.passed(0, 20, 150);
        ledger.given(0, 1, 450);
        let worker = &ledger.insights().workers[0];
        let times = [worker.start_time, worker.wait_time, worker.work_time, worker.transfer_time];
        assert_eq!(times.map(|time| time.as_nanos()), [100, 10 + 300, 20, 20]);
        assert_eq!(worker.tasks, 0, "it has no result");
    }
}
