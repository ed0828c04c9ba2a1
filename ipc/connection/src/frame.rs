//! How messages lie in a stream of bytes: a length, then so many bytes. As Python's
//! `multiprocessing` has it: the length is a signed 32-bit number, big-endian; -1 says that it did
//! not fit, and that an unsigned 64-bit one follows.
//!
//! Nothing here reads or writes: bytes come in, in whatever pieces, and messages come out. What a
//! header claims costs nothing; memory is taken as bytes arrive.

/// The longest message whose length fits the short form.
pub const LONGEST_SHORT: u64 = i32::MAX as u64;
/// What the short form holds when the long one follows.
const LONG_FOLLOWS: i32 = -1;
const SHORT_BYTES: usize = 4;
const LONG_BYTES: usize = SHORT_BYTES + 8;
/// How much is taken for the beginning of a body; more as that fills, doubling.
const FIRST_BYTES: usize = 64 * 1024;

/// Why what came is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The message is longer than its receiver allows. It is not read, so neither is any after it.
    #[error("a message of {len} bytes is longer than the {max} that are allowed")]
    TooLong {
        /// What its header says.
        len: u64,
        /// What was allowed.
        max: u64,
    },
    /// No message has such a length: the other side does not speak this protocol.
    #[error("the header of a message holds the length {0:#x}, which cannot be")]
    BadLength(u64),
    /// There is no memory for the part that has arrived.
    #[error("no memory for a message of {len} bytes, of which {arrived} have arrived")]
    NoMemory {
        /// What its header says.
        len: u64,
        /// How much is here.
        arrived: u64,
    },
    /// An earlier error: where the next message begins is unknown.
    #[error("nothing can be received after an earlier error")]
    Broken,
}

/// The bytes before a message.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    bytes: [u8; LONG_BYTES],
    len: usize,
}

impl Header {
    /// For a message of `len` bytes.
    pub fn new(len: u64) -> Self {
        let mut bytes = [0; LONG_BYTES];
        bytes[SHORT_BYTES..].copy_from_slice(&len.to_be_bytes());
        let (short, header_len) = match i32::try_from(len) {
            Ok(len) => (len, SHORT_BYTES),
            Err(_) => (LONG_FOLLOWS, LONG_BYTES),
        };
        bytes[..SHORT_BYTES].copy_from_slice(&short.to_be_bytes());
        Self { bytes, len: header_len }
    }

    /// Them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Reads a header at the start of `bytes`: how long it is and the message; `None` until it is
    /// all there.
    fn parse(bytes: &[u8]) -> Result<Option<(usize, u64)>, FrameError> {
        let Some((short, rest)) = bytes.split_first_chunk() else {
            return Ok(None);
        };
        match i32::from_be_bytes(*short) {
            LONG_FOLLOWS => {}
            len if len < 0 => return Err(FrameError::BadLength(u64::from(len as u32))),
            len => return Ok(Some((SHORT_BYTES, len as u64))),
        }
        let Some(long) = rest.first_chunk() else {
            return Ok(None);
        };
        match u64::from_be_bytes(*long) {
            // No memory can hold it.
            len if isize::try_from(len).is_err() => Err(FrameError::BadLength(len)),
            len => Ok(Some((LONG_BYTES, len))),
        }
    }
}

/// How much of a message is missing, for the error when nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Bytes that have arrived, of the message or (if `of` is none) of its header.
    pub arrived: u64,
    /// The message's length, once its header has arrived.
    pub of: Option<u64>,
}

/// Takes messages out of a stream.
#[derive(Debug)]
pub struct Decoder {
    /// What has arrived and is not taken apart; the first `taken` bytes are.
    ahead: Vec<u8>,
    taken: usize,
    /// How many bytes may be read at once, whatever they turn out to be; none: exactly as many as
    /// belong to the current message.
    read_ahead: usize,
    body: Option<Body>,
    is_broken: bool,
}

/// A message whose header is known.
#[derive(Debug)]
struct Body {
    len: u64,
    bytes: Vec<u8>,
}

impl Body {
    fn missing(&self) -> usize {
        (self.len - self.bytes.len() as u64) as usize
    }

    /// Makes room for some of what is missing, in proportion to what has come.
    fn grow(&mut self) -> Result<(), FrameError> {
        if self.bytes.len() < self.bytes.capacity() {
            return Ok(());
        }
        let more = self.missing().min(FIRST_BYTES.max(self.bytes.len()));
        let arrived = self.bytes.len() as u64;
        let no_memory = |_| FrameError::NoMemory { len: self.len, arrived };
        self.bytes.try_reserve_exact(more).map_err(no_memory)
    }
}

