//! Two ends that exchange messages of bytes.

use crate::address::Address;
use crate::error::{RecvError, SendError};
use crate::frame::{Decoder, Header};
use crate::socket::{Socket, Stop};
use polyproc_sys::clock::Deadline;
use std::io::{self, IoSlice};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

/// The most descriptors that go at once.
pub const MAX_DESCRIPTORS: usize = polyproc_sys::socket::MAX_FDS;
/// How much is read at once from a network. (A Unix socket is read by the byte that belongs to a
/// message, since descriptors may lie between two of them.)
const READ_AHEAD_BYTES: usize = 16 * 1024;
/// After the deadline, what has arrived already is still taken, but not more than this: a peer that
/// sends faster than we read cannot hold us.
const EAGER_BYTES: usize = 16 * 1024 * 1024;

/// One end of a connection, over a Unix or a TCP socket: messages of bytes in both directions.
///
/// On the wire it is what `multiprocessing.connection.Connection` of Python is. A message has
/// any length; what a header claims takes no memory before the bytes arrive.
///
/// The other end's closing, and the end of its process however it came, is
/// [`RecvError::Disconnected`] after the last message, or [`RecvError::Torn`] in the middle of one,
/// and [`SendError::Disconnected`]. A machine on the network that vanishes is noticed after about a
/// minute, or while something is on its way there, when the system gives up delivering it (about
/// fifteen minutes). Beyond that, waits end when their caller says so: each form has a `_timeout` and
/// a `_deadline`.
///
/// ```
/// use polyproc_connection::{Connection, RecvError};
///
/// let (mut here, mut there) = Connection::pair()?;
/// here.send_bytes(b"hello")?;
/// drop(here);
/// assert_eq!(there.recv_bytes()?, b"hello");
/// assert!(matches!(there.recv_bytes(), Err(RecvError::Disconnected)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    sender: Sender,
    receiver: Receiver,
}

/// The sending half of a [`Connection`]. Dropping it closes nothing while the other half lives;
/// [`Sender::finish`] does.
#[derive(Debug)]
pub struct Sender {
    socket: Option<Arc<Socket>>,
    is_torn: bool,
}

/// The receiving half of a [`Connection`].
#[derive(Debug)]
pub struct Receiver {
    socket: Option<Arc<Socket>>,
    decoder: Decoder,
}

impl Connection {
    pub(crate) fn new(socket: Socket) -> Self {
        let decoder = match socket {
            Socket::Unix(_) => Decoder::exact(),
            Socket::Tcp(_) => Decoder::reading_ahead(READ_AHEAD_BYTES),
        };
        let socket = Arc::new(socket);
        Self {
            sender: Sender { socket: Some(Arc::clone(&socket)), is_torn: false },
            receiver: Receiver { socket: Some(socket), decoder },
        }
    }

