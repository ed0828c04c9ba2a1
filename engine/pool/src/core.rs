//! What the pool's lock guards: the dispatcher, the links to the workers, and what is to be done once
//! the lock is released. Nothing here waits, starts a process, or runs foreign code.

use crate::bytes::{Bytes, Spares};
use crate::dispatch::{Action, Dispatcher, Fate, Key, Nanos, Task, Verdict, Why};
use crate::insights::Ledger;
use crate::link::{Crew, Link, Watch, Work};
use crate::outcome::{Cause, Delivery, Loss, NoStart, Notice, Outcome, Run, Sink};
use crate::region::{Answer, Reply};
use crate::ring::Bad;
use crate::sinks::Sinks;
use polyproc_process::{Ending, ExitStatus, Signal};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How soon to look again at a dead worker that nobody has explained yet.
const GLANCE: Duration = Duration::from_millis(5);
/// How often the memory of workers is looked at, if it is limited.
const WEIGH: Duration = Duration::from_millis(20);

/// Who reads the rings, and sleeps until there is something to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    /// Nobody, or the supervisor: see [`Core::supervised`].
    None,
    /// A thread that waits for a result.
    Caller,
}

/// What is to be done without the lock.
#[derive(Default)]
pub(crate) struct Errands {
    pub(crate) starts: Vec<usize>,
    pub(crate) notices: Vec<Notice>,
    /// To drop one may run foreign code.
    pub(crate) sinks: Vec<Arc<dyn Sink>>,
    /// To give it back may take long.
    pub(crate) memory: Vec<Vec<u8>>,
    pub(crate) runs: Vec<Run>,
    pub(crate) links: Vec<Link>,
    /// How many outcomes were delivered.
    pub(crate) delivered: usize,
}

impl fmt::Debug for Errands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Errands").field("starts", &self.starts).finish_non_exhaustive()
    }
}

impl Errands {
    pub(crate) fn is_empty(&self) -> bool {
        self.starts.is_empty() && self.notices.is_empty() && self.links.is_empty()
    }

    /// Whether there is not even anything to be dropped or told.
    pub(crate) fn is_nothing(&self) -> bool {
        let has_drops = !(self.sinks.is_empty() && self.memory.is_empty() && self.runs.is_empty());
        self.is_empty() && !has_drops && self.delivered == 0
    }
}

/// How a worker ended, for the tasks that it had.
struct Death {
    pid: u32,
    ending: Ending,
    item: u64,
    report: Option<Vec<u8>>,
    /// It was killed for what it wrote.
    is_breach: bool,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) dispatcher: Dispatcher<Work>,
    pub(crate) crew: Crew,
    pub(crate) driver: Driver,
    /// The supervisor reads the rings, or will look by itself whether it has to.
    pub(crate) supervised: bool,
    /// It does the latter: callers come and go, and it takes over when none has for a moment.
    pub(crate) stands_by: bool,
    /// Counts what callers do that drives the pool.
    pub(crate) activity: u64,
    /// When who sleeps over the rings will look at the latest.
    pub(crate) planned: Option<Instant>,
    /// How many threads wait for the driver.
    pub(crate) waiting: usize,
    /// How many notices are registered and not yet sent.
    pub(crate) attention: usize,
    pub(crate) errands: Errands,
    pub(crate) sinks: Sinks,
    /// Outcomes that were not handed over yet, all for the sink of this number.
    deliveries: (u32, Vec<Delivery>),
    pub(crate) ledger: Ledger,
    spares: Spares,
    epoch: Instant,
    memory_limit: Option<u64>,
    weighed: Instant,
    no_start: Arc<NoStart>,
}

impl Core {
    pub(crate) fn new(dispatcher: Dispatcher<Work>, memory_limit: Option<u64>) -> Self {
        let now = Instant::now();
        Self {
            dispatcher,
            crew: Crew::default(),
            driver: Driver::None,
            supervised: false,
            stands_by: false,
            activity: 0,
            planned: None,
            waiting: 0,
            attention: 0,
            errands: Errands::default(),
            sinks: Sinks::default(),
            deliveries: (0, Vec::new()),
            ledger: Ledger::default(),
            spares: Spares::default(),
            epoch: now,
            memory_limit,
            weighed: now,
            no_start: Arc::new(NoStart::None),
        }
    }