impl Decoder {
    /// Takes up to `read_ahead` bytes at once, whatever message they belong to.
    pub fn reading_ahead(read_ahead: usize) -> Self {
        Self { ahead: Vec::new(), taken: 0, read_ahead, body: None, is_broken: false }
    }

    /// Never asks for a byte beyond the current message.
    pub fn exact() -> Self {
        Self::reading_ahead(0)
    }

    /// The next message, if all of it has arrived, and if it has at most `max` bytes.
    ///
    /// # Errors
    /// [`FrameError`]; from then on always.
    pub fn next(&mut self, max: u64) -> Result<Option<Vec<u8>>, FrameError> {
        if self.is_broken {
            return Err(FrameError::Broken);
        }
        let next = self.try_next(max);
        self.is_broken = next.is_err();
        next
    }

    fn try_next(&mut self, max: u64) -> Result<Option<Vec<u8>>, FrameError> {
        if self.body.is_none() {
            let Some((header, len)) = Header::parse(self.waiting())? else {
                return Ok(None);
            };
            self.taken += header;
            self.body = Some(Body { len, bytes: Vec::new() });
        }
        self.fill_body(max)?;
        let full = self.body.take_if(|body| body.missing() == 0);
        Ok(full.map(|body| body.bytes))
    }

    /// Moves what was read ahead to the message that it belongs to.
    fn fill_body(&mut self, max: u64) -> Result<(), FrameError> {
        let Some(body) = &mut self.body else {
            return Ok(());
        };
        if body.len > max {
            return Err(FrameError::TooLong { len: body.len, max });
        }
        let waiting = &self.ahead[self.taken..];
        let mut here = &waiting[..waiting.len().min(body.missing())];
        self.taken += here.len();
        while !here.is_empty() {
            body.grow()?;
            let room = body.bytes.capacity() - body.bytes.len();
            let (now, later) = here.split_at(here.len().min(room));
            body.bytes.extend_from_slice(now);
            here = later;
        }
        Ok(())
    }

    /// Where the next bytes of the stream are to be appended, with room for them, and how many at
    /// most. To be asked after [`Decoder::next`] found no message.
    ///
    /// # Errors
    /// [`FrameError::NoMemory`].
    pub fn room(&mut self) -> Result<(&mut Vec<u8>, usize), FrameError> {
        let header = self.header_missing();
        match &mut self.body {
            Some(body) if body.missing() > self.read_ahead => {
                body.grow()?;
                let missing = body.missing();
                Ok((&mut body.bytes, missing))
            }
            _ => {
                self.ahead.drain(..self.taken);
                self.taken = 0;
                let limit = header.max(self.read_ahead);
                self.ahead.reserve(limit);
                Ok((&mut self.ahead, limit))
            }
        }
    }

