//! The side that waits for others to connect.
//!
//! With a key, whoever connects is a *guest* until it has proved that it knows the key. Guests are
//! attended to all at once, while somebody is in [`Listener::accept`]: one that says nothing holds
//! up nobody, and for no longer than its limit. How many there can be is limited; one too many takes
//! the place of the one that has waited longest (an honest handshake is over in milliseconds).

use crate::address::Address;
use crate::authentication::Authentication;
use crate::connection::Connection;
use crate::error::{AcceptError, BindError};
use crate::handshake::{Handshake, HandshakeError, Key};
use crate::place::Place;
use crate::socket::Socket;
use polyproc_sys::clock::Deadline;
use polyproc_sys::{poll, stream};
use std::collections::VecDeque;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{self, UnixListener};
use std::time::{Duration, Instant};

/// How long a guest has for its handshake, unless [`Listener::set_handshake_timeout`] says otherwise.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
/// Practically for ever.
const LONGEST_HANDSHAKE: Duration = Duration::from_hours(24 * 365);
/// How long [`Listener::accept`] goes on when the system has no descriptor or no memory for a client.
const SCARCE: Duration = Duration::from_secs(1);
/// How long it leaves the client alone before it tries again: no descriptor tells when there is room.
const SCARCE_PAUSE: Duration = Duration::from_millis(50);
/// How many guests there can be.
pub const MAX_GUESTS: usize = 64;

/// Waits for others to connect, with or without a key. On the wire it is what
/// `multiprocessing.connection.Listener` of Python is.
///
/// ```
/// use polyproc_connection::{Client, Listener};
/// use std::net::Ipv4Addr;
///
/// let mut listener = Listener::bind((Ipv4Addr::LOCALHOST, 0), 1, None)?;
/// let mut client = Client::connect(listener.address(), None)?;
/// let mut server = listener.accept()?;
/// client.send_bytes(b"question")?;
/// assert_eq!(server.recv_bytes()?, b"question");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Listener {
    socket: ListenerSocket,
    address: Address,
    key: Option<Key>,
    guests: VecDeque<Guest>,
    handshake_timeout: Duration,
    last_accepted: Option<Address>,
    /// When the last [`Listener::accept`] came to its end: the guests' time stands still since.
    left_at: Option<Instant>,
    /// What it left in the file system, removed when it is dropped.
    _place: Option<Place>,
}

#[derive(Debug)]
enum ListenerSocket {
    Unix(UnixListener),
    Tcp(TcpListener),
}

/// Somebody who has connected and is not trusted yet.
#[derive(Debug)]
struct Guest {
    authentication: Authentication,
    peer: Option<Address>,
    until: Instant,
}

impl Listener {
    /// Listens at `address`. Up to `backlog` clients may wait to be accepted, and with a `key` only
    /// those who know it are.
    ///
    /// A path in the file system is removed when the listener is dropped (by the process that made
    /// it; a fork leaves it alone). One that exists is an error, also if it is left from a process
    /// that was killed: see [`Listener::temporary`] and [`Listener::anonymous`].
    ///
    /// # Errors
    /// [`BindError`].
    pub fn bind(
        address: impl Into<Address>,
        backlog: u32,
        key: Option<Key>,
    ) -> Result<Self, BindError> {
        let address = address.into();
        let opened = Self::open(&address, backlog);
        let (socket, place) =
            opened.map_err(|source| BindError { address: address.clone(), source })?;
        // With the port that the system chose.
        let address = socket.address().unwrap_or(address);
        Ok(Self::new(socket, address, key, place))
    }