    pub(crate) fn now(&self) -> Nanos {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Whether there is something to wait for from the workers.
    pub(crate) fn is_busy(&self) -> bool {
        let warming = |slot| self.dispatcher.is_warming(slot);
        self.dispatcher.queued() + self.dispatcher.in_flight() > 0
            || (0..self.crew.links.len()).any(warming)
    }

    /// Whether something has to happen even if no thread waits for a result.
    pub(crate) fn needs_driver(&self) -> bool {
        // The workers of a closed pool leave though nobody waits.
        let is_closed = !self.dispatcher.is_open();
        let is_pressing = self.attention > 0 || self.dispatcher.queued() > 0 || is_closed;
        is_pressing && self.is_busy() || self.next_look().is_some()
    }

    /// Reads what workers have written, gives out what can be given.
    pub(crate) fn turn(&mut self) {
        let now = self.now();
        for slot in 0..self.crew.links.len() {
            if self.crew.get(slot).is_some_and(|link| link.is_dead) {
                self.bury(slot);
            } else {
                self.drain(slot, now);
            }
        }
        if self.dispatcher.next_deadline().is_some_and(|end| end <= now) {
            self.dispatcher.tick(now, &mut self.crew);
        }
        self.weigh(now);
        self.go_on(now);
    }

    /// Does what was decided, and gives out tasks, until nothing more is to be done.
    pub(crate) fn go_on(&mut self, now: Nanos) {
        loop {
            self.dispatcher.pump(now, &mut self.crew);
            if !self.dispatcher.has_actions() {
                break;
            }
            self.act(None);
        }
        self.crew.publish(|slot, count| self.ledger.given(slot, count, now));
        self.hand_over();
        let (workers, queued) = (self.dispatcher.workers(), self.dispatcher.queued());
        self.ledger.published.count(workers, queued, self.dispatcher.in_flight());
    }

    /// Reads the answers of one worker.
    fn drain(&mut self, slot: usize, now: Nanos) {
        loop {
            let Some(link) = self.crew.get(slot) else { return };
            if link.is_mute {
                return;
            }
            let kept_rules = match link.side.next(&mut self.spares) {
                Ok(None) => {
                    link.side.consume();
                    return;
                }
                Ok(Some(answer)) => self.take(slot, answer, now).is_some(),
                Err(Bad) => false,
            };
            if !kept_rules {
                self.mute(slot);
            }
        }
    }

    /// A worker that does not keep the rules is as good as dead.
    fn mute(&mut self, slot: usize) {
        if let Some(link) = self.crew.get(slot) {
            tracing::warn!(pid = link.pid(), "a worker wrote what no worker writes");
            link.is_mute = true;
            link.kill();
        }
    }

    /// One answer; `None` when it is against the rules.
    fn take(&mut self, slot: usize, answer: Answer, now: Nanos) -> Option<()> {
        let verdict = match answer.reply {
            Reply::Ready | Reply::Refused if !self.dispatcher.is_warming(slot) => return None,
            Reply::Ready => {
                self.dispatcher.ready(slot, now);
                self.ledger.ready(slot, now);
                return Some(());
            }
            Reply::Refused => {
                let pid = self.crew.get(slot)?.pid();
                self.no_start = Arc::new(NoStart::Refused { pid, reason: answer.bytes.into_vec() });
                self.dispatcher.warming_failed();
                self.dispatcher.leaves(slot, now);
                self.crew.get(slot)?.is_mute = true;
                return Some(());
            }
            Reply::Value => Verdict::Value,
            Reply::Failed | Reply::NoRoom => Verdict::Failed,
            Reply::Skipped => Verdict::Skipped,
        };
        let Answer { reply, sequence, cost, bytes } = answer;
        let told = self.dispatcher.answered(slot, sequence, (verdict, cost), now).ok()?;
        let Some((key, fate)) = told else {
            self.ledger.passed(slot, cost, now);
            return Some(());
        };
        let task = self.dispatcher.task(key);
        self.ledger.answered(slot, task, (cost, bytes.len()), now);
        if fate == Fate::Value {
            // Not by way of `deliver`: an outcome is large to be moved.
            let index = self.part_with(key);
            self.deliveries.1.push(Delivery { index, outcome: Outcome::Value(bytes), cost });
        } else {
            let pid = self.crew.get(slot).map_or(0, |link| link.pid());
            let outcome = failure(task, (reply, bytes), pid);
            self.deliver(key, outcome, cost);
        }
        Some(())
    }

    fn deliver(&mut self, key: Key, outcome: Outcome, cost: Nanos) {
        let index = self.part_with(key);
        self.deliveries.1.push(Delivery { index, outcome, cost });
    }

    /// Forgets a task, whose outcome is to be the next of the deliveries: those that follow each other
    /// for one sink are handed over together. Gives the submitter's number.
    fn part_with(&mut self, key: Key) -> u64 {
        let task = self.dispatcher.task(key);
        let (kind, &Work { index, sink, .. }) = (task.kind, &task.payload);
        if let Some(run) = task.payload.run.take() {
            self.errands.runs.push(run);
        }
        if !task.payload.bytes.is_few() {
            let bytes = std::mem::take(&mut task.payload.bytes);
            self.errands.memory.extend(self.spares.keep(bytes));
        }
        self.dispatcher.forget(key);
        self.crew.done(kind);
        if self.deliveries.0 != sink {
            self.hand_over();
            self.deliveries.0 = sink;
        }
        index
    }

    /// Hands the outcomes that were noted to their sink.
    pub(crate) fn hand_over(&mut self) {
        let (number, deliveries) = &mut self.deliveries;
        let count = deliveries.len();
        let Some(sink) = self.sinks.get(*number).filter(|_| count > 0) else { return };
        let before = self.errands.notices.len();
        sink.deliver(deliveries, &mut self.errands.notices);
        deliveries.clear();
        self.errands.delivered += count;
        self.errands.sinks.extend(self.sinks.done(*number, count));
        self.attention = self.attention.saturating_sub(self.errands.notices.len() - before);
    }

    fn act(&mut self, death: Option<&Death>) {
        for action in self.dispatcher.take_actions() {
            match action {
                Action::Start(slot) => self.errands.starts.push(slot),
                Action::Retire(slot) => {
                    self.crew.dismiss(slot);
                    self.dispatcher.leaves(slot, self.now());
                }
                Action::Kill(slot, why) => self.kill(slot, why),
                Action::Done(key, fate) => self.lose(key, fate, death),
            }
        }
    }

    fn kill(&mut self, slot: usize, why: Why) {
        let is_warming = self.dispatcher.is_warming(slot);
        let Some(link) = self.crew.get(slot) else { return };
        tracing::debug!(pid = link.pid(), ?why, "a worker is killed");
        link.kill();
        // One that refused has said why itself.
        if why == Why::Time && is_warming && !link.is_mute {
            link.is_mute = true;
            let limit = Duration::from_nanos(self.dispatcher.limits().warming.unwrap_or_default());
            self.no_start = Arc::new(NoStart::Late { pid: link.pid(), limit });
        }
    }

    fn lose(&mut self, key: Key, fate: Fate, death: Option<&Death>) {
        let task = self.dispatcher.task(key);
        let limit = Duration::from_nanos(task.rules.timeout.unwrap_or_default());
        let cause = match fate {
            Fate::Crashed if death.is_some_and(|death| death.is_breach) => Cause::Breach,
            Fate::Value | Fate::Failed | Fate::Crashed => Cause::Crashed,
            Fate::TimedOut => Cause::TimedOut(limit),
            Fate::OverMemory => Cause::OverMemory(self.memory_limit.unwrap_or_default()),
            Fate::Cancelled => Cause::Cancelled,
            Fate::Terminated => Cause::Terminated,
            Fate::NoWorkers => Cause::NoWorkers(Arc::clone(&self.no_start)),
            Fate::NoRoom => Cause::NoRoom("no memory for the task".into()),
        };
        let loss = Loss {
            pid: death.map(|death| death.pid),
            ending: death.map(|death| death.ending),
            item: death.map_or(0, |death| death.item),
            report: death.and_then(|death| death.report.clone()),
            ..loss(cause, task)
        };
        self.ledger.lost(fate);
        self.deliver(key, Outcome::Lost(Box::new(loss)), 0);
    }

    /// A worker's process is there.
    pub(crate) fn started(&mut self, slot: usize, link: Link) {
        let now = self.now();
        self.ledger.started(slot, link.pid(), now);
        link.side.post(self.ledger.published.ticket(slot));
        self.crew.add(slot, link);
        self.dispatcher.started(slot, now);
        self.go_on(now);
    }

    /// A worker's process could not be made.
    pub(crate) fn start_failed(&mut self, slot: usize, why: NoStart) {
        self.no_start = Arc::new(why);
        self.dispatcher.start_failed(slot);
        self.go_on(self.now());
    }

    /// The process of this slot seems to be dead. Looks again later if nobody says how it ended.
    pub(crate) fn bury(&mut self, slot: usize) {
        let now = self.now();
        // What it has written before its death counts.
        self.drain(slot, now);
        self.hand_over();
        let is_warming = self.dispatcher.is_warming(slot);
        let Some(link) = self.crew.get(slot) else { return };
        let Some(child) = link.child.clone() else { return };
        let Some(ending) = child.poll() else {
            self.crew.miss(slot);
            return;
        };
        // Handles in results that nobody has read by now, nobody will read.
        child.settle();
        let (pid, running) = (link.pid(), link.side.running());
        let report = child.take_report().map(|report| report.body.to_vec());
        let death = Death { pid, ending, item: link.side.item(), report, is_breach: link.is_mute };
        let killed = ExitStatus::Signaled { signal: Signal::KILL, core_dumped: false };
        if is_warming && !link.is_mute {
            let failure = child.failure();
            self.no_start = Arc::new(NoStart::Died { pid, ending, failure });
            if ending.status != killed {
                self.dispatcher.warming_failed();
            }
        }
        self.errands.links.extend(self.crew.remove(slot));
        self.ledger.died(slot, ending, now);
        self.dispatcher.died(slot, running, now);
        self.act(Some(&death));
        self.go_on(now);
    }

    /// The same, if it is still the one that was watched.
    pub(crate) fn bury_watched(&mut self, watch: &Watch) {
        if self.watched(watch).is_some() {
            self.bury(watch.slot);
        }
    }

    /// The worker that was watched has rung its bell.
    pub(crate) fn note_bell(&mut self, watch: &Watch) {
        if let Some(link) = self.watched(watch) {
            link.side.note_bell();
        }
    }

    fn watched(&mut self, watch: &Watch) -> Option<&mut Link> {
        let link = self.crew.get(watch.slot)?;
        let is_same = link.child.as_ref().is_some_and(|child| Arc::ptr_eq(child, &watch.child));
        is_same.then_some(link)
    }

    /// When to look again at the latest.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        let timer = self.dispatcher.next_deadline();
        let timer = timer.map(|end| self.epoch + Duration::from_nanos(end));
        let glance = self.has_unexplained().then(|| Instant::now() + GLANCE);
        let weigh = self.is_weighing().then(|| self.weighed + WEIGH);
        [timer, glance, weigh].into_iter().flatten().min()
    }

