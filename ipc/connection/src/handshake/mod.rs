//! The proof, both ways, that the two ends of a connection know the same key: Python's
//! `multiprocessing` has defined it, in two forms.
//!
//! ```text
//! listener                          client
//!    #CHALLENGE# + challenge  ───►                each line is one frame
//!                             ◄───  response      HMAC(key, challenge)
//!    #WELCOME# or #FAILURE#   ───►
//!                             ◄───  #CHALLENGE# + challenge
//!    response                 ───►
//!                             ◄───  #WELCOME# or #FAILURE#
//! ```
//!
//! In the old form (Python up to 3.11) a challenge is 20 random bytes and a response a bare
//! HMAC-MD5. In the new one (since 3.12) both begin with the digest's name in braces. Each side sends
//! challenges of its own form: one of the new form looks random to an old peer, which answers in
//! the old one, and that is accepted (but see [`Key::refusing_md5`]).
//!
//! What it does not do: nothing is encrypted afterwards, and who sits in between can pass the
//! handshake on and then read and change everything. Over networks that are not trusted, a
//! connection belongs in a tunnel.
//!
//! This is the exchange without sockets: bytes in, bytes out.

mod digest;

pub use digest::{EmptyKey, Key};

use crate::frame::{Decoder, FrameError, Header};

/// The longest message in a handshake; a peer whose message claims more is turned away.
pub const LONGEST_MESSAGE: u64 = 256;
/// How many random bytes a challenge of ours has.
pub const RANDOM_BYTES: usize = 40;

const CHALLENGE: &[u8] = b"#CHALLENGE#";
const WELCOME: &[u8] = b"#WELCOME#";
const FAILURE: &[u8] = b"#FAILURE#";

/// Why the two do not trust each other.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The peer does not know our key.
    #[error("the peer has another key")]
    WrongKey,
    /// The peer says that we do not know its key.
    #[error("the peer refused our key")]
    Refused,
    /// The peer said something else than its turn was; perhaps it uses no key.
    #[error("the peer did not send {expected}: does it use an authentication key?")]
    Unexpected {
        /// Whose turn it was.
        expected: &'static str,
    },
    /// A challenge too short to prove anything.
    #[error("the peer's challenge has {0} bytes, fewer than 20")]
    ShortChallenge(usize),
    /// The message names a digest that nobody knows, or none.
    #[error(
        "the peer's message names no digest that is known here: does it use an authentication key?"
    )]
    UnknownDigest,
    /// It would have to be MD5, as for Python before 3.12, which the key forbids.
    #[error("the peer can do no better than MD5, which is refused")]
    Md5Refused,
    /// What came is no frame, or longer than any message of a handshake.
    #[error("the peer does not speak this protocol: {0}")]
    Frame(#[from] FrameError),
    /// The peer closed the connection while it was to speak.
    #[error("the peer closed the connection instead of sending {expected}")]
    Disconnected {
        /// What was missing.
        expected: &'static str,
    },
    /// The peer did not speak in time.
    #[error("the peer did not send {expected} in time: does it use an authentication key?")]
    TimedOut {
        /// What was missing.
        expected: &'static str,
    },
    /// The peer was the one that had waited longest when too many others came.
    #[error("too many others came before the peer had sent {expected}")]
    CrowdedOut {
        /// What was missing.
        expected: &'static str,
    },
    /// The system failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What the peer is to send next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    Response,
    Challenge,
    Verdict,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Listener,
    Client,
}

/// One side of a handshake that is going on.
#[derive(Debug)]
pub struct Handshake {
    side: Side,
    key: Key,
    /// What we ask.
    challenge: Vec<u8>,
    awaited: Awaited,
    decoder: Decoder,
    output: Vec<u8>,
}

impl Handshake {
    /// The side that accepts, and asks first. The random bytes must be unpredictable.
    pub fn listener(key: Key, random: [u8; RANDOM_BYTES]) -> Self {
        let mut new = Self::new(Side::Listener, key, random);
        new.ask();
        new
    }

