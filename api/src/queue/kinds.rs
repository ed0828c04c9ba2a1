//! Queues of other kinds. Each derefs to the [`Queue`] that it is, and travels as that does.

use super::travel::arena;
use super::{Bounds, Item, PutError, Queue, put_as, reason, tag};
use crate::shared::SharedError;
use polyproc_channel::{self as bytes, Order, Settings};
use polyproc_sync::{TimedOut, Wait};
use serde::{Deserialize, Serialize};
use std::ops::Deref;
use std::time::Duration;

/// Declares a kind: a queue in a wrapper of its own.
macro_rules! kind {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Serialize, Deserialize)]
        #[serde(transparent, bound = "")]
        pub struct $name<T>(Queue<T>);

        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        impl<T> Deref for $name<T> {
            type Target = Queue<T>;

            fn deref(&self) -> &Queue<T> {
                &self.0
            }
        }
    };
}

/// How a kind is made.
macro_rules! made_with {
    ($make:expr) => {
        /// For at most that many values (at least one).
        ///
        /// # Errors
        /// As [`Shared::new`](crate::Shared::new).
        pub fn bounded(most: usize) -> Result<Self, SharedError> {
            Self::bounded_by(Bounds::items(most))
        }

        /// Without a bound.
        ///
        /// # Errors
        /// As [`Shared::new`](crate::Shared::new).
        pub fn unbounded() -> Result<Self, SharedError> {
            Self::bounded_by(Bounds::NONE)
        }

        /// For as many values and bytes as `bounds` says.
        ///
        /// # Errors
        /// As [`Shared::new`](crate::Shared::new).
        pub fn bounded_by(bounds: Bounds) -> Result<Self, SharedError> {
            $make(bounds.settings()).map(Self)
        }
    };
}

kind! {
    /// A queue that gives the last value first.
    ///
    /// ```
    /// use polyproc::queue::LifoQueue;
    ///
    /// let stack = LifoQueue::unbounded()?;
    /// stack.put(1)?;
    /// stack.put(2)?;
    /// assert_eq!((stack.get()?, stack.get()?), (2, 1));
    /// # Ok::<(), polyproc::Error>(())
    /// ```
    LifoQueue
}

impl<T: Item> LifoQueue<T> {
    made_with!(|settings: Settings| Queue::with(settings.ordered(Order::Lifo)));
}

kind! {
    /// A queue that gives the value with the lowest priority number first, equal ones in the order in which
    /// they were put. What is put without a priority has 0.
    ///
    /// ```
    /// use polyproc::queue::PriorityQueue;
    ///
    /// let queue = PriorityQueue::<String>::unbounded()?;
    /// queue.put_with_priority("later".into(), 5)?;
    /// queue.put_with_priority("first".into(), -1)?;
    /// assert_eq!(queue.get()?, "first");
    /// # Ok::<(), polyproc::Error>(())
    /// ```
    PriorityQueue
}

/// What a value's place is decided by.
#[derive(Clone, Copy)]
enum Rank<'k> {
    Priority(i64),
    Key(&'k [u8]),
}

impl<T: Item> PriorityQueue<T> {
    made_with!(|settings: Settings| Queue::with(settings.ordered(Order::Priority)));

    /// Puts a value, waiting for room for as long as it takes.
    ///
    /// # Errors
    /// As [`Queue::put`].
    pub fn put_with_priority(&self, value: T, priority: i64) -> Result<(), PutError<T>> {
        self.put_ranked(value, Rank::Priority(priority), Some(Wait::FOREVER))
    }

    /// Puts a value if there is room.
    ///
    /// # Errors
    /// As [`Queue::try_put`].
    pub fn try_put_with_priority(&self, value: T, priority: i64) -> Result<(), PutError<T>> {
        self.put_ranked(value, Rank::Priority(priority), None)
    }

    /// Puts a value, waiting for room no longer than `timeout`.
    ///
    /// # Errors
    /// As [`Queue::put_timeout`].
    pub fn put_with_priority_timeout(
        &self,
        value: T,
        priority: i64,
        timeout: Duration,
    ) -> Result<(), PutError<T>> {
        self.put_ranked(value, Rank::Priority(priority), Some(Wait::timeout(timeout)))
    }