    /// Two ends that are connected to each other.
    ///
    /// # Errors
    /// At the limits on descriptors.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, two) = UnixStream::pair()?;
        Ok((one.into(), two.into()))
    }

    /// The two directions, for two threads.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }

    /// Sends a message. Waits while the other end does not read and the system's buffers are full.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send_bytes(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.sender.send_bytes(message)
    }

    /// [`Connection::send_bytes`] that waits no longer than `timeout`.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send_bytes_timeout(
        &mut self,
        message: &[u8],
        timeout: Duration,
    ) -> Result<(), SendError> {
        self.sender.send_bytes_deadline(message, Deadline::after(timeout))
    }

    /// [`Connection::send_bytes`] that waits until `deadline` at most.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send_bytes_deadline(
        &mut self,
        message: &[u8],
        deadline: Deadline,
    ) -> Result<(), SendError> {
        self.sender.send_bytes_deadline(message, deadline)
    }

    /// Receives a message, of any length. Waits until it is all there.
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn recv_bytes(&mut self) -> Result<Vec<u8>, RecvError> {
        self.receiver.recv_bytes()
    }

    /// [`Connection::recv_bytes`] that waits no longer than `timeout`; what has arrived by then is
    /// kept for the next call.
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn recv_bytes_timeout(&mut self, timeout: Duration) -> Result<Vec<u8>, RecvError> {
        self.receiver.recv_bytes_deadline(u64::MAX, Deadline::after(timeout))
    }

    /// [`Connection::recv_bytes`] that waits until `deadline` at most, of a message of `max` bytes
    /// at most. A longer one is an error that breaks the receiving half, before any byte of it is
    /// read.
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn recv_bytes_deadline(
        &mut self,
        max: u64,
        deadline: Deadline,
    ) -> Result<Vec<u8>, RecvError> {
        self.receiver.recv_bytes_deadline(max, deadline)
    }

    /// Receives a message into the beginning of `buffer`, and says how long it is.
    ///
    /// # Errors
    /// [`RecvError`]: [`RecvError::BufferTooShort`] holds the message that does not fit.
    pub fn recv_bytes_into(&mut self, buffer: &mut [u8]) -> Result<usize, RecvError> {
        self.receiver.recv_bytes_into(buffer, Deadline::NEVER)
    }

    /// [`Connection::recv_bytes_into`] that waits no longer than `timeout`.
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn recv_bytes_into_timeout(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<usize, RecvError> {
        self.receiver.recv_bytes_into(buffer, Deadline::after(timeout))
    }

    /// Waits up to `timeout` for a message, or the beginning of one, or the other end's closing,
    /// and says whether there is one. Takes nothing.
    ///
    /// # Errors
    /// [`RecvError::Closed`], [`RecvError::Io`].
    pub fn poll(&self, timeout: Duration) -> Result<bool, RecvError> {
        self.receiver.poll(Deadline::after(timeout))
    }

    /// Sends copies of descriptors; see [`Sender::send_fds`].
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send_fds(&mut self, fds: &[BorrowedFd<'_>]) -> Result<(), SendError> {
        self.sender.send_fds(fds, Deadline::NEVER)
    }

    /// Receives descriptors; see [`Receiver::recv_fds`].
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn recv_fds(&mut self) -> Result<Vec<OwnedFd>, RecvError> {
        self.receiver.recv_fds(Deadline::NEVER)
    }

    /// Closes this end, at once: what was sent before still arrives. Everything else is then an
    /// error. Dropping it does the same.
    pub fn close(&mut self) {
        self.sender.socket = None;
        self.receiver.socket = None;
    }

    /// Whether [`Connection::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.sender.socket.is_none()
    }

    /// Where the other end is; `None` if it has no address, as most clients of Unix sockets.
    pub fn peer(&self) -> Option<Address> {
        self.receiver.socket.as_ref()?.peer()
    }

    /// What a poll of the descriptor may miss: a message that was read together with an earlier
    /// one.
    pub(crate) fn is_ready(&self) -> bool {
        self.receiver.is_ready()
    }

    /// Its socket, unless it is closed.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.receiver.fd()
    }
}

impl From<UnixStream> for Connection {
    fn from(stream: UnixStream) -> Self {
        Self::new(stream.into())
    }
}

impl From<TcpStream> for Connection {
    fn from(stream: TcpStream) -> Self {
        Self::new(stream.into())
    }
}

impl Sender {
    fn socket(&self) -> Result<&Socket, SendError> {
        match (&self.socket, self.is_torn) {
            (None, _) => Err(SendError::Closed),
            (Some(_), true) => Err(SendError::Torn),
            (Some(socket), false) => Ok(socket),
        }
    }

    /// As [`Connection::send_bytes`].
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send_bytes(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.send_bytes_deadline(message, Deadline::NEVER)
    }

    /// As [`Connection::send_bytes_deadline`].
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send_bytes_deadline(
        &mut self,
        message: &[u8],
        deadline: Deadline,
    ) -> Result<(), SendError> {
        let socket = self.socket()?;
        let header = Header::new(message.len() as u64);
        let of = (header.as_bytes().len() + message.len()) as u64;
        let (sent, end) = send_parts(socket, &[header.as_bytes(), message], deadline);
        let Err(stop) = end else {
            return Ok(());
        };
        if sent > 0 && !matches!(stop, Stop::Gone) {
            // The other end is to learn now that the rest does not come.
            drop(socket.finish());
            self.is_torn = true;
        }
        Err(send_error(stop, sent, of))
    }

    /// Sends copies of up to [`MAX_DESCRIPTORS`] descriptors, over a Unix socket. They arrive as
    /// they are, whatever becomes of ours; `multiprocessing.reduction.recv_handle` of Python takes
    /// one.
    ///
    /// # Errors
    /// [`SendError::Descriptors`] for too many, none, or another kind of socket; the others.
    pub fn send_fds(
        &mut self,
        fds: &[BorrowedFd<'_>],
        deadline: Deadline,
    ) -> Result<(), SendError> {
        let socket = self.socket()?;
        if !(1..=MAX_DESCRIPTORS).contains(&fds.len()) || !matches!(socket, Socket::Unix(_)) {
            return Err(SendError::Descriptors(fds.len()));
        }
        let sent = socket.send_descriptors(fds.len() as u8, fds, deadline);
        sent.map_err(|stop| send_error(stop, 0, 1))
    }

    /// Tells the other end that nothing more comes: it reads the end of the file after what was
    /// sent before. The other direction stays.
    ///
    /// # Errors
    /// [`SendError::Closed`], [`SendError::Disconnected`].
    pub fn finish(self) -> Result<(), SendError> {
        self.socket()?.finish().map_err(|error| send_error(error.into(), 0, 0))
    }
}

/// How many bytes of `parts` were sent, and what stopped it.
fn send_parts(socket: &Socket, parts: &[&[u8]; 2], deadline: Deadline) -> (u64, Result<(), Stop>) {
    let mut slices = parts.map(IoSlice::new);
    let mut rest = &mut slices[..];
    // An empty part at the end is passed over.
    IoSlice::advance_slices(&mut rest, 0);
    let mut sent = 0;
    while !rest.is_empty() {
        match socket.send_some(rest, deadline) {
            Ok(len) => {
                sent += len as u64;
                IoSlice::advance_slices(&mut rest, len);
            }
            Err(stop) => return (sent, Err(stop)),
        }
    }
    (sent, Ok(()))
}

fn send_error(stop: Stop, sent: u64, of: u64) -> SendError {
    match stop {
        Stop::Deadline => SendError::TimedOut { sent, of },
        Stop::Gone => SendError::Disconnected,
        Stop::Io(error) => SendError::Io(error),
    }
}

impl Receiver {
    /// As [`Connection::recv_bytes`].
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn recv_bytes(&mut self) -> Result<Vec<u8>, RecvError> {
        self.recv_bytes_deadline(u64::MAX, Deadline::NEVER)
    }

