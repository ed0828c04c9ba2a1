//! Sockets, and `/proc/net/{tcp,udp,unix}`: the slow way to list them, for other network namespaces
//! and where the kernel gives no dump.

use super::{lines, number, number_to_base, split};
use polyproc_sys::endpoint::Address;
use std::ffi::CStr;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::BitOr;

/// What family of addresses a socket has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Internet protocol, version 4.
    Inet4,
    /// Internet protocol, version 6 (and 4 mapped into it).
    Inet6,
    /// Of this machine only.
    Unix,
}

/// How a socket carries data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// A stream of bytes: TCP, where the family is one of the internet's.
    Stream,
    /// Single messages: UDP, where the family is one of the internet's.
    Datagram,
    /// Messages in order, over a connection.
    SeqPacket,
    /// Another, by the kernel's number.
    Other(u8),
}

impl Transport {
    /// By the number of socket(2).
    pub(crate) fn of(number: u8) -> Self {
        match number {
            1 => Self::Stream,
            2 => Self::Datagram,
            5 => Self::SeqPacket,
            other => Self::Other(other),
        }
    }

    /// The number of socket(2).
    pub fn number(self) -> u8 {
        match self {
            Self::Stream => 1,
            Self::Datagram => 2,
            Self::SeqPacket => 5,
            Self::Other(number) => number,
        }
    }
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConnectionState {
    /// Both ends talk.
    Established,
    /// Asked for, not answered.
    SynSent,
    /// Being answered.
    SynReceived,
    /// Closed on this end, the other has not confirmed.
    FinWait1,
    /// Closed on this end, the other end still may send.
    FinWait2,
    /// Over, kept for stray packets.
    TimeWait,
    /// Not connected.
    Close,
    /// Closed by the other end; this one has not noticed.
    CloseWait,
    /// Both have closed, the last word is missing.
    LastAck,
    /// Waiting for somebody to connect.
    Listen,
    /// Both have closed at once.
    Closing,
    /// The transport knows no such thing.
    None,
}

impl ConnectionState {
    /// By the kernel's number (`net/tcp_states.h`).
    pub(crate) fn of_tcp(number: u8) -> Self {
        match number {
            1 => Self::Established,
            2 => Self::SynSent,
            // TCP_NEW_SYN_RECV looks the same from outside.
            3 | 12 => Self::SynReceived,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 | 13 => Self::Close,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            _ => Self::None,
        }
    }
}

/// As `netstat` and psutil write it.
impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Established => "ESTABLISHED",
            Self::SynSent => "SYN_SENT",
            Self::SynReceived => "SYN_RECV",
            Self::FinWait1 => "FIN_WAIT1",
            Self::FinWait2 => "FIN_WAIT2",
            Self::TimeWait => "TIME_WAIT",
            Self::Close => "CLOSE",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::Listen => "LISTEN",
            Self::Closing => "CLOSING",
            Self::None => "NONE",
        })
    }
}

/// A socket, with whom it talks and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Connection {
    /// What family of addresses it has.
    pub family: Family,
    /// How it carries data.
    pub transport: Transport,
    /// Its own address; none when it is bound to none.
    pub local: Address,
    /// Whom it talks to; none when to nobody.
    pub remote: Address,
    /// Where the connection stands. Of Unix sockets: listening, established or neither.
    pub state: ConnectionState,
    /// Its number in the kernel; 0 when no process has it any more.
    pub inode: u64,
    /// Of a connected Unix socket: the number of the other end.
    pub peer_inode: Option<u64>,
    /// Whose it is, as far as we may know.
    pub pid: Option<u32>,
    /// That process's descriptor.
    pub descriptor: Option<i32>,
}

impl Connection {
    /// Which kind it is.
    pub fn kind(&self) -> Kinds {
        match (self.family, self.transport) {
            (Family::Unix, _) => Kinds::UNIX,
            (Family::Inet4, Transport::Stream) => Kinds::TCP4,
            (Family::Inet4, _) => Kinds::UDP4,
            (Family::Inet6, Transport::Stream) => Kinds::TCP6,
            (Family::Inet6, _) => Kinds::UDP6,
        }
    }
}

/// Kinds of sockets to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kinds(u8);

