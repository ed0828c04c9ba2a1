//! Types over the bytes: serde values as messages.

use super::bytes;
use super::{
    AcceptError, Address, BindError, ConnectError, Deadline, Key, RecvError, SendError, Waitable,
};
use crate::message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::net::TcpStream;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// What a sender keeps of its buffer from one message to the next.
const KEPT_BYTES: usize = 64 * 1024;

/// One end of a connection, which sends messages of one type and receives those of another.
///
/// ```
/// use polyproc::connection::{Connection, RecvError};
///
/// let (mut here, mut there) = Connection::<String, u32>::pair()?;
/// here.send(&"how many?".to_owned())?;
/// assert_eq!(there.recv()?, "how many?");
/// there.send(&3)?;
/// drop(there);
/// assert_eq!(here.recv()?, 3);
/// assert!(matches!(here.recv(), Err(RecvError::Disconnected)));
/// # Ok::<(), polyproc::Error>(())
/// ```
pub struct Connection<S, R = S> {
    bytes: bytes::Connection,
    writing: Writing,
    max_len: u64,
    types: Types<S, R>,
}

/// Says which types, and holds none: a connection goes to other threads whatever they are.
type Types<S, R> = PhantomData<fn(S) -> R>;

/// The sending half of a [`Connection`]. Dropping it closes nothing while the other half lives;
/// [`Sender::finish`] does.
pub struct Sender<S> {
    bytes: bytes::Sender,
    writing: Writing,
    types: Types<S, ()>,
}

/// The receiving half of a [`Connection`].
pub struct Receiver<R> {
    bytes: bytes::Receiver,
    max_len: u64,
    types: Types<(), R>,
}

/// Turns values into bytes, in a buffer that is used again.
#[derive(Debug, Default)]
struct Writing(Vec<u8>);

impl Writing {
    fn write<S: Serialize>(
        &mut self,
        message: &S,
        send: impl FnOnce(&[u8]) -> Result<(), bytes::SendError>,
    ) -> Result<(), SendError> {
        let bytes = message::encode_for_anybody(message, std::mem::take(&mut self.0))?;
        let sent = send(&bytes);
        if bytes.capacity() <= KEPT_BYTES {
            self.0 = bytes;
            self.0.clear();
        }
        Ok(sent?)
    }
}

impl<S: Serialize, R: DeserializeOwned> Connection<S, R> {
    /// Two ends that are connected to each other.
    ///
    /// # Errors
    /// At the limits on descriptors.
    pub fn pair() -> io::Result<(Self, Connection<R, S>)> {
        let (one, two) = bytes::Connection::pair()?;
        Ok((one.into(), two.into()))
    }

    /// Sends a message. Waits while the other end does not read and the system's buffers are full.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send(&mut self, message: &S) -> Result<(), SendError> {
        self.send_deadline(message, Deadline::NEVER)
    }

    /// [`Connection::send`] that waits no longer than `timeout`. When a part of the message had
    /// gone by then, nothing can be sent any more; the other end is told.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send_timeout(&mut self, message: &S, timeout: Duration) -> Result<(), SendError> {
        self.send_deadline(message, Deadline::after(timeout))
    }

    /// [`Connection::send`] that waits until `deadline` at most.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send_deadline(&mut self, message: &S, deadline: Deadline) -> Result<(), SendError> {
        let bytes = &mut self.bytes;
        self.writing.write(message, |message| bytes.send_bytes_deadline(message, deadline))
    }

    /// Receives a message. Waits until it is all there.
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn recv(&mut self) -> Result<R, RecvError> {
        self.recv_deadline(Deadline::NEVER)
    }

    /// [`Connection::recv`] of a message that is there already.
    ///
    /// # Errors
    /// [`RecvError`]: [`RecvError::TimedOut`] when there is none.
    pub fn try_recv(&mut self) -> Result<R, RecvError> {
        self.recv_deadline(Deadline::now())
    }

    /// [`Connection::recv`] that waits no longer than `timeout`.
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<R, RecvError> {
        self.recv_deadline(Deadline::after(timeout))
    }

    /// [`Connection::recv`] that waits until `deadline` at most.
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn recv_deadline(&mut self, deadline: Deadline) -> Result<R, RecvError> {
        let bytes = self.bytes.recv_bytes_deadline(self.max_len, deadline)?;
        Ok(message::decode_from_anybody(&bytes)?)
    }

    /// The messages until the other end is closed.
    pub fn messages(&mut self) -> Messages<'_, S, R> {
        Messages { connection: self, is_over: false }
    }
}

impl<S, R> Connection<S, R> {
    /// Waits up to `timeout` for a message, or the beginning of one, or the other end's closing,
    /// and says whether there is one. Takes nothing.
    ///
    /// # Errors
    /// [`RecvError::Bytes`].
    pub fn poll(&self, timeout: Duration) -> Result<bool, RecvError> {
        Ok(self.bytes.poll(timeout)?)
    }