    /// The side that connects.
    pub fn client(key: Key, random: [u8; RANDOM_BYTES]) -> Self {
        Self::new(Side::Client, key, random)
    }

    fn new(side: Side, key: Key, random: [u8; RANDOM_BYTES]) -> Self {
        let challenge = digest::challenge(&random);
        let (awaited, decoder) = (Awaited::Challenge, Decoder::exact());
        Self { side, key, challenge, awaited, decoder, output: Vec::new() }
    }

    /// What is to be sent to the peer now; also after an error, which it is to learn of.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// Takes note that the first `len` bytes of [`Handshake::output`] were sent.
    pub fn sent(&mut self, len: usize) {
        self.output.drain(..len);
    }

    /// How many bytes may be read from the peer now. None before the output is sent, and none at
    /// the end: what follows is not ours.
    pub fn wanted(&mut self) -> usize {
        if self.awaited == Awaited::Nothing || !self.output.is_empty() {
            return 0;
        }
        self.decoder.room().map_or(0, |(_, limit)| limit)
    }

    /// Whether both sides have proved that they know the key, and everything is sent.
    pub fn is_done(&self) -> bool {
        self.awaited == Awaited::Nothing && self.output.is_empty()
    }

    /// Whether the peer has proved that it knows the key.
    pub fn is_peer_proved(&self) -> bool {
        match self.side {
            Side::Listener => self.awaited != Awaited::Response,
            Side::Client => self.awaited == Awaited::Nothing,
        }
    }

    /// What the peer is to send next, in words.
    pub fn expected(&self) -> &'static str {
        match self.awaited {
            Awaited::Response => "a response to the challenge",
            Awaited::Challenge => "a challenge",
            Awaited::Verdict => "its verdict",
            Awaited::Nothing => "anything",
        }
    }

    /// Takes what came from the peer, at most [`Handshake::wanted`] bytes.
    ///
    /// # Errors
    /// [`HandshakeError`]; after [`Handshake::output`] is sent, the connection is to be closed.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), HandshakeError> {
        self.decoder.feed(bytes)?;
        match self.decoder.next(LONGEST_MESSAGE)? {
            Some(message) => self.turn(&message),
            None => Ok(()),
        }
    }

    fn turn(&mut self, message: &[u8]) -> Result<(), HandshakeError> {
        match self.awaited {
            Awaited::Response => self.judge(message),
            Awaited::Challenge => self.answer(message),
            Awaited::Verdict if message == WELCOME => {
                self.accepted();
                Ok(())
            }
            Awaited::Verdict if message == FAILURE => Err(HandshakeError::Refused),
            Awaited::Verdict | Awaited::Nothing => {
                Err(HandshakeError::Unexpected { expected: self.expected() })
            }
        }
    }

    fn ask(&mut self) {
        let challenge = [CHALLENGE, &self.challenge].concat();
        self.say(&challenge);
        self.awaited = Awaited::Response;
    }

    fn judge(&mut self, response: &[u8]) -> Result<(), HandshakeError> {
        let verdict = digest::check(&self.key, &self.challenge, response);
        self.say(if verdict.is_ok() { WELCOME } else { FAILURE });
        verdict?;
        self.awaited = match self.side {
            Side::Listener => Awaited::Challenge,
            Side::Client => Awaited::Nothing,
        };
        Ok(())
    }

    fn answer(&mut self, message: &[u8]) -> Result<(), HandshakeError> {
        let expected = self.expected();
        let challenge = message.strip_prefix(CHALLENGE);
        let challenge = challenge.ok_or(HandshakeError::Unexpected { expected })?;
        let response = digest::respond(&self.key, challenge)?;
        self.say(&response);
        self.awaited = Awaited::Verdict;
        Ok(())
    }

    fn accepted(&mut self) {
        match self.side {
            Side::Listener => self.awaited = Awaited::Nothing,
            Side::Client => self.ask(),
        }
    }

    fn say(&mut self, message: &[u8]) {
        self.output.extend(Header::new(message.len() as u64).as_bytes());
        self.output.extend(message);
    }
}

#[cfg(test)]
mod tests;
