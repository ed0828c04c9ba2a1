//! A pool as its user sees it, and who drives it: see `docs/design/0040-pool.md`.

use crate::bell::Bell;
use crate::core::{Core, Driver, Errands, Watch};
use crate::dispatch::{Dispatcher, Limits, Meant, Rules};
use crate::insights::Insights;
use crate::link::{Link, Work};
use crate::outcome::{NoStart, Notice, Run, Sink};
use crate::region;
use crate::supervisor::is_supervisor;
use polyproc_process::{Child, StartError};
use polyproc_sync::{Deadline, Host, Owner, Park};
use polyproc_sys::poll;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// No sleep of a thread that waits for the driver is longer.
const LONGEST_NAP: Duration = Duration::from_millis(500);

/// Every so many tasks, who submits them reads results.
const HELP: u64 = 256;
/// How long the end of a pool may take whose workers were killed.
const FAREWELL: Duration = Duration::from_secs(2);

/// Makes a worker: a process that calls [`serve()`](crate::serve()) with these descriptors.
pub trait Starter: Send + Sync {
    /// Starts the worker of this place.
    ///
    /// # Errors
    /// When no process can be made.
    fn start(&self, place: usize, descriptors: Vec<OwnedFd>) -> Result<Arc<Child>, StartError>;

    /// Whether starting copies this process, so that only a thread that uses the pool may do it.
    fn copies(&self) -> bool;
}

/// What holds for a pool.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many workers there are at most.
    pub workers: usize,
    /// After how many tasks a worker is replaced.
    pub max_tasks: Option<u64>,
    /// After which time without a task a worker is let go.
    pub idle: Option<Duration>,
    /// How many bytes a worker may hold: more, and it is replaced; in a task, that task ends.
    pub memory: Option<u64>,
}

/// What holds for a task.
#[derive(Clone, Copy, Debug, Default)]
pub struct TaskRules {
    /// How long it may run, from its start in the worker.
    pub timeout: Option<Duration>,
    /// How often it is tried again after a failure or the death of its worker.
    pub retries: u32,
}

/// A task to be submitted.
pub struct NewTask {
    /// For the handler.
    pub bytes: Arc<Vec<u8>>,
    /// What comes before them, if that is long: it is written into the worker's ring from where it lies.
    pub run: Option<Run>,
    /// The submitter's own number, for the sink.
    pub index: u64,
    /// Where the outcome goes.
    pub sink: Arc<dyn Sink>,
}

impl fmt::Debug for NewTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewTask").field("index", &self.index).finish_non_exhaustive()
    }
}

/// What tasks have in common, known to the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Definition(u32);

/// Tasks that take turns with those of other lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane(usize);

/// One task that was submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskId {
    lane: Lane,
    number: u64,
}

/// Why tasks are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// It was closed or terminated.
    #[error("the pool is closed")]
    Closed,
    /// It came here by a fork.
    #[error("the pool belongs to the process that this one is a copy of")]
    NotOurs,
}

/// What all handles and the supervisor share.
pub(crate) struct Shared {
    core: Mutex<Core>,
    /// For threads that wait while another drives.
    changed: Condvar,
    driver_bell: Bell,
    pub(crate) supervisor_bell: Bell,
    starter: Box<dyn Starter>,
    owner: Owner,
    calls: Mutex<Vec<Call>>,
    /// Workers that wait for a thread that may copy this process.
    deferred: Mutex<Vec<usize>>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
    /// Nothing will happen any more.
    is_over: AtomicBool,
    /// The supervisor does nothing any more.
    is_unsupervised: AtomicBool,
}

type Call = Box<dyn FnOnce() + Send>;

