//! A pool's settings.

use super::worker::{EnvOfWorker, MakeCall, Seat, StreamOfWorker, Workers, make_call};
use super::{Inner, Pool, PoolError, Progress};
use crate::call::CallError;
use crate::item::Item;
use polyproc_info::Process;
use polyproc_pool::{Settings, TaskRules};
use polyproc_process::{StartMethod, Stdio, cpu, start_method};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The variables by which libraries for linear algebra and the like are told how many threads to start.
const THREADS: [&str; 7] = [
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
];

/// A pool with settings: see [`Pool::builder`].
///
/// ```
/// use polyproc::prelude::*;
/// use std::time::Duration;
///
/// let pool = Pool::builder()
///     .workers(2)
///     .max_tasks_per_worker(1000)
///     .task_timeout(Duration::from_secs(10))
///     .build()?;
/// assert_eq!(pool.map(|x: i32| -x, [1, 2, 3])?, [-1, -2, -3]);
/// # Ok::<(), polyproc::Error>(())
/// ```
#[must_use = "it makes nothing until `build` is called"]
pub struct PoolBuilder<S = ()> {
    workers: Option<usize>,
    max_tasks: Option<u64>,
    idle: Option<Duration>,
    memory: Option<u64>,
    rules: TaskRules,
    method: Option<StartMethod>,
    name: String,
    env: Vec<(OsString, OsString)>,
    env_of_worker: Option<EnvOfWorker>,
    is_pinned: bool,
    start_timeout: Duration,
    initializer_timeout: Option<Duration>,
    exit_timeout: Duration,
    stdout: Option<StreamOfWorker>,
    stderr: Option<StreamOfWorker>,
    call: MakeCall,
    on_exit: Option<MakeCallWithExit<S>>,
    progress: Option<Progress>,
}

/// The call of a worker, once its exit function is known.
type MakeCallWithExit<S> = Box<dyn FnOnce(fn(S)) -> MakeCall>;

impl<S> fmt::Debug for PoolBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder").field("workers", &self.workers).finish_non_exhaustive()
    }
}

fn nothing((): ()) {}

impl PoolBuilder {
    pub(super) fn new() -> Self {
        Self {
            workers: None,
            max_tasks: None,
            idle: None,
            memory: None,
            rules: TaskRules::default(),
            method: None,
            name: "Pool".into(),
            env: Vec::new(),
            env_of_worker: None,
            is_pinned: false,
            start_timeout: Duration::from_mins(1),
            initializer_timeout: None,
            exit_timeout: Duration::from_mins(1),
            stdout: None,
            stderr: None,
            call: make_call(nothing, (), None),
            on_exit: Some(Box::new(|exit| make_call(nothing, (), Some(exit)))),
            progress: None,
        }
    }
}

