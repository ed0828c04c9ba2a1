//! Waiting for whichever of several is ready first.

use crate::connection::{Connection, Receiver};
use crate::listener::Listener;
use polyproc_sys::clock::Deadline;
use polyproc_sys::poll;
use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::time::Duration;

/// Something that becomes ready: to be received from, accepted from, joined.
///
/// Whatever has a descriptor that becomes readable can be given to [`wait`] as its `as_fd()`.
pub trait Waitable {
    /// Whether it is ready whatever its descriptors say, because what came was read already.
    fn is_ready(&self) -> bool {
        false
    }

    /// Appends the descriptors of which any one becomes readable when it is ready. None at all
    /// means that it is: the next call ends at once, with an error.
    fn descriptors<'a>(&'a self, found: &mut Vec<BorrowedFd<'a>>);
}

/// Waits until at least one of `all` is ready, or `timeout` is over (never, without one): the
/// indices of those that are, in their order; none when time is up.
///
/// A connection is ready when a message has come, or the beginning of one, and when its other end
/// is closed; a process's sentinel when it has ended; a listener when a client has come or goes on
/// with its handshake (so that an [`accept_timeout`](Listener::accept_timeout) may still find that
/// nobody is through).
///
/// ```
/// use polyproc_connection::{Connection, wait};
/// use std::os::fd::AsFd;
/// use std::time::Duration;
///
/// let (mut here, there) = Connection::pair()?;
/// let (_quiet, other) = Connection::pair()?;
/// let (pipe, _writer) = std::io::pipe()?;
/// assert!(wait(&[&other, &there, &pipe.as_fd()], Some(Duration::ZERO))?.is_empty());
/// here.send_bytes(b"message")?;
/// assert_eq!(wait(&[&other, &there, &pipe.as_fd()], None)?, [1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// `EINVAL` for more descriptors than the process may open; [`io::ErrorKind::InvalidInput`] for
/// nothing to wait for without a timeout.
pub fn wait(all: &[&dyn Waitable], timeout: Option<Duration>) -> io::Result<Vec<usize>> {
    wait_deadline(all, timeout.map_or(Deadline::NEVER, Deadline::after))
}

/// [`wait`] until `deadline` at most.
///
/// # Errors
/// As [`wait`].
pub fn wait_deadline(all: &[&dyn Waitable], deadline: Deadline) -> io::Result<Vec<usize>> {
    if all.is_empty() && deadline == Deadline::NEVER {
        let message = "waiting for nothing, without a timeout";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut fds = Vec::with_capacity(all.len());
    // For each descriptor, whose it is.
    let mut owners = Vec::with_capacity(all.len());
    let mut ready = Vec::new();
    for (index, one) in all.iter().enumerate() {
        one.descriptors(&mut fds);
        if one.is_ready() || fds.len() == owners.len() {
            ready.push(index);
        }
        owners.resize(fds.len(), index);
    }
    let deadline = if ready.is_empty() { deadline } else { Deadline::now() };
    let readable = poll::any_readable(&fds, deadline)?;
    ready.extend(readable.into_iter().map(|fd| owners[fd]));
    ready.sort_unstable();
    ready.dedup();
    Ok(ready)
}

impl Waitable for Receiver {
    fn is_ready(&self) -> bool {
        self.is_ready()
    }

    fn descriptors<'a>(&'a self, found: &mut Vec<BorrowedFd<'a>>) {
        found.extend(self.fd());
    }
}

impl Waitable for Connection {
    fn is_ready(&self) -> bool {
        self.is_ready()
    }

    fn descriptors<'a>(&'a self, found: &mut Vec<BorrowedFd<'a>>) {
        found.extend(self.fd());
    }
}

impl Waitable for Listener {
    fn descriptors<'a>(&'a self, found: &mut Vec<BorrowedFd<'a>>) {
        found.extend(self.fds());
    }
}

macro_rules! waitable_by_descriptor {
    ($($type:ty),*) => {
        $(impl Waitable for $type {
            fn descriptors<'a>(&'a self, found: &mut Vec<BorrowedFd<'a>>) {
                found.push(self.as_fd());
            }
        })*
    };
}
waitable_by_descriptor!(
    BorrowedFd<'_>,
    OwnedFd,
    TcpListener,
    TcpStream,
    UdpSocket,
    UnixDatagram,
    UnixListener,
    UnixStream,
    io::PipeReader
);
