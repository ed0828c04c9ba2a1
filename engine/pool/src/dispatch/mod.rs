//! Who gets which task when, and what becomes of the tasks of a worker that died. Pure: events and
//! the time go in; decisions come out, as [`Action`]s and as calls of [`Hands`].
//!
//! The states of tasks and workers are drawn in `docs/design/0040-pool.md`. Invariants:
//! 1. A lane has a turn exactly while it has queued tasks. A task is in exactly one place: in its lane, in one slot's `given`, or gone with its [`Fate`].
//! 2. A worker answers in the order in which it was given tasks: the next answer is for the front.
//! 3. Whatever happens, a task that is queued leads to a running worker, a start, or its fate.

mod lane;
#[cfg(test)]
mod model;
mod slab;
mod slot;
mod staff;

use lane::{Lane, Queued};
pub(crate) use lane::{Meant, Task};
pub(crate) use slab::Key;
use slab::Slab;
use slot::{Kill, Slot, Stage};
use std::collections::VecDeque;

/// Nanoseconds on a clock that only the caller knows.
pub(crate) type Nanos = u64;

/// So much work may wait in a worker's ring.
const HORIZON: Nanos = 1_000_000;
/// And so many tasks.
const DEEPEST: usize = 4096;
/// A worker that has less work than this is given more of it before another one is woken.
const WAKE_UP: Nanos = 20_000;
/// Tasks that take less than this are done by one worker as fast as they are given.
const FEED: Nanos = 200;
/// Tasks behind one that takes longer than this are taken back.
const RECLAIM: Nanos = 5_000_000;
/// No task is believed to take longer: what a worker says is not to be trusted.
const LONGEST: Nanos = 1 << 48;
/// How many workers a task may lose before it began, until it is held responsible.
const MOST_LOSSES: u8 = 16;
/// What a start that failed for a reason that is known counts: it will fail again.
const EXPLAINED: u32 = 20;
/// And one whose worker was killed from outside before it was ready.
const KILLED: u32 = 1;
/// With so much failed in a row, no more is tried: after three starts, or sixty killings.
const MOST_FAILURES: u32 = 3 * EXPLAINED;
/// How long a killed worker may take to be gone before its task is told without it.
const KILL_GRACE: Nanos = 10_000_000_000;
/// How long a worker that refused to work may take to end.
const REFUSAL: Nanos = 1_000_000_000;

/// What holds for all tasks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many workers there may be.
    pub(crate) workers: usize,
    /// After how many tasks a worker is replaced.
    pub(crate) max_tasks: Option<u64>,
    /// After which time without a task a worker is retired.
    pub(crate) idle: Option<Nanos>,
    /// How long a worker may take from its start until it is ready.
    pub(crate) warming: Option<Nanos>,
    /// How long a worker may take to end when it has the order to.
    pub(crate) leaving: Option<Nanos>,
}

/// What holds for one task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// How long it may run.
    pub(crate) timeout: Option<Nanos>,
    /// How often it is tried again.
    pub(crate) retries: u32,
}

/// What became of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It has a result.
    Value,
    /// It failed, and its worker lives.
    Failed,
    /// Its worker died in it.
    Crashed,
    /// It took too long; its worker was killed.
    TimedOut,
    /// Its worker grew too large and was killed.
    OverMemory,
    /// Somebody does not want it any more.
    Cancelled,
    /// The pool was terminated.
    Terminated,
    /// No worker can be started.
    NoWorkers,
    /// There is no memory for it.
    NoRoom,
}

/// Why a worker is to be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The task took too long; without one, the worker did, to be ready or to end.
    Time,
    /// The worker is too large.
    Memory,
    /// The task was cancelled.
    Cancel,
    /// The pool is over.
    Terminate,
}

/// How a worker answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// With a result.
    Value,
    /// With a failure.
    Failed,
    /// It saw that the task was revoked.
    Skipped,
}

/// An answer that no honest worker gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Breach;

/// Something to be done by whoever holds the processes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    /// Make a process for this slot, and say `started` or `start_failed`.
    Start(usize),
    /// Tell it to end in good order; `died` follows.
    Retire(usize),
    /// End it; `died` follows.
    Kill(usize, Why),
    /// Tell whoever wants to know, and forget the task.
    Done(Key, Fate),
}

/// Whether a task could be put into a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// It was.
    Given,
    /// Not now.
    Full,
    /// There is no memory for it.
    Never,
}