impl<S: 'static> PoolBuilder<S> {
    /// How many workers there may be; by default as many as this process may use processors (see
    /// [`cpu_count`](crate::cpu_count)).
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Replaces a worker after so many tasks (chunks of a `map` count as one), against leaks.
    pub fn max_tasks_per_worker(mut self, tasks: u64) -> Self {
        self.max_tasks = Some(tasks.max(1));
        self
    }

    /// Lets a worker go that had nothing to do for so long. It is started again when it is needed.
    pub fn idle_timeout(mut self, idle: Duration) -> Self {
        self.idle = Some(idle);
        self
    }

    /// Replaces a worker that holds more than so many bytes (resident). If that is seen while it runs a
    /// task, the task fails with [`TaskError::OverMemory`](super::TaskError::OverMemory). Looked at
    /// every 20 ms.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Ends a task that runs for longer, with its worker:
    /// [`TaskError::TimedOut`](super::TaskError::TimedOut).
    pub fn task_timeout(mut self, limit: Duration) -> Self {
        self.rules.timeout = Some(limit);
        self
    }

    /// Tries a task so many times more when it fails or its worker dies.
    pub fn retries(mut self, retries: u32) -> Self {
        self.rules.retries = retries;
        self
    }

    /// How workers are started, instead of [`start_method`](crate::start_method).
    pub fn start_method(mut self, method: StartMethod) -> Self {
        self.method = Some(method);
        self
    }

    /// The workers are called `NAME-1` and so on, instead of `Pool-1`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets a variable of the workers' environment, which otherwise is this process's.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets variables of each worker's environment, by its [`worker_id`](super::worker_id).
    pub fn env_of_worker(
        mut self,
        env: impl Fn(usize) -> Vec<(String, String)> + Send + Sync + 'static,
    ) -> Self {
        self.env_of_worker = Some(Box::new(env));
        self
    }

    /// Has libraries that start threads of their own (`OpenMP`, `OpenBLAS`, MKL, rayon and their like) start
    /// so many in each worker, by the variables of the environment that they heed.
    pub fn threads_per_worker(mut self, threads: usize) -> Self {
        let threads = OsString::from(threads.to_string());
        self.env.extend(THREADS.map(|name| (name.into(), threads.clone())));
        self
    }

    /// Binds each worker, and what it starts, to one of the processors that this process may run on now: in turn,
    /// by its [`worker_id`](super::worker_id). A processor that is gone by then is as an initializer that fails.
    ///
    /// It is for tasks that share nothing with what else runs; two such pools are bound to the same processors.
    pub fn pin_to_processors(mut self) -> Self {
        self.is_pinned = true;
        self
    }

    /// How long a worker's process may take to come up: one minute by default. What its
    /// [initializer](Self::initializer) takes is not part of it: see [`initializer_timeout`](Self::initializer_timeout).
    pub fn start_timeout(mut self, timeout: Duration) -> Self {
        self.start_timeout = timeout;
        self
    }

    /// How long the [initializer](Self::initializer) may take: as long as it wants by default, since it may load
    /// much. A worker that takes longer is killed, which is as an initializer that fails.
    pub fn initializer_timeout(mut self, timeout: Duration) -> Self {
        self.initializer_timeout = Some(timeout);
        self
    }

    /// How long a worker may take to end when it was told to, with what it does last
    /// ([`on_worker_exit`](Self::on_worker_exit), the end of its process): one minute by default. One that takes longer
    /// is killed; its tasks have their results.
    pub fn exit_timeout(mut self, timeout: Duration) -> Self {
        self.exit_timeout = timeout;
        self
    }

    /// Where the standard output of each worker goes, by its [`worker_id`](super::worker_id).
    /// A pipe ([`Stdio::Piped`]) would have no reader.
    pub fn stdout(mut self, stdout: impl Fn(usize) -> Stdio + Send + Sync + 'static) -> Self {
        self.stdout = Some(Box::new(stdout));
        self
    }

    /// The same for standard error, where panics are printed.
    pub fn stderr(mut self, stderr: impl Fn(usize) -> Stdio + Send + Sync + 'static) -> Self {
        self.stderr = Some(Box::new(stderr));
        self
    }

    /// Shows how far a `map` has come: a line on standard error, if that is a terminal.
    pub fn progress(self) -> Self {
        if io::stderr().is_terminal() { self.on_progress(show) } else { self }
    }

    /// Has `hook` called, in the thread that waits in a `map`, whenever results have come: with how many
    /// items are done, and of how many, if that is known.
    pub fn on_progress(mut self, hook: impl Fn(u64, Option<u64>) + Send + Sync + 'static) -> Self {
        self.progress = Some(Box::new(hook));
        self
    }

    /// Has each worker call `initializer(argument)` before its first task. What it returns is the
    /// worker's state: tasks get it by [`submit_with`](Pool::submit_with),
    /// [`map_with`](Pool::map_with), and every other form [`with_state`](super::Calls::with_state).
    ///
    /// An initializer that panics, or ends its worker, fails the tasks that wait
    /// ([`TaskError::NoWorkers`](super::TaskError::NoWorkers)) after three tries.
    pub fn initializer<I, T>(self, initializer: fn(I) -> T, argument: I) -> PoolBuilder<T>
    where
        I: Item + Clone + Send + Sync + 'static,
        T: 'static,
    {
        let again = argument.clone();
        PoolBuilder {
            workers: self.workers,
            max_tasks: self.max_tasks,
            idle: self.idle,
            memory: self.memory,
            rules: self.rules,
            method: self.method,
            name: self.name,
            env: self.env,
            env_of_worker: self.env_of_worker,
            is_pinned: self.is_pinned,
            start_timeout: self.start_timeout,
            initializer_timeout: self.initializer_timeout,
            exit_timeout: self.exit_timeout,
            stdout: self.stdout,
            stderr: self.stderr,
            call: make_call(initializer, argument, None),
            on_exit: Some(Box::new(move |exit| make_call(initializer, again, Some(exit)))),
            progress: self.progress,
        }
    }

    /// Has each worker that ends in good order (not one that is killed) call `exit` with its state last.
    pub fn on_worker_exit(mut self, exit: fn(S)) -> Self {
        if let Some(on_exit) = self.on_exit.take() {
            self.call = on_exit(exit);
        }
        self
    }

    /// The pool. It starts no worker yet.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn build(self) -> Result<Pool<S>, PoolError> {
        let workers = self.workers.unwrap_or_else(|| cpu::count().usable);
        if workers == 0 {
            return Err(PoolError::NoWorkers);
        }
        (self.call)(Seat::default()).map_err(|error| match error {
            CallError::NoImage => PoolError::NoImage,
            CallError::Encode(error) => PoolError::Encode(error),
        })?;
        let starter = Workers {
            call: self.call,
            name: self.name,
            method: self.method.unwrap_or_else(start_method),
            env: self.env,
            env_of_worker: self.env_of_worker,
            processors: if self.is_pinned { processors()? } else { Vec::new() },
            start_timeout: self.start_timeout,
            stdout: self.stdout,
            stderr: self.stderr,
        };
        let settings = Settings {
            workers,
            max_tasks: self.max_tasks,
            idle: self.idle,
            memory: self.memory,
            warming: self.initializer_timeout,
            leaving: Some(self.exit_timeout),
        };
        let inner = Inner {
            engine: polyproc_pool::Pool::new(settings, Box::new(starter))?,
            definitions: Mutex::default(),
            rules: self.rules,
            progress: self.progress,
        };
        Ok(Pool { inner: Arc::new(inner), state: PhantomData })
    }
}

/// Those that this process may run on.
fn processors() -> Result<Vec<usize>, PoolError> {
    let affinity = Process::current().and_then(|process| process.affinity());
    affinity.map_err(|error| PoolError::System(io::Error::other(error)))
}

/// One line that is written over again.
fn show(done: u64, total: Option<u64>) {
    let mut out = io::stderr().lock();
    let end = if Some(done) == total { "\n" } else { "" };
    let total = total.map(|total| format!(" of {total}")).unwrap_or_default();
    drop(write!(out, "\r{done}{total} done{end}"));
}
