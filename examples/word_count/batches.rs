//! Which files go to which process, and what is tried again when one dies. Knows nothing of
//! processes, nor of words.

use crate::count::Job;
use std::collections::VecDeque;

/// So many batches per worker, that all are busy to the end though some are slower.
const PER_WORKER: u64 = 16;
/// Less is not worth a process.
const SMALLEST_BYTES: u64 = 256 * 1024;
/// More would let the progress bar stand still.
const LARGEST_BYTES: u64 = 16 * 1024 * 1024;
/// What opening a file costs, in bytes that could be counted meanwhile.
const BYTES_PER_FILE: u64 = 4 * 1024;

/// The batches that nobody works on.
#[derive(Debug)]
pub(crate) struct Batches(VecDeque<Vec<Job>>);

impl Batches {
    /// Cuts `jobs` into batches for `workers` workers, the most costly first: so none is left over
    /// for the end, when only one worker would be busy with it.
    pub(crate) fn cut(jobs: Vec<Job>, workers: usize) -> Self {
        let total: u64 = jobs.iter().map(cost).sum();
        let share = total / (PER_WORKER * workers as u64);
        let limit = share.clamp(SMALLEST_BYTES, LARGEST_BYTES);
        let mut batches: Vec<(u64, Vec<Job>)> = Vec::new();
        for job in jobs {
            let extra = cost(&job);
            match batches.last_mut() {
                Some((sum, batch)) if *sum + extra <= limit => {
                    *sum += extra;
                    batch.push(job);
                }
                _ => batches.push((extra, vec![job])),
            }
        }
        batches.sort_by_key(|(sum, _)| std::cmp::Reverse(*sum));
        Self(batches.into_iter().map(|(_, batch)| batch).collect())
    }

    pub(crate) fn next(&mut self) -> Option<Vec<Job>> {
        self.0.pop_front()
    }

    /// Takes back a batch that nobody began.
    pub(crate) fn put_back(&mut self, batch: Vec<Job>) {
        self.0.push_front(batch);
    }

    /// The process that counted `batch` is dead: if the batch is a single file, that file is to
    /// blame, and it is returned. Else its halves come next.
    pub(crate) fn died(&mut self, mut batch: Vec<Job>) -> Option<Job> {
        if batch.len() <= 1 {
            return batch.pop();
        }
        let second = batch.split_off(batch.len() / 2);
        self.0.push_front(second);
        self.0.push_front(batch);
        None
    }
}

fn cost(job: &Job) -> u64 {
    job.bytes.saturating_add(BYTES_PER_FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: usize, bytes: u64) -> Job {
        Job { path: name.to_string().into_bytes(), bytes, crash: false }
    }

    #[test]
    fn every_file_is_in_one_batch_and_none_is_too_large() {
        let jobs: Vec<_> = (0..5000).map(|n| job(n, (n as u64 * 7919) % 100_000)).collect();
        let mut batches = Batches::cut(jobs.clone(), 2);
        let mut seen = Vec::new();
        let mut costs = Vec::new();
        while let Some(batch) = batches.next() {
            costs.push(batch.iter().map(cost).sum::<u64>());
            seen.extend(batch);
        }
        assert!(costs.len() >= 32, "{costs:?}");
        assert!(costs.is_sorted_by(|a, b| a >= b) && costs[0] <= LARGEST_BYTES, "{costs:?}");
        seen.sort_by_key(|job| {
            String::from_utf8(job.path.clone()).unwrap().parse::<usize>().unwrap()
        });
        assert_eq!(seen, jobs);
    }

    #[test]
    fn a_large_file_is_alone_and_first() {
        let jobs = vec![job(0, 10), job(1, 1 << 40), job(2, 20)];
        let mut batches = Batches::cut(jobs.clone(), 8);
        assert_eq!(batches.next(), Some(vec![jobs[1].clone()]));
        assert_eq!(batches.0.iter().map(Vec::len).sum::<usize>(), 2);
    }

    #[test]
    fn nothing_to_count_is_no_batch() {
        assert_eq!(Batches::cut(Vec::new(), 1).next(), None);
    }

    /// Plays a run in which processes die of the files that `deadly` names.
    fn play(files: usize, deadly: &[usize]) -> (Vec<Job>, Vec<Job>, usize) {
        let mut batches = Batches::cut((0..files).map(|n| job(n, 1)).collect(), 1);
        let (mut counted, mut blamed, mut processes) = (Vec::new(), Vec::new(), 0);
        while let Some(batch) = batches.next() {
            processes += 1;
            let dies = |job: &Job| deadly.iter().any(|n| job.path == n.to_string().into_bytes());
            if batch.iter().any(dies) {
                blamed.extend(batches.died(batch));
            } else {
                counted.extend(batch);
            }
        }
        (counted, blamed, processes)
    }

    #[test]
    fn exactly_the_deadly_files_are_blamed() {
        let all: Vec<_> = (0..50).collect();
        for deadly in [&[][..], &[0], &[49], &[3, 4], &[0, 17, 33, 49], &all] {
            let (counted, blamed, processes) = play(50, deadly);
            assert_eq!(counted.len(), 50 - deadly.len());
            let names: Vec<_> = deadly.iter().map(|&n| job(n, 1)).collect();
            assert_eq!(blamed, names, "in their order");
            assert!(processes <= 1 + deadly.len() * 2 * 6, "{processes} processes");
        }
    }
}
