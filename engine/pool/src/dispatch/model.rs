//! The dispatcher against a world of workers that die, stall and answer in any order of events.

use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

/// What a worker of the model does.
#[expect(clippy::struct_excessive_bools, reason = "facts that come one by one")]
#[derive(Debug, Default)]
struct Worker {
    starting: bool,
    alive: bool,
    ready: bool,
    ordered_to_end: bool,
    /// Sequence, task's number, and whether it was marked as not wanted.
    ring: VecDeque<(u64, u64, bool)>,
    /// The last sequence that it has begun.
    running: u64,
    /// Whether it skips that: when it has looked at the mark, some time after it began.
    skips: Option<bool>,
}

const RING: usize = 5;

/// The processes.
#[derive(Debug, Default)]
struct World {
    workers: Vec<Worker>,
    gives: HashMap<u64, u32>,
}

impl Hands<u64> for World {
    fn give(&mut self, slot: usize, sequence: u64, task: &Task<u64>) -> Room {
        let worker = &mut self.workers[slot];
        assert!(worker.alive && worker.ready, "a task for a worker that is not there");
        if task.number % 50 == 49 {
            return Room::Never;
        }
        if worker.ring.len() == RING {
            return Room::Full;
        }
        worker.ring.push_back((sequence, task.number, false));
        *self.gives.entry(task.number).or_default() += 1;
        Room::Given
    }

    fn revoke(&mut self, slot: usize, sequence: u64) -> bool {
        let worker = &mut self.workers[slot];
        let entry = worker.ring.iter_mut().find(|entry| entry.0 == sequence);
        entry.is_some_and(|entry| {
            entry.2 = true;
            worker.running < sequence
        })
    }
}

#[derive(Debug)]
struct Model {
    dispatcher: Dispatcher<u64>,
    world: World,
    lanes: Vec<usize>,
    now: Nanos,
    submitted: HashMap<u64, Rules>,
    fates: HashMap<u64, Fate>,
    /// How often a worker died in this task, or it failed, or was killed for it.
    strikes: HashMap<u64, u32>,
    losses: HashMap<u64, u32>,
}

#[derive(Clone, Debug)]
enum Step {
    Submit { lane: usize, count: usize, timeout: bool, retries: u32 },
    Start { works: bool },
    Ready(usize),
    RefuseReady(usize),
    Begin(usize),
    Answer { slot: usize, works: bool },
    Die(usize),
    Pass(Nanos),
    Cancel { lane: usize, pick: usize, spare: bool },
    CancelLane(usize),
    OtherLane(usize),
    Resize(usize),
    Overweight(usize),
    Close,
    Terminate,
}

const SLOTS: usize = 3;
const WARMING: Nanos = 40_000_000;
const LEAVING: Nanos = 60_000_000;

impl Model {
    fn new() -> Self {
        let limits = Limits {
            workers: SLOTS,
            max_tasks: Some(7),
            idle: Some(50_000_000),
            warming: Some(WARMING),
            leaving: Some(LEAVING),
        };
        let mut dispatcher = Dispatcher::new(limits);
        let lanes = vec![dispatcher.open_lane(), dispatcher.open_lane()];
        let mut world = World::default();
        world.workers.resize_with(SLOTS + 2, Worker::default);
        let (submitted, fates) = (HashMap::new(), HashMap::new());
        let (strikes, losses) = (HashMap::new(), HashMap::new());
        Self { dispatcher, world, lanes, now: 1, submitted, fates, strikes, losses }
    }

    fn tell(&mut self, key: Key, fate: Fate) {
        let Task { number, payload, .. } = *self.dispatcher.task(key);
        self.dispatcher.forget(key);
        assert_eq!(payload, number * 10, "the task has its own payload");
        assert_eq!(self.fates.insert(number, fate), None, "one fate for task {number}");
        let strikes = self.strikes.get(&number).copied().unwrap_or(0);
        let rules = self.submitted[&number];
        if matches!(fate, Fate::Failed | Fate::Crashed | Fate::TimedOut | Fate::OverMemory) {
            let lost = self.losses.get(&number).copied().unwrap_or(0);
            let forgiven = u32::from(lost >= u32::from(MOST_LOSSES)) * lost;
            assert!(strikes + forgiven > rules.retries, "task {number} has had all its tries");
            assert!(strikes <= rules.retries + 1, "and no more");
        }
    }

