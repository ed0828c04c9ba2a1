//! How many workers there are: starts, retirements, time, and the end of the pool.

use super::slot::{Slot, Stage};
use super::{
    Action, Dispatcher, EXPLAINED, Fate, Hands, KILL_GRACE, KILLED, MOST_FAILURES, Meant, Nanos,
    Phase, RECLAIM, REFUSAL, Why,
};

impl<T: Default> Dispatcher<T> {
    /// A process was made.
    pub(crate) fn started(&mut self, slot: usize, now: Nanos) {
        self.slots[slot].stage = Stage::Warming;
        self.slots[slot].since = now;
        if self.phase == Phase::Terminated {
            self.kill(slot, Why::Terminate, 0, 0);
        }
    }

    /// No process could be made.
    pub(crate) fn start_failed(&mut self, slot: usize) {
        self.slots[slot] = Slot::default();
        self.failures += EXPLAINED;
        self.settle();
    }

    /// A worker will never be ready, for a reason of its own; `died` follows.
    pub(crate) fn warming_failed(&mut self) {
        self.failures += EXPLAINED - KILLED;
    }

    /// A worker has been told to end, or ends because it refuses to work.
    pub(crate) fn leaves(&mut self, slot: usize, now: Nanos) {
        self.slots[slot].leaving = Some(now);
    }

    /// A worker takes tasks from now on.
    pub(crate) fn ready(&mut self, slot: usize, now: Nanos) {
        if self.slots[slot].stage == Stage::Warming {
            self.slots[slot].stage = Stage::Ready;
            self.slots[slot].since = now;
            self.failures = 0;
            self.after_answer(slot);
            self.settle();
        }
    }

    pub(crate) fn is_warming(&self, slot: usize) -> bool {
        self.slots[slot].stage == Stage::Warming
    }

    /// Asks for the workers that are missing; without hope for any, gives the tasks up.
    pub(super) fn staff(&mut self) {
        if self.queued == 0 {
            return;
        }
        let coming = |slot: &&Slot| matches!(slot.stage, Stage::Starting | Stage::Warming);
        let coming = self.slots.iter().filter(coming).count();
        let on_duty = self.slots.iter().filter(|slot| slot.is_on_duty()).count();
        let most = match self.failures {
            0 => self.limits.workers,
            1..MOST_FAILURES => 1,
            _ => 0,
        };
        let most = most.min(self.limits.workers.saturating_sub(on_duty));
        let missing = self.queued.min(most).saturating_sub(coming);
        for slot in self.vacancies().into_iter().take(missing) {
            self.slots[slot].stage = Stage::Starting;
            self.actions.push(Action::Start(slot));
        }
        let is_hopeless = self.failures >= MOST_FAILURES || self.limits.workers == 0;
        let has_any = self.slots.iter().any(|slot| slot.stage != Stage::Empty);
        if is_hopeless && !has_any && self.queued > 0 {
            self.give_up(Fate::NoWorkers);
        }
    }

    fn vacancies(&self) -> Vec<usize> {
        let hired = self.slots.iter().take(self.limits.workers).enumerate();
        hired.filter(|(_, slot)| slot.stage == Stage::Empty).map(|(index, _)| index).collect()
    }

    /// Everything queued gets this fate.
    fn give_up(&mut self, fate: Fate) {
        for key in 0..self.lanes.len() {
            for task in self.take_out(key, Meant::All) {
                self.done(task.key, fate);
            }
        }
        self.settle();
    }

    /// A worker that is used up and has nothing left is retired.
    pub(super) fn after_answer(&mut self, index: usize) {
        let slot = &self.slots[index];
        if slot.stage == Stage::Ready && slot.used_up && slot.given.is_empty() {
            self.retire(index);
        }
    }

    fn retire(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        if !slot.retiring && slot.kill.is_none() {
            slot.retiring = true;
            self.actions.push(Action::Retire(index));
        }
    }

    /// A closed pool without tasks lets its workers go.
    pub(super) fn settle(&mut self) {
        if self.is_open() || self.queued + self.in_flight > 0 {
            return;
        }
        for index in 0..self.slots.len() {
            if self.slots[index].stage == Stage::Ready {
                self.slots[index].used_up = true;
                self.after_answer(index);
            }
        }
    }

