//! A handshake over a socket, by steps that never wait: so that one caller can go through many at
//! once.

use crate::connection::Connection;
use crate::handshake::{Handshake, HandshakeError, Key, LONGEST_MESSAGE, RANDOM_BYTES};
use crate::socket::{Socket, Stop};
use polyproc_sys::clock::Deadline;
use polyproc_sys::random;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};

/// A peer that is about to prove itself.
#[derive(Debug)]
pub(crate) struct Authentication {
    socket: Socket,
    handshake: Handshake,
}

impl Authentication {
    /// With the other end of `socket`, of which this is the side that `make` makes.
    pub(crate) fn new(
        socket: Socket,
        key: &Key,
        make: impl FnOnce(Key, [u8; RANDOM_BYTES]) -> Handshake,
    ) -> io::Result<Self> {
        let mut bytes = [0; RANDOM_BYTES];
        random::fill(&mut bytes)?;
        Ok(Self { socket, handshake: make(key.clone(), bytes) })
    }

    /// Goes as far as it can without waiting; says whether it came to the end.
    ///
    /// # Errors
    /// Why the peer is not trusted, or that we are not; the peer has been told as far as there was
    /// room for it.
    pub(crate) fn advance(&mut self) -> Result<bool, HandshakeError> {
        loop {
            if !self.flush()? {
                return Ok(false);
            }
            if self.handshake.is_done() {
                return Ok(true);
            }
            let mut buffer = Vec::with_capacity(LONGEST_MESSAGE as usize);
            let wanted = self.handshake.wanted();
            match self.socket.receive_some(&mut buffer, wanted, Deadline::now()) {
                Ok(0) | Err(Stop::Gone) => return Err(self.disconnected()),
                Ok(_) => self.hear(&buffer)?,
                Err(Stop::Deadline) => return Ok(false),
                Err(Stop::Io(error)) => return Err(error.into()),
            }
        }
    }

    fn hear(&mut self, bytes: &[u8]) -> Result<(), HandshakeError> {
        self.handshake.receive(bytes).inspect_err(|_| {
            // Our verdict, so that the peer knows; it may be gone already.
            drop(self.flush());
        })
    }

    /// Sends what is to be said; whether all of it went.
    fn flush(&mut self) -> Result<bool, HandshakeError> {
        while !self.handshake.output().is_empty() {
            let output = [IoSlice::new(self.handshake.output())];
            match self.socket.send_some(&output, Deadline::now()) {
                Ok(len) => self.handshake.sent(len),
                Err(Stop::Deadline) => return Ok(false),
                Err(Stop::Gone) => return Err(self.disconnected()),
                Err(Stop::Io(error)) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// Waits until `deadline` for the peer to say something; whether it did.
    pub(crate) fn wait(&self, deadline: Deadline) -> Result<(), HandshakeError> {
        if self.socket.readable(deadline)? { Ok(()) } else { Err(self.timed_out()) }
    }

    fn disconnected(&self) -> HandshakeError {
        HandshakeError::Disconnected { expected: self.handshake.expected() }
    }

    pub(crate) fn timed_out(&self) -> HandshakeError {
        HandshakeError::TimedOut { expected: self.handshake.expected() }
    }

    /// Whether the peer has proved that it knows the key.
    pub(crate) fn is_peer_proved(&self) -> bool {
        self.handshake.is_peer_proved()
    }

    pub(crate) fn crowded_out(&self) -> HandshakeError {
        HandshakeError::CrowdedOut { expected: self.handshake.expected() }
    }

    /// The connection, at the end.
    pub(crate) fn into_connection(self) -> Connection {
        Connection::new(self.socket)
    }
}

impl AsFd for Authentication {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
