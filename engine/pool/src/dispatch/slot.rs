//! A place for a worker, and what is known of the one that has it.

use super::slab::Key;
use super::{DEEPEST, Fate, HORIZON, Nanos, Why};
use std::collections::VecDeque;

/// How far the worker has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is none.
    #[default]
    Empty,
    /// Somebody is making it.
    Starting,
    /// It runs, and has not said that it is ready.
    Warming,
    /// It takes tasks.
    Ready,
}

/// A task that the worker has.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) cost: Nanos,
    /// `None` once its fate is known.
    pub(super) task: Option<Key>,
    /// Whether the worker may skip it: somebody wanted it back, perhaps too late.
    pub(super) marked: bool,
}

/// The order to kill a worker, and for which of its tasks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kill {
    pub(super) why: Why,
    pub(super) sequence: u64,
    pub(super) at: Nanos,
}

impl Why {
    /// What becomes of the task for which a worker was killed.
    pub(super) fn fate(self) -> Fate {
        match self {
            Self::Time => Fate::TimedOut,
            Self::Memory => Fate::OverMemory,
            Self::Cancel => Fate::Cancelled,
            Self::Terminate => Fate::Terminated,
        }
    }
}

/// See the [module](self).
#[expect(clippy::struct_excessive_bools, reason = "orders and facts that come one by one")]
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) stage: Stage,
    /// In the order in which it got them.
    pub(super) given: VecDeque<Given>,
    /// How long the task at the front may run: one with such a limit was given to an empty worker.
    pub(super) limit: Option<Nanos>,
    /// How many answers it has given.
    pub(super) answered: u64,
    /// The time that its tasks are believed to take.
    pub(super) load: Nanos,
    /// Since when it runs the task at the front, or has none.
    pub(super) since: Nanos,
    /// Its ring had no room for the next task.
    pub(super) full: bool,
    /// It is busy with a long task: nothing is put behind it.
    pub(super) stuck: bool,
    /// No more tasks: it has had as many as it may, or there are too many workers.
    pub(super) used_up: bool,
    /// It has the order to end.
    pub(super) retiring: bool,
    /// Since when it is on its way out: it was told to end, or has refused to work.
    pub(super) leaving: Option<Nanos>,
    pub(super) kill: Option<Kill>,
}

impl Slot {
    pub(super) fn next_sequence(&self) -> u64 {
        self.answered + self.given.len() as u64 + 1
    }

    /// Whether it is ready, and to stay.
    pub(super) fn is_on_duty(&self) -> bool {
        self.stage == Stage::Ready && !self.used_up && !self.retiring && self.kill.is_none()
    }

    /// Whether a task of this cost can go to it; `alone`: only when it has nothing else.
    pub(super) fn takes(&self, alone: bool, cost: Option<Nanos>) -> bool {
        if !self.is_on_duty() || self.full {
            return false;
        }
        let Some(front) = self.given.front() else { return true };
        let is_alone = self.limit.is_some() && front.task.is_some();
        let fits = cost.is_some_and(|cost| self.load + cost <= HORIZON);
        fits && !alone && !is_alone && !self.stuck && self.given.len() < DEEPEST
    }

    /// Whether it has tasks, and will soon have done them.
    pub(super) fn is_at_work(&self) -> bool {
        !self.given.is_empty() && self.limit.is_none() && self.is_on_duty() && !self.stuck
    }

    pub(super) fn take(
        &mut self,
        (task, cost): (Key, Nanos),
        limit: Option<Nanos>,
        now: Nanos,
        max_tasks: Option<u64>,
    ) {
        if self.given.is_empty() {
            self.since = now;
            self.limit = limit;
        }
        self.load += cost;
        self.given.push_back(Given { cost, task: Some(task), marked: false });
        self.used_up |= max_tasks.is_some_and(|most| self.next_sequence() > most);
    }

    /// The task that an answer was for; `None` if there is none, or it cannot be this answer.
    pub(super) fn answer(&mut self, now: Nanos, is_skipped: bool) -> Option<Given> {
        if self.given.front().is_some_and(|front| is_skipped && !front.marked) {
            return None;
        }
        let given = self.given.pop_front()?;
        self.load -= given.cost;
        self.limit = None;
        self.answered += 1;
        self.since = now;
        self.full = false;
        self.stuck = false;
        Some(given)
    }

    /// When the task that it runs will have taken too long.
    pub(super) fn overdue_at(&self) -> Option<Nanos> {
        let is_open = self.given.front().is_some_and(|front| front.task.is_some());
        if !is_open || self.stage != Stage::Ready || self.kill.is_some() {
            return None;
        }
        Some(self.since.saturating_add(self.limit?))
    }

    /// Whether tasks wait in its ring behind the front.
    pub(super) fn has_waiting(&self) -> bool {
        self.given.len() > 1
    }
}