/// What is done at once, inside a decision: the rings.
pub(crate) trait Hands<T> {
    /// Puts a task into a worker's ring.
    fn give(&mut self, slot: usize, sequence: u64, task: &Task<T>) -> Room;
    /// Marks a given task as not wanted; `false` when the worker may have begun it.
    fn revoke(&mut self, slot: usize, sequence: u64) -> bool;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Closed,
    Terminated,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Dispatcher<T> {
    limits: Limits,
    phase: Phase,
    slots: Vec<Slot>,
    /// The one that was given a task last.
    last: usize,
    /// All that are queued or with a worker.
    tasks: Slab<Task<T>>,
    lanes: Vec<Option<Lane>>,
    /// The lanes that have queued tasks, in the order of their turns.
    turns: VecDeque<usize>,
    queued: usize,
    in_flight: usize,
    /// Of tasks, by kind: the mean time, once it is known.
    costs: Vec<Option<Nanos>>,
    failures: u32,
    next_number: u64,
    actions: Vec<Action>,
}

impl<T: Default> Dispatcher<T> {
    pub(crate) fn new(limits: Limits) -> Self {
        let mut slots = Vec::new();
        slots.resize_with(limits.workers, Slot::default);
        Self {
            limits,
            phase: Phase::Open,
            slots,
            last: 0,
            tasks: Slab::new(),
            lanes: Vec::new(),
            turns: VecDeque::new(),
            queued: 0,
            in_flight: 0,
            costs: Vec::new(),
            failures: 0,
            next_number: 1,
            actions: Vec::new(),
        }
    }

    /// What has been decided since the last call.
    pub(crate) fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    pub(crate) fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// Tasks that workers have.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// What holds for all tasks and workers.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many workers there may be.
    pub(crate) fn workers(&self) -> usize {
        self.limits.workers
    }

    /// Whether nothing will happen any more.
    pub(crate) fn is_over(&self) -> bool {
        !self.is_open()
            && self.queued + self.in_flight == 0
            && self.slots.iter().all(|slot| slot.stage == Stage::Empty)
    }

    /// The number of the answer that a worker owes next.
    pub(crate) fn expected(&self, slot: usize) -> u64 {
        self.slots[slot].answered + 1
    }

    /// The task that the next answer is for, unless its outcome is known already.
    #[cfg(test)]
    pub(crate) fn front(&self, slot: usize) -> Option<&Task<T>> {
        self.slots[slot].given.front()?.task.map(|key| self.tasks.get(key))
    }

    /// Takes a task in; returns its number.
    #[expect(clippy::inline_always, reason = "the payload is large to be moved")]
    #[inline(always)]
    pub(crate) fn submit(&mut self, lane: usize, kind: u32, rules: Rules, payload: T) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        // A pool that could start no worker tries once more.
        self.failures = self.failures.min(MOST_FAILURES - KILLED);
        let key = self.tasks.add();
        let task = self.tasks.get_mut(key);
        // Field by field, where it stays: a task is large to be moved.
        (task.number, task.lane, task.kind, task.rules) = (number, lane, kind, rules);
        (task.attempts, task.losses) = (0, 0);
        task.payload = payload;
        self.lane(lane).out += 1;
        self.line_up(lane, Queued { number, key });
        number
    }

    fn queue(&mut self, key: Key) {
        let Task { number, lane, .. } = *self.tasks.get(key);
        self.line_up(lane, Queued { number, key });
    }

    fn line_up(&mut self, index: usize, task: Queued) {
        let lane = self.lane(index);
        let has_turn = !lane.queue.is_empty();
        lane.insert(task);
        if !has_turn {
            self.turns.push_back(index);
        }
        self.queued += 1;
    }

    fn done(&mut self, key: Key, fate: Fate) {
        self.actions.push(Action::Done(key, fate));
    }

    /// A task of this lane has its fate.
    fn release(&mut self, key: usize) {
        let lane = self.lane(key);
        lane.out -= 1;
        if lane.closed && lane.out == 0 {
            self.lanes[key] = None;
        }
    }

    /// Takes tasks out of a lane; one that has none left has no turn.
    fn take_out(&mut self, key: usize, meant: Meant) -> Vec<Queued> {
        let Some(lane) = self.lanes.get_mut(key).and_then(Option::as_mut) else {
            return Vec::new();
        };
        let taken = lane.take(meant);
        if lane.queue.is_empty() {
            self.turns.retain(|turn| *turn != key);
        }
        self.queued -= taken.len();
        taken
    }