impl Kinds {
    /// TCP over version 4.
    pub const TCP4: Self = Self(1);
    /// TCP over version 6.
    pub const TCP6: Self = Self(2);
    /// UDP over version 4.
    pub const UDP4: Self = Self(4);
    /// UDP over version 6.
    pub const UDP6: Self = Self(8);
    /// Unix sockets.
    pub const UNIX: Self = Self(16);
    /// TCP.
    pub const TCP: Self = Self(1 | 2);
    /// UDP.
    pub const UDP: Self = Self(4 | 8);
    /// Over version 4.
    pub const INET4: Self = Self(1 | 4);
    /// Over version 6.
    pub const INET6: Self = Self(2 | 8);
    /// TCP and UDP.
    pub const INET: Self = Self(1 | 2 | 4 | 8);
    /// All of them.
    pub const ALL: Self = Self(31);

    /// psutil's names: `inet`, `tcp4`, `unix`, `all` and so on.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "all" => Self::ALL,
            "inet" => Self::INET,
            "inet4" => Self::INET4,
            "inet6" => Self::INET6,
            "tcp" => Self::TCP,
            "tcp4" => Self::TCP4,
            "tcp6" => Self::TCP6,
            "udp" => Self::UDP,
            "udp4" => Self::UDP4,
            "udp6" => Self::UDP6,
            "unix" => Self::UNIX,
            _ => return None,
        })
    }

    /// Whether all of `others` are in.
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}

impl BitOr for Kinds {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A file of `/proc/net`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) file: &'static CStr,
    pub(crate) kind: Kinds,
}

impl Table {
    pub(crate) const ALL: [Self; 5] = [
        Self { file: c"net/tcp", kind: Kinds::TCP4 },
        Self { file: c"net/tcp6", kind: Kinds::TCP6 },
        Self { file: c"net/udp", kind: Kinds::UDP4 },
        Self { file: c"net/udp6", kind: Kinds::UDP6 },
        Self { file: c"net/unix", kind: Kinds::UNIX },
    ];

    pub(crate) fn parse(self, bytes: &[u8]) -> Vec<Connection> {
        let rows = lines(bytes).skip(1);
        if self.kind == Kinds::UNIX {
            rows.filter_map(unix).collect()
        } else {
            rows.filter_map(|line| self.inet(line)).collect()
        }
    }

    /// `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …`.
    fn inet(self, line: &[u8]) -> Option<Connection> {
        let mut words = split(line).skip(1);
        let (local, remote, state) = (words.next()?, words.next()?, words.next()?);
        let is_tcp = Kinds::TCP.contains(self.kind);
        Some(Connection {
            family: if Kinds::INET6.contains(self.kind) { Family::Inet6 } else { Family::Inet4 },
            transport: if is_tcp { Transport::Stream } else { Transport::Datagram },
            local: address(local)?,
            remote: address(remote)?,
            state: match number_to_base(state, 16)? as u8 {
                number if is_tcp => ConnectionState::of_tcp(number),
                _ => ConnectionState::None,
            },
            inode: number(words.nth(5)?)?,
            peer_inode: None,
            pid: None,
            descriptor: None,
        })
    }
}

/// `Num RefCount Protocol Flags Type St Inode Path`; the path may hold blanks.
fn unix(line: &[u8]) -> Option<Connection> {
    /// `SO_ACCEPTCON` of linux/net.h: it listens.
    const LISTENS: u64 = 1 << 16;
    /// `SS_CONNECTED` of linux/net.h.
    const CONNECTED: u64 = 3;
    let mut rest = line;
    let mut next = || {
        let word = rest.trim_ascii_start();
        let end = word.iter().position(|&byte| byte == b' ').unwrap_or(word.len());
        rest = &word[end..];
        &word[..end]
    };
    next();
    next();
    next();
    let (flags, kind) = (number_to_base(next(), 16)?, number_to_base(next(), 16)?);
    let (state, inode) = (number_to_base(next(), 16)?, number(next())?);
    let state = match state {
        _ if flags & LISTENS != 0 => ConnectionState::Listen,
        CONNECTED => ConnectionState::Established,
        _ => ConnectionState::None,
    };
    // An abstract name starts with `@` for its zero byte, and so may a path's file.
    let local = match rest.strip_prefix(b" ").unwrap_or_default() {
        [] => Address::None,
        [b'@', name @ ..] => Address::Unix([b"\0", name].concat()),
        path => Address::Unix(path.to_vec()),
    };
    Some(Connection {
        family: Family::Unix,
        transport: Transport::of(kind as u8),
        local,
        remote: Address::None,
        state,
        inode,
        peer_inode: None,
        pid: None,
        descriptor: None,
    })
}

