//! Where a listener is found.

use polyproc_sys::stream::abstract_name;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::unix::net;
use std::path::{Path, PathBuf};

/// Where a listener is found.
///
/// ```
/// use polyproc_connection::Address;
/// use std::net::Ipv4Addr;
///
/// let network = Address::from((Ipv4Addr::LOCALHOST, 5000));
/// let file = Address::from("/run/service/socket");
/// let name = Address::Abstract(b"service".to_vec());
/// assert_eq!(format!("{network} {file} {name}"), "127.0.0.1:5000 /run/service/socket @service");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A machine and a port; port 0 in [`Listener::bind`](crate::Listener::bind) is any free one.
    Tcp(SocketAddr),
    /// A socket in the file system, at most 107 bytes.
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

    pub(crate) fn of_unix(address: &net::SocketAddr) -> Option<Self> {
        let path = address.as_pathname().map(|path| Self::Unix(path.into()));
        path.or_else(|| abstract_name(address).map(|name| Self::Abstract(name.into())))
    }
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
    /// A path, as in Python.
    fn from(path: &str) -> Self {
        Self::Unix(path.into())
    }
}

impl From<&Self> for Address {
    fn from(address: &Self) -> Self {
        address.clone()
    }
}
