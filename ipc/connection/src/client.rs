//! The side that connects.

use crate::address::Address;
use crate::authentication::Authentication;
use crate::connection::Connection;
use crate::error::ConnectError;
use crate::handshake::{Handshake, HandshakeError, Key};
use crate::socket::Socket;
use polyproc_sys::clock::Deadline;
use polyproc_sys::stream::{abstract_address, connect_unix};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net;
use std::time::Duration;

/// How long [`Client::connect`] waits at most: two that do not agree on whether there is a key both
/// wait for the other one to speak.
pub const CONNECT_TIMEOUT: Duration = Duration::from_mins(1);

/// Connects to a [`Listener`](crate::Listener), or to one of Python's.
#[derive(Debug)]
pub struct Client(());

impl Client {
    /// Connects to whoever listens at `address`, and proves both ways that the two know the same
    /// `key`. Waits up to [`CONNECT_TIMEOUT`].
    ///
    /// ```
    /// use polyproc_connection::{Client, Key, Listener};
    ///
    /// let key = Key::new(b"a secret that both know")?;
    /// let mut listener = Listener::anonymous(1, Some(key.clone()))?;
    /// let address = listener.address().clone();
    /// let client = std::thread::spawn(move || Client::connect(&address, Some(&key)));
    /// let mut there = listener.accept()?;
    /// let mut here = client.join().unwrap()?;
    /// here.send_bytes(b"hello")?;
    /// assert_eq!(there.recv_bytes()?, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(
        address: impl Into<Address>,
        key: Option<&Key>,
    ) -> Result<Connection, ConnectError> {
        Self::connect_timeout(address, key, CONNECT_TIMEOUT)
    }

    /// [`Client::connect`] that waits no longer than `timeout`.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect_timeout(
        address: impl Into<Address>,
        key: Option<&Key>,
        timeout: Duration,
    ) -> Result<Connection, ConnectError> {
        Self::connect_deadline(address, key, Deadline::after(timeout))
    }

    /// [`Client::connect`] that waits until `deadline` at most, all in all.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect_deadline(
        address: impl Into<Address>,
        key: Option<&Key>,
        deadline: Deadline,
    ) -> Result<Connection, ConnectError> {
        let address = address.into();
        match open(&address, deadline) {
            Err(source) => Err(ConnectError::Connect { address, source }),
            Ok(socket) => match key {
                None => Ok(Connection::new(socket)),
                Some(key) => authenticate(socket, key, deadline)
                    .map_err(|source| ConnectError::Handshake { address, source }),
            },
        }
    }
}

fn open(address: &Address, deadline: Deadline) -> io::Result<Socket> {
    match address {
        Address::Tcp(address) => open_tcp(address, deadline).map(Socket::from),
        Address::Unix(path) => open_unix(&Address::at_path(path)?, deadline),
        Address::Abstract(name) => open_unix(&abstract_address(name)?, deadline),
    }
}

fn open_unix(name: &net::SocketAddr, deadline: Deadline) -> io::Result<Socket> {
    connect_unix(name, deadline).map(Socket::from)
}

fn open_tcp(address: &SocketAddr, deadline: Deadline) -> io::Result<TcpStream> {
    match deadline.remaining() {
        // The kernel gives up by itself, after about two minutes.
        None => TcpStream::connect(address),
        // std takes no timeout of zero.
        Some(left) => TcpStream::connect_timeout(address, left.max(Duration::from_millis(1))),
    }
}

fn authenticate(
    socket: Socket,
    key: &Key,
    deadline: Deadline,
) -> Result<Connection, HandshakeError> {
    let mut authentication = Authentication::new(socket, key, Handshake::client)?;
    while !authentication.advance()? {
        authentication.wait(deadline)?;
    }
    Ok(authentication.into_connection())
}
