//! Pools: many tasks over a few processes that are kept.

mod builder;
mod calls;
mod chunk;
mod error;
mod handle;
mod insights;
mod iter;
mod kind;
mod lent;
mod map_task;
mod run;
mod stream;
mod task;
mod worker;

pub use builder::PoolBuilder;
pub use calls::Calls;
pub use error::{PoolError, TaskError, TaskFacts};
pub use handle::Task;
pub use insights::PoolInsights;
pub use iter::{Imap, ImapUnordered, PoolMap};
pub use kind::{Kind, Plain, Sharing, WithState};
pub use map_task::MapTask;
pub use worker::worker_id;

use crate::item::Item;
use polyproc_pool::{Deadline, Definition, Refused, TaskRules};
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use task::Target;

/// What a pool and all handles of its tasks share.
pub(crate) struct Inner {
    pub(crate) engine: polyproc_pool::Pool,
    definitions: Mutex<Definitions>,
    /// For every task that does not say otherwise.
    rules: TaskRules,
    progress: Option<Progress>,
}

/// What the workers know or will be told, by target.
#[derive(Debug, Default)]
struct Definitions {
    all: HashMap<Target, Definition>,
    /// The one that was asked for last: a loop asks for the same again and again.
    last: Option<(Target, Definition)>,
}

/// Called with how many items of a `map` are done, and how many there are, if that is known.
pub(crate) type Progress = Box<dyn Fn(u64, Option<u64>) + Send + Sync>;

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// What the tasks of a call have in common.
#[derive(Clone, Debug)]
struct Job {
    definition: Definition,
    rules: TaskRules,
    /// What keeps the definition known to the pool, if it is not for good.
    _object: Option<Arc<kind::Object>>,
}

impl Inner {
    /// That of tasks that have nothing in common but their function. It is kept for good.
    fn definition(&self, target: Target) -> Result<Definition, TaskError> {
        self.define(&self.definitions, target, &[])
    }

    /// The definition for these tasks, which `known` holds if there is one.
    fn define(
        &self,
        known: &Mutex<Definitions>,
        target: Target,
        object: &[u8],
    ) -> Result<Definition, TaskError> {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, definition)) = known.last.filter(|(last, _)| *last == target) {
            return Ok(definition);
        }
        if let Some(&definition) = known.all.get(&target) {
            known.last = Some((target, definition));
            return Ok(definition);
        }
        let bytes = target.encode(object).ok_or_else(|| TaskError::NotHere {
            task: TaskFacts::default(),
            reason: "its function is in no loaded program file".into(),
        })?;
        let definition = self.engine.define(&bytes);
        known.all.insert(target, definition);
        Ok(definition)
    }
}

impl From<Refused> for TaskError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotOurs => Self::NotOurs,
            _ => Self::Closed,
        }
    }
}

/// A few processes that run many tasks, each isolated from this process by the system.
///
/// Workers are started when tasks need them, and kept. A task that panics, exits, crashes or is killed
/// costs nobody else's result: its own error says what happened, and another worker takes over.
///
/// ```
/// use polyproc::prelude::*;
///
/// let pool = Pool::new(2)?;
/// let squares: Vec<u64> = pool.map(|x: u64| x * x, 0..1000)?;
/// assert_eq!(squares[30], 900);
///
/// let crash = pool.submit(|()| -> () { std::process::abort() }, ());
/// let error: TaskError = crash.get().unwrap_err();
/// assert!(error.to_string().contains("SIGABRT"));
/// assert_eq!(pool.apply(|x: u64| x + 1, 1)?, 2);
/// # Ok::<(), polyproc::Error>(())
/// ```
///
/// A pool can be used from many threads at once. Dropping it [terminates](Self::terminate) it.
///
/// # Large values
///
/// | to pass on | take | cost |
/// |---|---|---|
/// | bytes, or numbers of one type, as the whole argument or result | `Vec<u8>`, `Vec<f64>`, … | a copy on each side |
/// | the same inside a struct or tuple | as it is; vectors of structs as [`Blob`](crate::Blob) | a copy or two more |
/// | what is written in one process and read or changed in another | [`SharedArray`](crate::SharedArray) | none: the handle travels |
/// | what all tasks read | [`sharing`](Calls::sharing), or a `SharedArray` in each argument | once for each worker; none |
/// | what the caller keeps | [`map_ref`](Self::map_ref), [`submit_ref`](Self::submit_ref) | as above, and nothing is cloned |
///
/// With many megabytes under way, a map takes its items only as fast as its workers do.
///
/// `S` is what the [initializer](PoolBuilder::initializer) makes in each worker.
pub struct Pool<S = ()> {
    inner: Arc<Inner>,
    state: PhantomData<fn(S)>,
}

