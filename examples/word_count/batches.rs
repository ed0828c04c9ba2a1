//! Which files go to a worker together. Knows nothing of processes, nor of words.

use crate::count::Job;

/// So many batches per worker, that all are busy to the end though some are slower.
const PER_WORKER: u64 = 16;
/// Less is not worth a task.
const SMALLEST_BYTES: u64 = 256 * 1024;
/// More would let the progress bar stand still.
const LARGEST_BYTES: u64 = 16 * 1024 * 1024;
/// What opening a file costs, in bytes that could be counted meanwhile.
const BYTES_PER_FILE: u64 = 4 * 1024;

/// Cuts `jobs` into batches for `workers` workers, the most costly first: so none is left over for the
/// end, when only one worker would be busy with it.
pub(crate) fn cut(jobs: Vec<Job>, workers: usize) -> Vec<Vec<Job>> {
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
    batches.into_iter().map(|(_, batch)| batch).collect()
}

/// The halves of a batch that ended its worker.
///
/// # Errors
/// The file that is to blame, if the batch has no other.
pub(crate) fn halves(mut batch: Vec<Job>) -> Result<[Vec<Job>; 2], Job> {
    match batch.pop() {
        Some(only) if batch.is_empty() => Err(only),
        last => {
            batch.extend(last);
            let second = batch.split_off(batch.len() / 2);
            Ok([batch, second])
        }
    }
}

fn cost(job: &Job) -> u64 {
    job.bytes.saturating_add(BYTES_PER_FILE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    fn job(name: usize, bytes: u64) -> Job {
        Job { path: name.to_string().into_bytes(), bytes, crash: false }
    }

    fn number(job: &Job) -> usize {
        String::from_utf8(job.path.clone()).unwrap().parse().unwrap()
    }

    #[test]
    fn every_file_is_in_one_batch_and_none_is_too_large() {
        let jobs: Vec<_> = (0..5000).map(|n| job(n, (n as u64 * 7919) % 100_000)).collect();
        let batches = cut(jobs.clone(), 2);
        let costs: Vec<u64> = batches.iter().map(|batch| batch.iter().map(cost).sum()).collect();
        assert!(costs.len() >= 32, "{costs:?}");
        assert!(costs.is_sorted_by(|a, b| a >= b) && costs[0] <= LARGEST_BYTES, "{costs:?}");
        let mut seen = batches.concat();
        seen.sort_by_key(number);
        assert_eq!(seen, jobs);
    }

    #[test]
    fn a_large_file_is_alone_and_first() {
        let jobs = vec![job(0, 10), job(1, 1 << 40), job(2, 20)];
        let batches = cut(jobs.clone(), 8);
        assert_eq!(batches[0], [jobs[1].clone()]);
        assert_eq!(batches.concat().len(), 3);
    }

    #[test]
    fn nothing_to_count_is_no_batch() {
        assert!(cut(Vec::new(), 1).is_empty());
    }

    /// Plays a run in which workers die of the files that `deadly` names.
    fn play(files: usize, deadly: &[usize]) -> (usize, Vec<usize>, usize) {
        let mut batches = VecDeque::from(cut((0..files).map(|n| job(n, 1)).collect(), 1));
        let (mut counted, mut blamed, mut tasks) = (0, Vec::new(), 0);
        while let Some(batch) = batches.pop_front() {
            tasks += 1;
            if batch.iter().any(|job| deadly.contains(&number(job))) {
                match halves(batch) {
                    Ok(halves) => batches.extend(halves),
                    Err(job) => blamed.push(number(&job)),
                }
            } else {
                counted += batch.len();
            }
        }
        blamed.sort_unstable();
        (counted, blamed, tasks)
    }

    #[test]
    fn exactly_the_deadly_files_are_blamed() {
        let all: Vec<_> = (0..50).collect();
        for deadly in [&[][..], &[0], &[49], &[3, 4], &[0, 17, 33, 49], &all] {
            let (counted, blamed, tasks) = play(50, deadly);
            assert_eq!((counted, &*blamed), (50 - deadly.len(), deadly));
            assert!(tasks <= 1 + deadly.len() * 2 * 6, "{tasks} tasks");
        }
    }
}
