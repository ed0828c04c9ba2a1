//! The results of many items, one by one.

use super::Pool;
use super::error::TaskError;
use super::stream::{Block, Stream};
use crate::item::Item;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// Where results come from; or why there are none, until that is told as the only one.
type Source<I, A, R> = Result<Stream<I, A, R>, Option<TaskError>>;

/// The results in the items' order: see [`Pool::imap`]. Dropping it cancels what has not begun.
#[must_use = "it runs nothing until it is asked for results"]
pub struct Imap<I, A, R> {
    source: Source<I, A, R>,
    /// Blocks whose turn has not come.
    early: BTreeMap<u64, Block<R>>,
    /// The rest of the block whose turn it is.
    current: VecDeque<Result<R, TaskError>>,
    next: u64,
}

impl<I, A, R> fmt::Debug for Imap<I, A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imap").field("next", &self.next).finish_non_exhaustive()
    }
}

impl<I, A, R> Imap<I, A, R> {
    pub(super) fn new(stream: Result<Stream<I, A, R>, TaskError>) -> Self {
        let source = stream.map_err(Some);
        Self { source, early: BTreeMap::new(), current: VecDeque::new(), next: 0 }
    }
}

impl<I, A, R> Iterator for Imap<I, A, R>
where
    I: Iterator<Item = A>,
    A: Item + 'static,
    R: DeserializeOwned + 'static,
{
    type Item = Result<R, TaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        let stream = match &mut self.source {
            Ok(stream) => stream,
            Err(refused) => return refused.take().map(Err),
        };
        while self.current.is_empty() {
            if let Some(block) = self.early.remove(&self.next) {
                self.next += block.len() as u64;
                self.current.extend(block.into_results());
                stream.fill();
            } else {
                let block = stream.next_block()?;
                self.early.insert(block.first, block);
            }
        }
        stream.taken(1);
        self.current.pop_front()
    }
}

/// The results as they come: see [`Pool::imap_unordered`]. Dropping it cancels
/// what has not begun.
#[must_use = "it runs nothing until it is asked for results"]
pub struct ImapUnordered<I, A, R> {
    source: Source<I, A, R>,
    current: VecDeque<Result<R, TaskError>>,
}

impl<I, A, R> fmt::Debug for ImapUnordered<I, A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImapUnordered").finish_non_exhaustive()
    }
}

impl<I, A, R> ImapUnordered<I, A, R> {
    pub(super) fn new(stream: Result<Stream<I, A, R>, TaskError>) -> Self {
        Self { source: stream.map_err(Some), current: VecDeque::new() }
    }
}

impl<I, A, R> Iterator for ImapUnordered<I, A, R>
where
    I: Iterator<Item = A>,
    A: Item + 'static,
    R: DeserializeOwned + 'static,
{
    type Item = Result<R, TaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        let stream = match &mut self.source {
            Ok(stream) => stream,
            Err(refused) => return refused.take().map(Err),
        };
        if self.current.is_empty() {
            let block = stream.next_block()?;
            self.current.extend(block.into_results());
            stream.fill();
        }
        stream.taken(1);
        self.current.pop_front()
    }
}

/// `iter.pool_map(&pool, function)`, for whoever likes chains.
///
/// ```
/// use polyproc::prelude::*;
///
/// let pool = Pool::new(2)?;
/// let sum: u64 = (0..100).pool_map(&pool, |x: u64| x * x).sum::<Result<_, _>>()?;
/// assert_eq!(sum, 328_350);
/// # Ok::<(), polyproc::Error>(())
/// ```
pub trait PoolMap: Iterator + Sized {
    /// [`Pool::imap`] over this iterator.
    fn pool_map<R, S>(
        self,
        pool: &Pool<S>,
        function: fn(Self::Item) -> R,
    ) -> Imap<Self, Self::Item, R>
    where
        Self::Item: Item + 'static,
        R: Item + 'static,
        S: 'static;
}

impl<I: Iterator> PoolMap for I {
    fn pool_map<R, S>(
        self,
        pool: &Pool<S>,
        function: fn(Self::Item) -> R,
    ) -> Imap<Self, Self::Item, R>
    where
        Self::Item: Item + 'static,
        R: Item + 'static,
        S: 'static,
    {
        pool.imap(function, self)
    }
}