    /// Puts a value whose place is that of `key` among the keys, byte by byte: a name, say, or a time as
    /// text. Numbers and keys do not go together in one queue.
    ///
    /// # Errors
    /// As [`Queue::put`]; [`PutFailure::KeyTooLong`](super::PutFailure::KeyTooLong).
    pub fn put_with_key(&self, value: T, key: &[u8]) -> Result<(), PutError<T>> {
        self.put_ranked(value, Rank::Key(key), Some(Wait::FOREVER))
    }

    /// The same if there is room.
    ///
    /// # Errors
    /// As [`put_with_key`](Self::put_with_key) and [`Queue::try_put`].
    pub fn try_put_with_key(&self, value: T, key: &[u8]) -> Result<(), PutError<T>> {
        self.put_ranked(value, Rank::Key(key), None)
    }

    /// The same, waiting for room no longer than `timeout`.
    ///
    /// # Errors
    /// As [`put_with_key`](Self::put_with_key) and [`Queue::put_timeout`].
    pub fn put_with_key_timeout(
        &self,
        value: T,
        key: &[u8],
        timeout: Duration,
    ) -> Result<(), PutError<T>> {
        self.put_ranked(value, Rank::Key(key), Some(Wait::timeout(timeout)))
    }

    fn put_ranked(&self, value: T, rank: Rank<'_>, wait: Option<Wait>) -> Result<(), PutError<T>> {
        put_as(value, |message| {
            let message = match rank {
                Rank::Priority(priority) => message.with_priority(priority),
                Rank::Key(key) => message.with_key(key),
            };
            match wait {
                Some(wait) => self.bytes.put(message, wait).map_err(reason),
                None => self.bytes.try_put(message).map_err(reason),
            }
        })
    }
}

kind! {
    /// A queue whose producers can wait until everything that they put has been dealt with.
    ///
    /// Who takes a value says [`task_done`](Self::task_done) when it is; [`join`](Self::join) waits until all
    /// are. A consumer that dies is not waited for.
    ///
    /// ```
    /// use polyproc::queue::JoinableQueue;
    ///
    /// let queue = JoinableQueue::<u32>::unbounded()?;
    /// queue.put(1)?;
    /// let worker = polyproc::spawn(|queue: JoinableQueue<u32>| {
    ///     queue.get().unwrap();
    ///     queue.task_done();
    /// }, queue.clone())?;
    /// assert_eq!(queue.join(), 0, "nobody died over it");
    /// worker.join()?;
    /// # Ok::<(), polyproc::Error>(())
    /// ```
    JoinableQueue
}

impl<T: Item> JoinableQueue<T> {
    made_with!(joinable);

    /// Says that a value that was taken has been dealt with. False when all had been.
    pub fn task_done(&self) -> bool {
        self.bytes.task_done()
    }

    /// How many values have not been dealt with: those in the queue, and those taken since.
    pub fn unfinished(&self) -> usize {
        self.bytes.unfinished()
    }

    /// Waits until everything that was put has been dealt with. Says how many values, so far, were taken by
    /// a process that died before it was done with them.
    pub fn join(&self) -> u32 {
        self.bytes.join(Wait::FOREVER).unwrap_or_default()
    }

    /// The same, waiting no longer than `timeout`.
    ///
    /// # Errors
    /// When that was too short.
    pub fn join_timeout(&self, timeout: Duration) -> Result<u32, TimedOut> {
        self.bytes.join(Wait::timeout(timeout)).map_err(|_timed_out| TimedOut)
    }
}

fn joinable<T>(settings: Settings) -> Result<Queue<T>, SharedError> {
    bytes::Queue::joinable(arena()?, settings.tagged(tag::<T>())).map(Queue::of)
}

kind! {
    /// A queue without a bound, by the name that Python has for it.
    SimpleQueue
}

impl<T: Item> SimpleQueue<T> {
    /// An empty queue.
    ///
    /// # Errors
    /// As [`Shared::new`](crate::Shared::new).
    pub fn new() -> Result<Self, SharedError> {
        Queue::unbounded().map(Self)
    }
}
