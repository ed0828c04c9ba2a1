//! A pool as its user sees it: see `docs/design/0040-pool.md`.

use crate::bytes::Bytes;
use crate::core::Core;
use crate::dispatch::{Dispatcher, Limits, Meant, Rules};
use crate::insights::Insights;
use crate::link::{Link, Work};
use crate::outcome::{Notice, Run, Sink};
use crate::published::Published;
use crate::shared::{Actor, Own, Shared};
use polyproc_process::{Child, StartError};
use polyproc_sync::Deadline;
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

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

    /// What the pool is called where it is seen from outside.
    fn name(&self) -> &str;
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
    /// How long a worker may take from its start until it says that it is ready.
    pub warming: Option<Duration>,
    /// How long a worker may take to end when it was told to.
    pub leaving: Option<Duration>,
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
#[derive(Default)]
pub struct NewTask {
    /// For the handler.
    pub bytes: Bytes,
    /// What comes before them, if that is long: it is written into the worker's ring from where it lies.
    pub run: Option<Run>,
    /// The submitter's own number, for the sink.
    pub index: u64,
}

impl NewTask {
    /// How many bytes it is.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        Run::of(self.run.as_ref()).len() + self.bytes.len()
    }
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

/// A pool of workers. It starts them when they are needed; dropping it terminates it. In a copy of its
/// process, made by a fork, it refuses tasks and does nothing.
pub struct Pool {
    own: Own,
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
    pub fn new(settings: Settings, starter: Box<dyn Starter>) -> Result<Self, StartError> {
        let limits = Limits {
            workers: settings.workers,
            max_tasks: settings.max_tasks,
            idle: settings.idle.map(nanos),
            warming: settings.warming.map(nanos),
            leaving: settings.leaving.map(nanos),
        };
        let mut dispatcher = Dispatcher::new(limits);
        let lane = Lane(dispatcher.open_lane());
        let mut core = Core::new(dispatcher, settings.memory);
        core.ledger.published = Published::named(starter.name());
        let shared = Shared::new(core, starter);
        let shared = shared.map_err(|source| StartError::system("make its bells", source))?;
        Ok(Self { own: Own::new(shared), lane })
    }

    /// Does something to the pool, unless this is a copy of it.
    fn with<R>(&self, change: impl FnOnce(&mut Core) -> R) -> Option<R> {
        self.own.ours().map(|shared| shared.with(Actor::User, change))
    }

    /// Asks the pool something, unless this is a copy of it.
    fn ask<R>(&self, question: impl FnOnce(&Core) -> R) -> Option<R> {
        self.own.ours().map(|shared| question(&shared.lock()))
    }

    /// Makes the pool know what tasks have in common.
    pub fn define(&self, definition: &[u8]) -> Definition {
        let defined = self.with(|core| {
            let number = core.crew.definitions.add(definition);
            core.dispatcher.unlearn(number);
            Definition(number)
        });
        // With a copy's nothing can be submitted.
        defined.unwrap_or(Definition(0))
    }

    /// No more tasks with this definition will be submitted. When those that were are done, it is gone,
    /// here at once and from each worker with its next task.
    pub fn retire(&self, definition: Definition) {
        self.with(|core| core.crew.retire(definition.0));
    }

    /// The lane of single submissions.
    pub fn default_lane(&self) -> Lane {
        self.lane
    }

    /// Opens a lane for tasks that belong together. To be closed.
    pub fn open_lane(&self) -> Lane {
        self.with(|core| Lane(core.dispatcher.open_lane())).unwrap_or(self.lane)
    }

    /// Nothing more will come into this lane; what is in it goes on.
    pub fn close_lane(&self, lane: Lane) {
        self.with(|core| core.dispatcher.close_lane(lane.0));
    }