    /// Does what was decided, until nothing more is.
    fn act(&mut self) {
        loop {
            self.dispatcher.pump(self.now, &mut self.world);
            let actions = self.dispatcher.take_actions();
            if actions.is_empty() {
                break;
            }
            for action in actions {
                self.act_on(action);
            }
        }
        let over = self.dispatcher.is_over();
        let told = self.fates.len() == self.submitted.len();
        let missing = self.submitted.len() - self.fates.len();
        assert_eq!(missing, self.dispatcher.queued + self.dispatcher.in_flight);
        assert!(!over || told);
        self.check_turns();
    }

    fn check_turns(&self) {
        let Dispatcher { turns, lanes, .. } = &self.dispatcher;
        for (key, lane) in lanes.iter().enumerate() {
            let has_tasks = lane.as_ref().is_some_and(|lane| !lane.queue.is_empty());
            let count = turns.iter().filter(|turn| **turn == key).count();
            assert_eq!(count, usize::from(has_tasks), "turns of lane {key}");
        }
    }

    fn act_on(&mut self, action: Action) {
        match action {
            Action::Start(slot) => {
                let worker = &mut self.world.workers[slot];
                assert!(!worker.alive && !worker.starting, "a start into an empty place");
                worker.starting = true;
            }
            Action::Retire(slot) => {
                let worker = &mut self.world.workers[slot];
                assert!(worker.alive && worker.ring.is_empty(), "nothing is left to do");
                worker.ordered_to_end = true;
                self.dispatcher.leaves(slot, self.now);
            }
            Action::Kill(slot, _) => self.world.workers[slot].ordered_to_end = true,
            Action::Done(key, fate) => self.tell(key, fate),
        }
    }

    fn die(&mut self, slot: usize) {
        let worker = &mut self.world.workers[slot];
        if !worker.alive {
            return;
        }
        let running = worker.running;
        let front = worker.ring.front().copied();
        *worker = Worker::default();
        let killed = self.dispatcher.slots[slot].kill;
        if let (Some((sequence, number, _)), true) = (front, self.dispatcher.front(slot).is_some())
        {
            let blamed = killed.map_or(running == sequence, |kill| kill.sequence == sequence);
            if blamed {
                *self.strikes.entry(number).or_default() += 1;
            } else if killed.is_none() {
                *self.losses.entry(number).or_default() += 1;
            }
        }
        self.dispatcher.died(slot, running, self.now);
    }

    fn answer(&mut self, slot: usize, works: bool) {
        let worker = &mut self.world.workers[slot];
        let Some((sequence, number, marked)) = worker.ring.front().copied() else { return };
        let begun = worker.running == sequence;
        if !worker.alive || !(begun || marked) {
            return;
        }
        worker.ring.pop_front();
        worker.running = sequence;
        let verdict = match (worker.skips.take().unwrap_or(marked), works) {
            (true, _) => Verdict::Skipped,
            (false, true) => Verdict::Value,
            (false, false) => Verdict::Failed,
        };
        let is_wanted = self.dispatcher.front(slot).is_some();
        if verdict == Verdict::Failed && is_wanted {
            *self.strikes.entry(number).or_default() += 1;
        }
        let answer = (verdict, if works { 1000 } else { 5_000_000 });
        let told = self.dispatcher.answered(slot, sequence, answer, self.now).unwrap();
        if let Some((key, fate)) = told {
            assert_eq!(self.dispatcher.task(key).number, number);
            self.tell(key, fate);
        }
    }

