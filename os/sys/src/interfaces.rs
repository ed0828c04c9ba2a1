//! Network interfaces.

use crate::endpoint::Address;

pub use crate::imp::interfaces::{addresses, link};

/// One address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The interface's name.
    pub name: Vec<u8>,
    /// The address; its port means nothing.
    pub address: Address,
    /// Which of its bits name the network.
    pub netmask: Address,
    /// Where to send for everybody.
    pub broadcast: Address,
    /// The other end of a link between two.
    pub peer: Address,
    /// Which interface a link-local IPv6 address is good on; else 0.
    pub scope: u32,
}

/// What an interface does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// `IFF_UP` and so on (netdevice(7)).
    pub flags: u32,
    /// The largest packet, in bytes.
    pub mtu: u32,
    /// Megabits a second; 0 when not known.
    pub speed: u32,
    /// 0 half, 1 full; `None` or another number when not known.
    pub duplex: Option<u8>,
}