    /// Takes bytes from somewhere else than a socket: as many as are wanted now, which it returns.
    ///
    /// # Errors
    /// [`FrameError::NoMemory`].
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, FrameError> {
        let (buffer, limit) = self.room()?;
        let room = (buffer.capacity() - buffer.len()).min(limit);
        let len = room.min(bytes.len());
        buffer.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    /// Whether a message can be taken out, or an error: reading more is not needed for that.
    pub fn is_ready(&self) -> bool {
        let waiting = self.waiting();
        match (self.is_broken, &self.body) {
            (true, _) => true,
            (false, Some(body)) => body.missing() <= waiting.len(),
            (false, None) => match Header::parse(waiting) {
                Ok(Some((header, len))) => (waiting.len() - header) as u64 >= len,
                Ok(None) => false,
                Err(_) => true,
            },
        }
    }

    /// What is missing of a message that has begun; `None` between two messages.
    pub fn gap(&self) -> Option<Gap> {
        match &self.body {
            Some(body) => Some(Gap { arrived: body.bytes.len() as u64, of: Some(body.len) }),
            None if self.waiting().is_empty() => None,
            None => Some(Gap { arrived: self.waiting().len() as u64, of: None }),
        }
    }

    /// Gives up on the stream.
    pub fn break_off(&mut self) {
        self.is_broken = true;
    }

    fn waiting(&self) -> &[u8] {
        &self.ahead[self.taken..]
    }

    /// How many bytes the header needs at least; only without a body.
    fn header_missing(&self) -> usize {
        let waiting = self.waiting().len();
        if waiting < SHORT_BYTES {
            SHORT_BYTES - waiting
        } else {
            LONG_BYTES.saturating_sub(waiting)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Everything that comes out of `bytes`, which arrive in pieces of `sizes`, and what stops it.
    fn decode(
        mut decoder: Decoder,
        mut bytes: &[u8],
        sizes: &[usize],
        max: u64,
    ) -> (Vec<Vec<u8>>, Result<Option<Gap>, FrameError>) {
        let mut messages = Vec::new();
        let mut sizes = sizes.iter().cycle();
        loop {
            let ready = decoder.is_ready();
            match decoder.next(max) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) if bytes.is_empty() => return (messages, Ok(decoder.gap())),
                Ok(None) => {
                    assert!(!ready);
                    let size = *sizes.next().unwrap();
                    let fed = decoder.feed(&bytes[..size.min(bytes.len())]).unwrap();
                    assert!(fed > 0);
                    bytes = &bytes[fed..];
                }
                Err(error) => {
                    assert_eq!(decoder.next(max), Err(FrameError::Broken));
                    return (messages, Err(error));
                }
            }
        }
    }

    fn frame(message: &[u8]) -> Vec<u8> {
        [Header::new(message.len() as u64).as_bytes(), message].concat()
    }

    #[test]
    fn lengths_are_written_as_python_writes_them() {
        assert_eq!(Header::new(5).as_bytes(), [0, 0, 0, 5]);
        assert_eq!(Header::new(LONGEST_SHORT).as_bytes(), [0x7f, 0xff, 0xff, 0xff]);
        let long = [255, 255, 255, 255, 0, 0, 0, 0, 0x80, 0, 0, 0];
        assert_eq!(Header::new(LONGEST_SHORT + 1).as_bytes(), long);
        assert_eq!(Header::parse(&long), Ok(Some((12, LONGEST_SHORT + 1))));
    }

    #[test]
    fn a_claim_takes_no_memory() {
        let mut decoder = Decoder::exact();
        let claim = Header::new(1 << 40);
        for byte in claim.as_bytes() {
            assert_eq!(decoder.next(u64::MAX), Ok(None));
            decoder.feed(&[*byte]).unwrap();
        }
        assert_eq!(decoder.next(u64::MAX), Ok(None));
        let (buffer, limit) = decoder.room().unwrap();
        assert_eq!((buffer.capacity(), limit), (FIRST_BYTES, 1 << 40));
        assert_eq!(decoder.gap(), Some(Gap { arrived: 0, of: Some(1 << 40) }));
    }

    #[test]
    fn no_byte_beyond_the_message_is_asked_for() {
        let mut decoder = Decoder::exact();
        let mut stream = frame(b"abc");
        stream.extend(b"not a frame");
        let mut fed = 0;
        while decoder.next(10).unwrap().is_none() {
            fed += decoder.feed(&stream[fed..]).unwrap();
        }
        assert_eq!((fed, decoder.gap()), (7, None));
    }

    #[test]
    fn a_length_that_cannot_be_is_an_error_before_anything_is_read() {
        for bytes in [&[0xff, 0xff, 0xff, 0xfe][..], &[0x80, 0, 0, 0], &[255; 12]] {
            let (messages, end) = decode(Decoder::exact(), bytes, &[3], u64::MAX);
            assert!(messages.is_empty());
            assert!(matches!(end, Err(FrameError::BadLength(_))), "{bytes:?}: {end:?}");
        }
    }

    fn decoders() -> impl Strategy<Value = Decoder> {
        prop_oneof![Just(0), 1..40_usize, Just(1 << 16)].prop_map(Decoder::reading_ahead)
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in(
            decoder in decoders(),
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..10),
            sizes in prop::collection::vec(1..50_usize, 1..10),
            cut in 0..30_usize,
        ) {
            let whole: Vec<u8> = messages.iter().flat_map(|message| frame(message)).collect();
            let stream = &whole[..whole.len().saturating_sub(cut)];
            let (found, end) = decode(decoder, stream, &sizes, u64::MAX);
            prop_assert!(messages.starts_with(&found));
            let used: usize = found.iter().map(|message| frame(message).len()).sum();
            prop_assert_eq!(end.unwrap().is_some(), used < stream.len());
            if cut == 0 {
                prop_assert_eq!(found.len(), messages.len());
            }
        }

        #[test]
        fn hostile_bytes_end_in_an_error_or_a_gap(
            decoder in decoders(),
            bytes in prop::collection::vec(prop_oneof![Just(0), Just(255), any::<u8>()], 0..300),
            sizes in prop::collection::vec(1..50_usize, 1..10),
            max in prop_oneof![Just(u64::MAX), 0..300_u64],
        ) {
            let (found, _) = decode(decoder, &bytes, &sizes, max);
            prop_assert!(found.iter().all(|message| message.len() as u64 <= max));
        }

        #[test]
        fn a_long_body_arrives_whole(len in 0..400_000_usize, decoder in decoders(), size in 1..200_000_usize) {
            let message: Vec<u8> = (0..len).map(|index| index as u8).collect();
            let (found, end) = decode(decoder, &frame(&message), &[size], len as u64);
            prop_assert_eq!(end, Ok(None));
            prop_assert!(found == [message]);
        }
    }
}
