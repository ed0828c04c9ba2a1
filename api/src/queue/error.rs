//! Why a value was not put, sent, taken or received.

use crate::codec::CodecError;
use crate::shared::SharedError;
use polyproc_channel::{PutReason, TakeError};
use std::fmt;
use std::io;

/// Why a value was not put into a queue, or sent through a pipe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutFailure {
    /// There is no room now.
    #[error("the queue is full")]
    Full,
    /// There was no room in time.
    #[error("the queue stayed full")]
    TimedOut,
    /// It was closed.
    #[error("the queue is closed")]
    Closed,
    /// No process is left that could receive it.
    #[error("nobody is left to receive")]
    Disconnected,
    /// The value cannot be turned into bytes.
    #[error("cannot encode a message: {0}")]
    Encode(#[source] CodecError),
    /// Waiting as a future takes a thread of this process, and there is none: at the limit on threads, or in
    /// a process that was forked after this queue had one.
    #[error("cannot wait: {0}")]
    Thread(#[source] io::Error),
    /// The family's memory has no room for it.
    #[error("no memory for a message: {0}")]
    Memory(#[source] SharedError),
    /// The key is longer than [`MOST_KEY_BYTES`](crate::queue::MOST_KEY_BYTES).
    #[error("the key of a message is too long")]
    KeyTooLong,
    /// A process wrote over the queue's memory.
    #[error("the queue's memory is damaged")]
    Damaged,
}

impl From<PutReason> for PutFailure {
    fn from(reason: PutReason) -> Self {
        match reason {
            PutReason::Full => Self::Full,
            PutReason::TimedOut | PutReason::Interrupted => Self::TimedOut,
            PutReason::Closed => Self::Closed,
            PutReason::NoReceiver => Self::Disconnected,
            PutReason::KeyTooLong => Self::KeyTooLong,
            PutReason::Thread(error) => Self::Thread(error),
            PutReason::Memory(error) => Self::Memory(error),
            _ => Self::Damaged,
        }
    }
}

/// A value that was not put or sent, and why not.
#[derive(thiserror::Error)]
#[error("{failure}")]
pub struct PutError<T> {
    /// Why not.
    pub failure: PutFailure,
    /// The value.
    pub value: T,
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutError").field("failure", &self.failure).finish_non_exhaustive()
    }
}

/// Why no value was taken or received.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GetError {
    /// There is none now.
    #[error("the queue is empty")]
    Empty,
    /// There was none in time.
    #[error("the queue stayed empty")]
    TimedOut,
    /// It was closed, and everything in it was taken.
    #[error("the queue is closed and empty")]
    Closed,
    /// No process is left that could send, and everything that was sent was received: the end of file.
    #[error("nobody is left to send, and everything sent was received")]
    Disconnected,
    /// A message is not a value of this type. It is gone; the next one is not concerned.
    #[error("cannot decode a message: {0}")]
    Decode(#[source] CodecError),
    /// Waiting as a future takes a thread of this process, and there is none: at the limit on threads, or in
    /// a process that was forked after this queue had one.
    #[error("cannot wait: {0}")]
    Thread(#[source] io::Error),
    /// What the message carries cannot be received.
    #[error("cannot receive what a message carries: {0}")]
    Memory(#[source] SharedError),
    /// A process wrote over the queue's memory.
    #[error("the queue's memory is damaged")]
    Damaged,
}

/// Why not all values that were taken at once are given. Those that can be are in it, in their order.
#[derive(thiserror::Error)]
#[error("{failure}")]
pub struct GetManyError<T> {
    /// What was wrong with the first of the others, or why nothing was taken.
    pub failure: GetError,
    /// The values.
    pub values: Vec<T>,
}

impl<T> fmt::Debug for GetManyError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetManyError").field("failure", &self.failure).finish_non_exhaustive()
    }
}

impl<T> From<TakeError> for GetManyError<T> {
    fn from(error: TakeError) -> Self {
        Self { failure: error.into(), values: Vec::new() }
    }
}

impl GetError {
    /// Whether nothing will ever come any more.
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Closed | Self::Disconnected)
    }
}

impl From<TakeError> for GetError {
    fn from(error: TakeError) -> Self {
        match error {
            TakeError::Empty => Self::Empty,
            TakeError::TimedOut | TakeError::Interrupted => Self::TimedOut,
            TakeError::Closed => Self::Closed,
            TakeError::NoSender => Self::Disconnected,
            TakeError::Thread(error) => Self::Thread(error),
            TakeError::Memory(error) => Self::Memory(error),
            _ => Self::Damaged,
        }
    }
}
