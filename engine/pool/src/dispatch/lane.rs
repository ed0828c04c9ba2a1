//! Tasks that wait for their turn.

use super::Rules;
use super::slab::Key;
use std::collections::VecDeque;

/// A task, whatever it is.
#[derive(Debug, Default)]
pub(crate) struct Task<T> {
    /// Counts all tasks of the pool.
    pub(crate) number: u64,
    pub(crate) lane: usize,
    /// Tasks of one kind are believed to cost the same.
    pub(crate) kind: u32,
    pub(crate) rules: Rules,
    /// How often a worker had it, up to an answer, its death or its order to end.
    pub(crate) attempts: u32,
    /// How many workers died before they began it, as their next.
    pub(super) losses: u8,
    pub(crate) payload: T,
}

impl<T> Task<T> {
    pub(super) fn may_retry(&self) -> bool {
        self.attempts <= self.rules.retries
    }
}

/// Which tasks of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meant {
    /// All.
    All,
    /// The one with this number.
    One(u64),
}

impl Meant {
    pub(super) fn covers(self, number: u64) -> bool {
        self == Self::All || self == Self::One(number)
    }
}

/// A task in a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    pub(super) number: u64,
    pub(super) key: Key,
}

/// Tasks that belong together, in the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    pub(super) queue: VecDeque<Queued>,
    /// Queued or with a worker.
    pub(super) out: usize,
    pub(super) closed: bool,
}

impl Lane {
    /// A task that comes back takes the place that it had.
    pub(super) fn insert(&mut self, task: Queued) {
        if self.queue.back().is_none_or(|last| last.number < task.number) {
            self.queue.push_back(task);
        } else {
            let place = self.queue.partition_point(|other| other.number < task.number);
            self.queue.insert(place, task);
        }
    }

    /// Takes out the tasks that are meant.
    pub(super) fn take(&mut self, meant: Meant) -> Vec<Queued> {
        match meant {
            Meant::All => std::mem::take(&mut self.queue).into(),
            Meant::One(number) => {
                let place = self.queue.binary_search_by_key(&number, |task| task.number);
                place.ok().and_then(|place| self.queue.remove(place)).into_iter().collect()
            }
        }
    }
}
