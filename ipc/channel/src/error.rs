//! Why a message cannot be put or taken.
//!
//! # Design
//! A type for each side. Who could not put gets the message back; "not now", "not in time" and "never
//! again" are told apart, since callers do something else about each.

use crate::message::Message;
use crate::sides::Stop;
use polyproc_sync::Outcome;
use std::fmt;
use std::io;

/// What a store finds wrong.
#[derive(Debug)]
pub(crate) enum Problem {
    Corrupt,
    Memory(polyproc_shm::Error),
}

impl From<polyproc_shm::Error> for Problem {
    fn from(error: polyproc_shm::Error) -> Self {
        Self::Memory(error)
    }
}

/// Why a message was not put.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutReason {
    /// There is no room now.
    #[error("the queue is full")]
    Full,
    /// There was no room before the deadline.
    #[error("the queue stayed full until the deadline")]
    TimedOut,
    /// A signal handler ran; only for waits that ask for this.
    #[error("interrupted by a signal")]
    Interrupted,
    /// It was closed.
    #[error("the queue is closed")]
    Closed,
    /// No process holds a receiver any more.
    #[error("nobody is left to receive")]
    NoReceiver,
    /// The key is longer than [`crate::MOST_KEY_BYTES`].
    #[error("the key of the message is too long")]
    KeyTooLong,
    /// A process wrote over the queue's memory.
    #[error("the queue's memory is damaged")]
    Corrupt,
    /// Waiting as a future takes a thread of this process, and there is none.
    #[error("cannot wait: {0}")]
    Thread(#[source] io::Error),
    /// The arena has no room for it.
    #[error("no memory for the message: {0}")]
    Memory(#[source] polyproc_shm::Error),
}

/// A message that was not put, and why not.
#[derive(thiserror::Error)]
#[error("{reason}")]
pub struct PutError<'m> {
    /// Why not.
    pub reason: PutReason,
    /// The message, with the handles that it carries.
    pub message: Message<'m>,
}

impl fmt::Debug for PutError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutError").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// Why no message was taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TakeError {
    /// There is none now.
    #[error("the queue is empty")]
    Empty,
    /// There was none before the deadline.
    #[error("the queue stayed empty until the deadline")]
    TimedOut,
    /// A signal handler ran; only for waits that ask for this.
    #[error("interrupted by a signal")]
    Interrupted,
    /// It was closed, and everything that was in it has been taken.
    #[error("the queue is closed and empty")]
    Closed,
    /// No process holds a sender any more, and everything that was sent has been taken: end of file.
    #[error("nobody is left to send, and everything sent was received")]
    NoSender,
    /// A process wrote over the queue's memory.
    #[error("the queue's memory is damaged")]
    Corrupt,
    /// Waiting as a future takes a thread of this process, and there is none.
    #[error("cannot wait: {0}")]
    Thread(#[source] io::Error),
    /// A handle in the message cannot be received.
    #[error("cannot receive what the message carries: {0}")]
    Memory(#[source] polyproc_shm::Error),
}

impl From<Stop<Problem>> for PutReason {
    fn from(stop: Stop<Problem>) -> Self {
        match stop {
            Stop::NotNow => Self::Full,
            Stop::Closed => Self::Closed,
            Stop::Gone => Self::NoReceiver,
            Stop::GaveUp(Outcome::Interrupted) => Self::Interrupted,
            Stop::GaveUp(_) => Self::TimedOut,
            Stop::Failed(Problem::Corrupt) => Self::Corrupt,
            Stop::Failed(Problem::Memory(error)) => Self::Memory(error),
        }
    }
}

impl From<Stop<Problem>> for TakeError {
    fn from(stop: Stop<Problem>) -> Self {
        match stop {
            Stop::NotNow => Self::Empty,
            Stop::Closed => Self::Closed,
            Stop::Gone => Self::NoSender,
            Stop::GaveUp(Outcome::Interrupted) => Self::Interrupted,
            Stop::GaveUp(_) => Self::TimedOut,
            Stop::Failed(Problem::Corrupt) => Self::Corrupt,
            Stop::Failed(Problem::Memory(error)) => Self::Memory(error),
        }
    }
}