    /// It begins a task, and later looks whether that is still wanted.
    fn begin(&mut self, slot: usize) {
        let worker = &mut self.world.workers[slot];
        let Some(&(sequence, _, marked)) = worker.ring.front().filter(|_| worker.alive) else {
            return;
        };
        if worker.running < sequence {
            worker.running = sequence;
        } else {
            worker.skips.get_or_insert(marked);
        }
    }

    fn start(&mut self, works: bool) {
        for slot in 0..self.world.workers.len() {
            let worker = &mut self.world.workers[slot];
            if !std::mem::take(&mut worker.starting) {
                continue;
            }
            worker.alive = works;
            if works {
                self.dispatcher.started(slot, self.now);
            } else {
                self.dispatcher.start_failed(slot);
            }
        }
    }

    fn ready(&mut self, slot: usize) {
        let worker = &mut self.world.workers[slot];
        if worker.alive && !worker.ready {
            worker.ready = true;
            self.dispatcher.ready(slot, self.now);
        }
    }

    fn submit(&mut self, lane: usize, rules: Rules) {
        if self.dispatcher.is_open() {
            let payload = self.dispatcher.next_number * 10;
            let number = self.dispatcher.submit(self.lanes[lane], 0, rules, payload);
            self.submitted.insert(number, rules);
        }
    }

    fn pass(&mut self, time: Nanos) {
        self.now += time;
        let before: Vec<_> = self.dispatcher.slots.iter().map(|slot| slot.kill).collect();
        for (slot, kill) in before.into_iter().enumerate() {
            // A task that is told without its worker's death is told for the kill.
            let waits = kill.is_some_and(|kill| kill.at + KILL_GRACE <= self.now);
            let sequence = self.dispatcher.expected(slot);
            let meant = kill.is_some_and(|kill| kill.sequence == sequence);
            if let (true, true, Some(task)) = (waits, meant, self.dispatcher.front(slot)) {
                *self.strikes.entry(task.number).or_default() += 1;
            }
        }
        self.dispatcher.tick(self.now, &mut self.world);
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Submit { lane, count, timeout, retries } => {
                let rules = Rules { timeout: timeout.then_some(2_000_000), retries };
                (0..count).for_each(|_| self.submit(lane, rules));
            }
            Step::Start { works } => self.start(works),
            Step::Ready(slot) => self.ready(slot),
            Step::RefuseReady(slot) => {
                if self.world.workers[slot].alive && !self.world.workers[slot].ready {
                    self.dispatcher.warming_failed();
                    self.die(slot);
                }
            }
            Step::Begin(slot) => self.begin(slot),
            Step::Answer { slot, works } => self.answer(slot, works),
            Step::Die(slot) => self.die(slot),
            Step::Pass(time) => self.pass(time),
            Step::Cancel { lane, pick, spare } => self.cancel_one(lane, pick, spare),
            Step::CancelLane(lane) => self.cancel(lane, Meant::All, true),
            Step::OtherLane(lane) => {
                self.dispatcher.close_lane(self.lanes[lane]);
                self.lanes[lane] = self.dispatcher.open_lane();
            }
            Step::Resize(workers) => self.dispatcher.resize(workers),
            Step::Overweight(slot) => {
                if self.dispatcher.slots.len() > slot && self.world.workers[slot].ready {
                    self.dispatcher.overweight(slot, self.now);
                }
            }
            Step::Close => self.dispatcher.close(),
            Step::Terminate => self.dispatcher.terminate(self.now),
        }
        self.act();
    }

    fn cancel_one(&mut self, lane: usize, pick: usize, spare: bool) {
        let mut open: Vec<_> =
            self.submitted.keys().filter(|number| !self.fates.contains_key(number)).collect();
        open.sort();
        if let Some(&&number) = open.get(pick) {
            self.cancel(lane, Meant::One(number), spare);
        }
    }

    fn cancel(&mut self, lane: usize, meant: Meant, spare: bool) {
        let lane = self.lanes[lane];
        self.dispatcher.cancel(lane, (meant, spare), self.now, &mut self.world);
    }

    /// From here on everybody does what he should: everything must come to an end.
    fn finish(&mut self) {
        self.dispatcher.close();
        for _ in 0..10_000 {
            self.act();
            if self.dispatcher.is_over() {
                return;
            }
            self.start(true);
            (0..self.world.workers.len()).for_each(|slot| self.behave(slot));
        }
        panic!("not over: {self:?}");
    }
}