    /// Takes tasks in, whose outcomes go to `sink`. Returns the last one's id.
    ///
    /// # Errors
    /// [`Refused`]; then none was taken.
    pub fn submit(
        &self,
        (lane, definition): (Lane, Definition),
        rules: TaskRules,
        sink: Arc<dyn Sink>,
        tasks: impl IntoIterator<Item = NewTask>,
    ) -> Result<TaskId, Refused> {
        let shared = self.own.ours().ok_or(Refused::NotOurs)?;
        if shared.is_over() {
            return Err(Refused::Closed);
        }
        shared.supervise();
        let rules = Rules { timeout: rules.timeout.map(nanos), retries: rules.retries };
        shared.with(Actor::User, |core| {
            if !core.dispatcher.is_open() {
                return Err(Refused::Closed);
            }
            let (mut number, mut count) = (0, 0);
            let sink = core.sinks.add(sink);
            for NewTask { bytes, run, index } in tasks {
                count += 1;
                let work = Work { bytes, run, index, sink };
                number = core.dispatcher.submit(lane.0, definition.0, rules, work);
            }
            core.crew.definitions.submitted(definition.0, count);
            core.sinks.submitted(sink, count);
            if count == 0 {
                core.errands.sinks.extend(core.sinks.done(sink, 0));
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
        done() || self.own.ours().is_some_and(|shared| shared.wait(deadline, &done))
    }

    /// Reads what has come, without waiting: for who only looks whether something is done.
    pub fn look(&self) {
        self.with(Core::turn);
    }

    /// A sink has been given `count` notices for outcomes that have not come yet: somebody has to
    /// bring them, even if nobody waits.
    pub fn attend(&self, count: usize) {
        self.with(|core| core.attention += count);
    }

    /// Notices that [`attend`](Self::attend) announced were not left with a sink after all.
    pub fn attend_not(&self, count: usize) {
        self.with(|core| core.attention = core.attention.saturating_sub(count));
    }

    /// Has these happen now, and threads that wait look again at what they wait for.
    pub fn notify(&self, notices: Vec<Notice>) {
        self.with(|core| {
            core.errands.notices.extend(notices);
            core.errands.delivered += 1;
        });
    }

    /// Whether the calling process is the one that made it.
    pub fn is_own(&self) -> bool {
        self.own.ours().is_some()
    }

    /// Cancels a task: one that has not begun will not; one that runs is ended with its worker.
    pub fn cancel(&self, task: TaskId) {
        self.cancel_in(task.lane, Meant::One(task.number), false);
    }

    /// Cancels the tasks of a lane that have not begun.
    pub fn cancel_lane(&self, lane: Lane) {
        self.cancel_in(lane, Meant::All, true);
    }

    /// Cancels all tasks of a lane: those that run are ended with their workers.
    pub fn end_lane(&self, lane: Lane) {
        self.cancel_in(lane, Meant::All, false);
    }

    fn cancel_in(&self, lane: Lane, meant: Meant, spare: bool) {
        self.with(|core| {
            core.turn();
            let now = core.now();
            core.dispatcher.cancel(lane.0, (meant, spare), now, &mut core.crew);
            core.go_on(now);
        });
    }

    /// Takes no more tasks; what was submitted goes on.
    pub fn close(&self) {
        self.with(|core| {
            core.dispatcher.close();
            core.go_on(core.now());
        });
    }

    /// Whether it takes tasks.
    pub fn is_open(&self) -> bool {
        self.ask(|core| core.dispatcher.is_open()).unwrap_or(false)
    }

    /// Ends all workers at once; tasks without a result are lost.
    pub fn terminate(&self) {
        self.with(|core| {
            core.turn();
            core.dispatcher.terminate(core.now());
            core.go_on(core.now());
        });
    }

    /// Waits until a closed pool has done everything and its workers are gone; says whether that is
    /// so. A copy knows nothing of that.
    pub fn join(&self, deadline: Deadline) -> bool {
        let Some(shared) = self.own.ours() else { return false };
        let is_over = self.wait(deadline, || shared.is_over());
        if is_over {
            shared.dismiss_supervisor(deadline.earlier(Deadline::after(FAREWELL)));
        }
        is_over
    }

    /// From now on there may be so many workers.
    pub fn resize(&self, workers: usize) {
        self.with(|core| {
            core.dispatcher.resize(workers);
            core.go_on(core.now());
        });
    }

    /// How many workers there may be; in a copy, none.
    pub fn workers(&self) -> usize {
        self.ask(|core| core.dispatcher.workers()).unwrap_or(0)
    }

    /// The pids of the workers that there are, by place; in a copy, none.
    pub fn pids(&self) -> Vec<u32> {
        let pids = |core: &Core| core.crew.links.iter().flatten().map(Link::pid).collect();
        self.ask(pids).unwrap_or_default()
    }

    /// What it has done so far; of that a copy knows nothing.
    pub fn insights(&self) -> Insights {
        self.ask(|core| core.ledger.insights()).unwrap_or_default()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.terminate();
        self.join(Deadline::after(FAREWELL));
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