    /// Listens at a new path in a directory of its own, in the system's directory for temporary
    /// files, which only this user can enter. Both are removed when the listener is dropped; what
    /// processes that were killed have left is removed by the next one that calls this.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn temporary(backlog: u32, key: Option<Key>) -> Result<Self, BindError> {
        let (socket, place) =
            Place::temporary(|path| bind_unix(&net::SocketAddr::from_pathname(path)?, backlog))
                .map_err(|(path, source)| BindError { address: path.into(), source })?;
        let address = Address::Unix(place.path().into());
        Ok(Self::new(socket, address, key, Some(place)))
    }

    /// Listens at a new name that nobody can guess and that is no file: nothing is left of it,
    /// however this process ends.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn anonymous(backlog: u32, key: Option<Key>) -> Result<Self, BindError> {
        let mut random = [0; 16];
        let filled = polyproc_sys::random::fill(&mut random);
        let name = format!("polyproc-{:032x}", u128::from_ne_bytes(random));
        let address = Address::Abstract(name.into_bytes());
        match filled {
            Ok(()) => Self::bind(address, backlog, key),
            Err(source) => Err(BindError { address, source }),
        }
    }

    fn new(
        socket: ListenerSocket,
        address: Address,
        key: Option<Key>,
        place: Option<Place>,
    ) -> Self {
        Self {
            socket,
            address,
            key,
            guests: VecDeque::new(),
            handshake_timeout: HANDSHAKE_TIMEOUT,
            last_accepted: None,
            left_at: None,
            _place: place,
        }
    }

    fn open(address: &Address, backlog: u32) -> io::Result<(ListenerSocket, Option<Place>)> {
        match address {
            // With SO_REUSEADDR, as in Python: an earlier listener's connections that are about to
            // end do not keep the port.
            Address::Tcp(address) => {
                let listener = TcpListener::bind(address)?;
                stream::set_backlog(&listener, backlog)?;
                listener.set_nonblocking(true)?;
                Ok((ListenerSocket::Tcp(listener), None))
            }
            Address::Unix(path) => {
                let listener = bind_unix(&Address::at_path(path)?, backlog)?;
                Ok((listener, Some(Place::of_socket(path))))
            }
            Address::Abstract(name) => {
                Ok((bind_unix(&stream::abstract_address(name)?, backlog)?, None))
            }
        }
    }

    /// Where it listens, with the port or the name that the system chose.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Where the client came from that was accepted last; `None` before the first, and for one
    /// without an address, as most clients of Unix sockets.
    pub fn last_accepted(&self) -> Option<&Address> {
        self.last_accepted.as_ref()
    }

    /// Gives clients this long to prove that they know the key, in place of [`HANDSHAKE_TIMEOUT`].
    /// Only the time counts in which somebody is in [`Listener::accept`].
    pub fn set_handshake_timeout(&mut self, timeout: Duration) {
        // A time that no clock can add would be a panic.
        self.handshake_timeout = timeout.min(LONGEST_HANDSHAKE);
    }

    /// Waits for a client, and for its proof if there is a key. Several clients prove themselves at
    /// the same time; whoever is through first comes first.
    ///
    /// # Errors
    /// [`AcceptError::Client`] when one client is turned away: the listener goes on, call it again.
    /// The others.
    pub fn accept(&mut self) -> Result<Connection, AcceptError> {
        self.accept_deadline(Deadline::NEVER)
    }

    /// [`Listener::accept`] that waits no longer than `timeout`. Handshakes that have begun go on
    /// with the next call.
    ///
    /// # Errors
    /// As [`Listener::accept`], and [`AcceptError::TimedOut`].
    pub fn accept_timeout(&mut self, timeout: Duration) -> Result<Connection, AcceptError> {
        self.accept_deadline(Deadline::after(timeout))
    }

    /// [`Listener::accept`] that waits until `deadline` at most.
    ///
    /// # Errors
    /// As [`Listener::accept`], and [`AcceptError::TimedOut`].
    pub fn accept_deadline(&mut self, deadline: Deadline) -> Result<Connection, AcceptError> {
        self.resume();
        let accepted = self.serve(deadline);
        self.left_at = Some(Instant::now());
        accepted
    }

    /// Gives the guests the time that passed while nobody attended to them.
    fn resume(&mut self) {
        let paused = self.left_at.take().map_or(Duration::ZERO, |left| left.elapsed());
        for guest in &mut self.guests {
            guest.until += paused;
        }
    }

    fn serve(&mut self, deadline: Deadline) -> Result<Connection, AcceptError> {
        // Some may have spoken while nobody listened.
        let mut ready: Vec<usize> = (0..self.guests.len()).collect();
        // Until when to go on in spite of a scarcity.
        let mut scarce: Option<Deadline> = None;
        loop {
            if let Some(result) = self.attend(&ready) {
                return result;
            }
            match self.welcome() {
                Ok(None) => scarce = None,
                Ok(Some(connection)) => return Ok(connection),
                Err(AcceptError::Io(error)) if stream::is_scarcity(&error) => {
                    scarce = Some(bear(error, scarce, deadline)?);
                }
                Err(other) => return Err(other),
            }
            // Not before one look at everybody; but then, whoever else may be talking.
            if deadline.has_passed() {
                return Err(AcceptError::TimedOut);
            }
            ready = self.look(deadline, scarce.is_some())?;
        }
    }

    /// Waits until somebody speaks or comes, or time is up for somebody; says which guests spoke. Who comes
    /// is not looked at while it `is_scarce`: a client that cannot be let in is there all the time.
    fn look(&self, deadline: Deadline, is_scarce: bool) -> io::Result<Vec<usize>> {
        let first_end = self.guests.iter().map(|guest| Deadline::at(guest.until));
        let mut end = first_end.fold(deadline, Deadline::earlier);
        let mut own = 1;
        if is_scarce {
            end = end.earlier(Deadline::after(SCARCE_PAUSE));
            own = 0;
        }
        // The first is our own.
        let fds: Vec<_> = self.fds().skip(1 - own).collect();
        let ready = poll::any_readable(&fds, end)?;
        Ok(ready.into_iter().filter_map(|index| index.checked_sub(own)).collect())
    }

    /// Its own descriptor, then the guests'.
    pub(crate) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let guests = self.guests.iter().map(|guest| guest.authentication.as_fd());
        std::iter::once(self.socket.as_fd()).chain(guests)
    }

    /// Hears the guests that have spoken. The first that is through, turned away or out of time is
    /// the result; the others are heard the next time.
    fn attend(&mut self, ready: &[usize]) -> Option<Result<Connection, AcceptError>> {
        for &index in ready {
            match self.guests[index].authentication.advance() {
                Ok(false) => {}
                Ok(true) => return self.guests.remove(index).map(|guest| Ok(self.admit(guest))),
                Err(source) => return self.turn_away(index, source),
            }
        }
        let now = Instant::now();
        let late = self.guests.iter().position(|guest| guest.until <= now)?;
        let source = self.guests[late].authentication.timed_out();
        self.turn_away(late, source)
    }

    fn admit(&mut self, guest: Guest) -> Connection {
        self.last_accepted = guest.peer;
        guest.authentication.into_connection()
    }

    fn turn_away<T>(
        &mut self,
        index: usize,
        source: HandshakeError,
    ) -> Option<Result<T, AcceptError>> {
        let peer = self.guests.remove(index)?.peer;
        Some(Err(AcceptError::Client { peer, source }))
    }

    /// Lets in whoever has come: as a connection if there is no key, else as guests.
    fn welcome(&mut self) -> Result<Option<Connection>, AcceptError> {
        let Some(socket) = self.socket.accept()? else {
            return Ok(None);
        };
        let peer = socket.peer();
        let Some(key) = &self.key else {
            self.last_accepted = peer;
            return Ok(Some(Connection::new(socket)));
        };
        let authentication = Authentication::new(socket, key, Handshake::listener)?;
        let until = Instant::now() + self.handshake_timeout;
        self.guests.push_back(Guest { authentication, peer, until });
        let newest = self.guests.len() - 1;
        match self.attend(&[newest]) {
            Some(result) => result.map(Some),
            None => self.make_room(),
        }
    }

    fn make_room(&mut self) -> Result<Option<Connection>, AcceptError> {
        if self.guests.len() <= MAX_GUESTS {
            return Ok(None);
        }
        // Who knows the key is no stranger, however many of those come.
        let is_stranger = |guest: &Guest| !guest.authentication.is_peer_proved();
        let leaves = self.guests.iter().position(is_stranger).unwrap_or(0);
        let source = self.guests[leaves].authentication.crowded_out();
        self.turn_away(leaves, source).transpose()
    }
}

