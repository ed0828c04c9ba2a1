//! The worker processes: a pool whose tasks are batches.

use crate::batches::halves;
use crate::count::{Counted, Job, Tally, count_batch};
use crate::progress::Progress;
use polyproc::{Pool, PoolInsights, Task, TaskError};
use std::collections::VecDeque;
use std::error::Error;
use std::time::Duration;

/// How often the progress bar moves while nothing ends.
const TICK: Duration = Duration::from_millis(100);

/// What one worker, that is one process after the other, has done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) processes: u64,
    pub(crate) cpu: Duration,
    /// The most memory that one of them held, in bytes.
    pub(crate) peak_memory: u64,
}

/// A file that no process has survived.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) job: Job,
    pub(crate) reason: TaskError,
}

/// All that came of a run.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    pub(crate) files: u64,
    /// Files that are no text.
    pub(crate) binary: u64,
    /// Paths, and why they could not be read.
    pub(crate) unreadable: Vec<(Vec<u8>, String)>,
    pub(crate) failures: Vec<Failure>,
    /// One for each worker.
    pub(crate) costs: Vec<Cost>,
}

/// A batch that a worker has, or will have.
struct Running {
    batch: Vec<Job>,
    task: Task<(usize, Counted)>,
}

impl Running {
    fn start(pool: &Pool, batch: Vec<Job>) -> Self {
        Self { task: pool.submit(count, batch.clone()), batch }
    }
}

/// Which worker counted, and what.
fn count(batch: Vec<Job>) -> (usize, Counted) {
    (polyproc::worker_id().unwrap_or_default(), count_batch(batch))
}

/// Counts all batches. When a worker dies of one, its halves are tried, down to the file that is to
/// blame.
///
/// # Errors
/// When not even one process can be started.
pub(crate) fn run(
    batches: Vec<Vec<Job>>,
    workers: usize,
    progress: &mut Progress,
) -> Result<Outcome, Box<dyn Error>> {
    let pool = Pool::new(workers)?;
    let mut outcome = Outcome { costs: vec![Cost::default(); workers], ..Outcome::default() };
    let mut running: VecDeque<_> =
        batches.into_iter().map(|batch| Running::start(&pool, batch)).collect();
    while let Some(Running { batch, task }) = running.pop_front() {
        while !task.wait_timeout(TICK) {
            progress.tick();
        }
        let (files, bytes) = (batch.len(), batch.iter().map(|job| job.bytes).sum());
        match task.get() {
            Ok((worker, counted)) => outcome.add(worker, counted),
            Err(
                reason @ (TaskError::Died { .. }
                | TaskError::Corrupted { .. }
                | TaskError::Panicked { .. }),
            ) => match halves(batch) {
                Ok(halves) => {
                    running.extend(halves.map(|half| Running::start(&pool, half)));
                    continue;
                }
                Err(job) => outcome.failures.push(Failure { job, reason }),
            },
            Err(error) => return Err(error.into()),
        }
        progress.done(files, bytes);
    }
    pool.close();
    pool.join()?;
    outcome.add_insights(&pool.insights());
    Ok(outcome)
}

impl Outcome {
    fn add(&mut self, worker: usize, counted: Counted) {
        self.costs[worker].files += counted.files;
        self.costs[worker].bytes += counted.bytes;
        self.files += counted.files;
        self.binary += counted.binary;
        self.tally.merge(&counted.words);
        self.unreadable.extend(counted.unreadable);
    }

    fn add_insights(&mut self, insights: &PoolInsights) {
        for (cost, worker) in self.costs.iter_mut().zip(&insights.facts().workers) {
            cost.processes = worker.starts;
            cost.cpu = worker.cpu_time;
            cost.peak_memory = worker.peak_memory.unwrap_or_default();
        }
    }
}
