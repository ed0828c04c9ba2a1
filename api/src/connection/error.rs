//! What can go wrong with typed messages.

use super::bytes;
use crate::codec::CodecError;
use polyproc_connection::{AcceptError, BindError, ConnectError, EmptyKey};

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The other end is closed, or its process is gone.
    #[error("the other end of the connection is closed")]
    Disconnected,
    /// The message cannot be turned into bytes. Nothing was sent.
    #[error("cannot encode a message: {0}")]
    Encode(#[from] CodecError),
    /// Anything else; a timeout says how much had gone.
    #[error(transparent)]
    Bytes(bytes::SendError),
}

impl From<bytes::SendError> for SendError {
    fn from(error: bytes::SendError) -> Self {
        match error {
            bytes::SendError::Disconnected => Self::Disconnected,
            other => Self::Bytes(other),
        }
    }
}

/// Why no message was received.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// The other end is closed, or its process is gone, and every message was received.
    #[error("the other end of the connection is closed")]
    Disconnected,
    /// No whole message came in time. What came is kept for the next call.
    #[error("no message came in time")]
    TimedOut,
    /// A message came and is not of this type. The next one is not concerned.
    #[error("cannot decode a message (do both ends mean the same type, and use a key?): {0}")]
    Decode(#[from] CodecError),
    /// Anything else: an end in the middle of a message, for one.
    #[error(transparent)]
    Bytes(bytes::RecvError),
}

impl From<bytes::RecvError> for RecvError {
    fn from(error: bytes::RecvError) -> Self {
        match error {
            bytes::RecvError::Disconnected => Self::Disconnected,
            bytes::RecvError::TimedOut => Self::TimedOut,
            other => Self::Bytes(other),
        }
    }
}

/// Any error of this module.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum ConnectionError {
    /// There is no listener.
    Bind(#[from] BindError),
    /// A listener has no connection to give.
    Accept(#[from] AcceptError),
    /// A client has no connection to give.
    Connect(#[from] ConnectError),
    /// A message was not sent.
    Send(#[from] SendError),
    /// No message was received.
    Recv(#[from] RecvError),
    /// A key without bytes.
    Key(#[from] EmptyKey),
    /// The same without types.
    SendBytes(#[from] bytes::SendError),
    /// The same without types.
    RecvBytes(#[from] bytes::RecvError),
}

/// So that `?` gets them into a `polyproc::Result`.
macro_rules! into_error {
    ($($error:ty),*) => {
        $(impl From<$error> for crate::Error {
            fn from(error: $error) -> Self {
                Self::Connection(error.into())
            }
        })*
    };
}
into_error!(
    BindError,
    AcceptError,
    ConnectError,
    SendError,
    RecvError,
    EmptyKey,
    bytes::SendError,
    bytes::RecvError
);