    /// Gives out what can be given, and asks for the workers that are missing.
    pub(crate) fn pump(&mut self, now: Nanos, hands: &mut impl Hands<T>) {
        while let Some(&key) = self.turns.front() {
            let Some(&Queued { key: first, .. }) = self.lane(key).queue.front() else { break };
            let task = self.tasks.get(first);
            let (cost, limit) = (self.cost(task.kind), task.rules.timeout);
            let Some(slot) = self.choose(cost, limit.is_some()) else { break };
            match hands.give(slot, self.slots[slot].next_sequence(), self.tasks.get(first)) {
                Room::Given => {
                    let what = (first, cost.unwrap_or(HORIZON));
                    self.slots[slot].take(what, limit, now, self.limits.max_tasks);
                    self.take_first(key);
                    self.in_flight += 1;
                }
                Room::Full => self.slots[slot].full = true,
                Room::Never => self.reject_first(key),
            }
        }
        self.staff();
    }

    /// The worker for a task of this kind: the last one again, until it has as much work as others
    /// take time to wake up; else one without work, else the one with the least.
    fn choose(&mut self, cost: Option<Nanos>, alone: bool) -> Option<usize> {
        let last = self.slots.get(self.last).filter(|last| !alone && last.is_at_work());
        if let Some(last) = last {
            let takes = last.takes(alone, cost);
            if takes && last.load < WAKE_UP {
                return Some(self.last);
            }
            if cost.is_some_and(|cost| cost < FEED) {
                return takes.then_some(self.last);
            }
        }
        self.last = self.least_loaded(alone, cost)?;
        Some(self.last)
    }

    fn least_loaded(&self, alone: bool, cost: Option<Nanos>) -> Option<usize> {
        let open = self.slots.iter().enumerate().filter(|(_, slot)| slot.takes(alone, cost));
        open.min_by_key(|(_, slot)| (slot.load, Nanos::MAX - slot.since)).map(|(index, _)| index)
    }

    /// There is no memory for the first task of this lane.
    fn reject_first(&mut self, key: usize) {
        if let Some(task) = self.take_first(key) {
            self.done(task, Fate::NoRoom);
            self.settle();
        }
    }

    /// The first task of the lane whose turn it is; the turn passes on.
    fn take_first(&mut self, key: usize) -> Option<Key> {
        let task = self.lane(key).queue.pop_front()?.key;
        self.queued -= 1;
        if self.lane(key).queue.is_empty() {
            self.turns.pop_front();
        } else if self.turns.len() > 1 {
            self.turns.rotate_left(1);
        }
        Some(task)
    }

    fn cost(&self, kind: u32) -> Option<Nanos> {
        self.costs.get(kind as usize).copied().flatten()
    }

    /// This number means another kind of task from now on.
    pub(crate) fn unlearn(&mut self, kind: u32) {
        if let Some(cost) = self.costs.get_mut(kind as usize) {
            *cost = None;
        }
    }

    /// Moves the mean of this kind's cost.
    fn learn(&mut self, kind: u32, cost: Nanos) {
        let (kind, cost) = (kind as usize, cost.min(LONGEST));
        if self.costs.len() <= kind {
            self.costs.resize(kind + 1, None);
        }
        let mean = self.costs[kind].map_or(cost, |mean| (7 * mean + cost) / 8);
        self.costs[kind] = Some(mean);
    }

    /// A worker has answered. Gives the task, to be [forgotten](Self::forget), with its fate, unless it
    /// has none yet or has had one already.
    pub(crate) fn answered(
        &mut self,
        slot: usize,
        sequence: u64,
        (verdict, cost): (Verdict, Nanos),
        now: Nanos,
    ) -> Result<Option<(Key, Fate)>, Breach> {
        if sequence != self.expected(slot) {
            return Err(Breach);
        }
        let is_skipped = verdict == Verdict::Skipped;
        let given = self.slots[slot].answer(now, is_skipped).ok_or(Breach)?;
        self.after_answer(slot);
        let Some(key) = given.task else { return Ok(None) };
        self.in_flight -= 1;
        if is_skipped {
            // It had begun when it was wanted back, and then saw that.
            self.queue(key);
            return Ok(None);
        }
        let task = self.tasks.get_mut(key);
        task.attempts += 1;
        let (kind, may_retry) = (task.kind, task.may_retry());
        self.learn(kind, cost);
        let fate = if verdict == Verdict::Value { Fate::Value } else { Fate::Failed };
        if fate == Fate::Failed && may_retry {
            self.queue(key);
            return Ok(None);
        }
        self.settle();
        Ok(Some((key, fate)))
    }

    /// A task that has its fate, and is not forgotten.
    pub(crate) fn task(&mut self, key: Key) -> &mut Task<T> {
        let task = self.tasks.get_mut(key);
        debug_assert_ne!(task.number, 0, "it is not forgotten");
        task
    }

    /// Whoever wants to know what became of the task has been told.
    pub(crate) fn forget(&mut self, key: Key) {
        let task = self.tasks.get_mut(key);
        let lane = task.lane;
        task.payload = T::default();
        task.number = 0;
        self.tasks.remove(key);
        self.release(lane);
    }

