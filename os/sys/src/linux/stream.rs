//! Stream sockets, where std has no call: a connect to a Unix socket that ends, the length of the
//! queue of clients, and a peer that falls silent.
#![expect(
    unsafe_code,
    reason = "socket, connect, listen and setsockopt have no such wrapper in std"
)]

use super::check;
use crate::clock::Deadline;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::time::Duration;

/// A socket address of Linux's abstract namespace: a name that is no file, and gone with its socket.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`]: longer than 107 bytes.
pub fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(name)
}

/// The name of an address of the abstract namespace; `None` for any other.
pub fn abstract_name(address: &SocketAddr) -> Option<&[u8]> {
    address.as_abstract_name()
}

/// Whether it says that there is no descriptor or no memory left, which may change by itself.
pub fn is_scarcity(error: &io::Error) -> bool {
    let scarcities = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    error.raw_os_error().is_some_and(|number| scarcities.contains(&number))
}

/// Connects to the Unix socket at `address`. While its queue of clients is full, this waits, but
/// only until `deadline`.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] at the deadline; `ENOENT`, `ECONNREFUSED` when nobody listens there;
/// `EINVAL` for an address without a name.
pub fn connect_unix(address: &SocketAddr, deadline: Deadline) -> io::Result<UnixStream> {
    let (name, len) = raw_address(address)?;
    // SAFETY: the call takes integers.
    let number =
        check(unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: the call just returned this descriptor, so nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(number) };
    loop {
        // There is no event for "the queue has room again"; this is how connect knows an end.
        set_send_timeout(&socket, deadline.remaining())?;
        // SAFETY: `name` is a live address, of which `len` bytes are filled.
        match check(unsafe { libc::connect(number, (&raw const name).cast(), len) }) {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if deadline.has_passed() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
            Err(error) => return Err(error),
        }
    }
    set_send_timeout(&socket, None)?;
    Ok(socket.into())
}

/// The address as the kernel takes it, and its length: a path ends with a zero byte, an abstract
/// name begins with one.
fn raw_address(address: &SocketAddr) -> io::Result<(libc::sockaddr_un, libc::socklen_t)> {
    let path = address.as_pathname().map(|path| path.as_os_str().as_bytes());
    let (start, name) = match (path, address.as_abstract_name()) {
        (Some(path), _) => (0, path),
        (None, Some(name)) => (1, name),
        (None, None) => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let mut raw = libc::sockaddr_un { sun_family: libc::AF_UNIX as _, sun_path: [0; 108] };
    let places = raw.sun_path.iter_mut().skip(start);
    places.zip(name).for_each(|(place, &byte)| *place = byte as _);
    // One byte more than the name: the zero at its end, or at its beginning.
    let len = std::mem::offset_of!(libc::sockaddr_un, sun_path) + name.len() + 1;
    Ok((raw, len as _))
}

/// No time at all means for ever to the kernel.
fn set_send_timeout(socket: &OwnedFd, timeout: Option<Duration>) -> io::Result<()> {
    let timeout = timeout.map_or(Duration::ZERO, |left| left.max(Duration::from_micros(1)));
    let value = libc::timeval {
        tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_usec: timeout.subsec_micros().into(),
    };
    set_option(socket, libc::SOL_SOCKET, libc::SO_SNDTIMEO, &value)
}

fn set_option<T>(
    socket: &impl AsFd,
    level: libc::c_int,
    name: libc::c_int,
    value: &T,
) -> io::Result<()> {
    // SAFETY: `value` is live, and the kernel reads as many bytes as it is long.
    check(unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as _,
        )
    })
    .map(drop)
}

/// Changes how many clients may wait to be accepted by a listening socket. The system's own limit
/// (`net.core.somaxconn`) holds besides.
///
/// # Errors
/// `EINVAL`, `EOPNOTSUPP`: not a socket that listens.
pub fn set_backlog(listener: &impl AsFd, backlog: u32) -> io::Result<()> {
    let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
    // SAFETY: the call takes integers. listen(2) on a listening socket changes its queue.
    check(unsafe { libc::listen(listener.as_fd().as_raw_fd(), backlog) }).map(drop)
}

/// Has the kernel ask a TCP peer that is silent for `idle` whether it is still there, every `idle`
/// seconds, and reset the connection when it does not answer `probes` times. (A peer that ends, on
/// a machine that runs, says so by itself.)
///
/// # Errors
/// `EOPNOTSUPP`: not a TCP socket.
pub fn keep_alive(socket: &impl AsFd, idle: Duration, probes: u32) -> io::Result<()> {
    let seconds = i32::try_from(idle.as_secs().max(1)).unwrap_or(i32::MAX);
    let probes = i32::try_from(probes).unwrap_or(i32::MAX);
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, &seconds)?;
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, &seconds)?;
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_KEEPCNT, &probes)?;
    set_option(socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE, &1_i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::os::unix::net::UnixListener;

    fn listener(name: &str) -> (SocketAddr, UnixListener) {
        let name = format!("polyproc-test-{}-{name}", std::process::id());
        let address = abstract_address(name.as_bytes()).unwrap();
        (address.clone(), UnixListener::bind_addr(&address).unwrap())
    }

    #[test]
    fn a_full_queue_ends_the_wait_at_the_deadline() {
        let (address, listener) = listener("full");
        set_backlog(&listener, 0).unwrap();
        let mut accepted = Vec::new();
        let error = loop {
            match connect_unix(&address, Deadline::after(Duration::from_millis(20))) {
                Ok(stream) => accepted.push(stream),
                Err(error) => break error,
            }
            assert!(accepted.len() < 10, "the queue takes {}", accepted.len());
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(abstract_name(&listener.local_addr().unwrap()), abstract_name(&address));
    }

    #[test]
    fn paths_connect_too_and_nobody_is_an_error() {
        let path = std::env::temp_dir().join(format!("polyproc-stream-{}", std::process::id()));
        let address = SocketAddr::from_pathname(&path).unwrap();
        let nobody = connect_unix(&address, Deadline::NEVER).unwrap_err();
        assert_eq!(nobody.kind(), io::ErrorKind::NotFound);
        let listener = UnixListener::bind(&path).unwrap();
        connect_unix(&address, Deadline::NEVER).unwrap();
        drop(listener);
        let refused = connect_unix(&address, Deadline::now()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        std::fs::remove_file(path).unwrap();
        let unnamed = UnixStream::pair().unwrap().0.local_addr().unwrap();
        assert!(connect_unix(&unnamed, Deadline::NEVER).is_err());
    }

    #[test]
    fn tcp_can_be_kept_alive_and_others_not() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        keep_alive(&stream, Duration::from_secs(30), 3).unwrap();
        assert!(keep_alive(&UnixStream::pair().unwrap().0, Duration::from_secs(30), 3).is_err());
    }
}
