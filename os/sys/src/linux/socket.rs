//! Sockets: messages, parts of streams, and `SCM_RIGHTS` control messages.
#![expect(unsafe_code, reason = "SCM_RIGHTS has no wrapper in stable std")]

use super::{check, check_size, retry};
use crate::socket::{MAX_FDS, Mode};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Room for the control message: a header and the descriptors, aligned as the header needs it.
type Control = [MaybeUninit<u64>; 16];
const FDS_BYTES: u32 = (MAX_FDS * size_of::<RawFd>()) as u32;
const _: () = assert!(FDS_BYTES as usize + size_of::<libc::cmsghdr>() + 8 <= size_of::<Control>());

/// Two connected ends that keep message borders. Each end reads end-of-file when all copies of the
/// other are closed.
///
/// # Errors
/// At the limits on descriptors.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [-1; 2];
    // SAFETY: room for two descriptors.
    check(unsafe {
        libc::socketpair(
            libc::AF_UNIX,
            libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC,
            0,
            fds.as_mut_ptr(),
        )
    })?;
    // SAFETY: the call just returned this descriptor, so nobody else owns it.
    let one = unsafe { OwnedFd::from_raw_fd(fds[0]) };
    // SAFETY: likewise.
    Ok((one, unsafe { OwnedFd::from_raw_fd(fds[1]) }))
}

fn flags(mode: Mode) -> libc::c_int {
    match mode {
        Mode::Block => 0,
        Mode::Try => libc::MSG_DONTWAIT,
        Mode::Peek => libc::MSG_DONTWAIT | libc::MSG_PEEK,
    }
}

