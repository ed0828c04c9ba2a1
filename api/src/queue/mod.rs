//! Queues between processes: values from any process of the family to any other.
//!
//! ```
//! use polyproc::prelude::*;
//!
//! let jobs = Queue::<u64>::bounded(100)?;
//! let squares = Queue::unbounded()?;
//! let workers: Vec<_> = (0..2)
//!     .map(|_| polyproc::spawn(|(jobs, squares): (Queue<u64>, Queue<u64>)| {
//!         for job in &jobs {
//!             squares.put(job.unwrap().pow(2)).unwrap();
//!         }
//!     }, (jobs.clone(), squares.clone())))
//!     .collect::<Result<_, _>>()?;
//! for number in 1..=4 {
//!     jobs.put(number)?;
//! }
//! jobs.close();
//! for worker in workers {
//!     worker.join()?;
//! }
//! let sum: u64 = squares.get_many(9)?.iter().sum();
//! assert_eq!(sum, 1 + 4 + 9 + 16);
//! # Ok::<(), polyproc::Error>(())
//! ```
//!
//! A put that has returned can be seen by everybody; there is no thread that sends later, so a process
//! that has put can end, and be joined, before anybody takes. A process that is killed in the middle of a
//! call leaves the queue as it was before that call or after it: nobody hangs, nothing is torn, and at
//! most the message that it was taking is gone with it.
//!
//! Queues are handles: a clone is the same queue, and so is what arrives when one is passed on in
//! arguments, results, or through other queues.
//!
//! # The end
//!
//! [`Queue::close`] says that no more will be put: what is there can be taken, then everybody gets
//! [`GetError::Closed`], and iteration ends. With the halves, [`Sender`] and [`Receiver`], that comes by
//! itself: when no process holds a sender any more, however the last one ended, receivers get
//! [`GetError::Disconnected`].
//!
//! # Long bytes
//!
//! Messages of any length go through. Text and vectors of numbers are copied as they are, wherever in a value
//! they lie; vectors of structs are, too, as a [`Blob`](crate::Blob), and go field by field otherwise. Bytes that are to be read where they were written, without any copy, go through a
//! [pipe](crate::pipe#bytes).
//!
//! # Async
//!
//! With the feature `async`, `get_async` and `put_async` (`recv_async` and `send_async` of pipes) are futures
//! for any executor; they end as the blocking forms do, also when the other side is killed. One that is
//! dropped has taken, or put, nothing. What wakes them is a thread of this process for each object that
//! ever had to wait, which ends with the object; a clone is another object. So have the tasks of a program
//! share one, by reference or in an `Arc`. Values are coded, and copied, on the executor's thread.
//!
//! So are `process.await` (`join_async` by another name) and `wait_async` of events and processes; a pool's
//! [`Task`](crate::Task) is a future itself.
//!
//! # From Python
//!
//! | Python's `multiprocessing` | here |
//! |---|---|
//! | `Queue(n)`, `Queue()` | [`Queue::bounded`], [`Queue::unbounded`] |
//! | `put(x, timeout=1)`, `put_nowait(x)`, `Full` | [`put_timeout`](Queue::put_timeout), [`try_put`](Queue::try_put), [`PutFailure::Full`] |
//! | `get(timeout=1)`, `get_nowait()`, `Empty` | [`get_timeout`](Queue::get_timeout), [`try_get`](Queue::try_get), [`GetError::Empty`] |
//! | `qsize()`, `empty()`, `full()` | [`len`](Queue::len), [`is_empty`](Queue::is_empty), [`is_full`](Queue::is_full): exact |
//! | `JoinableQueue` | [`JoinableQueue`] |
//! | `SimpleQueue` | [`SimpleQueue`] |
//! | `queue.LifoQueue`, `queue.PriorityQueue` (threads only) | [`LifoQueue`], [`PriorityQueue`] |
//! | `cancel_join_thread`, `join_thread` | not needed |