    /// No more tasks will be submitted.
    pub(crate) fn close(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Closed;
            self.settle();
        }
    }

    /// Nothing goes on.
    pub(crate) fn terminate(&mut self, now: Nanos) {
        if self.phase == Phase::Terminated {
            return;
        }
        self.phase = Phase::Terminated;
        self.give_up(Fate::Terminated);
        for index in 0..self.slots.len() {
            let given: Vec<_> =
                self.slots[index].given.iter_mut().filter_map(|given| given.task.take()).collect();
            self.in_flight -= given.len();
            for task in given {
                self.tasks.get_mut(task).attempts += 1;
                self.done(task, Fate::Terminated);
            }
            if matches!(self.slots[index].stage, Stage::Warming | Stage::Ready) {
                self.kill(index, Why::Terminate, 0, now);
            }
        }
    }

    /// There may be more workers, or fewer: those that are too many finish what they have.
    pub(crate) fn resize(&mut self, workers: usize) {
        self.limits.workers = workers;
        if self.slots.len() < workers {
            self.slots.resize_with(workers, Slot::default);
        }
        for index in workers..self.slots.len() {
            if self.slots[index].stage != Stage::Empty {
                self.slots[index].used_up = true;
                self.after_answer(index);
            }
        }
    }

    /// A worker is to be replaced when it has done what it has.
    pub(crate) fn wear_out(&mut self, slot: usize) {
        self.slots[slot].used_up = true;
        self.after_answer(slot);
    }

    /// A worker holds more memory than it may.
    pub(crate) fn overweight(&mut self, slot: usize, now: Nanos) {
        if self.slots[slot].given.is_empty() {
            self.wear_out(slot);
        } else {
            let sequence = self.expected(slot);
            self.kill(slot, Why::Memory, sequence, now);
        }
    }

    /// When to call [`tick`](Self::tick) at the latest.
    pub(crate) fn next_deadline(&self) -> Option<Nanos> {
        let times = self.slots.iter().flat_map(|slot| {
            let grace = slot.kill.filter(|_| !slot.given.is_empty());
            let stuck = slot.is_on_duty() && !slot.stuck && slot.has_waiting();
            [
                slot.overdue_at(),
                grace.map(|kill| kill.at.saturating_add(KILL_GRACE)),
                stuck.then(|| slot.since.saturating_add(RECLAIM)),
                self.idle_at(slot),
                self.late_at(slot),
            ]
        });
        times.flatten().min()
    }

    fn idle_at(&self, slot: &Slot) -> Option<Nanos> {
        let is_idle = slot.is_on_duty() && slot.given.is_empty();
        let idle = self.limits.idle.filter(|_| is_idle)?;
        Some(slot.since.saturating_add(idle))
    }

    /// When a worker will have taken too long to come up or to end. What a process does at its end is the
    /// program's, and may never end; meanwhile it has a place.
    fn late_at(&self, slot: &Slot) -> Option<Nanos> {
        let (since, limit) = match (slot.stage, slot.leaving) {
            (Stage::Warming, Some(since)) => (since, Some(REFUSAL)),
            (Stage::Warming, None) => (slot.since, self.limits.warming),
            (_, Some(since)) => (since, self.limits.leaving),
            (_, None) => return None,
        };
        Some(since.saturating_add(limit.filter(|_| slot.kill.is_none())?))
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Nanos, hands: &mut impl Hands<T>) {
        for index in 0..self.slots.len() {
            let slot = &self.slots[index];
            let sequence = self.expected(index);
            if slot.overdue_at().is_some_and(|end| end <= now) {
                self.kill(index, Why::Time, sequence, now);
            } else if self.late_at(slot).is_some_and(|end| end <= now) {
                self.give_up_on(index, now);
            } else if self.idle_at(slot).is_some_and(|end| end <= now) {
                self.retire(index);
            } else if slot.kill.is_some_and(|kill| kill.at.saturating_add(KILL_GRACE) <= now) {
                self.do_without(index);
            } else if !slot.stuck && slot.has_waiting() && slot.since.saturating_add(RECLAIM) <= now
            {
                self.reclaim(index, hands);
            }
        }
    }

    /// A worker takes too long to come up, which is a failed start, or to end.
    fn give_up_on(&mut self, index: usize, now: Nanos) {
        let slot = &self.slots[index];
        if slot.stage == Stage::Warming && slot.leaving.is_none() {
            self.warming_failed();
        }
        self.kill(index, Why::Time, 0, now);
    }

    /// A killed worker does not go (it waits in the kernel): its tasks do not wait for it.
    fn do_without(&mut self, index: usize) {
        let first = self.expected(index);
        let kill = self.slots[index].kill;
        let given: Vec<_> =
            self.slots[index].given.iter_mut().map(|given| given.task.take()).collect();
        for (task, sequence) in given.into_iter().zip(first..) {
            let Some(task) = task else { continue };
            self.in_flight -= 1;
            match kill {
                Some(kill) if kill.sequence == sequence => self.blame(task, kill.why.fate()),
                _ => self.queue(task),
            }
        }
        self.slots[index].given.iter_mut().for_each(|given| given.marked = true);
        self.settle();
    }

    /// Takes back what waits behind a task that takes long.
    fn reclaim(&mut self, index: usize, hands: &mut impl Hands<T>) {
        let first = self.expected(index);
        for place in 1..self.slots[index].given.len() {
            let given = &mut self.slots[index].given[place];
            if given.task.is_none() {
                continue;
            }
            given.marked = true;
            if !hands.revoke(index, first + place as u64) {
                continue;
            }
            if let Some(task) = given.task.take() {
                self.in_flight -= 1;
                self.queue(task);
            }
        }
        self.slots[index].stuck = true;
    }
}
