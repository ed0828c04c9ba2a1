//! What a socket is and whom it talks to, asked of the socket itself.
#![expect(unsafe_code, reason = "getsockname and its kin know types that std does not")]

use super::check;
use crate::endpoint::{Address, Endpoint};
use std::io;
use std::mem::{MaybeUninit, offset_of};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};

/// What is known of `socket`.
///
/// # Errors
/// `ENOTSOCK`.
pub fn look(socket: BorrowedFd<'_>) -> io::Result<Endpoint> {
    let family = option(socket, libc::SOL_SOCKET, libc::SO_DOMAIN)?;
    let kind = option(socket, libc::SOL_SOCKET, libc::SO_TYPE)?;
    let protocol = option(socket, libc::SOL_SOCKET, libc::SO_PROTOCOL)?;
    let state = match protocol {
        // The state is the first byte of struct tcp_info.
        libc::IPPROTO_TCP => Some(option(socket, libc::IPPROTO_TCP, libc::TCP_INFO)? as u8),
        _ => None,
    };
    let local = address(socket, libc::getsockname)?;
    let peer = match address(socket, libc::getpeername) {
        Err(error) if error.raw_os_error() == Some(libc::ENOTCONN) => Address::None,
        other => other?,
    };
    Ok(Endpoint { family, kind, protocol, state, local, peer })
}

/// The first four bytes of an option.
fn option(socket: BorrowedFd<'_>, level: i32, name: i32) -> io::Result<i32> {
    let mut value: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: room for an int, and its size.
    check(unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut len)
    })?;
    Ok(value)
}

type AddressCall =
    unsafe extern "C" fn(libc::c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> libc::c_int;

fn address(socket: BorrowedFd<'_>, call: AddressCall) -> io::Result<Address> {
    let mut place = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: room for an address of any family, and its size.
    check(unsafe { call(socket.as_raw_fd(), place.as_mut_ptr().cast(), &raw mut len) })?;
    // SAFETY: zeroed, so every byte is initialised, and bytes have no alignment.
    let bytes = unsafe {
        std::slice::from_raw_parts(
            place.as_ptr().cast::<u8>(),
            (len as usize).min(size_of::<libc::sockaddr_storage>()),
        )
    };
    Ok(decode(bytes))
}

/// Reads an address as the kernel writes it.
pub(super) fn decode(bytes: &[u8]) -> Address {
    let family = bytes.first_chunk().map_or(0, |&two| u16::from_ne_bytes(two));
    let port = || bytes.get(2..4).map_or(0, |two| u16::from_be_bytes([two[0], two[1]]));
    match i32::from(family) {
        libc::AF_INET => match bytes.get(4..8).and_then(|ip| <[u8; 4]>::try_from(ip).ok()) {
            Some(ip) => Address::Inet(SocketAddr::new(Ipv4Addr::from(ip).into(), port())),
            None => Address::None,
        },
        libc::AF_INET6 => match bytes.get(8..24).and_then(|ip| <[u8; 16]>::try_from(ip).ok()) {
            Some(ip) => Address::Inet(SocketAddr::new(Ipv6Addr::from(ip).into(), port())),
            None => Address::None,
        },
        libc::AF_UNIX => match bytes.get(offset_of!(libc::sockaddr_un, sun_path)..) {
            None | Some([]) => Address::None,
            // An abstract name starts with a NUL and goes to the end, a path ends at the first.
            Some(name @ [0, ..]) => Address::Unix(name.to_vec()),
            Some(path) => {
                Address::Unix(path.split(|&byte| byte == 0).next().unwrap_or_default().to_vec())
            }
        },
        libc::AF_PACKET => match bytes.get(11).zip(bytes.get(12..)) {
            Some((&len, hardware)) => {
                Address::Hardware(hardware[..hardware.len().min(len.into())].to_vec())
            }
            None => Address::None,
        },
        _ => Address::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn both_ends_of_a_connection_name_each_other() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let (one, two) = (look(stream.as_fd()).unwrap(), look(accepted.as_fd()).unwrap());
        assert_eq!((&one.local, &one.peer), (&two.peer, &two.local));
        assert_eq!((one.kind, one.state), (libc::SOCK_STREAM, Some(1)));
        let listening = look(listener.as_fd()).unwrap();
        assert_eq!((listening.state, listening.peer), (Some(10), Address::None));
        let (unix, _other) = UnixStream::pair().unwrap();
        let unix = look(unix.as_fd()).unwrap();
        assert_eq!((unix.family, unix.local), (libc::AF_UNIX, Address::None));
    }

    #[test]
    fn any_bytes_are_an_address_or_none() {
        for family in 0..20_u16 {
            let mut bytes = [7; 40];
            bytes[..2].copy_from_slice(&family.to_ne_bytes());
            for len in 0..bytes.len() {
                decode(&bytes[..len]);
            }
        }
    }
}