    /// Whether somebody has to look earlier than who sleeps over the rings has planned.
    pub(crate) fn is_hurried(&self) -> bool {
        let look = self.next_look();
        look.is_some_and(|look| self.planned.is_none_or(|planned| look < planned))
    }

    /// Workers that are dead, and nobody has said how; or that cannot say anything by themselves.
    fn has_unexplained(&self) -> bool {
        let is_silent = |link: &Link| link.is_dead || link.side.control().is_to_be_asked();
        self.crew.links.iter().flatten().any(is_silent)
    }

    /// Silences the bells that have rung. Gives the workers that have none any more.
    pub(crate) fn silence(&mut self) -> Vec<usize> {
        let links = self.crew.links.iter_mut().enumerate();
        links.filter_map(|(slot, link)| link.as_mut()?.side.silence().then_some(slot)).collect()
    }

    /// These workers do what they have, and are replaced.
    pub(crate) fn wear_out(&mut self, slots: &[usize]) {
        for slot in slots {
            tracing::warn!(slot, "a task has closed the descriptors of its worker");
            self.dispatcher.wear_out(*slot);
        }
        self.turn();
    }

    fn is_weighing(&self) -> bool {
        self.memory_limit.is_some() && self.dispatcher.in_flight() > 0
    }

    /// Ends workers that hold too much.
    fn weigh(&mut self, now: Nanos) {
        let Some(limit) = self.memory_limit else { return };
        if self.weighed.elapsed() < WEIGH {
            return;
        }
        self.weighed = Instant::now();
        for slot in 0..self.crew.links.len() {
            let pid = self.crew.get(slot).map(|link| link.pid());
            let resident = pid.and_then(|pid| polyproc_sys::stat::resident(pid).ok().flatten());
            if resident.is_some_and(|bytes| bytes > limit) && !self.dispatcher.is_warming(slot) {
                self.dispatcher.overweight(slot, now);
            }
        }
    }
}

/// The outcome of a task that its worker says has failed.
#[cold]
fn failure(task: &mut Task<Work>, (reply, bytes): (Reply, Bytes), pid: u32) -> Outcome {
    if reply == Reply::NoRoom {
        let loss = loss(Cause::NoRoom(String::from_utf8_lossy(&bytes).into_owned()), task);
        return Outcome::Lost(Box::new(Loss { pid: Some(pid), ..loss }));
    }
    Outcome::Failed { report: bytes.into_vec(), pid, attempts: task.attempts }
}

/// The loss of a task, of which no worker is known to have ended. Its bytes go back.
fn loss(cause: Cause, task: &mut Task<Work>) -> Loss {
    let (attempts, task) = (task.attempts, std::mem::take(&mut task.payload.bytes));
    Loss { cause, pid: None, ending: None, attempts, item: 0, report: None, task }
}