mod bounds;
mod error;
#[cfg(feature = "async")]
mod futures;
mod kinds;
pub(crate) mod travel;

use crate::codec::numbers;
use crate::message;
use crate::shared::SharedError;
use polyproc_channel::{self as bytes, Message, PutReason, Settings};
use polyproc_sync::{Deadline, Wait};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::time::Duration;
use travel::{arena, of_type, read_handles, tag, write_handles};

pub use crate::item::Item;
pub use bounds::Bounds;
pub use error::{GetError, GetManyError, PutError, PutFailure};
pub use kinds::{JoinableQueue, LifoQueue, PriorityQueue, SimpleQueue};
pub use polyproc_channel::MOST_KEY_BYTES;

/// A queue of values between processes: see the [module](self).
pub struct Queue<T> {
    bytes: bytes::Queue,
    item: PhantomData<fn(T) -> T>,
}

/// The half of a [`Queue`] that puts.
pub struct Sender<T> {
    bytes: bytes::Sender,
    item: PhantomData<fn(T)>,
}

/// The half of a [`Queue`] that takes. Each value goes to one of its clones.
pub struct Receiver<T> {
    bytes: bytes::Receiver,
    item: PhantomData<fn() -> T>,
}

/// A value as a message of bytes and handles. One that is a vector of numbers is its bytes and
/// nothing else: they are written to where the receiver reads them from where they lie.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Message<'_>, PutFailure> {
    match numbers::whole(value) {
        Some(bytes) => Ok(bytes.into()),
        None => encode_value(value),
    }
}

/// The same without a reference to the value.
#[cfg(feature = "async")]
fn encode_owned<T: Serialize>(value: &T) -> Result<Message<'static>, PutFailure> {
    match numbers::whole(value) {
        Some(bytes) => Ok(bytes.to_vec().into()),
        None => encode_value(value),
    }
}

fn encode_value<T: Serialize>(value: &T) -> Result<Message<'static>, PutFailure> {
    let payload = message::encode(value, Vec::new()).map_err(PutFailure::Encode)?;
    Ok(Message::from(payload.body).with_parcels(payload.parcels))
}

/// The value in a message.
pub(crate) fn decode<T: DeserializeOwned>(mut message: bytes::Received) -> Result<T, GetError> {
    let handles = std::mem::take(&mut message.handles);
    let value = numbers::from_whole(&message);
    value.unwrap_or_else(|| message::decode(&message, handles)).map_err(GetError::Decode)
}

