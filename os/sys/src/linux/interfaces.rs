//! The network interfaces of this process's network namespace.
#![expect(unsafe_code, reason = "getifaddrs and interface ioctls have no wrapper in std")]

use super::{check, endpoint::decode};
use crate::endpoint::Address;
use crate::interfaces::{InterfaceAddress, Link};
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Every address of every interface, in the kernel's order.
///
/// # Errors
/// `ENOMEM`, `EMFILE`.
pub fn addresses() -> io::Result<Vec<InterfaceAddress>> {
    let mut first = std::ptr::null_mut();
    // SAFETY: a place for a pointer.
    check(unsafe { libc::getifaddrs(&raw mut first) })?;
    let mut found = Vec::new();
    let mut next = first;
    while !next.is_null() {
        // SAFETY: an entry of the list, which lives until freeifaddrs.
        let entry = unsafe { &*next };
        found.extend(interface_address(entry));
        next = entry.ifa_next;
    }
    // SAFETY: the list that getifaddrs made; nothing borrows from it any more.
    unsafe { libc::freeifaddrs(first) };
    Ok(found)
}

fn interface_address(entry: &libc::ifaddrs) -> Option<InterfaceAddress> {
    if entry.ifa_addr.is_null() {
        return None;
    }
    // SAFETY: getifaddrs gives each entry a name that ends with NUL.
    let name = unsafe { CStr::from_ptr(entry.ifa_name) }.to_bytes().to_vec();
    // SAFETY: not null, so an address of its family.
    let address = unsafe { address(entry.ifa_addr) };
    // SAFETY: null or an address.
    let netmask = unsafe { address_or_none(entry.ifa_netmask) };
    // SAFETY: null or an address.
    let other = unsafe { address_or_none(entry.ifa_ifu) };
    let flag = |flag: libc::c_int| entry.ifa_flags & flag.cast_unsigned() != 0;
    // One field for both: which it is, the flags tell (getifaddrs(3)).
    let (broadcast, peer) = match other {
        other if flag(libc::IFF_BROADCAST) => (other, Address::None),
        other if flag(libc::IFF_POINTOPOINT) => (Address::None, other),
        _ => (Address::None, Address::None),
    };
    let scope = scope(entry.ifa_addr);
    Some(InterfaceAddress { name, address, netmask, broadcast, peer, scope })
}

/// # Safety
/// `address` is null or points to an address.
unsafe fn address_or_none(pointer: *const libc::sockaddr) -> Address {
    if pointer.is_null() {
        return Address::None;
    }
    // SAFETY: not null, and so an address, says the caller.
    unsafe { address(pointer) }
}

/// # Safety
/// `pointer` points to an address.
unsafe fn address(pointer: *const libc::sockaddr) -> Address {
    // SAFETY: every address starts with its family.
    let family = unsafe { pointer.cast::<libc::sa_family_t>().read_unaligned() };
    let len = match i32::from(family) {
        libc::AF_INET => size_of::<libc::sockaddr_in>(),
        libc::AF_INET6 => size_of::<libc::sockaddr_in6>(),
        libc::AF_PACKET => size_of::<libc::sockaddr_ll>(),
        _ => return Address::None,
    };
    // SAFETY: an address of that family is that long, and bytes have no alignment.
    decode(unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), len) })
}

/// The interface that a link-local IPv6 address belongs to.
fn scope(pointer: *const libc::sockaddr) -> u32 {
    // SAFETY: an entry's address is not null here; every address starts with its family.
    let family = unsafe { pointer.cast::<libc::sa_family_t>().read_unaligned() };
    if i32::from(family) != libc::AF_INET6 {
        return 0;
    }
    // SAFETY: of that family, so of that type; read without regard to alignment.
    unsafe { pointer.cast::<libc::sockaddr_in6>().read_unaligned() }.sin6_scope_id
}

/// State, size of packets and speed of the interface with that name.
///
/// # Errors
/// `ENODEV` when there is none.
pub fn link(name: &[u8]) -> io::Result<Link> {
    // SAFETY: socket takes integers.
    let fd =
        check(unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: the call just returned this descriptor, so nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut request = request(name)?;
    ask(&socket, libc::SIOCGIFFLAGS, &mut request)?;
    // SAFETY: the ioctl filled this member.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    ask(&socket, libc::SIOCGIFMTU, &mut request)?;
    // SAFETY: the ioctl filled this member.
    let mtu = unsafe { request.ifr_ifru.ifru_mtu };
    let (speed, duplex) = speed(&socket, request);
    Ok(Link { flags: u32::from(flags.cast_unsigned()), mtu: mtu.unsigned_abs(), speed, duplex })
}

fn request(name: &[u8]) -> io::Result<libc::ifreq> {
    // SAFETY: integers and unions of them: all zeros is a valid one.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (place, byte) in request.ifr_name.iter_mut().zip(name) {
        *place = *byte as libc::c_char;
    }
    Ok(request)
}

fn ask(socket: &OwnedFd, what: libc::c_ulong, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: these requests read and write one ifreq.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), what as libc::Ioctl, request) }).map(drop)
}

/// Megabits a second and the duplex number; zeros where the driver does not say (and for those that
/// have none, such as the loopback).
fn speed(socket: &OwnedFd, mut request: libc::ifreq) -> (u32, Option<u8>) {
    /// `ETHTOOL_GSET` of linux/ethtool.h.
    const GET_SETTINGS: u32 = 1;
    /// `SIOCETHTOOL` of linux/sockios.h.
    const ETHTOOL: libc::c_ulong = 0x8946;
    /// `struct ethtool_cmd`.
    #[repr(C)]
    #[derive(Default)]
    struct Settings {
        command: u32,
        modes: [u32; 2],
        speed: u16,
        duplex: u8,
        port: [u8; 5],
        packets: [u32; 2],
        speed_high: u16,
        crossover: [u8; 2],
        partner: [u32; 3],
    }
    let mut settings = Settings { command: GET_SETTINGS, ..Settings::default() };
    request.ifr_ifru.ifru_data = (&raw mut settings).cast();
    if ask(socket, ETHTOOL, &mut request).is_err() {
        return (0, None);
    }
    let speed = u32::from(settings.speed_high) << 16 | u32::from(settings.speed);
    // All ones is "unknown" in both widths.
    let known = speed != u32::from(u16::MAX) && speed != u32::MAX;
    (if known { speed } else { 0 }, Some(settings.duplex))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_there() {
        let found = addresses().unwrap();
        let ip = Address::Inet("127.0.0.1:0".parse().unwrap());
        assert!(found.iter().any(|one| one.name == b"lo" && one.address == ip), "{found:?}");
        let link = link(b"lo").unwrap();
        assert!(link.mtu > 0 && link.flags & libc::IFF_LOOPBACK as u32 != 0, "{link:?}");
        assert!(super::link(b"no-such").is_err());
        assert!(super::link(&[b'x'; 100]).is_err());
    }
}
