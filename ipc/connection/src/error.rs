//! What can go wrong, by what was asked for.

use crate::address::Address;
use crate::frame::FrameError;
use crate::handshake::HandshakeError;
use std::fmt;
use std::io;

/// Why a message was not sent.
///
/// # Design
/// Sending and receiving fail in different ways, so each has its type; in both, the end of the other
/// side is a case of its own, apart from what the system refuses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// This end was closed by [`Connection::close`](crate::Connection::close).
    #[error("the connection is closed")]
    Closed,
    /// The other end is closed, or its process is gone.
    #[error("the other end of the connection is closed")]
    Disconnected,
    /// No room for all of it in time.
    #[error("the other end did not take a message in time: {sent} of {of} bytes went")]
    TimedOut {
        /// How much had gone, of the message and its header. When nothing had, the connection is as
        /// before. Otherwise the other end reads to the middle of the message and then an error.
        sent: u64,
        /// Of how much.
        of: u64,
    },
    /// An earlier message was sent only in part, so no other can follow.
    #[error("nothing can be sent after a message that was sent in part")]
    Torn,
    /// Descriptors go over Unix sockets only, and at least one and at most
    /// [`MAX_DESCRIPTORS`](crate::MAX_DESCRIPTORS) at once.
    #[error("{0} descriptors cannot go over this connection")]
    Descriptors(usize),
    /// Anything else that the system refused.
    #[error("cannot send: {0}")]
    Io(#[source] io::Error),
}

/// Why no message was received.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// This end was closed by [`Connection::close`](crate::Connection::close).
    #[error("the connection is closed")]
    Closed,
    /// The other end is closed, or its process is gone, and every message was received: the end of
    /// the file.
    #[error("the other end of the connection is closed")]
    Disconnected,
    /// The other end was closed, or its process died, in the middle of a message.
    #[error("the other end of the connection was closed in the middle of a message: {}", missing(*.arrived, *.of))]
    Torn {
        /// How many bytes of it came.
        arrived: u64,
        /// Of how many; `None` when not even the length was complete.
        of: Option<u64>,
    },
    /// No whole message came in time. What came is kept for the next call.
    #[error("no message came in time")]
    TimedOut,
    /// The message is longer than the buffer. It was received, and is in here.
    #[error("a message of {} bytes does not fit the buffer", .0.len())]
    BufferTooShort(Vec<u8>),
    /// It is no message, or a longer one than is allowed. Nothing more can be received.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A message began where a descriptor was expected, or a byte came without its descriptor.
    /// Nothing more can be received.
    #[error("what came is not a descriptor")]
    NoDescriptor,
    /// Anything else that the system refused.
    #[error("cannot receive: {0}")]
    Io(#[source] io::Error),
}

fn missing(arrived: u64, of: Option<u64>) -> String {
    match of {
        Some(of) => format!("{} of {of} bytes are missing", of.saturating_sub(arrived)),
        None => format!("only {arrived} bytes of its header came"),
    }
}

/// Without the message that did not fit.
impl fmt::Debug for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecvError({self})")
    }
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {address}: {source}")]
pub struct BindError {
    /// Where.
    pub address: Address,
    /// What the system said: `EADDRINUSE` when somebody listens there, or the path exists;
    /// [`io::ErrorKind::InvalidInput`] for a machine and a port in the place of a path.
    pub source: io::Error,
}

/// Why [`Listener::accept`](crate::Listener::accept) has no connection to give.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// One client was turned away, or gave up. Others are not concerned: go on accepting.
    #[error("a client{} was turned away: {source}", from(.peer.as_ref()))]
    Client {
        /// Where it came from, if it has an address.
        peer: Option<Address>,
        /// Why.
        source: HandshakeError,
    },
    /// Nobody came in time, or nobody who was through with the handshake.
    #[error("no client came in time")]
    TimedOut,
    /// The system refused. For want of descriptors or memory that is after a second of trying, in which guests
    /// are attended to; the client waits on, and the next call tries again.
    #[error("cannot accept a client: {0}")]
    Io(#[from] io::Error),
}

fn from(peer: Option<&Address>) -> String {
    peer.map_or_else(String::new, |peer| format!(" from {peer}"))
}

/// Why [`Client::connect`](crate::Client::connect) has no connection to give.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nobody listens there, or the system refused.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where.
        address: Address,
        /// What the system said; [`io::ErrorKind::TimedOut`] when nobody answered in time.
        source: io::Error,
    },
    /// Somebody listens, but one of the two does not trust the other, or did not speak in time.
    #[error("cannot connect to {address}: {source}")]
    Handshake {
        /// Where.
        address: Address,
        /// Why.
        source: HandshakeError,
    },
}