/// Sends one message, made of `parts`, with copies of `fds`.
///
/// # Errors
/// `EPIPE` when the other end is gone (no signal is raised); `EMSGSIZE` when the message does not
/// fit the socket's buffer; [`io::ErrorKind::WouldBlock`] in [`Mode::Try`]; `EINVAL` for more than
/// [`MAX_FDS`] descriptors.
pub fn send(
    socket: &impl AsFd,
    parts: &[io::IoSlice<'_>],
    fds: &[BorrowedFd<'_>],
    mode: Mode,
) -> io::Result<()> {
    send_some(socket, parts, fds, mode).map(drop)
}

/// [`send`] on a stream, which takes as many bytes as it has room for: how many. The descriptors
/// went with the first of them.
///
/// # Errors
/// As [`send`]; `ECONNRESET` likewise means that the other end is gone.
pub fn send_some(
    socket: &impl AsFd,
    parts: &[io::IoSlice<'_>],
    fds: &[BorrowedFd<'_>],
    mode: Mode,
) -> io::Result<usize> {
    if fds.len() > MAX_FDS {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut control: Control = [MaybeUninit::uninit(); 16];
    // SAFETY: all zeros is a valid empty msghdr.
    let mut message = unsafe { MaybeUninit::<libc::msghdr>::zeroed().assume_init() };
    // IoSlice has the layout of iovec, and sendmsg does not write through it.
    message.msg_iov = parts.as_ptr().cast_mut().cast();
    message.msg_iovlen = parts.len() as _;
    if !fds.is_empty() {
        put_fds(&mut message, &mut control, fds);
    }
    retry(|| {
        // SAFETY: the header points to live parts and a live control buffer.
        check_size(unsafe {
            libc::sendmsg(
                socket.as_fd().as_raw_fd(),
                &raw const message,
                libc::MSG_NOSIGNAL | flags(mode),
            )
        })
    })
}

fn put_fds(message: &mut libc::msghdr, control: &mut Control, fds: &[BorrowedFd<'_>]) {
    let bytes = u32::try_from(size_of_val(fds)).unwrap_or(FDS_BYTES);
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: CMSG_SPACE only computes.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(bytes) } as _;
    // SAFETY: the control buffer is large enough for a header, as asserted above.
    let header = unsafe { libc::CMSG_FIRSTHDR(message) };
    // SAFETY: CMSG_LEN only computes.
    let len = unsafe { libc::CMSG_LEN(bytes) };
    // SAFETY: the header lies in the control buffer, which is aligned for it.
    unsafe {
        header.write(libc::cmsghdr {
            cmsg_len: len as _,
            cmsg_level: libc::SOL_SOCKET,
            cmsg_type: libc::SCM_RIGHTS,
        });
    };
    // SAFETY: computes the address after the header, within the control buffer.
    let data = unsafe { libc::CMSG_DATA(header) };
    for (index, fd) in fds.iter().enumerate() {
        // SAFETY: `index` is below MAX_FDS, for which the buffer has room.
        let place = unsafe { data.add(index * size_of::<RawFd>()) };
        // SAFETY: likewise; an array of bytes has no alignment.
        unsafe { place.cast::<[u8; 4]>().write(fd.as_raw_fd().to_ne_bytes()) };
    }
}

/// Receives one message: its bytes replace those in `buffer` (as many as its capacity takes, the
/// rest is dropped), its descriptors are returned. No bytes means that the other end is closed.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] unless [`Mode::Block`]; `EMFILE` when descriptors were lost
/// because the process may open no more.
pub fn receive(socket: &impl AsFd, buffer: &mut Vec<u8>, mode: Mode) -> io::Result<Vec<OwnedFd>> {
    buffer.clear();
    let mut control: Control = [MaybeUninit::uninit(); 16];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.capacity() };
    // SAFETY: all zeros is a valid empty msghdr.
    let mut message = unsafe { MaybeUninit::<libc::msghdr>::zeroed().assume_init() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>() as _;
    let len = retry(|| {
        // SAFETY: the header points to the buffer's spare capacity and a live control buffer.
        check_size(unsafe {
            libc::recvmsg(
                socket.as_fd().as_raw_fd(),
                &raw mut message,
                libc::MSG_CMSG_CLOEXEC | flags(mode),
            )
        })
    })?;
    // SAFETY: the kernel wrote `len` bytes, at most the capacity that it was given.
    unsafe { buffer.set_len(len) };
    let fds = take_fds(&message);
    if message.msg_flags & libc::MSG_CTRUNC != 0 {
        return Err(io::Error::from_raw_os_error(libc::EMFILE));
    }
    Ok(fds)
}

/// Receives what a stream holds, at most `limit` bytes: appends them to `buffer`, as far as its
/// capacity goes without growing, and says how many. None means that the other end is closed (or
/// that there was no room). Descriptors that come with them are closed by the kernel.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] unless [`Mode::Block`]; `ECONNRESET`.
pub fn receive_some(
    socket: &impl AsFd,
    buffer: &mut Vec<u8>,
    limit: usize,
    mode: Mode,
) -> io::Result<usize> {
    let spare = buffer.spare_capacity_mut();
    let room = spare.len().min(limit);
    let len = retry(|| {
        // SAFETY: the spare capacity is at least `room` bytes long.
        check_size(unsafe {
            libc::recv(socket.as_fd().as_raw_fd(), spare.as_mut_ptr().cast(), room, flags(mode))
        })
    })?;
    let filled = buffer.len() + len;
    // SAFETY: the kernel wrote `len` bytes behind those that were there, at most `room`.
    unsafe { buffer.set_len(filled) };
    Ok(len)
}

fn take_fds(message: &libc::msghdr) -> Vec<OwnedFd> {
    let mut fds = Vec::new();
    // SAFETY: the kernel filled the control buffer that the header points to.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: a non-null header from CMSG_FIRSTHDR or CMSG_NXTHDR lies in the buffer.
        let cmsg = unsafe { header.read() };
        if cmsg.cmsg_level == libc::SOL_SOCKET && cmsg.cmsg_type == libc::SCM_RIGHTS {
            // SAFETY: computes the address after the header.
            let data = unsafe { libc::CMSG_DATA(header) };
            // SAFETY: CMSG_LEN only computes.
            let empty = unsafe { libc::CMSG_LEN(0) } as usize;
            let count = (cmsg.cmsg_len as usize).saturating_sub(empty) / size_of::<RawFd>();
            for index in 0..count {
                // SAFETY: the kernel wrote `count` descriptors there.
                let place = unsafe { data.add(index * size_of::<RawFd>()) };
                // SAFETY: likewise; an array of bytes has no alignment.
                let fd = RawFd::from_ne_bytes(unsafe { place.cast::<[u8; 4]>().read() });
                // SAFETY: the kernel made this descriptor for us with this message.
                fds.push(unsafe { OwnedFd::from_raw_fd(fd) });
            }
        }
        // SAFETY: `header` is a header of this message.
        header = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
    fds
}

/// Takes over the descriptor `number` that this process inherited under an agreed number, if it is
/// open and a message socket. It is close-on-exec from now on.
///
/// # Safety
/// Nobody else in this process may own that number.
pub unsafe fn adopt(number: RawFd) -> Option<OwnedFd> {
    let mut kind: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: room for an int, as SO_TYPE writes it.
    let result = unsafe {
        libc::getsockopt(
            number,
            libc::SOL_SOCKET,
            libc::SO_TYPE,
            (&raw mut kind).cast(),
            &raw mut len,
        )
    };
    if result == -1 || kind != libc::SOCK_SEQPACKET {
        return None;
    }
    // SAFETY: it is open, and the caller says that nobody else owns it.
    unsafe { adopt_any(number) }
}

/// [`adopt`] for a descriptor of any kind.
///
/// # Safety
/// Nobody else in this process may own that number.
pub unsafe fn adopt_any(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: F_SETFD takes an integer.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } == -1 {
        return None;
    }
    // SAFETY: it is open, and the caller says that nobody else owns it.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Puts a copy of `fd` under the number of a standard stream (0, 1 or 2), closing what was there.
///
/// # Errors
/// `EBADF`.
pub fn replace_stream(fd: &impl AsFd, number: RawFd) -> io::Result<()> {
    // SAFETY: dup2 takes two integers; the standard streams belong to nobody.
    retry(|| check(unsafe { libc::dup2(fd.as_fd().as_raw_fd(), number) })).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{IoSlice, Read, Write};

    #[test]
    fn keeps_borders_and_carries_descriptors() {
        let (one, two) = pair().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        let parts = [IoSlice::new(b"he"), IoSlice::new(b"llo")];
        send(&one, &parts, &[writer.as_fd()], Mode::Block).unwrap();
        send(&one, &[IoSlice::new(b"second")], &[], Mode::Try).unwrap();
        drop(writer);
        let mut buffer = Vec::with_capacity(100);
        receive(&two, &mut buffer, Mode::Peek).unwrap();
        assert_eq!(buffer, b"hello");
        let mut fds = receive(&two, &mut buffer, Mode::Block).unwrap();
        assert_eq!((buffer.as_slice(), fds.len()), (&b"hello"[..], 1));
        File::from(fds.remove(0)).write_all(b"x").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
        receive(&two, &mut buffer, Mode::Try).unwrap();
        assert_eq!(buffer, b"second");
        let empty = receive(&two, &mut buffer, Mode::Try).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        drop(one);
        receive(&two, &mut buffer, Mode::Block).unwrap();
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_stream_is_read_in_parts_and_drops_descriptors() {
        let (one, two) = std::os::unix::net::UnixStream::pair().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        let sent = send_some(&one, &[IoSlice::new(b"hello")], &[writer.as_fd()], Mode::Try);
        assert_eq!(sent.unwrap(), 5);
        drop(writer);
        let mut buffer = Vec::with_capacity(100);
        buffer.push(b'>');
        assert_eq!(receive_some(&two, &mut buffer, 2, Mode::Block).unwrap(), 2);
        assert_eq!(receive_some(&two, &mut buffer, 100, Mode::Block).unwrap(), 3);
        assert_eq!(buffer, b">hello");
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "the copy of the writer was closed");
        let empty = receive_some(&two, &mut buffer, 1, Mode::Try).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        drop(one);
        assert_eq!(receive_some(&two, &mut buffer, 1, Mode::Block).unwrap(), 0);
    }

    #[test]
    fn a_closed_end_is_an_error_and_no_signal() {
        let (one, two) = pair().unwrap();
        drop(two);
        let error = send(&one, &[IoSlice::new(b"x")], &[], Mode::Block).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