/// Who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// A thread that uses the pool.
    User,
    /// The one that waits and drives.
    Driver,
    /// The pool's own.
    Supervisor,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Core> {
        lock(&self.core)
    }

    /// Does something under the lock, and afterwards what came of it.
    pub(crate) fn with<R>(&self, actor: Actor, change: impl FnOnce(&mut Core) -> R) -> R {
        let mut core = self.lock();
        let result = change(&mut core);
        self.finish(core, actor);
        result
    }

    /// Releases the lock and runs the errands; what comes of those as well.
    fn finish<'a>(&'a self, mut core: MutexGuard<'a, Core>, actor: Actor) {
        loop {
            let errands = std::mem::take(&mut core.errands);
            self.tell(&mut core, errands.delivered > 0, actor);
            drop(core);
            let starts = self.run(errands);
            if starts.is_empty() {
                return;
            }
            for slot in starts {
                self.start(slot);
            }
            core = self.lock();
        }
    }

    /// Wakes who has to know, if anybody does.
    fn tell(&self, core: &mut Core, has_delivered: bool, actor: Actor) {
        let has_ended = core.dispatcher.is_over() && !self.is_over.swap(true, Ordering::AcqRel);
        if (has_delivered || has_ended) && core.waiting > 0 {
            self.changed.notify_all();
        }
        if has_ended {
            self.supervisor_bell.ring();
        }
        if core.driver == Driver::Caller {
            let is_news = has_delivered || has_ended || core.is_hurried();
            if actor != Actor::Driver && is_news {
                self.driver_bell.ring();
            }
        } else if actor != Actor::Supervisor || has_ended {
            let is_missing = if core.supervised { core.is_hurried() } else { core.needs_driver() };
            if is_missing {
                core.supervised = true;
                self.supervisor_bell.ring();
            }
        }
    }

    /// Everything but starts, which are given back unless they have to wait.
    fn run(&self, errands: Errands) -> Vec<usize> {
        for notice in errands.notices {
            match notice {
                // A runtime that panics must not take the driver along.
                Notice::Wake(waker) => drop(catch_unwind(AssertUnwindSafe(|| waker.wake()))),
                Notice::Call(call) => {
                    lock(&self.calls).push(call);
                    self.supervisor_bell.ring();
                }
            }
        }
        drop((errands.trash, errands.links));
        let mut starts = errands.starts;
        if self.starter.copies() {
            let mut deferred = lock(&self.deferred);
            if is_supervisor() {
                deferred.append(&mut starts);
                self.supervisor_bell.ring();
            } else {
                starts.append(&mut deferred);
            }
        }
        starts
    }

    /// Makes a worker. Waits for no other process but the fork server.
    pub(crate) fn start(&self, slot: usize) {
        let made = region::create().map_err(NoStart::Region).and_then(|(side, descriptors)| {
            let start = AssertUnwindSafe(|| self.starter.start(slot, descriptors));
            let started = catch_unwind(start).unwrap_or_else(|_| Err(panicked()));
            Ok(Link::new(started.map_err(NoStart::Start)?, side))
        });
        let mut core = self.lock();
        match made {
            Ok(link) => core.started(slot, link),
            Err(why) => core.start_failed(slot, why),
        }
        // Whoever sleeps does not know this worker yet.
        if core.driver == Driver::Caller {
            self.driver_bell.ring();
        }
        self.supervisor_bell.ring();
    }

    /// Waits until `done`, and drives meanwhile if nobody else does; says whether it is.
    fn wait(&self, deadline: Deadline, done: &dyn Fn() -> bool) -> bool {
        // Nothing that `done` looks at may need the lock.
        let mut core = self.lock();
        while !done() && !deadline.has_passed() {
            if core.driver == Driver::None {
                core = self.drive(core, deadline, done);
                break;
            }
            core.waiting += 1;
            let nap = deadline.earlier(Deadline::after(LONGEST_NAP)).remaining();
            let nap = nap.unwrap_or(LONGEST_NAP);
            core = self.changed.wait_timeout(core, nap).unwrap_or_else(PoisonError::into_inner).0;
            core.waiting -= 1;
        }
        self.finish(core, Actor::User);
        done()
    }

    fn drive<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core>,
        deadline: Deadline,
        done: &dyn Fn() -> bool,
    ) -> MutexGuard<'a, Core> {
        core.driver = Driver::Caller;
        // If the supervisor sleeps over the rings, it sleeps on: what it has armed, this thread takes.
        core.supervised = core.stands_by;
        loop {
            core.turn();
            let has_errands = !core.errands.is_empty();
            if done() || deadline.has_passed() {
                break;
            }
            let watches = core.watches();
            core.planned = core.next_look();
            let end = deadline.earlier(core.planned.map_or(Deadline::NEVER, Deadline::at));
            self.finish(core, Actor::Driver);
            if !has_errands && !spin(&watches) {
                self.rest((&watches, true), &self.driver_bell, end, Actor::Driver);
            }
            core = self.lock();
        }
        core.driver = Driver::None;
        core.activity += 1;
        if core.waiting > 0 {
            self.changed.notify_all();
        }
        core
    }

    /// Sleeps until a worker is dead or (for who `drives`) has something to say, somebody rings, or
    /// `end`.
    pub(crate) fn rest(
        &self,
        (watches, drives): (&[Watch], bool),
        bell: &Bell,
        end: Deadline,
        actor: Actor,
    ) {
        let rung = if drives { watches } else { &[] };
        for watch in rung {
            watch.control.arm();
        }
        if has_news(rung) {
            return;
        }
        let ends = watches.iter().map(|watch| watch.child.sentinel());
        let bells = rung.iter().map(|watch| watch.bell.as_fd());
        let fds: Vec<_> = [bell.as_fd()].into_iter().chain(ends).chain(bells).collect();
        let Ok(ready) = poll::any_readable(&fds, end) else { return };
        bell.silence();
        self.note(watches, &ready, actor);
    }

    /// What a sleep has ended with: descriptors in the order of [`rest`](Self::rest).
    fn note(&self, watches: &[Watch], ready: &[usize], actor: Actor) {
        if ready.iter().all(|index| *index == 0) {
            return;
        }
        self.with(actor, |core| {
            let woken = ready.iter().filter_map(|index| watches.get(index.checked_sub(1)?));
            woken.for_each(|watch| core.bury_watched(watch));
            // The bells are for who drives: one that another silenced would not wake it.
            if actor == Actor::Driver || core.driver == Driver::None {
                core.crew.links.iter().flatten().for_each(|link| link.side.silence());
                core.turn();
            }
        });
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *lock(&self.calls))
    }

    pub(crate) fn has_deferred(&self) -> bool {
        !lock(&self.deferred).is_empty()
    }

    /// Has a thread that waits start what is deferred.
    pub(crate) fn ask_for_starts(&self) {
        self.driver_bell.ring();
    }

    pub(crate) fn start_all_deferred(&self) {
        let deferred = std::mem::take(&mut *lock(&self.deferred));
        for slot in deferred {
            self.start(slot);
        }
    }

    /// The supervisor has nothing more to do.
    pub(crate) fn retire(&self) {
        let core = self.lock();
        self.is_unsupervised.store(true, Ordering::Release);
        self.changed.notify_all();
        drop(core);
    }

    /// Makes sure that there is a supervisor.
    fn supervise(self: &Arc<Self>) {
        let mut supervisor = lock(&self.supervisor);
        if supervisor.is_none() {
            match crate::supervisor::start(self) {
                Ok(thread) => *supervisor = Some(thread),
                // Threads that wait for results do without it.
                Err(error) => tracing::warn!(%error, "a pool without a thread of its own"),
            }
        }
    }

    /// Waits for the end of the supervisor, if that comes before `deadline`.
    fn dismiss_supervisor(&self, deadline: Deadline) {
        let Some(thread) = lock(&self.supervisor).take().filter(|_| !is_supervisor()) else {
            return;
        };
        let mut core = self.lock();
        while !self.is_unsupervised.load(Ordering::Acquire) && !deadline.has_passed() {
            let nap = deadline.remaining().unwrap_or(LONGEST_NAP).min(LONGEST_NAP);
            core = self.changed.wait_timeout(core, nap).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(core);
        if self.is_unsupervised.load(Ordering::Acquire) {
            drop(thread.join());
        }
    }
}

