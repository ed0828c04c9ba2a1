//! The kernel's dump of sockets (`sock_diag(7)`): the questions, and what the answers mean.

use super::sockets::{Connection, ConnectionState, Family, Kinds, Transport, inet};
use polyproc_sys::endpoint::Address;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// Families and protocols by their numbers (socket(2)).
const UNIX: u8 = 1;
const INET4: u8 = 2;
const INET6: u8 = 10;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// What to ask for one kind of sockets: an `inet_diag_req_v2` or a `unix_diag_req`.
pub(crate) fn question(kind: Kinds) -> Vec<u8> {
    /// All twelve states. A kernel that knows a thirteenth (bound, idle) keeps it out of
    /// `/proc/net`, too.
    const STATES: u32 = 0xfff;
    /// The name and the peer, of `linux/unix_diag.h`.
    const SHOW: u32 = 1 | 4;
    if kind == Kinds::UNIX {
        let mut request = vec![UNIX, 0, 0, 0];
        request.extend(u32::MAX.to_ne_bytes());
        // No single inode.
        request.extend(0_u32.to_ne_bytes());
        request.extend(SHOW.to_ne_bytes());
        // No cookie.
        request.extend([0xff; 8]);
        return request;
    }
    let family = if Kinds::INET6.contains(kind) { INET6 } else { INET4 };
    let protocol = if Kinds::TCP.contains(kind) { TCP } else { UDP };
    let mut request = vec![family, protocol, 0, 0];
    request.extend(STATES.to_ne_bytes());
    // No single socket.
    request.extend([0; 40]);
    request.extend([0xff; 8]);
    request
}

/// Reads one answer to [`question`].
pub(crate) fn answer(kind: Kinds, bytes: &[u8]) -> Option<Connection> {
    if kind == Kinds::UNIX { unix(bytes) } else { internet(kind, bytes) }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|&bytes| u32::from_ne_bytes(bytes))
}

/// `struct inet_diag_msg`: family, state, timer, retransmits; then the socket's id from 4: ports (2
/// each, network order), addresses (16 each), interface, cookie; then expiry, queues, user, inode.
fn internet(kind: Kinds, bytes: &[u8]) -> Option<Connection> {
    const PORTS: usize = 4;
    const ADDRESSES: [usize; 2] = [8, 24];
    const INODE: usize = 68;
    let is_tcp = Kinds::TCP.contains(kind);
    let family = if *bytes.first()? == INET6 { Family::Inet6 } else { Family::Inet4 };
    let address = |end: usize| {
        let port = u16::from_be_bytes(*bytes.get(PORTS + 2 * end..)?.first_chunk()?);
        let ip: &[u8; 16] = bytes.get(ADDRESSES[end]..)?.first_chunk()?;
        let ip = match family {
            Family::Inet6 => Ipv6Addr::from(*ip).into(),
            _ => Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3]).into(),
        };
        Some(inet(SocketAddr::new(ip, port)))
    };
    Some(Connection {
        family,
        transport: if is_tcp { Transport::Stream } else { Transport::Datagram },
        local: address(0)?,
        remote: address(1)?,
        state: match *bytes.get(1)? {
            number if is_tcp => ConnectionState::of_tcp(number),
            _ => ConnectionState::None,
        },
        inode: word(bytes, INODE)?.into(),
        peer_inode: None,
        pid: None,
        descriptor: None,
    })
}

/// `struct unix_diag_msg`: family, type, state, padding, inode, cookie; then attributes.
fn unix(bytes: &[u8]) -> Option<Connection> {
    /// `UNIX_DIAG_NAME` and `UNIX_DIAG_PEER` of `linux/unix_diag.h`.
    const NAME: u16 = 0;
    const PEER: u16 = 2;
    let mut connection = Connection {
        family: Family::Unix,
        transport: Transport::of(*bytes.get(1)?),
        local: Address::None,
        remote: Address::None,
        // The kernel borrows TCP's numbers for these two.
        state: match ConnectionState::of_tcp(*bytes.get(2)?) {
            state @ (ConnectionState::Established | ConnectionState::Listen) => state,
            _ => ConnectionState::None,
        },
        inode: word(bytes, 4)?.into(),
        peer_inode: None,
        pid: None,
        descriptor: None,
    };
    for (kind, value) in attributes(bytes.get(16..)?) {
        match kind {
            NAME => connection.local = unix_address(value),
            PEER => connection.peer_inode = word(value, 0).map(u64::from).filter(|&peer| peer > 0),
            _ => {}
        }
    }
    Some(connection)
}

/// An abstract name starts with a zero byte and may hold more; a path ends at the first.
pub(crate) fn unix_address(name: &[u8]) -> Address {
    match name {
        [] => Address::None,
        [0, ..] => Address::Unix(name.to_vec()),
        path => Address::Unix(path.split(|&byte| byte == 0).next().unwrap_or_default().to_vec()),
    }
}

/// Netlink attributes: length (2, with this head), kind (2), value; each from a multiple of four.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    const HEAD: usize = 4;
    std::iter::from_fn(move || {
        let [low, high, kind @ ..] = *bytes.first_chunk::<HEAD>()?;
        let length = usize::from(u16::from_ne_bytes([low, high]));
        let value = bytes.get(HEAD..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes(kind), value))
    })
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn questions_have_the_kernels_sizes() {
        assert_eq!(question(Kinds::TCP4).len(), 56);
        assert_eq!(question(Kinds::UNIX).len(), 24);
    }

    #[test]
    fn an_answer_is_read() {
        let mut bytes = vec![INET4, 10, 0, 0];
        bytes.extend([0, 22, 0, 0, 127, 0, 0, 1]);
        bytes.resize(68, 0);
        bytes.extend(77_u32.to_ne_bytes());
        let found = answer(Kinds::TCP4, &bytes).unwrap();
        assert_eq!(found.local, Address::Inet("127.0.0.1:22".parse().unwrap()));
        assert_eq!((found.state, found.inode), (ConnectionState::Listen, 77));
        assert_eq!(answer(Kinds::TCP4, &bytes[..70]), None);
    }

    #[test]
    fn a_unix_socket_has_a_name_and_a_peer() {
        let mut bytes = vec![UNIX, 1, 1, 0];
        bytes.extend(5_u32.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend([7, 0, 0, 0, b'/', b'a', 0, 0]);
        bytes.extend([8, 0, 2, 0, 9, 0, 0, 0]);
        let found = answer(Kinds::UNIX, &bytes).unwrap();
        assert_eq!((found.inode, found.state), (5, ConnectionState::Established));
        if cfg!(target_endian = "little") {
            assert_eq!((found.local, found.peer_inode), (Address::Unix(b"/a".to_vec()), Some(9)));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in hostile::bytes()) {
            for kind in [Kinds::TCP4, Kinds::UDP6, Kinds::UNIX] {
                answer(kind, &bytes);
            }
        }
    }
}
