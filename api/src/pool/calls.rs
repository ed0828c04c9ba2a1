//! Calls of a pool with settings of their own.

use super::chunk;
use super::iter::{Imap, ImapUnordered, MapTask};
use super::stream::{BlockValues, Cutting, Stream};
use super::task::Target;
use super::{Job, Pool, Task, TaskError, TaskFacts};
use polyproc_pool::{Spares, TaskRules};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// So many items of an `imap` may be under way, or done and not taken yet.
const IMAP_WINDOW: usize = 1 << 16;

/// Calls of a pool, with settings: see [`Pool::calls`].
///
/// ```
/// use std::time::Duration;
///
/// let pool = polyproc::Pool::new(2)?;
/// let calls = pool.calls().timeout(Duration::from_secs(60)).retries(2);
/// assert_eq!(calls.map(|x: u8| x + 1, [1, 2])?, [2, 3]);
/// # Ok::<(), polyproc::Error>(())
/// ```
pub struct Calls<'p, S = ()> {
    pool: &'p Pool<S>,
    rules: TaskRules,
    chunk: Option<usize>,
    window: usize,
}

impl<S> fmt::Debug for Calls<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("rules", &self.rules).field("chunk", &self.chunk).finish()
    }
}

impl<'p, S: 'static> Calls<'p, S> {
    pub(super) fn new(pool: &'p Pool<S>) -> Self {
        Self { pool, rules: pool.inner.rules, chunk: None, window: IMAP_WINDOW }
    }

    /// A time limit for each task. Then every item is a task of its own.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.rules.timeout = Some(limit);
        self
    }

    /// How often a task is tried again. Then every item is a task of its own.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.rules.retries = retries;
        self
    }

    /// How many items go to a worker at once, instead of as many as their cost suggests.
    #[must_use]
    pub fn chunk(mut self, items: usize) -> Self {
        self.chunk = Some(items);
        self
    }

    /// How many items of an `imap` may be under way, or done and not taken yet: 65,536 by default.
    #[must_use]
    pub fn window(mut self, items: usize) -> Self {
        self.window = items;
        self
    }

    fn job(&self, target: Target) -> Result<Job, TaskError> {
        self.pool.inner.job(target, self.rules)
    }

    /// As [`Pool::submit`].
    pub fn submit<A, R>(&self, function: fn(A) -> R, argument: A) -> Task<R>
    where
        A: Serialize + DeserializeOwned + 'static,
        R: Serialize + DeserializeOwned + 'static,
    {
        self.submit_to(Target::plain(function), argument)
    }

    /// As [`Pool::submit_with`].
    pub fn submit_with<A, R>(&self, function: fn(&mut S, A) -> R, argument: A) -> Task<R>
    where
        A: Serialize + DeserializeOwned + 'static,
        R: Serialize + DeserializeOwned + 'static,
    {
        self.submit_to(Target::stateful(function), argument)
    }

    fn submit_to<A, R>(&self, target: Target, argument: A) -> Task<R>
    where
        A: Serialize + 'static,
        R: DeserializeOwned + 'static,
    {
        let encoded =
            chunk::encode(&mut vec![argument], &mut Spares::default()).map_err(|source| {
                let (task, source) = (TaskFacts::default(), Box::new(source));
                TaskError::Arguments { task, verb: "encoded", source }
            });
        Task::submit(&self.pool.inner, self.job(target), encoded)
    }

    /// As [`Pool::map`].
    ///
    /// # Errors
    /// As [`Pool::map`].
    pub fn map<A, R>(
        &self,
        function: fn(A) -> R,
        items: impl IntoIterator<Item = A>,
    ) -> Result<Vec<R>, TaskError>
    where
        A: Serialize + DeserializeOwned + 'static,
        R: Serialize + DeserializeOwned + 'static,
    {
        self.map_to(Target::plain(function), items.into_iter())
    }

    /// As [`Pool::map_with`].
    ///
    /// # Errors
    /// As [`Pool::map`].
    pub fn map_with<A, R>(
        &self,
        function: fn(&mut S, A) -> R,
        items: impl IntoIterator<Item = A>,
    ) -> Result<Vec<R>, TaskError>
    where
        A: Serialize + DeserializeOwned + 'static,
        R: Serialize + DeserializeOwned + 'static,
    {
        self.map_to(Target::stateful(function), items.into_iter())
    }

    fn stream<A, R, I>(
        &self,
        target: Target,
        items: I,
        (window, in_order): (usize, bool),
    ) -> Result<Stream<I, A, R>, TaskError>
    where
        A: Serialize + DeserializeOwned + 'static,
        R: DeserializeOwned + 'static,
        I: Iterator<Item = A>,
    {
        let cutting = Cutting { size: self.chunk, window, in_order };
        Ok(Stream::new(&self.pool.inner, self.job(target)?, cutting, items))
    }

    fn map_to<A, R>(
        &self,
        target: Target,
        items: impl Iterator<Item = A>,
    ) -> Result<Vec<R>, TaskError>
    where
        A: Serialize + DeserializeOwned + 'static,
        R: DeserializeOwned + 'static,
    {
        let most = items.size_hint().0;
        let mut stream = self.stream(target, items, (usize::MAX, true))?;
        let mut gathered = Gathered::new(most);
        let mut done = 0;
        while let Some(count) = stream.gather(&mut gathered)? {
            done += count as u64;
            if let Some(progress) = &self.pool.inner.progress {
                progress(done, stream.total());
            }
        }
        Ok(gathered.in_order)
    }

    /// As [`Pool::map_async`].
    pub fn map_async<A, R>(
        &self,
        function: fn(A) -> R,
        items: impl IntoIterator<Item = A>,
    ) -> MapTask<A, R>
    where
        A: Serialize + DeserializeOwned + 'static,
        R: Serialize + DeserializeOwned + 'static,
    {
        let items: Vec<A> = items.into_iter().collect();
        // Nobody measures while nobody waits: eight chunks for each worker.
        let size = self.chunk.unwrap_or(items.len().div_ceil(8 * self.pool.workers().max(1)));
        let cutting = Cutting { size: Some(size), window: usize::MAX, in_order: true };
        let job = self.job(Target::plain(function));
        MapTask::new(job.map(|job| {
            let mut stream = Stream::new(&self.pool.inner, job, cutting, items.into_iter());
            stream.fill_all();
            stream
        }))
    }

    /// As [`Pool::imap`].
    pub fn imap<A, R, I>(&self, function: fn(A) -> R, items: I) -> Imap<I::IntoIter, A, R>
    where
        A: Serialize + DeserializeOwned + 'static,
        R: Serialize + DeserializeOwned + 'static,
        I: IntoIterator<Item = A>,
    {
        let window = (self.window, true);
        Imap::new(self.stream(Target::plain(function), items.into_iter(), window))
    }

    /// As [`Pool::imap_unordered`].
    pub fn imap_unordered<A, R, I>(
        &self,
        function: fn(A) -> R,
        items: I,
    ) -> ImapUnordered<I::IntoIter, A, R>
    where
        A: Serialize + DeserializeOwned + 'static,
        R: Serialize + DeserializeOwned + 'static,
        I: IntoIterator<Item = A>,
    {
        let window = (self.window, false);
        ImapUnordered::new(self.stream(Target::plain(function), items.into_iter(), window))
    }
}

/// Values that come in blocks of any order.
pub(super) struct Gathered<R> {
    pub(super) in_order: Vec<R>,
    early: BTreeMap<u64, Vec<R>>,
}

impl<R> Gathered<R> {
    pub(super) fn new(most: usize) -> Self {
        Self { in_order: Vec::with_capacity(most.min(1 << 28)), early: BTreeMap::new() }
    }

    /// The next block; an error in it ends everything.
    pub(super) fn add(&mut self, first: u64, values: BlockValues<R>) -> Result<(), TaskError> {
        let values = match values {
            BlockValues::All(values) => values,
            BlockValues::Some(values) => values.into_iter().collect::<Result<_, _>>()?,
        };
        if first != self.in_order.len() as u64 {
            self.early.insert(first, values);
            return Ok(());
        }
        self.in_order.extend(values);
        while let Some(values) = self.early.remove(&(self.in_order.len() as u64)) {
            self.in_order.extend(values);
        }
        Ok(())
    }
}