    /// A worker is dead. `running` is what it said it was running last.
    pub(crate) fn died(&mut self, slot: usize, running: u64, now: Nanos) {
        let dead = std::mem::take(&mut self.slots[slot]);
        self.slots[slot].since = now;
        let is_unready = matches!(dead.stage, Stage::Starting | Stage::Warming);
        if is_unready && dead.kill.is_none_or(|kill| kill.why == Why::Time) {
            self.failures += KILLED;
        }
        let first = dead.answered + 1;
        let (kill, retired) = (dead.kill, dead.retiring);
        for (given, sequence) in dead.given.into_iter().zip(first..) {
            let Some(task) = given.task else { continue };
            self.in_flight -= 1;
            match kill {
                Some(kill) if kill.sequence == sequence => self.blame(task, kill.why.fate()),
                // For these the attempt does not count.
                Some(_) => self.queue(task),
                // It had the order to end, and none to run anything.
                None if sequence != first || retired => self.queue(task),
                None if running == sequence => self.blame(task, Fate::Crashed),
                None => self.lose(task),
            }
        }
        self.settle();
    }

    /// An attempt is over, and it was the task's own fault.
    fn blame(&mut self, key: Key, fate: Fate) {
        let task = self.tasks.get_mut(key);
        task.attempts += 1;
        if task.may_retry() && self.phase != Phase::Terminated {
            self.queue(key);
        } else {
            self.done(key, fate);
        }
    }

    /// Its worker died before it began, and this task was next.
    fn lose(&mut self, key: Key) {
        let task = self.tasks.get_mut(key);
        // With enough retries it goes on losing them.
        task.losses = task.losses.saturating_add(1);
        if task.losses >= MOST_LOSSES {
            self.blame(key, Fate::Crashed);
        } else {
            self.queue(key);
        }
    }

    /// Opens a lane: its tasks take turns with those of other lanes.
    pub(crate) fn open_lane(&mut self) -> usize {
        let free = self.lanes.iter().position(Option::is_none);
        let key = free.unwrap_or(self.lanes.len());
        if key == self.lanes.len() {
            self.lanes.push(None);
        }
        self.lanes[key] = Some(Lane::default());
        key
    }

    /// No more tasks will come into this lane.
    pub(crate) fn close_lane(&mut self, key: usize) {
        let lane = self.lane(key);
        lane.closed = true;
        if lane.out == 0 {
            self.lanes[key] = None;
        }
    }

    #[expect(
        clippy::expect_used,
        reason = "a lane is freed only after its last task and its closing"
    )]
    fn lane(&mut self, key: usize) -> &mut Lane {
        self.lanes[key].as_mut().expect("a lane that is open")
    }

    /// Nobody wants these tasks of a lane any more: those that have not begun are taken out; those
    /// that run go on if `spare` says so, else their workers end.
    pub(crate) fn cancel(
        &mut self,
        key: usize,
        (meant, spare): (Meant, bool),
        now: Nanos,
        hands: &mut impl Hands<T>,
    ) {
        for task in self.take_out(key, meant) {
            self.done(task.key, Fate::Cancelled);
        }
        for slot in 0..self.slots.len() {
            let is_meant = |task: &Task<T>| task.lane == key && meant.covers(task.number);
            self.cancel_given(slot, (is_meant, spare), now, hands);
        }
        self.settle();
    }

    fn cancel_given(
        &mut self,
        slot: usize,
        (is_meant, spare): (impl Fn(&Task<T>) -> bool, bool),
        now: Nanos,
        hands: &mut impl Hands<T>,
    ) {
        let first = self.expected(slot);
        for index in 0..self.slots[slot].given.len() {
            let sequence = first + index as u64;
            let given = &mut self.slots[slot].given[index];
            if !given.task.is_some_and(|key| is_meant(self.tasks.get(key))) {
                continue;
            }
            given.marked = true;
            let revoked = hands.revoke(slot, sequence);
            if !revoked && spare {
                continue;
            }
            if let Some(task) = given.task.take() {
                self.in_flight -= 1;
                self.tasks.get_mut(task).attempts += u32::from(!revoked);
                self.done(task, Fate::Cancelled);
            }
            if !revoked {
                self.kill(slot, Why::Cancel, sequence, now);
            }
        }
    }

    fn kill(&mut self, slot: usize, why: Why, sequence: u64, now: Nanos) {
        if self.slots[slot].kill.is_none() {
            self.slots[slot].kill = Some(Kill { why, sequence, at: now });
            self.actions.push(Action::Kill(slot, why));
        }
    }
}
