//! The messages between a parent, its children and the fork server: small packets over a socket
//! pair, with descriptors; a large body travels as a memory file beside its packet: sealed, so that who
//! receives it reads it there and trusts that it stays as it is.
//!
//! Nothing here waits for the other side to read: a body over [`INLINE_MAX`] never enters the
//! socket's buffer, and at most a handful of packets are ever under way in one direction.

use polyproc_shm::Content;
use polyproc_sys::memory::{self, Sealed};
use polyproc_sys::socket::{self, Mode};
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Bodies up to this many bytes travel in the packet itself.
const INLINE_MAX: usize = 32 * 1024;
/// The errno of a message that is too large for its socket.
const EMSGSIZE: i32 = 90;
/// Tag, form, and key.
const HEADER: usize = 10;

/// What a packet is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    /// To a child, or to the fork server: a [`crate::birth::Birth`].
    Birth = 1,
    /// From a child: the report of its function.
    Report = 2,
    /// From the fork server's child: it lives; its pid, and its pidfd.
    Forked = 3,
    /// From the fork server: there is no child; an errno.
    ForkFailed = 4,
    /// From the fork server: how the child ended, and its cost.
    Ended = 5,
    /// From the fork server: why it gives up; a text.
    LastWords = 6,
    /// From a child: why it cannot reach its function, or send its report; a text.
    Failed = 7,
}

impl Tag {
    fn from_byte(byte: u8) -> Option<Self> {
        const ALL: [Tag; 7] = [
            Tag::Birth,
            Tag::Report,
            Tag::Forked,
            Tag::ForkFailed,
            Tag::Ended,
            Tag::LastWords,
            Tag::Failed,
        ];
        ALL.into_iter().find(|tag| *tag as u8 == byte)
    }
}

/// A received packet.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) tag: Tag,
    pub(crate) body: Content,
    pub(crate) fds: Vec<OwnedFd>,
}

/// Sends the parts of a body under a tag and a key. The key tells a child of ours from a process that merely
/// found the same descriptor open; it is 0 where there is nothing to confuse.
pub(crate) fn send(
    to: &impl AsFd,
    (tag, key): (Tag, u64),
    body: &[&[u8]],
    fds: &[BorrowedFd<'_>],
    mode: Mode,
) -> io::Result<()> {
    if body.iter().map(|part| part.len()).sum::<usize>() <= INLINE_MAX {
        let header = header(tag, false, key);
        let parts = std::iter::once(&header[..]).chain(body.iter().copied());
        match socket::send(to, &parts.map(IoSlice::new).collect::<Vec<_>>(), fds, mode) {
            // Somebody has made the system's socket buffers small.
            Err(error) if error.raw_os_error() == Some(EMSGSIZE) => {}
            result => return result,
        }
    }
    let file = memory::memfd(c"polyproc-message")?;
    for part in body {
        memory::write_all(&file, part)?;
    }
    memory::seal_content(&file)?;
    let fds: Vec<_> = fds.iter().copied().chain([file.as_fd()]).collect();
    socket::send(to, &[IoSlice::new(&header(tag, true, key))], &fds, mode)
}

fn header(tag: Tag, aside: bool, key: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    (header[0], header[1]) = (tag as u8, aside.into());
    header[2..].copy_from_slice(&key.to_ne_bytes());
    header
}

/// Receives a packet; `Ok(None)` when the other side is closed.
pub(crate) fn receive(from: &impl AsFd, mode: Mode) -> io::Result<Option<Packet>> {
    let mut bytes = Vec::with_capacity(HEADER + INLINE_MAX);
    let mut fds = socket::receive(from, &mut bytes, mode)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let (tag, aside, _) = parse_header(&bytes).ok_or_else(|| invalid("a packet's header"))?;
    let body = if aside {
        let file = File::from(fds.pop().ok_or_else(|| invalid("a packet without its body"))?);
        // The number of this error would be taken for the socket's.
        Sealed::map(&file).map_err(|error| io::Error::from(error.kind()))?.into()
    } else {
        Content::from(bytes).without_first(HEADER)
    };
    Ok(Some(Packet { tag, body, fds }))
}

/// The tag and the key of the next packet, which stays where it is.
pub(crate) fn peek(from: &impl AsFd) -> Option<(Tag, u64)> {
    let mut bytes = Vec::with_capacity(HEADER);
    drop(socket::receive(from, &mut bytes, Mode::Peek).ok()?);
    parse_header(&bytes).map(|(tag, _, key)| (tag, key))
}

fn parse_header(bytes: &[u8]) -> Option<(Tag, bool, u64)> {
    let header = bytes.first_chunk::<HEADER>()?;
    let key = u64::from_ne_bytes(header[2..].try_into().ok()?);
    Some((Tag::from_byte(header[0])?, header[1] != 0, key))
}

pub(crate) fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Puts values into a body. [`Taker`] takes them out in the same order.
#[derive(Debug, Default)]
pub(crate) struct Putter(pub(crate) Vec<u8>);

impl Putter {
    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend(number.to_ne_bytes());
        self
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }
}

/// Takes values out of a body. Whatever the bytes are, it answers `None` rather than panicking.
#[derive(Debug)]
pub(crate) struct Taker<'a>(pub(crate) &'a [u8]);

impl<'a> Taker<'a> {
    pub(crate) fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_ne_bytes(*number))
    }

    /// A number that fits the smaller type.
    pub(crate) fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.number()?).ok()
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.small()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_body_of_any_size_arrives_with_its_descriptors() {
        let (one, two) = socket::pair().unwrap();
        for len in [0, 1, INLINE_MAX, INLINE_MAX + 1, 5_000_000] {
            let body: Vec<u8> = (0..len).map(|index| index as u8).collect();
            let parts = body.split_at(len / 3);
            send(&one, (Tag::Report, 7), &[parts.0, parts.1], &[two.as_fd()], Mode::Try).unwrap();
            assert_eq!(peek(&two), Some((Tag::Report, 7)));
            let packet = receive(&two, Mode::Try).unwrap().unwrap();
            assert_eq!((packet.tag, packet.fds.len()), (Tag::Report, 1));
            assert!(*packet.body == body, "{len} bytes");
        }
    }

    #[test]
    fn a_closed_side_is_no_packet() {
        let (one, two) = socket::pair().unwrap();
        drop(one);
        assert!(receive(&two, Mode::Try).unwrap().is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut taker = Taker(&bytes);
            while taker.bytes().is_some() {}
            taker.text();
            parse_header(&bytes);
        }

        #[test]
        fn what_is_put_is_taken(number: u64, bytes: Vec<u8>, text: String) {
            let mut body = Putter::default();
            body.number(number).bytes(&bytes).bytes(text.as_bytes());
            let mut taker = Taker(&body.0);
            prop_assert_eq!(taker.number(), Some(number));
            prop_assert_eq!(taker.bytes(), Some(bytes.as_slice()));
            prop_assert_eq!(taker.text(), Some(text));
            prop_assert_eq!(taker.number(), None);
        }
    }
}
