//! What all handles of a pool and its supervisor share: the lock, who waits and drives, and what is done
//! once the lock is released.

use crate::bell::Bell;
use crate::core::{Core, Driver, Errands};
use crate::link::{Link, Watch};
use crate::outcome::{NoStart, Notice};
use crate::pool::Starter;
use crate::region;
use crate::supervisor::is_supervisor;
use polyproc_process::StartError;
use polyproc_sync::{Deadline, Owner, Spin};
use polyproc_sys::poll;
use std::io;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A worker on its way to another processor gets there in a tenth of a millisecond.
const LONGEST_MOVE: Duration = Duration::from_micros(300);
/// No sleep of a thread that waits for the driver is longer.
const LONGEST_NAP: Duration = Duration::from_millis(500);

/// The way to what a pool shares, closed in a copy of its process: there a lock may be held for good.
pub(crate) struct Own {
    shared: Arc<Shared>,
    owner: Owner,
}

impl Own {
    pub(crate) fn new(shared: Shared) -> Self {
        let shared = Arc::new_cyclic(|me| Shared { me: Weak::clone(me), ..shared });
        Self { shared, owner: Owner::me() }
    }

    /// `None` in a copy.
    pub(crate) fn ours(&self) -> Option<&Arc<Shared>> {
        (self.owner == Owner::me()).then_some(&self.shared)
    }
}