/// Encodes `value` and has `put` put it; gives it back if that fails.
pub(crate) fn put_as<T: Serialize>(
    value: T,
    put: impl FnOnce(Message<'_>) -> Result<(), PutReason>,
) -> Result<(), PutError<T>> {
    let put = encode(&value).and_then(|message| Ok(put(message)?));
    put.map_err(|failure| PutError { failure, value })
}

/// [`put_as`] for a put that is a future.
#[cfg(feature = "async")]
pub(crate) async fn put_as_async<T: Serialize, F>(
    value: T,
    put: impl FnOnce(Message<'static>) -> F,
) -> Result<(), PutError<T>>
where
    F: Future<Output = Result<(), bytes::PutError<'static>>>,
{
    let put = match encode_owned(&value) {
        Ok(message) => put(message).await.map_err(|error| reason(error).into()),
        Err(failure) => Err(failure),
    };
    put.map_err(|failure| PutError { failure, value })
}

/// Encodes all of `values` and has `put` put them; gives back those that it leaves.
fn put_all<T: Serialize>(
    values: Vec<T>,
    put: impl FnOnce(&mut Vec<Message<'_>>) -> Result<(), PutReason>,
) -> Result<(), PutError<Vec<T>>> {
    let mut messages = Vec::with_capacity(values.len());
    for value in &values {
        match encode(value) {
            Ok(message) => messages.push(message),
            Err(failure) => return Err(PutError { failure, value: values }),
        }
    }
    let put = put(&mut messages);
    let done = values.len() - messages.len();
    put.map_err(|reason| {
        let value = values.into_iter().skip(done).collect();
        PutError { failure: reason.into(), value }
    })
}

/// The values in messages that were taken at once.
fn decode_all<T: DeserializeOwned>(
    messages: Vec<bytes::Received>,
) -> Result<Vec<T>, GetManyError<T>> {
    let mut failure = None;
    let mut values = Vec::with_capacity(messages.len());
    for message in messages {
        match decode(message) {
            Ok(value) => values.push(value),
            Err(error) => _ = failure.get_or_insert(error),
        }
    }
    match failure {
        None => Ok(values),
        Some(failure) => Err(GetManyError { failure, values }),
    }
}

/// Without the message: the caller has the value.
pub(crate) fn reason(error: bytes::PutError<'_>) -> PutReason {
    error.reason
}

impl<T: Item> Queue<T> {
    /// For at most `items` values (at least one).
    ///
    /// # Errors
    /// As [`Shared::new`](crate::Shared::new).
    pub fn bounded(items: usize) -> Result<Self, SharedError> {
        Self::bounded_by(Bounds::items(items))
    }

    /// For as many values as the family's memory has room for. What was taken gives its memory back.
    ///
    /// # Errors
    /// As [`Shared::new`](crate::Shared::new).
    pub fn unbounded() -> Result<Self, SharedError> {
        Self::bounded_by(Bounds::NONE)
    }

    /// For at most `bytes` bytes of encoded values. One that is longer has room in an empty queue.
    ///
    /// # Errors
    /// As [`Shared::new`](crate::Shared::new).
    pub fn bounded_bytes(bytes: u64) -> Result<Self, SharedError> {
        Self::bounded_by(Bounds::bytes(bytes))
    }

    /// For as many values and bytes as `bounds` says.
    ///
    /// # Errors
    /// As [`Shared::new`](crate::Shared::new).
    pub fn bounded_by(bounds: Bounds) -> Result<Self, SharedError> {
        Self::with(bounds.settings())
    }

    fn with(settings: Settings) -> Result<Self, SharedError> {
        bytes::Queue::new(arena()?, settings.tagged(tag::<T>())).map(Self::of)
    }

    /// Both halves. Each learns when the other is nowhere any more.
    pub fn split(self) -> (Sender<T>, Receiver<T>) {
        let (sender, receiver) = self.bytes.split();
        (
            Sender { bytes: sender, item: PhantomData },
            Receiver { bytes: receiver, item: PhantomData },
        )
    }
}

impl<T> Queue<T> {
    fn of(bytes: bytes::Queue) -> Self {
        Self { bytes, item: PhantomData }
    }
}

/// What puts.
macro_rules! putting {
    ($($type:ident),*) => { $(
        impl<T: Item> $type<T> {
            /// Puts a value, waiting for room for as long as it takes.
            ///
            /// # Errors
            /// [`PutError`], with the value.
            pub fn put(&self, value: T) -> Result<(), PutError<T>> {
                put_as(value, |message| self.bytes.put(message, Wait::FOREVER).map_err(reason))
            }

            /// Puts a value if there is room.
            ///
            /// # Errors
            /// [`PutError`], with the value: [`PutFailure::Full`] without room, and
            /// [`PutFailure::TimedOut`] when another process was stopped (or did not get to run) in
            /// the middle of a call for 300 ms.
            #[doc(alias = "put_nowait")]
            pub fn try_put(&self, value: T) -> Result<(), PutError<T>> {
                put_as(value, |message| self.bytes.try_put(message).map_err(reason))
            }

            /// Puts a value, waiting for room no longer than `timeout`.
            ///
            /// # Errors
            /// [`PutError`], with the value: [`PutFailure::TimedOut`] when that was too short.
            pub fn put_timeout(&self, value: T, timeout: Duration) -> Result<(), PutError<T>> {
                self.put_deadline(value, Deadline::after(timeout))
            }

            /// Puts a value, waiting for room until `deadline`.
            ///
            /// # Errors
            /// As [`put_timeout`](Self::put_timeout).
            pub fn put_deadline(&self, value: T, deadline: Deadline) -> Result<(), PutError<T>> {
                let wait = Wait::until(deadline);
                put_as(value, |message| self.bytes.put(message, wait).map_err(reason))
            }

            /// Puts all of `values`, one after another, waiting for room, and wakes who waits for them once.
            ///
            /// # Errors
            /// [`PutError`], with those that were not put: all from the first that could not be. When one of
            /// them cannot be encoded that is all of them.
            pub fn put_many(&self, values: Vec<T>) -> Result<(), PutError<Vec<T>>> {
                put_all(values, |messages| self.bytes.put_many(messages, Some(Wait::FOREVER)))
            }

            /// Puts as many of `values` as there is room for.
            ///
            /// # Errors
            /// As [`put_many`](Self::put_many) and [`try_put`](Self::try_put).
            pub fn try_put_many(&self, values: Vec<T>) -> Result<(), PutError<Vec<T>>> {
                put_all(values, |messages| self.bytes.put_many(messages, None))
            }

            /// Puts all of `values`, waiting for room no longer than `timeout` altogether.
            ///
            /// # Errors
            /// As [`put_many`](Self::put_many) and [`put_timeout`](Self::put_timeout).
            pub fn put_many_timeout(
                &self,
                values: Vec<T>,
                timeout: Duration,
            ) -> Result<(), PutError<Vec<T>>> {
                let wait = Wait::timeout(timeout);
                put_all(values, |messages| self.bytes.put_many(messages, Some(wait)))
            }
        }
    )* };
}

/// What takes.
macro_rules! taking {
    ($($type:ident),*) => { $(
        impl<T: Item> $type<T> {
            /// Takes a value, waiting for one for as long as it takes.
            ///
            /// # Errors
            /// [`GetError::Closed`] or [`GetError::Disconnected`] when none will come any more.
            pub fn get(&self) -> Result<T, GetError> {
                decode(self.bytes.get(Wait::FOREVER)?)
            }

            /// Takes a value if there is one.
            ///
            /// # Errors
            /// As [`get`](Self::get), and [`GetError::Empty`]; [`GetError::TimedOut`] when another
            /// process was stopped (or did not get to run) in the middle of a call for 300 ms.
            #[doc(alias = "get_nowait")]
            pub fn try_get(&self) -> Result<T, GetError> {
                decode(self.bytes.try_get()?)
            }

            /// Takes a value, waiting for one no longer than `timeout`.
            ///
            /// # Errors
            /// As [`get`](Self::get), and [`GetError::TimedOut`].
            pub fn get_timeout(&self, timeout: Duration) -> Result<T, GetError> {
                self.get_deadline(Deadline::after(timeout))
            }

            /// Takes a value, waiting for one until `deadline`.
            ///
            /// # Errors
            /// As [`get_timeout`](Self::get_timeout).
            pub fn get_deadline(&self, deadline: Deadline) -> Result<T, GetError> {
                decode(self.bytes.get(Wait::until(deadline))?)
            }

            /// Takes up to `most` values at once, waiting for the first.
            ///
            /// # Errors
            /// As [`get`](Self::get), with the others when some of them cannot be decoded.
            pub fn get_many(&self, most: usize) -> Result<Vec<T>, GetManyError<T>> {
                decode_all(self.bytes.get_many(most, Some(Wait::FOREVER))?)
            }

            /// Takes up to `most` values at once, if there are any.
            ///
            /// # Errors
            /// As [`get_many`](Self::get_many) and [`try_get`](Self::try_get).
            pub fn try_get_many(&self, most: usize) -> Result<Vec<T>, GetManyError<T>> {
                decode_all(self.bytes.get_many(most, None)?)
            }

            /// Takes up to `most` values at once, waiting for the first no longer than `timeout`.
            ///
            /// # Errors
            /// As [`get_many`](Self::get_many) and [`get_timeout`](Self::get_timeout).
            pub fn get_many_timeout(
                &self,
                most: usize,
                timeout: Duration,
            ) -> Result<Vec<T>, GetManyError<T>> {
                decode_all(self.bytes.get_many(most, Some(Wait::timeout(timeout)))?)
            }

            /// The values as they come, until the end.
            pub fn iter(&self) -> Iter<'_, T> {
                Iter { next: Box::new(|| self.get()) }
            }

            /// A descriptor that is readable when there may be something to take, or the end has come: to be
            /// polled beside sockets. After it was, take until [`GetError::Empty`].
            ///
            /// The first call starts a thread in this process, which is there for as long as this object.
            ///
            /// # Errors
            /// At the limits on descriptors and threads; in a process that was forked after the first call.
            pub fn descriptor(&self) -> io::Result<BorrowedFd<'_>> {
                self.bytes.descriptor()
            }
        }

        impl<'a, T: Item> IntoIterator for &'a $type<T> {
            type Item = Result<T, GetError>;
            type IntoIter = Iter<'a, T>;

            fn into_iter(self) -> Iter<'a, T> {
                self.iter()
            }
        }
    )* };
}

