//! Calls of a pool with settings of their own, and for every kind of function.

use super::chunk::{self, Coding};
use super::iter::{Imap, ImapUnordered};
use super::kind::{self, Kind, Plain, Sharing, WithState};
use super::map_task::MapTask;
use super::stream::{BlockValues, Cutting, Stream};
use super::{Job, Pool, Task, TaskError};
use crate::item::Item;
use polyproc_pool::TaskRules;
use polyproc_sys::memory::prefer_large_pages;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
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
///
/// What they take are functions of an argument, unless [`with_state`](Calls::with_state) or
/// [`sharing`](Calls::sharing) was called.
pub struct Calls<'p, S = (), K = Plain> {
    pub(super) pool: &'p Pool<S>,
    kind: K,
    rules: TaskRules,
    chunk: Option<usize>,
    window: usize,
}

impl<S, K> fmt::Debug for Calls<'_, S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("rules", &self.rules).field("chunk", &self.chunk).finish()
    }
}

impl<'p, S: 'static> Calls<'p, S> {
    pub(super) fn new(pool: &'p Pool<S>) -> Self {
        Self { pool, kind: Plain, rules: pool.inner.rules, chunk: None, window: IMAP_WINDOW }
    }

    /// Calls of functions that are given the state that the
    /// [initializer](super::PoolBuilder::initializer) made in their worker.
    ///
    /// ```
    /// use polyproc::prelude::*;
    ///
    /// fn connect(url: String) -> Vec<String> { vec![url] }
    /// fn ask(seen: &mut Vec<String>, word: String) -> usize { seen.push(word); seen.len() }
    ///
    /// let pool = Pool::builder().workers(1).initializer(connect, "db".to_owned()).build()?;
    /// let words = ["a", "b"].map(str::to_owned);
    /// let counts: Result<Vec<_>, _> = pool.calls().with_state().imap(ask, words).collect();
    /// assert_eq!(counts?, [2, 3]);
    /// # Ok::<(), polyproc::Error>(())
    /// ```
    pub fn with_state(self) -> Calls<'p, S, WithState<S>> {
        self.with_kind(WithState(PhantomData))
    }

    /// Calls of functions that are given `object`. It is encoded here and now, and goes to each worker
    /// once, however many tasks there are; when these calls and what came of them are dropped, it is
    /// forgotten.
    ///
    /// An object that cannot be encoded fails each task. It may hold no handles of shared objects: those
    /// go into arguments.
    ///
    /// ```
    /// use std::collections::HashMap;
    ///
    /// let pool = polyproc::Pool::new(2)?;
    /// let prices = HashMap::from([("tea".to_owned(), 3), ("cake".to_owned(), 5)]);
    /// let asked = ["tea", "cake", "tea"].map(str::to_owned);
    /// let bill = pool.calls().sharing(&prices).map(|prices, what: String| prices[&what], asked)?;
    /// assert_eq!(bill, [3, 5, 3]);
    /// # Ok::<(), polyproc::Error>(())
    /// ```
    pub fn sharing<C>(self, object: &C) -> Calls<'p, S, Sharing<C>>
    where
        C: Item + 'static,
    {
        let kind = Sharing::new(&self.pool.inner, object);
        self.with_kind(kind)
    }

    fn with_kind<K>(self, kind: K) -> Calls<'p, S, K> {
        let Self { pool, rules, chunk, window, .. } = self;
        Calls { pool, kind, rules, chunk, window }
    }
}

impl<S: 'static, K: Kind> Calls<'_, S, K> {
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

    pub(super) fn job<A, R>(&self, function: K::Function<A, R>) -> Result<Job, TaskError>
    where
        A: Item + 'static,
        R: Item + 'static,
    {
        let target = K::target(function);
        let object = self.kind.object().map_err(kind::not_encoded)?;
        let definition = match object {
            Some(object) => object.definition(target)?,
            None => self.pool.inner.definition(target)?,
        };
        Ok(Job { definition, rules: self.rules, _object: object.cloned() })
    }

    /// As [`Pool::submit`].
    pub fn submit<A, R>(&self, function: K::Function<A, R>, argument: A) -> Task<R>
    where
        A: Item + 'static,
        R: Item + 'static,
    {
        let encoded = chunk::encode_one(argument);
        let encoded = encoded.map_err(kind::not_encoded);
        Task::submit(&self.pool.inner, self.job(function), encoded)
    }