/// See the [module](self).
pub(crate) struct Shared {
    /// For its supervisor.
    me: Weak<Shared>,
    core: Mutex<Core>,
    /// For threads that wait while another drives.
    changed: Condvar,
    driver_bell: Bell,
    pub(crate) supervisor_bell: Bell,
    starter: Box<dyn Starter>,
    calls: Mutex<Vec<Call>>,
    /// Workers that wait for the thread that is to start them: the supervisor; if starting copies this process, one
    /// that may do that.
    deferred: Mutex<Vec<usize>>,
    /// The supervisor will look at those. It changes under their lock.
    takes_starts: AtomicBool,
    supervisor: Mutex<Option<JoinHandle<()>>>,
    /// Some thread will look at the calls. It becomes `false` under their lock, when there are none.
    has_supervisor: AtomicBool,
    /// Nothing will happen any more.
    is_over: AtomicBool,
    /// Of the driver.
    spin: Spin,
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
    /// # Errors
    /// At the limit on descriptors.
    pub(crate) fn new(core: Core, starter: Box<dyn Starter>) -> io::Result<Self> {
        Ok(Self {
            me: Weak::new(),
            core: Mutex::new(core),
            changed: Condvar::new(),
            driver_bell: Bell::new()?,
            supervisor_bell: Bell::new()?,
            starter,
            calls: Mutex::default(),
            deferred: Mutex::default(),
            takes_starts: AtomicBool::new(false),
            supervisor: Mutex::default(),
            has_supervisor: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            spin: Spin::yielding(),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
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
            core.hand_over();
            // Starts may wait for just this thread: see `run`.
            if core.errands.is_nothing() && !self.starter.copies() {
                return self.tell(&mut core, false, actor);
            }
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
                    // That of a pool that is over may have ended before.
                    self.supervise();
                }
            }
        }
        drop((errands.sinks, errands.memory, errands.runs, errands.links));
        let mut starts = errands.starts;
        if self.starter.copies() {
            let mut deferred = lock(&self.deferred);
            if is_supervisor() {
                deferred.append(&mut starts);
                self.supervisor_bell.ring();
            } else {
                starts.append(&mut deferred);
            }
        } else if !starts.is_empty() && !is_supervisor() {
            self.leave_to_supervisor(&mut starts);
        }
        starts
    }

    /// A start may take long (the fork server comes up, with what it loads), and who submits or waits with a limit
    /// has no time for that.
    fn leave_to_supervisor(&self, starts: &mut Vec<usize>) {
        let mut deferred = lock(&self.deferred);
        if self.takes_starts.load(Ordering::Acquire) {
            deferred.append(starts);
            self.supervisor_bell.ring();
        }
    }

    /// For the supervisor: whether it will look at what is deferred. Gives what is, when it will not.
    pub(crate) fn take_starts(&self, takes: bool) -> Vec<usize> {
        let mut deferred = lock(&self.deferred);
        self.takes_starts.store(takes, Ordering::Release);
        if takes || self.starter.copies() { Vec::new() } else { std::mem::take(&mut *deferred) }
    }

    /// Whether only a thread that uses the pool may start workers.
    pub(crate) fn copies(&self) -> bool {
        self.starter.copies()
    }

    /// Makes a worker. Waits for no other process but the fork server.
    pub(crate) fn start(&self, slot: usize) {
        let made = region::create().map_err(NoStart::Region).and_then(|(side, descriptors)| {
            let start = AssertUnwindSafe(|| self.starter.start(slot, descriptors));
            let started = catch_unwind(start).unwrap_or_else(|_| Err(panicked()));
            let child = started.map_err(NoStart::Start)?;
            child.hands_over();
            Ok(Link::new(Some(child), side))
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
    pub(crate) fn wait(&self, deadline: Deadline, done: &dyn Fn() -> bool) -> bool {
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
            let watches = core.crew.watches();
            core.planned = core.next_look();
            let end = deadline.earlier(core.planned.map_or(Deadline::NEVER, Deadline::at));
            self.finish(core, Actor::Driver);
            if !has_errands && !self.spin(&watches) {
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

    /// Looks for results for as long as that is cheaper than sleeping. It is not while those who owe
    /// some wake up: the processor is better left to them.
    fn spin(&self, watches: &[Watch]) -> bool {
        let is_hopeful = watches.iter().any(|watch| watch.control.is_at_work());
        is_hopeful && (self.spin.until(1, || has_news(watches)) || await_move(watches))
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
        // Who sleeps has planned without workers that cannot ring.
        if drives && self.silence(actor) {
            return;
        }
        for watch in rung {
            watch.control.arm();
        }
        if has_news(rung) {
            return;
        }
        let ends = watches.iter().map(|watch| watch.child.sentinel());
        // The end of a file would end every sleep.
        let bells = rung.iter().map(|watch| {
            if watch.control.is_bell_closed() { bell.as_fd() } else { watch.bell.as_fd() }
        });
        let fds: Vec<_> = [bell.as_fd()].into_iter().chain(ends).chain(bells).collect();
        let since = Instant::now();
        let Ok(ready) = poll::any_readable(&fds, end) else { return };
        if actor == Actor::Driver {
            self.spin.slept(since.elapsed());
        }
        if ready.first() == Some(&0) {
            bell.silence();
        }
        self.note(watches, &ready, actor);
    }

    /// Silences the bells that have rung: not when they did, but before the next sleep, while the
    /// workers are busy with what they were given meanwhile. Says whether there are workers that have none any more.
    fn silence(&self, actor: Actor) -> bool {
        let mute = self.lock().silence();
        if !mute.is_empty() {
            self.with(actor, |core| core.wear_out(&mute));
        }
        !mute.is_empty()
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
                let rung = ready
                    .iter()
                    .filter_map(|index| watches.get(index.checked_sub(1 + watches.len())?));
                rung.for_each(|watch| core.note_bell(watch));
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

    /// Whether a thread waits for results, and is to do what there is to do.
    pub(crate) fn is_driven(&self) -> bool {
        self.lock().driver == Driver::Caller
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

    /// Whether the supervisor may end: nothing is left to be called. Calls that come afterwards have
    /// another one.
    pub(crate) fn retire(&self) -> bool {
        let _core = self.lock();
        let calls = lock(&self.calls);
        if !calls.is_empty() {
            return false;
        }
        // Of a pool that is over nothing is started.
        drop(self.take_starts(false));
        self.has_supervisor.store(false, Ordering::Release);
        self.changed.notify_all();
        true
    }

    /// Makes sure that there is a supervisor.
    pub(crate) fn supervise(&self) {
        if self.has_supervisor.load(Ordering::Acquire) {
            return;
        }
        let mut supervisor = lock(&self.supervisor);
        let Some(me) = self.me.upgrade() else { return };
        // It takes this back itself when it ends, which may be soon.
        if self.has_supervisor.swap(true, Ordering::AcqRel) {
            return;
        }
        self.take_starts(true);
        match crate::supervisor::start(me) {
            Ok(thread) => *supervisor = Some(thread),
            // Threads that wait for results do without it.
            Err(error) => {
                self.has_supervisor.store(false, Ordering::Release);
                for slot in self.take_starts(false) {
                    self.start(slot);
                }
                tracing::warn!(%error, "a pool without a thread of its own");
            }
        }
    }

    /// Waits for the end of the supervisor, if that comes before `deadline`.
    pub(crate) fn dismiss_supervisor(&self, deadline: Deadline) {
        let Some(thread) = lock(&self.supervisor).take().filter(|_| !is_supervisor()) else {
            return;
        };
        let is_there = || self.has_supervisor.load(Ordering::Acquire);
        let mut core = self.lock();
        while is_there() && !deadline.has_passed() {
            let nap = deadline.remaining().unwrap_or(LONGEST_NAP).min(LONGEST_NAP);
            core = self.changed.wait_timeout(core, nap).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(core);
        if !is_there() {
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

/// Looks on while a worker is on its way to another processor. Whoever sleeps then is woken by the worker,
/// and as kernels are, to its new processor, where both would be together again.
fn await_move(watches: &[Watch]) -> bool {
    let since = Instant::now();
    while watches.iter().any(|watch| watch.control.moves()) && since.elapsed() < LONGEST_MOVE {
        if has_news(watches) {
            return true;
        }
    }
    false
}

fn has_news(watches: &[Watch]) -> bool {
    watches.iter().any(|watch| watch.control.has_results())
}