/// `0100007F:0016`, each group of eight digits a number in the machine's own byte order. Port 0 is
/// no address.
fn address(word: &[u8]) -> Option<Address> {
    let mut parts = word.splitn(2, |&byte| byte == b':');
    let (ip, port) = (parts.next()?, number_to_base(parts.next()?, 16)?);
    let mut bytes = [0; 16];
    for (place, digits) in bytes.chunks_mut(4).zip(ip.chunks(8)) {
        let word = number_to_base(digits, 16)? as u32;
        place.copy_from_slice(&word.to_ne_bytes());
    }
    let ip = match ip.len() {
        8 => Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into(),
        32 => Ipv6Addr::from(bytes).into(),
        _ => return None,
    };
    Some(inet(SocketAddr::new(ip, port.try_into().ok()?)))
}

/// Port 0 is no address.
pub(crate) fn inet(address: SocketAddr) -> Address {
    if address.port() == 0 { Address::None } else { Address::Inet(address) }
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;
    use proptest::prelude::*;

    const TCP: &[u8] = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
        0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 33447 1 0000000000000000 100 0 0 10 0\n   \
        1: 0100007F:1F90 0500000A:D431 01 00000000:00000000 00:00000000 00000000  1000        0 44 1 0000000000000000 100 0 0 10 0\n";
    const TCP6: &[u8] = b"  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
        0: 0000000000000000FFFF00000100007F:9E49 B80D01200000000067452301EFCDAB89:0050 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0 0\n";
    const UNIX: &[u8] = b"Num       RefCount Protocol Flags    Type St Inode Path\n\
        0000000000000000: 00000002 00000000 00010000 0001 01  9001 /run/my socket\n\
        0000000000000000: 00000003 00000000 00000000 0001 03 9002\n\
        0000000000000000: 00000002 00000000 00000000 0002 01 9003 @abstract\n";

    #[cfg(target_endian = "little")]
    #[test]
    fn addresses_are_in_the_machines_byte_order() {
        let tcp = Table::ALL[0].parse(TCP);
        assert_eq!(tcp[0].local, Address::Inet("127.0.0.1:22".parse().unwrap()));
        assert_eq!((&tcp[0].remote, tcp[0].state), (&Address::None, ConnectionState::Listen));
        assert_eq!(tcp[1].remote, Address::Inet("10.0.0.5:54321".parse().unwrap()));
        assert_eq!((tcp[0].inode, tcp[1].inode, tcp[1].kind()), (33447, 44, Kinds::TCP4));
        let tcp6 = Table::ALL[1].parse(TCP6);
        assert_eq!(tcp6[0].local, Address::Inet("[::ffff:127.0.0.1]:40521".parse().unwrap()));
        assert_eq!(
            tcp6[0].remote,
            Address::Inet("[2001:db8::123:4567:89ab:cdef]:80".parse().unwrap())
        );
        assert_eq!((tcp6[0].state, tcp6[0].kind()), (ConnectionState::TimeWait, Kinds::TCP6));
        assert_eq!(Table::ALL[2].parse(TCP)[1].state, ConnectionState::None);
    }

    /// psutil says of this path that it is empty.
    #[test]
    fn a_socket_file_may_have_a_blank_in_its_name() {
        let unix = Table::ALL[4].parse(UNIX);
        assert_eq!(unix[0].local, Address::Unix(b"/run/my socket".to_vec()));
        assert_eq!(
            (unix[0].state, unix[0].transport),
            (ConnectionState::Listen, Transport::Stream)
        );
        assert_eq!((&unix[1].local, unix[1].state), (&Address::None, ConnectionState::Established));
        assert_eq!(unix[2].local, Address::Unix(b"\0abstract".to_vec()));
        assert_eq!(unix.iter().map(|one| one.inode).collect::<Vec<_>>(), [9001, 9002, 9003]);
    }

    #[test]
    fn kinds_have_psutils_names() {
        let names =
            ["all", "inet", "inet4", "inet6", "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "unix"];
        for name in names {
            assert!(Kinds::ALL.contains(Kinds::from_name(name).unwrap()), "{name}");
        }
        assert_eq!(Kinds::from_name("raw"), None);
        assert_eq!(Kinds::INET | Kinds::UNIX, Kinds::ALL);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(
            bytes in hostile::bytes(), tcp in hostile::damaged(TCP), tcp6 in hostile::damaged(TCP6),
            unix in hostile::damaged(UNIX)
        ) {
            for table in Table::ALL {
                for bytes in [&bytes, &tcp, &tcp6, &unix] {
                    table.parse(bytes);
                }
            }
        }
    }
}
