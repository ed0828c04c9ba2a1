//! Socket pairs that carry whole messages, and descriptors with them; parts of streams.

pub use crate::imp::socket::{
    adopt, adopt_any, pair, receive, receive_some, replace_stream, send, send_some,
};

/// The most descriptors that one message may carry.
pub const MAX_FDS: usize = 12;

/// Whether to wait when the socket cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Wait for room, or for a message.
    Block,
    /// Fail with [`std::io::ErrorKind::WouldBlock`].
    Try,
    /// Read without taking, and fail with [`std::io::ErrorKind::WouldBlock`].
    Peek,
}