    /// Receives no message of more than `len` bytes: one is an error, and the last thing that is
    /// received. Without a limit, whoever is on the other side can fill this process's memory.
    pub fn set_max_len(&mut self, len: u64) {
        self.max_len = len;
    }

    /// The two directions, for two threads.
    pub fn split(self) -> (Sender<S>, Receiver<R>) {
        let (sender, receiver) = self.bytes.split();
        (
            Sender { bytes: sender, writing: self.writing, types: PhantomData },
            Receiver { bytes: receiver, max_len: self.max_len, types: PhantomData },
        )
    }

    /// The connection without types: for descriptors, and for messages in other formats.
    pub fn bytes(&mut self) -> &mut bytes::Connection {
        &mut self.bytes
    }

    /// Where the other end is; `None` if it has no address, as most clients of Unix sockets.
    pub fn peer(&self) -> Option<Address> {
        self.bytes.peer()
    }

    /// Closes this end, at once: what was sent before still arrives. Everything else is then an
    /// error. Dropping it does the same.
    pub fn close(&mut self) {
        self.bytes.close();
    }
}

impl<S, R> From<bytes::Connection> for Connection<S, R> {
    fn from(bytes: bytes::Connection) -> Self {
        Self { bytes, writing: Writing::default(), max_len: u64::MAX, types: PhantomData }
    }
}

impl<S, R> From<UnixStream> for Connection<S, R> {
    fn from(stream: UnixStream) -> Self {
        bytes::Connection::from(stream).into()
    }
}

impl<S, R> From<TcpStream> for Connection<S, R> {
    fn from(stream: TcpStream) -> Self {
        bytes::Connection::from(stream).into()
    }
}

impl<S: Serialize> Sender<S> {
    /// As [`Connection::send`].
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send(&mut self, message: &S) -> Result<(), SendError> {
        self.send_deadline(message, Deadline::NEVER)
    }

    /// As [`Connection::send_deadline`].
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send_deadline(&mut self, message: &S, deadline: Deadline) -> Result<(), SendError> {
        let bytes = &mut self.bytes;
        self.writing.write(message, |message| bytes.send_bytes_deadline(message, deadline))
    }
}

impl<S> Sender<S> {
    /// Tells the other end that nothing more comes: it is disconnected after what was sent before.
    /// The other direction stays.
    ///
    /// # Errors
    /// [`SendError::Disconnected`].
    pub fn finish(self) -> Result<(), SendError> {
        Ok(self.bytes.finish()?)
    }
}

impl<R: DeserializeOwned> Receiver<R> {
    /// As [`Connection::recv`].
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn recv(&mut self) -> Result<R, RecvError> {
        self.recv_deadline(Deadline::NEVER)
    }

    /// As [`Connection::recv_deadline`].
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn recv_deadline(&mut self, deadline: Deadline) -> Result<R, RecvError> {
        let bytes = self.bytes.recv_bytes_deadline(self.max_len, deadline)?;
        Ok(message::decode_from_anybody(&bytes)?)
    }
}

/// The messages of a [`Connection`] until the other end is closed. An error is passed on; one that
/// is not about a single message ends them.
#[derive(Debug)]
pub struct Messages<'a, S, R> {
    connection: &'a mut Connection<S, R>,
    is_over: bool,
}

impl<S: Serialize, R: DeserializeOwned> Iterator for Messages<'_, S, R> {
    type Item = Result<R, RecvError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.connection.recv();
        self.is_over = matches!(next, Err(RecvError::Disconnected | RecvError::Bytes(_)));
        match next {
            Err(RecvError::Disconnected) => None,
            other => Some(other),
        }
    }
}

/// Waits for other programs to connect; see [`bytes::Listener`].
#[derive(Debug)]
pub struct Listener(bytes::Listener);

