//! The kernel's own table of sockets, by netlink (`sock_diag(7)`): a dump costs what the sockets in
//! it cost, where `/proc/net/tcp` costs a walk through the whole hash table for every read.
#![expect(unsafe_code, reason = "netlink sockets have no wrapper in std")]

use super::{check, check_size, retry};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// `SOCK_DIAG_BY_FAMILY` of `linux/sock_diag.h`.
const BY_FAMILY: u16 = 20;
/// Length of a `struct nlmsghdr`.
const HEADER: usize = 16;

/// A way to ask for sockets of this process's network namespace.
#[derive(Debug)]
pub struct SockDiag {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

impl SockDiag {
    /// Opens it.
    ///
    /// # Errors
    /// Where the kernel has no `sock_diag`, or a filter forbids netlink.
    pub fn open() -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        // SAFETY: socket takes integers.
        let fd = check(unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_SOCK_DIAG) })?;
        // SAFETY: the call just returned this descriptor, so nobody else owns it.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { socket, buffer: vec![0; 64 * 1024] })
    }

    /// Asks `request` (an `inet_diag_req_v2` or `unix_diag_req`) and calls `each` with every
    /// answer.
    ///
    /// # Errors
    /// `ENOENT` when the kernel does not know the family or protocol.
    pub fn dump(&mut self, request: &[u8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
        self.ask(request)?;
        loop {
            let (start, len) = (self.buffer.as_mut_ptr(), self.buffer.len());
            // SAFETY: `start` has room for `len` bytes.
            let call = || unsafe { libc::recv(self.socket.as_raw_fd(), start.cast(), len, 0) };
            let got = retry(|| check_size(call()))?;
            if is_done(&self.buffer[..got], &mut each)? {
                return Ok(());
            }
        }
    }

    fn ask(&self, request: &[u8]) -> io::Result<()> {
        let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
        let mut message = Vec::with_capacity(HEADER + request.len());
        message.extend(((HEADER + request.len()) as u32).to_ne_bytes());
        message.extend(BY_FAMILY.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        // Sequence number and sender are the kernel's to fill in.
        message.extend([0; 8]);
        message.extend(request);
        let (start, len) = (message.as_ptr(), message.len());
        // SAFETY: `message` is that long.
        let call = || unsafe { libc::send(self.socket.as_raw_fd(), start.cast(), len, 0) };
        retry(|| check_size(call())).map(drop)
    }
}

/// Passes the messages of one datagram on; whether the last of the dump was among them.
fn is_done(mut datagram: &[u8], each: &mut impl FnMut(&[u8])) -> io::Result<bool> {
    let word = |bytes: &[u8], at: usize| {
        let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
        word.map_or(0, u32::from_ne_bytes)
    };
    while datagram.len() >= HEADER {
        let length = word(datagram, 0) as usize;
        let Some(payload) = datagram.get(HEADER..length) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        match i32::from(word(datagram, 4) as u16) {
            libc::NLMSG_DONE => return Ok(true),
            libc::NLMSG_ERROR => {
                let number = word(payload, 0).cast_signed();
                return Err(io::Error::from_raw_os_error(number.wrapping_neg()));
            }
            _ => each(payload),
        }
        // Messages start at multiples of four.
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    // An empty datagram would come for ever.
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_socket_is_in_the_dump() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut request = [0_u8; 56];
        request[..2].copy_from_slice(&[libc::AF_INET as u8, libc::IPPROTO_TCP as u8]);
        request[4..8].copy_from_slice(&0xfff_u32.to_ne_bytes());
        let (mut ports, mut diag) = (Vec::new(), SockDiag::open().unwrap());
        diag.dump(&request, |answer| ports.push(u16::from_be_bytes([answer[4], answer[5]])))
            .unwrap();
        assert!(ports.contains(&port), "{port} in {ports:?}");
    }

    #[test]
    fn an_unknown_family_is_an_error_and_no_hang() {
        let mut request = [0_u8; 56];
        request[0] = 200;
        assert!(SockDiag::open().unwrap().dump(&request, |_| {}).is_err());
    }

    #[test]
    fn broken_datagrams_are_refused() {
        let mut each = |_: &[u8]| {};
        assert!(is_done(&[255; 16], &mut each).is_err());
        assert!(!is_done(&[], &mut each).unwrap());
    }
}
