//! What a socket is and whom it talks to.

use std::net::SocketAddr;

pub use crate::imp::endpoint::look;

/// One end of a connection, or a network card.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// None, or of a family that is not known here.
    #[default]
    None,
    /// Internet protocol, either version.
    Inet(SocketAddr),
    /// A socket of the file system, or an abstract name (which starts with a zero byte).
    Unix(Vec<u8>),
    /// A network card's own address.
    Hardware(Vec<u8>),
}

/// What is known of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `AF_INET` and so on.
    pub family: i32,
    /// `SOCK_STREAM` and so on.
    pub kind: i32,
    /// `IPPROTO_TCP` and so on; 0 in families that have only one.
    pub protocol: i32,
    /// The state of a TCP connection, as the kernel numbers it (1 is established).
    pub state: Option<u8>,
    /// Its own address.
    pub local: Address,
    /// Whom it is connected to.
    pub peer: Address,
}
