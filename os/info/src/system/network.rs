//! Network interfaces.

use super::System;
use crate::error::{Error, Result};
use crate::parse::network::NetworkCounters;
use crate::rising::Rising;
use polyproc_sys::endpoint::Address;
use polyproc_sys::interfaces;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// An address of a network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The interface.
    pub interface: OsString,
    /// Its address (the port is 0 and means nothing).
    pub address: Address,
    /// Which bits of the address name the network.
    pub netmask: Address,
    /// Where to send for everybody.
    pub broadcast: Address,
    /// The other end of a link between two.
    pub peer: Address,
    /// Which interface a link-local IPv6 address is good on, by number; else 0.
    pub scope: u32,
}

/// Whether both ends of a link may send at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Duplex {
    /// Both.
    Full,
    /// One at a time.
    Half,
    /// The driver does not say.
    Unknown,
}

/// What a network interface does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceState {
    /// Whether it is up and has a link.
    pub is_up: bool,
    /// Whether both ends may send at once.
    pub duplex: Duplex,
    /// Megabits a second; 0 where the driver does not say.
    pub speed: u32,
    /// The largest packet, in bytes.
    pub mtu: u32,
    /// `up`, `broadcast`, `running` and so on.
    pub flags: Vec<&'static str>,
}

/// netdevice(7), by bit.
const FLAGS: [&str; 19] = [
    "up",
    "broadcast",
    "debug",
    "loopback",
    "pointopoint",
    "notrailers",
    "running",
    "noarp",
    "promisc",
    "allmulti",
    "master",
    "slave",
    "multicast",
    "portsel",
    "automedia",
    "dynamic",
    "lower_up",
    "dormant",
    "echo",
];
/// `IFF_RUNNING`.
const RUNNING: u32 = 1 << 6;

impl fmt::Display for Duplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Full => "full",
            Self::Half => "half",
            Self::Unknown => "unknown",
        })
    }
}

/// What went over network interfaces, by counters that never go down from one look to the next: the
/// kernel's start again when an interface was away and has come back, and where a driver's are 32 bits
/// wide. psutil's `nowrap`; the state is in this value, so two that look do not disturb each other, and
/// a new one has forgotten everything.
///
/// ```
/// use polyproc_info::{NetworkMeter, System};
///
/// let mut meter = NetworkMeter::new(&System::new());
/// let (before, _) = meter.counters()?;
/// let (now, _) = meter.counters()?;
/// assert!(now.bytes_received >= before.bytes_received);
/// # Ok::<(), polyproc_info::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct NetworkMeter {
    system: System,
    seen: Rising<NetworkCounters>,
}

impl NetworkMeter {
    /// Nothing is read before the first look.
    pub fn new(system: &System) -> Self {
        Self { system: system.clone(), seen: Rising::default() }
    }

    /// All interfaces together ([`System::net_io_total`]), those that are away now, too; and each that
    /// is there, in the kernel's order ([`System::net_io_counters`]).
    ///
    /// Of a counter that has started again no more is known than where it was at the look before, so
    /// this is the least that has happened. Of more than 1024 that are away those that were so the
    /// longest are in the sum only.
    ///
    /// # Errors
    /// When `/proc/net/dev` cannot be read.
    pub fn counters(&mut self) -> Result<(NetworkCounters, Vec<(OsString, NetworkCounters)>)> {
        Ok(self.seen.see(self.system.net_io_counters()?, |_| true))
    }
}

impl System {
    /// What went over each interface since it came up, in the kernel's order and by its numbers, which
    /// start again now and then: [`NetworkMeter`] has numbers that do not.
    ///
    /// # Errors
    /// When `/proc/net/dev` cannot be read.
    pub fn net_io_counters(&self) -> Result<Vec<(OsString, NetworkCounters)>> {
        Ok(NetworkCounters::parse_all(&self.read("proc/net/dev")?))
    }

    /// What went over all of them together.
    ///
    /// # Errors
    /// As [`System::net_io_counters`].
    pub fn net_io_total(&self) -> Result<NetworkCounters> {
        let mut total = NetworkCounters::default();
        self.net_io_counters()?.into_iter().for_each(|interface| total += interface.1);
        Ok(total)
    }

    /// Every address of every interface.
    ///
    /// # Errors
    /// [`Error::Os`].
    #[doc(alias = "net_if_addrs")]
    pub fn net_if_addresses(&self) -> Result<Vec<InterfaceAddress>> {
        self.must_be_live("network addresses")?;
        let all = interfaces::addresses().map_err(|error| Error::of("network addresses", error))?;
        Ok(all.into_iter().map(InterfaceAddress::from).collect())
    }

    /// What each interface does, in the kernel's order. One that vanishes in the meantime is left
    /// out.
    ///
    /// # Errors
    /// When `/proc/net/dev` cannot be read.
    #[doc(alias = "net_if_stats")]
    pub fn net_if_states(&self) -> Result<Vec<(OsString, InterfaceState)>> {
        self.must_be_live("network interfaces")?;
        let names = self.net_io_counters()?.into_iter().map(|interface| interface.0);
        let state = |name: OsString| {
            let link = interfaces::link(name.as_bytes()).ok()?;
            Some((name, InterfaceState::from(link)))
        };
        Ok(names.filter_map(state).collect())
    }
}

impl From<interfaces::InterfaceAddress> for InterfaceAddress {
    fn from(found: interfaces::InterfaceAddress) -> Self {
        Self {
            interface: OsString::from_vec(found.name),
            address: found.address,
            netmask: found.netmask,
            broadcast: found.broadcast,
            peer: found.peer,
            scope: found.scope,
        }
    }
}

impl From<interfaces::Link> for InterfaceState {
    fn from(link: interfaces::Link) -> Self {
        let is_set = |bit: &usize| link.flags >> bit & 1 == 1;
        Self {
            is_up: link.flags & RUNNING != 0,
            duplex: match link.duplex {
                Some(1) => Duplex::Full,
                Some(0) => Duplex::Half,
                _ => Duplex::Unknown,
            },
            speed: link.speed,
            mtu: link.mtu,
            flags: (0..FLAGS.len()).filter(is_set).map(|bit| FLAGS[bit]).collect(),
        }
    }
}