impl Listener {
    /// Listens at `address`. Up to `backlog` clients may wait to be accepted, and with a `key` only
    /// those who know it are.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn bind(
        address: impl Into<Address>,
        backlog: u32,
        key: Option<Key>,
    ) -> Result<Self, BindError> {
        bytes::Listener::bind(address, backlog, key).map(Self)
    }

    /// Listens at a new path in a directory that only this user can enter. Both are removed when
    /// the listener is dropped; see [`bytes::Listener::temporary`].
    ///
    /// # Errors
    /// [`BindError`].
    pub fn temporary(backlog: u32, key: Option<Key>) -> Result<Self, BindError> {
        bytes::Listener::temporary(backlog, key).map(Self)
    }

    /// Listens at a new name that nobody can guess and that is no file: nothing is left of it,
    /// however this process ends.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn anonymous(backlog: u32, key: Option<Key>) -> Result<Self, BindError> {
        bytes::Listener::anonymous(backlog, key).map(Self)
    }

    /// Where it listens, with the port or the name that the system chose.
    pub fn address(&self) -> &Address {
        self.0.address()
    }

    /// Where the client came from that was accepted last, if it has an address.
    pub fn last_accepted(&self) -> Option<&Address> {
        self.0.last_accepted()
    }

    /// Gives clients this long to prove that they know the key, in place of
    /// [`HANDSHAKE_TIMEOUT`](super::HANDSHAKE_TIMEOUT).
    pub fn set_handshake_timeout(&mut self, timeout: Duration) {
        self.0.set_handshake_timeout(timeout);
    }

    /// Waits for a client, and for its proof if there is a key. Several clients prove themselves at
    /// the same time: one that is silent holds up nobody.
    ///
    /// # Errors
    /// [`AcceptError::Client`] when one client is turned away: the listener goes on, call it again.
    /// The others.
    pub fn accept<S, R>(&mut self) -> Result<Connection<S, R>, AcceptError> {
        self.0.accept().map(Connection::from)
    }

    /// [`Listener::accept`] that waits no longer than `timeout`. Handshakes that have begun go on
    /// with the next call.
    ///
    /// # Errors
    /// As [`Listener::accept`], and [`AcceptError::TimedOut`].
    pub fn accept_timeout<S, R>(
        &mut self,
        timeout: Duration,
    ) -> Result<Connection<S, R>, AcceptError> {
        self.0.accept_timeout(timeout).map(Connection::from)
    }

    /// [`Listener::accept`] that waits until `deadline` at most.
    ///
    /// # Errors
    /// As [`Listener::accept`], and [`AcceptError::TimedOut`].
    pub fn accept_deadline<S, R>(
        &mut self,
        deadline: Deadline,
    ) -> Result<Connection<S, R>, AcceptError> {
        self.0.accept_deadline(deadline).map(Connection::from)
    }
}

/// Connects to a [`Listener`], also one of Python's.
#[derive(Debug)]
pub struct Client(());

impl Client {
    /// Connects to whoever listens at `address`, and proves both ways that the two know the same
    /// `key`. Waits up to [`CONNECT_TIMEOUT`](super::CONNECT_TIMEOUT).
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect<S, R>(
        address: impl Into<Address>,
        key: Option<&Key>,
    ) -> Result<Connection<S, R>, ConnectError> {
        bytes::Client::connect(address, key).map(Connection::from)
    }

    /// [`Client::connect`] that waits no longer than `timeout`.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect_timeout<S, R>(
        address: impl Into<Address>,
        key: Option<&Key>,
        timeout: Duration,
    ) -> Result<Connection<S, R>, ConnectError> {
        bytes::Client::connect_timeout(address, key, timeout).map(Connection::from)
    }

    /// [`Client::connect`] that waits until `deadline` at most, all in all.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect_deadline<S, R>(
        address: impl Into<Address>,
        key: Option<&Key>,
        deadline: Deadline,
    ) -> Result<Connection<S, R>, ConnectError> {
        bytes::Client::connect_deadline(address, key, deadline).map(Connection::from)
    }
}

impl<S, R> fmt::Debug for Connection<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes.fmt(f)
    }
}

impl<S> fmt::Debug for Sender<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes.fmt(f)
    }
}

impl<R> fmt::Debug for Receiver<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes.fmt(f)
    }
}

impl<S, R> Waitable for Connection<S, R> {
    fn is_ready(&self) -> bool {
        Waitable::is_ready(&self.bytes)
    }

    fn descriptors<'a>(&'a self, found: &mut Vec<BorrowedFd<'a>>) {
        self.bytes.descriptors(found);
    }
}

impl<R> Waitable for Receiver<R> {
    fn is_ready(&self) -> bool {
        Waitable::is_ready(&self.bytes)
    }

    fn descriptors<'a>(&'a self, found: &mut Vec<BorrowedFd<'a>>) {
        self.bytes.descriptors(found);
    }
}

impl Waitable for Listener {
    fn descriptors<'a>(&'a self, found: &mut Vec<BorrowedFd<'a>>) {
        self.0.descriptors(found);
    }
}

/// Ready when the process has ended.
impl Waitable for crate::Handle {
    fn descriptors<'a>(&'a self, found: &mut Vec<BorrowedFd<'a>>) {
        found.push(self.sentinel());
    }
}

/// Ready when the process has ended.
impl<R> Waitable for crate::Process<R> {
    fn descriptors<'a>(&'a self, found: &mut Vec<BorrowedFd<'a>>) {
        found.push(self.sentinel());
    }
}