impl<S> fmt::Debug for Pool<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("workers", &self.inner.engine.workers())
            .finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool of at most `workers` processes, by the program's start method. It starts none yet.
    /// `Pool::builder().build()` has as many as this process may use processors.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn new(workers: usize) -> Result<Self, PoolError> {
        Self::builder().workers(workers).build()
    }

    /// A pool with settings.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::new()
    }
}

impl<S: 'static> Pool<S> {
    /// Settings for some of its tasks: time limit, retries, chunks.
    pub fn calls(&self) -> Calls<'_, S> {
        Calls::new(self)
    }

    /// Runs `function(argument)` in a worker, and waits for it.
    ///
    /// # Errors
    /// [`TaskError`].
    pub fn apply<A, R>(&self, function: fn(A) -> R, argument: A) -> Result<R, TaskError>
    where
        A: Item + 'static,
        R: Item + 'static,
    {
        self.submit(function, argument).get()
    }

    /// Has a worker run `function(argument)`. What fails, fails at the handle.
    ///
    /// Functions, arguments and results are as for [`spawn`](crate::spawn).
    #[doc(alias = "apply_async")]
    pub fn submit<A, R>(&self, function: fn(A) -> R, argument: A) -> Task<R>
    where
        A: Item + 'static,
        R: Item + 'static,
    {
        self.calls().submit(function, argument)
    }

    /// [`submit`](Self::submit) for a function that is given the worker's state.
    ///
    /// ```
    /// use polyproc::prelude::*;
    ///
    /// fn connect(greeting: String) -> Vec<String> { vec![greeting] }
    /// fn count(seen: &mut Vec<String>, word: String) -> usize { seen.push(word); seen.len() }
    ///
    /// let pool = Pool::builder().workers(1).initializer(connect, "hello".to_owned()).build()?;
    /// assert_eq!(pool.submit_with(count, "you".to_owned()).get()?, 2);
    /// # Ok::<(), polyproc::Error>(())
    /// ```
    pub fn submit_with<A, R>(&self, function: fn(&mut S, A) -> R, argument: A) -> Task<R>
    where
        A: Item + 'static,
        R: Item + 'static,
    {
        self.calls().with_state().submit(function, argument)
    }

    /// Runs `function` for every item, and gives the results in the items' order. Several arguments are
    /// a tuple.
    ///
    /// Items go to the workers in chunks, as large as their cost suggests. If a worker dies in the
    /// middle of a chunk, the chunk's other items are run again, one by one; with
    /// [`chunk(1)`](Calls::chunk) no item is ever begun twice.
    ///
    /// # Errors
    /// The first [`TaskError`] that comes; items that have not begun then will not.
    #[doc(alias = "starmap")]
    pub fn map<A, R>(
        &self,
        function: fn(A) -> R,
        items: impl IntoIterator<Item = A>,
    ) -> Result<Vec<R>, TaskError>
    where
        A: Item + 'static,
        R: Item + 'static,
    {
        self.calls().map(function, items)
    }

    /// [`map`](Self::map) for a function that is given the worker's state.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn map_with<A, R>(
        &self,
        function: fn(&mut S, A) -> R,
        items: impl IntoIterator<Item = A>,
    ) -> Result<Vec<R>, TaskError>
    where
        A: Item + 'static,
        R: Item + 'static,
    {
        self.calls().with_state().map(function, items)
    }

    /// [`map`](Self::map) without waiting: the items are taken at once.
    #[doc(alias = "starmap_async")]
    pub fn map_async<A, R>(
        &self,
        function: fn(A) -> R,
        items: impl IntoIterator<Item = A>,
    ) -> MapTask<A, R>
    where
        A: Item + 'static,
        R: Item + 'static,
    {
        self.calls().map_async(function, items)
    }

    /// The results one by one, in the items' order; each is its own `Result`. Items are taken as results
    /// are, so there may be any number of them.
    ///
    /// ```
    /// let pool = polyproc::Pool::new(2)?;
    /// let mut squares = pool.imap(|x: u64| x * x, 0..);
    /// assert_eq!(squares.nth(100).unwrap()?, 10_000);
    /// # Ok::<(), polyproc::Error>(())
    /// ```
    pub fn imap<A, R, I>(&self, function: fn(A) -> R, items: I) -> Imap<I::IntoIter, A, R>
    where
        A: Item + 'static,
        R: Item + 'static,
        I: IntoIterator<Item = A>,
    {
        self.calls().imap(function, items)
    }

    /// The results one by one, as they come.
    pub fn imap_unordered<A, R, I>(
        &self,
        function: fn(A) -> R,
        items: I,
    ) -> ImapUnordered<I::IntoIter, A, R>
    where
        A: Item + 'static,
        R: Item + 'static,
        I: IntoIterator<Item = A>,
    {
        self.calls().imap_unordered(function, items)
    }

    /// Takes no more tasks. What was submitted goes on; then the workers end in good order.
    pub fn close(&self) {
        self.inner.engine.close();
    }

    /// Kills the workers. Tasks that are not done fail with [`TaskError::Terminated`].
    pub fn terminate(&self) {
        self.inner.engine.terminate();
    }

    /// Waits until a closed pool has done everything and its workers have ended.
    ///
    /// # Errors
    /// [`PoolError::StillOpen`] when the pool takes tasks.
    pub fn join(&self) -> Result<(), PoolError> {
        if self.inner.engine.is_open() {
            return Err(PoolError::StillOpen);
        }
        self.inner.engine.join(Deadline::NEVER);
        Ok(())
    }

    /// [`join`](Self::join) for no longer than `timeout`; says whether all have ended.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub fn join_timeout(&self, timeout: Duration) -> Result<bool, PoolError> {
        if self.inner.engine.is_open() {
            return Err(PoolError::StillOpen);
        }
        Ok(self.inner.engine.join(Deadline::after(timeout)))
    }

    /// From now on there may be so many workers. Those that are too many end after the tasks that they
    /// have.
    ///
    /// # Errors
    /// [`PoolError::NoWorkers`].
    pub fn resize(&self, workers: usize) -> Result<(), PoolError> {
        if workers == 0 {
            return Err(PoolError::NoWorkers);
        }
        self.inner.engine.resize(workers);
        Ok(())
    }

    /// How many workers there may be.
    pub fn workers(&self) -> usize {
        self.inner.engine.workers()
    }

    /// The pids of the workers that run now.
    pub fn pids(&self) -> Vec<u32> {
        self.inner.engine.pids()
    }

    /// What the workers have done, and where the time went.
    pub fn insights(&self) -> PoolInsights {
        let insights = self.inner.engine.insights();
        PoolInsights::new(insights, &self.pids())
    }
}

impl<S> Drop for Pool<S> {
    fn drop(&mut self) {
        self.inner.engine.terminate();
        self.inner.engine.join(Deadline::after(FAREWELL));
    }
}

/// How long the end of killed workers may take.
const FAREWELL: Duration = Duration::from_secs(2);