impl Model {
    fn behave(&mut self, slot: usize) {
        self.ready(slot);
        if self.world.workers[slot].ordered_to_end {
            self.die(slot);
        }
        self.begin(slot);
        self.answer(slot, true);
    }
}

fn steps() -> impl Strategy<Value = Step> {
    let slot = 0..SLOTS + 2;
    prop_oneof![
        4 => (0..2_usize, 1..8_usize, any::<bool>(), 0..3_u32).prop_map(
            |(lane, count, timeout, retries)| Step::Submit { lane, count, timeout, retries }
        ),
        6 => proptest::bool::weighted(0.9).prop_map(|works| Step::Start { works }),
        8 => slot.clone().prop_map(Step::Ready),
        1 => slot.clone().prop_map(Step::RefuseReady),
        12 => slot.clone().prop_map(Step::Begin),
        12 => (slot.clone(), proptest::bool::weighted(0.8))
            .prop_map(|(slot, works)| Step::Answer { slot, works }),
        4 => slot.clone().prop_map(Step::Die),
        3 => (1..3 * KILL_GRACE).prop_map(Step::Pass),
        3 => (1..3_000_000_u64).prop_map(Step::Pass),
        2 => (0..2_usize, 0..20_usize, any::<bool>())
            .prop_map(|(lane, pick, spare)| Step::Cancel { lane, pick, spare }),
        1 => (0..2_usize).prop_map(Step::CancelLane),
        1 => (0..2_usize).prop_map(Step::OtherLane),
        1 => (1..SLOTS + 2).prop_map(Step::Resize),
        1 => slot.prop_map(Step::Overweight),
        1 => proptest::bool::weighted(0.1).prop_map(|now| if now { Step::Close } else { Step::Pass(1) }),
        1 => proptest::bool::weighted(0.1)
            .prop_map(|now| if now { Step::Terminate } else { Step::Pass(1) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn every_task_has_one_fate(steps in proptest::collection::vec(steps(), 0..120)) {
        let mut model = Model::new();
        for step in &steps {
            model.step(step);
        }
        model.finish();
        prop_assert_eq!(model.fates.len(), model.submitted.len());
    }
}

/// With every worker ready.
fn staffed(limits: Limits) -> Model {
    let mut model = Model::new();
    model.dispatcher = Dispatcher::new(limits);
    model.lanes = vec![model.dispatcher.open_lane(), model.dispatcher.open_lane()];
    model
}

const PLAIN: Limits =
    Limits { workers: 1, max_tasks: None, idle: None, warming: None, leaving: None };

#[test]
fn lanes_take_turns() {
    let mut model = staffed(PLAIN);
    (0..20).for_each(|_| model.submit(0, Rules::default()));
    (0..3).for_each(|_| model.submit(1, Rules::default()));
    let mut order = Vec::new();
    model.act();
    model.start(true);
    model.ready(0);
    for _ in 0..6 {
        model.act();
        order.push(model.world.workers[0].ring[0].1);
        model.begin(0);
        model.answer(0, false);
    }
    assert_eq!(order, [1, 21, 2, 22, 3, 23]);
}

#[test]
fn a_poisonous_task_is_given_up_and_the_others_go_on() {
    let mut model = staffed(PLAIN);
    model.submit(0, Rules { timeout: None, retries: 2 });
    (0..3).for_each(|_| model.submit(0, Rules::default()));
    for _ in 0..20 {
        model.act();
        model.start(true);
        model.ready(0);
        model.act();
        model.begin(0);
        if model.world.workers[0].ring.front().is_some_and(|front| front.1 == 1) {
            model.die(0);
        } else {
            model.answer(0, true);
        }
    }
    assert_eq!(model.fates[&1], Fate::Crashed);
    assert_eq!((model.world.gives[&1], model.fates.len()), (3, 4));
}

#[test]
fn a_task_with_many_tries_outlives_any_number_of_workers() {
    let mut model = staffed(PLAIN);
    model.submit(0, Rules { timeout: None, retries: u32::MAX });
    for _ in 0..2 * u32::from(u8::MAX) {
        model.act();
        model.start(true);
        model.ready(0);
        model.act();
        model.die(0);
    }
    assert!(model.fates.is_empty());
}

#[test]
fn without_hope_for_a_worker_tasks_are_given_up_after_a_bounded_number_of_starts() {
    let mut model = staffed(Limits { workers: 3, ..PLAIN });
    (0..10).for_each(|_| model.submit(0, Rules::default()));
    let mut starts = 0;
    for _ in 0..20 {
        model.act();
        starts += model.world.workers.iter().filter(|worker| worker.starting).count();
        model.start(false);
    }
    assert!((3..=6).contains(&starts), "{starts}");
    assert!(model.fates.values().all(|fate| *fate == Fate::NoWorkers) && model.fates.len() == 10);
}

#[test]
fn what_waits_behind_a_long_task_goes_elsewhere() {
    let mut model = staffed(Limits { workers: 2, ..PLAIN });
    model.dispatcher.learn(0, 1000);
    (0..5).for_each(|_| model.submit(0, Rules::default()));
    model.act();
    model.start(true);
    model.ready(0);
    model.act();
    assert_eq!(model.world.workers[0].ring.len(), 5);
    model.begin(0);
    model.ready(1);
    model.pass(RECLAIM + 1);
    model.act();
    assert_eq!(model.world.workers[1].ring.len(), 4, "all but the one that runs");
}

#[test]
fn an_answer_out_of_turn_is_a_breach() {
    let mut model = staffed(PLAIN);
    model.submit(0, Rules::default());
    model.act();
    model.start(true);
    let value = (Verdict::Value, 1);
    assert!(model.dispatcher.answered(0, 1, value, 1).is_err(), "before it is ready");
    model.ready(0);
    model.act();
    for wrong in [0, 2, u64::MAX] {
        assert!(model.dispatcher.answered(0, wrong, value, 1).is_err());
    }
    let skipped = (Verdict::Skipped, 1);
    assert!(model.dispatcher.answered(0, 1, skipped, 1).is_err(), "nobody revoked it");
    assert!(model.dispatcher.answered(0, 1, value, 1).is_ok());
}

#[test]
fn a_worker_that_is_never_ready_is_a_failed_start() {
    let mut model = staffed(Limits { warming: Some(WARMING), ..PLAIN });
    model.submit(0, Rules::default());
    let mut starts = 0;
    while model.fates.is_empty() {
        model.act();
        starts += usize::from(model.world.workers[0].starting);
        model.start(true);
        model.pass(WARMING);
        model.act();
        assert_eq!(model.world.workers[0].ordered_to_end, model.world.workers[0].alive);
        model.die(0);
    }
    assert_eq!((starts, model.fates[&1]), (3, Fate::NoWorkers));
}

#[test]
fn a_worker_that_does_not_end_makes_room_for_another() {
    let mut model = staffed(Limits { max_tasks: Some(1), leaving: Some(LEAVING), ..PLAIN });
    (0..2).for_each(|_| model.submit(0, Rules::default()));
    for _ in 0..2 {
        model.act();
        model.start(true);
        model.ready(0);
        model.act();
        model.begin(0);
        model.answer(0, true);
        model.act();
        assert!(model.dispatcher.slots[0].kill.is_none(), "it has time to end");
        model.pass(LEAVING);
        assert!(model.dispatcher.slots[0].kill.is_some());
        model.act();
        model.die(0);
    }
    assert!(model.fates.values().all(|fate| *fate == Fate::Value) && model.fates.len() == 2);
}