/// What everybody sees.
macro_rules! looking {
    ($($type:ident),*) => { $(
        impl<T> $type<T> {
            /// How many values are in it, at this moment.
            #[doc(alias = "qsize")]
            pub fn len(&self) -> usize {
                self.bytes.len()
            }

            /// Whether nothing is in it, at this moment.
            #[doc(alias = "empty")]
            pub fn is_empty(&self) -> bool {
                self.bytes.is_empty()
            }

            /// Whether it holds as many values, or bytes of them, as it may, at this moment.
            #[doc(alias = "full")]
            pub fn is_full(&self) -> bool {
                self.bytes.is_full()
            }

            /// Closes it for all: what is in it can be taken, and nothing more can be put. False when it was
            /// closed already.
            pub fn close(&self) -> bool {
                self.bytes.close()
            }

            /// Whether it was closed.
            pub fn is_closed(&self) -> bool {
                self.bytes.is_closed()
            }

            /// Gives it a name for whoever looks from outside; cut at 40 bytes.
            pub fn set_name(&self, name: &str) {
                self.bytes.handle().set_name(name);
            }
        }

        impl<T> Clone for $type<T> {
            fn clone(&self) -> Self {
                Self { bytes: self.bytes.clone(), item: PhantomData }
            }
        }

        impl<T> fmt::Debug for $type<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type))
                    .field("id", &self.bytes.handle().id())
                    .field("name", &self.bytes.handle().name())
                    .field("len", &self.len())
                    .finish()
            }
        }

        impl<T> Serialize for $type<T> {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                write_handles(&self.bytes.handles(), to)
            }
        }

        impl<'de, T> Deserialize<'de> for $type<T> {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let bytes = read_handles(from, |arena, handles| {
                    let bytes = bytes::$type::from_handles(arena, handles)?;
                    let its = bytes.settings().tag;
                    of_type::<T, _>(bytes, its)
                })?;
                Ok(Self { bytes, item: PhantomData })
            }
        }
    )* };
}

putting!(Queue, Sender);
taking!(Queue, Receiver);
looking!(Queue, Sender, Receiver);

/// The values of a queue as they come: [`Queue::iter`]. Ends with the queue; what cannot be decoded is
/// an error, and the next one is not concerned.
pub struct Iter<'a, T> {
    next: Box<dyn FnMut() -> Result<T, GetError> + 'a>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = Result<T, GetError>;

    fn next(&mut self) -> Option<Self::Item> {
        match (self.next)() {
            Err(error) if error.is_end() => None,
            next => Some(next),
        }
    }
}

impl<T> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").finish_non_exhaustive()
    }
}
