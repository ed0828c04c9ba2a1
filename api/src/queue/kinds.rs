//! Queues of other kinds. Each derefs to the [`Queue`] that it is, and travels as that does.

use super::travel::arena;
use super::{Item, PutError, Queue, put_as, reason, tag};
use crate::shared::SharedError;
use polyproc_channel::{self as bytes, Order, Settings};
use polyproc_sync::{Deadline, TimedOut, Wait};
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

fn items(items: usize) -> Settings {
    Settings::items(u32::try_from(items).unwrap_or(u32::MAX))
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
    /// For at most that many values (at least one).
    ///
    /// # Errors
    /// As [`Shared::new`](crate::Shared::new).
    pub fn bounded(most: usize) -> Result<Self, SharedError> {
        Queue::with(items(most).ordered(Order::Lifo)).map(Self)
    }

    /// Without a bound.
    ///
    /// # Errors
    /// As [`Shared::new`](crate::Shared::new).
    pub fn unbounded() -> Result<Self, SharedError> {
        Queue::with(Settings::UNBOUNDED.ordered(Order::Lifo)).map(Self)
    }
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

impl<T: Item> PriorityQueue<T> {
    /// For at most that many values (at least one).
    ///
    /// # Errors
    /// As [`Shared::new`](crate::Shared::new).
    pub fn bounded(most: usize) -> Result<Self, SharedError> {
        Queue::with(items(most).ordered(Order::Priority)).map(Self)
    }

    /// Without a bound.
    ///
    /// # Errors
    /// As [`Shared::new`](crate::Shared::new).
    pub fn unbounded() -> Result<Self, SharedError> {
        Queue::with(Settings::UNBOUNDED.ordered(Order::Priority)).map(Self)
    }

    /// Puts a value, waiting for room for as long as it takes.
    ///
    /// # Errors
    /// As [`Queue::put`].
    pub fn put_with_priority(&self, value: T, priority: i64) -> Result<(), PutError<T>> {
        put_as(value, |message| {
            self.bytes.put(message.with_priority(priority), Wait::FOREVER).map_err(reason)
        })
    }

    /// Puts a value if there is room.
    ///
    /// # Errors
    /// As [`Queue::try_put`].
    pub fn try_put_with_priority(&self, value: T, priority: i64) -> Result<(), PutError<T>> {
        put_as(value, |message| self.bytes.try_put(message.with_priority(priority)).map_err(reason))
    }

    /// Puts a value whose place is that of `key` among the keys, byte by byte: a name, say, or a time as
    /// text. Numbers and keys do not go together in one queue.
    ///
    /// # Errors
    /// As [`Queue::put`]; [`PutFailure::KeyTooLong`](super::PutFailure::KeyTooLong).
    pub fn put_with_key(&self, value: T, key: &[u8]) -> Result<(), PutError<T>> {
        put_as(value, |message| {
            self.bytes.put(message.with_key(key), Wait::FOREVER).map_err(reason)
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
    /// For at most that many values (at least one).
    ///
    /// # Errors
    /// As [`Shared::new`](crate::Shared::new).
    pub fn bounded(most: usize) -> Result<Self, SharedError> {
        Self::with(items(most))
    }

    /// Without a bound.
    ///
    /// # Errors
    /// As [`Shared::new`](crate::Shared::new).
    pub fn unbounded() -> Result<Self, SharedError> {
        Self::with(Settings::UNBOUNDED)
    }

    fn with(settings: Settings) -> Result<Self, SharedError> {
        let queue = bytes::Queue::joinable(arena()?, settings.tagged(tag::<T>()));
        queue.map(|bytes| Self(Queue::of(bytes)))
    }

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
        self.bytes.join(Wait::until(Deadline::after(timeout))).map_err(|_timed_out| TimedOut)
    }
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