    fn stream<A, R, I>(
        &self,
        function: K::Function<A, R>,
        items: I,
        (window, in_order): (usize, bool),
    ) -> Result<Stream<I, A, R>, TaskError>
    where
        A: Item + 'static,
        R: Item + 'static,
        I: Iterator<Item = A>,
    {
        Ok(self.stream_of((self.job(function)?, Coding::OWNED), items, (window, in_order)))
    }

    pub(super) fn stream_of<A, R, I>(
        &self,
        job: (Job, Coding<A>),
        items: I,
        (window, in_order): (usize, bool),
    ) -> Stream<I, A, R>
    where
        R: DeserializeOwned + 'static,
        I: Iterator<Item = A>,
    {
        let cutting = Cutting { size: self.chunk, window, in_order };
        Stream::new(&self.pool.inner, job, cutting, items)
    }

    /// Everything, in the items' order.
    pub(super) fn gather<A, R, I>(
        &self,
        mut stream: Stream<I, A, R>,
        mut gathered: Gathered<R>,
    ) -> Result<Vec<R>, TaskError>
    where
        R: DeserializeOwned + 'static,
        I: Iterator<Item = A>,
    {
        let mut done = 0;
        while let Some(count) = stream.gather(&mut gathered)? {
            done += count as u64;
            if let Some(progress) = &self.pool.inner.progress {
                progress(done, stream.total());
            }
        }
        Ok(gathered.in_order)
    }

    /// As [`Pool::map`].
    ///
    /// # Errors
    /// As [`Pool::map`].
    pub fn map<A, R>(
        &self,
        function: K::Function<A, R>,
        items: impl IntoIterator<Item = A>,
    ) -> Result<Vec<R>, TaskError>
    where
        A: Item + 'static,
        R: Item + 'static,
    {
        let items = items.into_iter();
        let most = items.size_hint().0;
        let stream = self.stream(function, items, (usize::MAX, true))?;
        self.gather(stream, Gathered::new(most))
    }

    /// As [`Pool::map_async`].
    pub fn map_async<A, R>(
        &self,
        function: K::Function<A, R>,
        items: impl IntoIterator<Item = A>,
    ) -> MapTask<A, R>
    where
        A: Item + 'static,
        R: Item + 'static,
    {
        let items: Vec<A> = items.into_iter().collect();
        // Nobody measures while nobody waits: eight chunks for each worker.
        let size = self.chunk.unwrap_or(items.len().div_ceil(8 * self.pool.workers().max(1)));
        let cutting = Cutting { size: Some(size), window: usize::MAX, in_order: true };
        let job = self.job(function);
        MapTask::new(
            &self.pool.inner,
            job.map(|job| {
                let mut stream =
                    Stream::new(&self.pool.inner, (job, Coding::OWNED), cutting, items.into_iter());
                stream.fill_all();
                stream
            }),
        )
    }

    /// As [`Pool::imap`].
    pub fn imap<A, R, I>(&self, function: K::Function<A, R>, items: I) -> Imap<I::IntoIter, A, R>
    where
        A: Item + 'static,
        R: Item + 'static,
        I: IntoIterator<Item = A>,
    {
        let window = (self.window, true);
        Imap::new(self.stream(function, items.into_iter(), window))
    }

    /// As [`Pool::imap_unordered`].
    pub fn imap_unordered<A, R, I>(
        &self,
        function: K::Function<A, R>,
        items: I,
    ) -> ImapUnordered<I::IntoIter, A, R>
    where
        A: Item + 'static,
        R: Item + 'static,
        I: IntoIterator<Item = A>,
    {
        let window = (self.window, false);
        ImapUnordered::new(self.stream(function, items.into_iter(), window))
    }
}

/// Values that come in blocks of any order.
pub(super) struct Gathered<R> {
    pub(super) in_order: Vec<R>,
    /// How many of them the stream has not counted yet.
    pub(super) fresh: usize,
    early: BTreeMap<u64, Vec<R>>,
}

impl<R> Gathered<R> {
    pub(super) fn new(most: usize) -> Self {
        let mut in_order = Vec::with_capacity(most.min(1 << 28));
        prefer_large_pages(in_order.spare_capacity_mut());
        Self { in_order, fresh: 0, early: BTreeMap::new() }
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
