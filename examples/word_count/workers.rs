//! The worker processes: each counts one batch and ends. So many run at a time.

use crate::batches::Batches;
use crate::count::{Counted, Job, Tally, count_batch};
use crate::progress::Progress;
use polyproc::{Handle, JoinError, Process};
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
    pub(crate) reason: JoinError,
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

/// A process at work.
struct Running {
    process: Process<Counted>,
    batch: Vec<Job>,
    /// Which worker it is.
    worker: usize,
}

/// For `wait_any`.
impl AsRef<Handle> for Running {
    fn as_ref(&self) -> &Handle {
        self.process.handle()
    }
}

/// Counts all batches.
///
/// # Errors
/// When not even one process can be started.
pub(crate) fn run(
    mut batches: Batches,
    workers: usize,
    progress: &mut Progress,
) -> Result<Outcome, Box<dyn Error>> {
    let mut outcome = Outcome { costs: vec![Cost::default(); workers], ..Outcome::default() };
    let mut running: Vec<Running> = Vec::new();
    let mut idle: Vec<usize> = (0..workers).rev().collect();
    loop {
        start_idle(&mut idle, &mut batches, &mut running)?;
        if running.is_empty() {
            return Ok(outcome);
        }
        let Some(index) = polyproc::wait_any_timeout(&running, TICK)? else {
            progress.tick();
            continue;
        };
        let Running { process, batch, worker } = running.swap_remove(index);
        let result = process.join();
        idle.push(worker);
        // The next process starts before this one's result is added up.
        let (files, bytes) = (batch.len(), batch.iter().map(|job| job.bytes).sum());
        match result {
            Ok(counted) => {
                outcome.costs[worker].add(&process, &counted);
                start_idle(&mut idle, &mut batches, &mut running)?;
                outcome.add(counted);
                progress.done(files, bytes);
            }
            Err(reason) => {
                outcome.costs[worker].add(&process, &Counted::default());
                if let Some(job) = batches.died(batch) {
                    outcome.failures.push(Failure { job, reason });
                    progress.done(files, bytes);
                }
            }
        }
    }
}

/// Has the idle workers begin the next batches. If the system has no room for another process, they
/// stay idle until one ends.
fn start_idle(
    idle: &mut Vec<usize>,
    batches: &mut Batches,
    running: &mut Vec<Running>,
) -> Result<(), Box<dyn Error>> {
    while let Some(worker) = idle.pop() {
        let Some(batch) = batches.next() else {
            idle.push(worker);
            break;
        };
        match polyproc::spawn(count_batch, batch.clone()) {
            Ok(process) => running.push(Running { process, batch, worker }),
            Err(error) if running.is_empty() => return Err(error.into()),
            Err(_no_room_now) => {
                batches.put_back(batch);
                idle.push(worker);
                break;
            }
        }
    }
    Ok(())
}

impl Outcome {
    fn add(&mut self, counted: Counted) {
        self.files += counted.files;
        self.binary += counted.binary;
        self.tally.merge(&counted.words);
        self.unreadable.extend(counted.unreadable);
    }
}

impl Cost {
    fn add(&mut self, process: &Handle, counted: &Counted) {
        self.files += counted.files;
        self.bytes += counted.bytes;
        self.processes += 1;
        if let Some(usage) = process.usage() {
            self.cpu += usage.user + usage.system;
            self.peak_memory = self.peak_memory.max(usage.peak_memory);
        }
    }
}