    /// As [`Connection::recv_bytes_deadline`].
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn recv_bytes_deadline(
        &mut self,
        max: u64,
        deadline: Deadline,
    ) -> Result<Vec<u8>, RecvError> {
        let socket = self.socket.as_ref().ok_or(RecvError::Closed)?;
        let mut taken = 0;
        loop {
            if let Some(message) = self.decoder.next(max)? {
                return Ok(message);
            }
            if taken > EAGER_BYTES && deadline.has_passed() {
                return Err(RecvError::TimedOut);
            }
            let (buffer, limit) = self.decoder.room()?;
            match socket.receive_some(buffer, limit, deadline) {
                Ok(0) | Err(Stop::Gone) => return Err(self.end()),
                Ok(len) => taken += len,
                Err(Stop::Deadline) => return Err(RecvError::TimedOut),
                Err(Stop::Io(error)) => return Err(RecvError::Io(error)),
            }
        }
    }

    /// What the end of the stream means here.
    fn end(&self) -> RecvError {
        match self.decoder.gap() {
            None => RecvError::Disconnected,
            Some(gap) => RecvError::Torn { arrived: gap.arrived, of: gap.of },
        }
    }

    /// As [`Connection::recv_bytes_into`].
    ///
    /// # Errors
    /// [`RecvError`].
    pub fn recv_bytes_into(
        &mut self,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Result<usize, RecvError> {
        let message = self.recv_bytes_deadline(u64::MAX, deadline)?;
        match buffer.get_mut(..message.len()) {
            Some(place) => place.copy_from_slice(&message),
            None => return Err(RecvError::BufferTooShort(message)),
        }
        Ok(message.len())
    }

    /// As [`Connection::poll`].
    ///
    /// # Errors
    /// [`RecvError::Closed`], [`RecvError::Io`].
    pub fn poll(&self, deadline: Deadline) -> Result<bool, RecvError> {
        let socket = self.socket.as_ref().ok_or(RecvError::Closed)?;
        if self.is_ready() {
            return Ok(true);
        }
        socket.readable(deadline).map_err(RecvError::Io)
    }

    /// Receives what [`Sender::send_fds`] sent, or `multiprocessing.reduction.send_handle` of
    /// Python. When it is there is for the two sides to agree on, with a message: where none was sent
    /// this is an error, after which nothing more can be received.
    ///
    /// # Errors
    /// [`RecvError::NoDescriptor`], also on a TCP socket; [`RecvError::Io`] with `EMFILE` when this
    /// process may open no more, and they are lost; the others.
    pub fn recv_fds(&mut self, deadline: Deadline) -> Result<Vec<OwnedFd>, RecvError> {
        let socket = self.socket.as_ref().ok_or(RecvError::Closed)?;
        if !matches!(**socket, Socket::Unix(_)) || self.decoder.gap().is_some() {
            return Err(RecvError::NoDescriptor);
        }
        match socket.receive_descriptors(deadline) {
            Ok((Some(count), fds)) if usize::from(count) == fds.len() && count > 0 => Ok(fds),
            Ok((None, _)) | Err(Stop::Gone) => Err(RecvError::Disconnected),
            Ok((Some(_), _)) => {
                self.decoder.break_off();
                Err(RecvError::NoDescriptor)
            }
            Err(Stop::Deadline) => Err(RecvError::TimedOut),
            Err(Stop::Io(error)) => Err(RecvError::Io(error)),
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.decoder.is_ready()
    }

    /// Its socket, unless it is closed.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_deref().map(AsFd::as_fd)
    }
}