/// Until when to go on in spite of a scarcity: not longer than a second after it began.
fn bear(error: io::Error, until: Option<Deadline>, deadline: Deadline) -> io::Result<Deadline> {
    let until = until.unwrap_or_else(|| Deadline::after(SCARCE));
    if until.earlier(deadline).has_passed() { Err(error) } else { Ok(until) }
}

fn bind_unix(name: &net::SocketAddr, backlog: u32) -> io::Result<ListenerSocket> {
    let listener = UnixListener::bind_addr(name)?;
    stream::set_backlog(&listener, backlog)?;
    listener.set_nonblocking(true)?;
    Ok(ListenerSocket::Unix(listener))
}

impl ListenerSocket {
    fn address(&self) -> Option<Address> {
        match self {
            Self::Unix(listener) => Address::of_unix(&listener.local_addr().ok()?),
            Self::Tcp(listener) => listener.local_addr().ok().map(Address::Tcp),
        }
    }

    /// The next client, if one has come.
    fn accept(&self) -> io::Result<Option<Socket>> {
        let accepted = match self {
            Self::Unix(listener) => listener.accept().map(|(stream, _)| Socket::from(stream)),
            Self::Tcp(listener) => listener.accept().map(|(stream, _)| Socket::from(stream)),
        };
        match accepted {
            Ok(socket) => Ok(Some(socket)),
            Err(error) if is_nobody(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Another process with a copy of this listener was faster, or the client is gone again: accept(2)
/// passes on what the network says of it.
fn is_nobody(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::WouldBlock
            | Kind::ConnectionAborted
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
    )
}

impl AsFd for ListenerSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(listener) => listener.as_fd(),
            Self::Tcp(listener) => listener.as_fd(),
        }
    }
}