/// A front whose code for a start panics has no worker, and nobody waits for it.
fn panicked() -> StartError {
    let source = io::Error::other("a panic, in what is told to it or in its settings");
    StartError::System { doing: "start a worker", source }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn has_news(watches: &[Watch]) -> bool {
    watches.iter().any(|watch| watch.control.has_results(watch.position))
}

/// Looks for results for as long as that is cheaper than sleeping.
fn spin(watches: &[Watch]) -> bool {
    !watches.is_empty() && Host::spin(1, || has_news(watches))
}

/// A pool of workers. It starts them when they are needed; dropping it terminates it.
pub struct Pool {
    shared: Arc<Shared>,
    /// That of single submissions.
    lane: Lane,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool without workers yet.
    ///
    /// # Errors
    /// At the limit on descriptors.
    pub fn new(settings: Settings, starter: Box<dyn Starter>) -> io::Result<Self> {
        let limits = Limits {
            workers: settings.workers,
            max_tasks: settings.max_tasks,
            idle: settings.idle.map(nanos),
        };
        let mut dispatcher = Dispatcher::new(limits);
        let lane = Lane(dispatcher.open_lane());
        let shared = Shared {
            core: Mutex::new(Core::new(dispatcher, settings.memory)),
            changed: Condvar::new(),
            driver_bell: Bell::new()?,
            supervisor_bell: Bell::new()?,
            starter,
            owner: Owner::me(),
            calls: Mutex::default(),
            deferred: Mutex::default(),
            supervisor: Mutex::default(),
            is_over: AtomicBool::new(false),
            is_unsupervised: AtomicBool::new(false),
        };
        Ok(Self { shared: Arc::new(shared), lane })
    }

    fn is_ours(&self) -> bool {
        self.shared.owner == Owner::me()
    }

    /// Makes the pool know what tasks have in common.
    pub fn define(&self, definition: &[u8]) -> Definition {
        // In a copy the lock may be held for good; nothing can be submitted there.
        if !self.is_ours() {
            return Definition(0);
        }
        self.shared.with(Actor::User, |core| {
            core.crew.definitions.push(definition.into());
            Definition(core.crew.definitions.len() as u32 - 1)
        })
    }

    /// The lane of single submissions.
    pub fn default_lane(&self) -> Lane {
        self.lane
    }

    /// Opens a lane for tasks that belong together. To be closed.
    pub fn open_lane(&self) -> Lane {
        if !self.is_ours() {
            return self.lane;
        }
        self.shared.with(Actor::User, |core| Lane(core.dispatcher.open_lane()))
    }

    /// Nothing more will come into this lane; what is in it goes on.
    pub fn close_lane(&self, lane: Lane) {
        if self.is_ours() {
            self.shared.with(Actor::User, |core| core.dispatcher.close_lane(lane.0));
        }
    }

    /// Takes tasks in. Returns the last one's id.
    ///
    /// # Errors
    /// [`Refused`]; then none was taken.
    pub fn submit(
        &self,
        (lane, definition): (Lane, Definition),
        rules: TaskRules,
        tasks: impl IntoIterator<Item = NewTask>,
    ) -> Result<TaskId, Refused> {
        if !self.is_ours() {
            return Err(Refused::NotOurs);
        }
        self.shared.supervise();
        let rules = Rules { timeout: rules.timeout.map(nanos), retries: rules.retries };
        self.shared.with(Actor::User, |core| {
            if !core.dispatcher.is_open() {
                return Err(Refused::Closed);
            }
            let mut number = 0;
            for NewTask { bytes, run, index, sink } in tasks {
                let work = Work { bytes, run, index, sink };
                number = core.dispatcher.submit(lane.0, definition.0, rules, work);
            }
            core.go_on(core.now());
            core.activity += 1;
            // Who gives more than there is room for helps to make room, now and then.
            if core.dispatcher.queued() > 0 && number % HELP == 0 {
                core.turn();
            }
            Ok(TaskId { lane, number })
        })
    }

    /// Waits until `done`, and drives the pool meanwhile. Says whether it is done.
    pub fn wait(&self, deadline: Deadline, done: impl Fn() -> bool) -> bool {
        done() || self.is_ours() && self.shared.wait(deadline, &done)
    }

    /// Reads what has come, without waiting: for who only looks whether something is done.
    pub fn look(&self) {
        if self.is_ours() {
            self.shared.with(Actor::User, Core::turn);
        }
    }

    /// A sink has been given `count` notices for outcomes that have not come yet: somebody has to
    /// bring them, even if nobody waits.
    pub fn attend(&self, count: usize) {
        if self.is_ours() {
            self.shared.with(Actor::User, |core| core.attention += count);
        }
    }

    /// Notices that [`attend`](Self::attend) announced were not left with a sink after all.
    pub fn attend_not(&self, count: usize) {
        if self.is_ours() {
            let less = |core: &mut Core| core.attention = core.attention.saturating_sub(count);
            self.shared.with(Actor::User, less);
        }
    }

    /// Has these happen now, and threads that wait look again at what they wait for.
    pub fn notify(&self, notices: Vec<Notice>) {
        if self.is_ours() {
            self.shared.supervise();
            self.shared.with(Actor::User, |core| {
                core.errands.notices.extend(notices);
                core.errands.delivered += 1;
            });
        }
    }

    /// Whether the calling process is the one that made it.
    pub fn is_own(&self) -> bool {
        self.is_ours()
    }

    /// Cancels a task: one that has not begun will not; one that runs is ended with its worker.
    pub fn cancel(&self, task: TaskId) {
        self.cancel_in(task.lane, Meant::One(task.number), false);
    }

    /// Cancels the tasks of a lane that have not begun.
    pub fn cancel_lane(&self, lane: Lane) {
        self.cancel_in(lane, Meant::All, true);
    }

    fn cancel_in(&self, lane: Lane, meant: Meant, spare: bool) {
        if self.is_ours() {
            self.shared.with(Actor::User, |core| {
                core.turn();
                let now = core.now();
                core.dispatcher.cancel(lane.0, (meant, spare), now, &mut core.crew);
                core.go_on(now);
            });
        }
    }

    /// Takes no more tasks; what was submitted goes on.
    pub fn close(&self) {
        if self.is_ours() {
            self.shared.with(Actor::User, |core| {
                core.dispatcher.close();
                core.go_on(core.now());
            });
        }
    }

    /// Whether it takes tasks.
    pub fn is_open(&self) -> bool {
        self.is_ours() && self.shared.with(Actor::User, |core| core.dispatcher.is_open())
    }

    /// Ends all workers at once; tasks without a result are lost.
    pub fn terminate(&self) {
        if self.is_ours() {
            self.shared.with(Actor::User, |core| {
                core.turn();
                core.dispatcher.terminate(core.now());
                core.go_on(core.now());
            });
        }
    }

    /// Waits until a closed pool has done everything and its workers are gone; says whether that is
    /// so.
    pub fn join(&self, deadline: Deadline) -> bool {
        let is_over = self.wait(deadline, || self.shared.is_over());
        if is_over {
            self.shared.dismiss_supervisor(deadline.earlier(Deadline::after(FAREWELL)));
        }
        is_over
    }

    /// From now on there may be so many workers.
    pub fn resize(&self, workers: usize) {
        if self.is_ours() {
            self.shared.with(Actor::User, |core| {
                core.dispatcher.resize(workers);
                core.go_on(core.now());
            });
        }
    }

    /// How many workers there may be; in a copy, none.
    pub fn workers(&self) -> usize {
        if !self.is_ours() {
            return 0;
        }
        self.shared.lock().dispatcher.workers()
    }

    /// The pids of the workers that there are, by place.
    pub fn pids(&self) -> Vec<u32> {
        if !self.is_ours() {
            return Vec::new();
        }
        self.shared.lock().crew.links.iter().flatten().map(|link| link.child.pid()).collect()
    }

    /// What it has done so far; of that a copy knows nothing.
    pub fn insights(&self) -> Insights {
        if !self.is_ours() {
            return Insights::default();
        }
        self.shared.lock().ledger.insights()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.is_ours() {
            self.terminate();
            self.join(Deadline::after(FAREWELL));
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
