//! Where a listener is found.

use polyproc_sys::stream::abstract_name;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::unix::net;
use std::path::{Path, PathBuf};

/// Where a listener is found.
///
/// As text it is what its reader expects, and can be made from that again: so an address goes to
/// another process as an argument, in a setting, on a command line.
///
/// ```
/// use polyproc_connection::Address;
/// use std::net::Ipv4Addr;
///
/// let network = Address::from((Ipv4Addr::LOCALHOST, 5000));
/// let file = Address::from("/run/service/socket");
/// let name = Address::Abstract(b"service".to_vec());
/// assert_eq!(format!("{network} {file} {name}"), "127.0.0.1:5000 /run/service/socket @service");
/// assert_eq!(Address::from("127.0.0.1:5000"), network);
/// assert_eq!(Address::from("@service"), name);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A machine and a port; port 0 in [`Listener::bind`](crate::Listener::bind) is any free one.
    Tcp(SocketAddr),
    /// A socket in the file system, at most 107 bytes. What is a name and a port without any slash
    /// (`localhost:5000`) is refused by whoever is to use it: `./localhost:5000` is a file.
    Unix(PathBuf),
    /// A Unix socket that is not in the file system (on Linux only), at most 107 bytes. Every user
    /// of the machine can connect; in Python it is a text that begins with `\0`.
    Abstract(Vec<u8>),
}

impl Address {
    /// The address of a machine by name, asked for now. Of several an IPv4 one is taken, as Python
    /// does.
    ///
    /// # Errors
    /// The name is not known, or nobody could be asked; how long that may take is the system's
    /// choice.
    pub fn tcp(host: &str, port: u16) -> io::Result<Self> {
        let mut all: Vec<_> = (host, port).to_socket_addrs()?.collect();
        all.sort_by_key(|address| !address.is_ipv4());
        let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        all.first().copied().map(Self::Tcp).ok_or_else(none)
    }

    /// What the system calls a path. The empty one would be any free name to it.
    pub(crate) fn at_path(path: &Path) -> io::Result<net::SocketAddr> {
        if path.as_os_str().is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "an empty path"));
        }
        match path.to_str().and_then(machine) {
            Some(remedy) => Err(io::Error::new(io::ErrorKind::InvalidInput, remedy)),
            None => net::SocketAddr::from_pathname(path),
        }
    }

    pub(crate) fn of_unix(address: &net::SocketAddr) -> Option<Self> {
        let path = address.as_pathname().map(|path| Self::Unix(path.into()));
        path.or_else(|| abstract_name(address).map(|name| Self::Abstract(name.into())))
    }
}

/// What to write for a text that means a machine and a port, not a path: whoever wrote it would get a file of
/// that name, and nobody would ever come.
fn machine(text: &str) -> Option<String> {
    let (host, port) = text.rsplit_once(':')?;
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let any = if host.is_empty() { "0.0.0.0" } else { host };
    (is_port && !text.contains('/')).then(|| {
        format!(
            "that is a machine and a port, not a path: use `Address::tcp({any:?}, {port})`, or \
             `./{text}` for a file of that name"
        )
    })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
            Self::Abstract(name) => write!(f, "@{}", name.escape_ascii()),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl<I: Into<IpAddr>> From<(I, u16)> for Address {
    fn from(address: (I, u16)) -> Self {
        Self::Tcp(address.into())
    }
}

impl From<PathBuf> for Address {
    fn from(path: PathBuf) -> Self {
        Self::Unix(path)
    }
}

impl From<&Path> for Address {
    fn from(path: &Path) -> Self {
        Self::Unix(path.into())
    }
}

impl From<&str> for Address {
    /// An IP address and a port, an abstract name after `@`, or else a path. Names of machines are looked up
    /// by [`Address::tcp`] only: to listen at `localhost:5000`, or to connect to it, is an error that says so.
    fn from(text: &str) -> Self {
        match (text.strip_prefix('@'), text.parse()) {
            (Some(name), _) => Self::Abstract(unescape(name.as_bytes())),
            (None, Ok(address)) => Self::Tcp(address),
            (None, Err(_)) => Self::Unix(text.into()),
        }
    }
}

impl From<&String> for Address {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

/// What [`<[u8]>::escape_ascii`] was made of.
fn unescape(mut text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    loop {
        let (byte, rest) = match text {
            [b'\\', b'x', high, low, rest @ ..] => (hex(*high) << 4 | hex(*low), rest),
            [b'\\', b't', rest @ ..] => (b'\t', rest),
            [b'\\', b'r', rest @ ..] => (b'\r', rest),
            [b'\\', b'n', rest @ ..] => (b'\n', rest),
            [b'\\', byte, rest @ ..] | [byte, rest @ ..] => (*byte, rest),
            [] => return bytes,
        };
        bytes.push(byte);
        text = rest;
    }
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).unwrap_or(0) as u8
}

impl From<&Self> for Address {
    fn from(address: &Self) -> Self {
        address.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_host_is_looked_up_and_numbers_are_not() {
        let local = Address::tcp("localhost", 80).unwrap();
        assert_eq!(local.to_string(), "127.0.0.1:80");
        assert_eq!(Address::from("[::1]:80"), Address::tcp("::1", 80).unwrap());
        assert_eq!(Address::from("localhost:80"), Address::Unix("localhost:80".into()));
    }

    #[test]
    fn a_machine_and_a_port_are_no_path() {
        for text in ["localhost:5055", "my.host:0", "127.0.0.1:99999", "::1:80", ":80"] {
            let Address::Unix(path) = Address::from(text) else { unreachable!("{text}") };
            let error = Address::at_path(&path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(&format!("`./{text}`")), "{error}");
        }
        for text in ["./localhost:80", "/run/a:80", "a:b", "a:", "socket", "a:80x"] {
            Address::at_path(Path::new(text)).unwrap();
        }
    }

    proptest! {
        #[test]
        fn a_name_is_the_same_after_being_text(name in prop::collection::vec(any::<u8>(), 0..107)) {
            let address = Address::Abstract(name);
            prop_assert_eq!(Address::from(address.to_string()), address);
        }

        #[test]
        fn any_text_is_an_address(text in ".*") {
            drop(Address::from(text));
        }
    }
}
