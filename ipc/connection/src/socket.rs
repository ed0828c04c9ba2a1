//! The two kinds of stream sockets, and what is done the same way on both.

use crate::address::Address;
use polyproc_sys::clock::Deadline;
use polyproc_sys::socket::{self, Mode};
use polyproc_sys::{poll, stream};
use std::io::{self, IoSlice};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// After how long a silence the kernel asks a TCP peer whether its machine still runs, and after
/// how long an interval again.
const SILENCE: Duration = Duration::from_secs(15);
/// After how many unanswered questions the connection is dead.
const QUESTIONS: u32 = 4;

/// Why a socket did not do what it was to do.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Not in time.
    Deadline,
    /// The other end is closed, or does not answer any more.
    Gone,
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::BrokenPipe
            | Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::NotConnected
            // The network's own: the peer did not answer the kernel.
            | Kind::TimedOut
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable => Self::Gone,
            _ => Self::Io(error),
        }
    }
}

#[derive(Debug)]
pub(crate) enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(stream)
    }
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        // Messages are sent whole, so there is nothing that waiting for more could be good for.
        // Without either setting everything works, later: so a failure (the peer is gone) is seen
        // at the first message.
        drop(stream.set_nodelay(true));
        drop(stream::keep_alive(&stream, SILENCE, QUESTIONS));
        Self::Tcp(stream)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
        }
    }
}

impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> Self {
        match socket {
            Socket::Unix(stream) => stream.into(),
            Socket::Tcp(stream) => stream.into(),
        }
    }
}

impl Socket {
    /// Where the other end is; `None` for a socket without a name, as most clients' Unix sockets
    /// are.
    pub(crate) fn peer(&self) -> Option<Address> {
        match self {
            Self::Unix(stream) => Address::of_unix(&stream.peer_addr().ok()?),
            Self::Tcp(stream) => stream.peer_addr().ok().map(Address::Tcp),
        }
    }

    /// Tells the other end that nothing more comes.
    pub(crate) fn finish(&self) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    /// Sends as much of `parts` as there is room for now; without a deadline it may wait for more.
    pub(crate) fn send_some(
        &self,
        parts: &[IoSlice<'_>],
        deadline: Deadline,
    ) -> Result<usize, Stop> {
        waiting(
            mode(deadline),
            |mode| socket::send_some(self, parts, &[], mode),
            || poll::writable(self.as_fd(), deadline),
        )
    }

    /// Appends what has come, at most `limit` bytes and what `buffer` has room for. None is the end.
    pub(crate) fn receive_some(
        &self,
        buffer: &mut Vec<u8>,
        limit: usize,
        deadline: Deadline,
    ) -> Result<usize, Stop> {
        waiting(
            mode(deadline),
            |mode| socket::receive_some(self, buffer, limit, mode),
            || self.readable(deadline),
        )
    }

    /// One byte that carries descriptors, and them. No byte is the end.
    pub(crate) fn receive_descriptors(
        &self,
        deadline: Deadline,
    ) -> Result<(Option<u8>, Vec<OwnedFd>), Stop> {
        // Room for one byte, exactly: the next one belongs to a message.
        let mut byte = Vec::from([0]);
        let fds = waiting(
            mode(deadline),
            |mode| socket::receive(self, &mut byte, mode),
            || self.readable(deadline),
        )?;
        Ok((byte.first().copied(), fds))
    }

    /// One byte, and descriptors with it.
    pub(crate) fn send_descriptors(
        &self,
        byte: u8,
        fds: &[BorrowedFd<'_>],
        deadline: Deadline,
    ) -> Result<(), Stop> {
        waiting(
            mode(deadline),
            |mode| socket::send(self, &[IoSlice::new(&[byte])], fds, mode),
            || poll::writable(self.as_fd(), deadline),
        )
    }

    pub(crate) fn readable(&self, deadline: Deadline) -> io::Result<bool> {
        poll::readable([Some(self.as_fd())], deadline).map(|[ready]| ready)
    }
}

/// A call that need not end spares the look whether it would.
fn mode(deadline: Deadline) -> Mode {
    if deadline == Deadline::NEVER { Mode::Block } else { Mode::Try }
}

/// Does `step` until it need not wait, and in between waits for what it needs.
fn waiting<T>(
    mode: Mode,
    mut step: impl FnMut(Mode) -> io::Result<T>,
    ready: impl Fn() -> io::Result<bool>,
) -> Result<T, Stop> {
    loop {
        match step(mode) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !ready()? {
                    return Err(Stop::Deadline);
                }
            }
            result => return Ok(result?),
        }
    }
}
