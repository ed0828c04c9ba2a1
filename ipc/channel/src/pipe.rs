//! Pipes: two ends, and each knows when the other is gone.

use crate::channel::Channel;
use crate::core::Settings;
use crate::error::{PutError, PutReason, TakeError};
use crate::message::{Draft, Message, Received};
use crate::queue::{Receiver, Sender};
use polyproc_shm::{Arena, Error, Handle};
use polyproc_sync::Wait;
use std::io;
use std::os::fd::BorrowedFd;

/// What a pipe holds in each direction before a sender waits. Longer messages go through one by one.
const PIPE_BYTES: u64 = 8 << 20;

/// One end of a pipe. A clone is the same end; the end is closed when none is held any more, by any
/// process, or each was closed.
///
/// ```
/// use polyproc_channel::{PipeEnd, Wait};
/// use polyproc_shm::Arena;
///
/// let arena = Arena::create()?;
/// let (here, there) = PipeEnd::duplex(&arena)?;
/// there.send(b"hello", Wait::FOREVER)?;
/// drop(there);
/// assert_eq!(&*here.recv(Wait::FOREVER)?, b"hello");
/// assert!(here.recv(Wait::FOREVER).is_err(), "end of file");
/// assert!(here.send(b"hello?", Wait::FOREVER).is_err(), "nobody reads");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PipeEnd {
    sender: Option<Sender>,
    receiver: Option<Receiver>,
}

impl PipeEnd {
    /// Two ends that both send and receive.
    ///
    /// # Errors
    /// When the arena is full.
    pub fn duplex(arena: &Arena) -> Result<(Self, Self), Error> {
        Self::duplex_tagged(arena, 0)
    }

    /// The same, with a tag for what its messages are: [`Settings::tag`].
    ///
    /// # Errors
    /// When the arena is full.
    pub fn duplex_tagged(arena: &Arena, tag: u64) -> Result<(Self, Self), Error> {
        let (there, back) = (one_way(arena, tag)?, one_way(arena, tag)?);
        let end = |sender, receiver| Self { sender: Some(sender), receiver: Some(receiver) };
        Ok((end(there.0, back.1), end(back.0, there.1)))
    }

    /// An end that receives and an end that sends.
    ///
    /// # Errors
    /// When the arena is full.
    pub fn one_way(arena: &Arena) -> Result<(Self, Self), Error> {
        Self::one_way_tagged(arena, 0)
    }

    /// The same, with a tag for what its messages are: [`Settings::tag`].
    ///
    /// # Errors
    /// When the arena is full.
    pub fn one_way_tagged(arena: &Arena, tag: u64) -> Result<(Self, Self), Error> {
        let (sender, receiver) = one_way(arena, tag)?;
        Ok((
            Self { sender: None, receiver: Some(receiver) },
            Self { sender: Some(sender), receiver: None },
        ))
    }

    /// What another member, to whom they are sent, makes the same end of; and whether it sends and whether
    /// it receives, which [`PipeEnd::from_handles`] is to be told.
    pub fn handles(&self) -> (Vec<&Handle>, [bool; 2]) {
        let mut handles = self.sender.as_ref().map_or_else(Vec::new, Sender::handles);
        handles.extend(self.receiver.iter().flat_map(Receiver::handles));
        (handles, [self.sender.is_some(), self.receiver.is_some()])
    }

    /// From [`PipeEnd::handles`] that were received.
    ///
    /// # Errors
    /// [`Error::WrongType`] when it is something else.
    pub fn from_handles(
        arena: &Arena,
        mut handles: Vec<Handle>,
        [sends, receives]: [bool; 2],
    ) -> Result<Self, Error> {
        let half = if sends && receives { handles.len() / 2 } else { handles.len() };
        let others = handles.split_off(half);
        let (to_send, to_receive) = if sends { (handles, others) } else { (others, handles) };
        let sender = sends.then(|| Sender::from_handles(arena, to_send)).transpose()?;
        let receiver = receives.then(|| Receiver::from_handles(arena, to_receive)).transpose()?;
        Ok(Self { sender, receiver })
    }

    /// What its messages are, as it was made.
    pub fn tag(&self) -> u64 {
        let sender = self.sender.as_ref().map(|sender| sender.settings().tag);
        sender.or_else(|| Some(self.receiver.as_ref()?.settings().tag)).unwrap_or_default()
    }

    /// The half that sends, if it does.
    pub fn sender(&self) -> Option<&Sender> {
        self.sender.as_ref()
    }

    /// The half that receives, if it does.
    pub fn receiver(&self) -> Option<&Receiver> {
        self.receiver.as_ref()
    }

    /// Sends a message, waiting while the pipe is full.
    ///
    /// # Errors
    /// With the message: the other end is closed ([`PutReason::NoReceiver`]), `wait` is over, the arena
    /// is full, or this end only receives ([`PutReason::Closed`]).
    #[inline]
    pub fn send<'m>(
        &self,
        message: impl Into<Message<'m>>,
        wait: Wait,
    ) -> Result<(), PutError<'m>> {
        match &self.sender {
            Some(sender) => sender.put(message, wait),
            None => Err(PutError { reason: PutReason::Closed, message: message.into() }),
        }
    }

    /// Sends a message if the pipe is not full.
    ///
    /// # Errors
    /// As [`PipeEnd::send`], with [`PutReason::Full`] or [`PutReason::TimedOut`] as of
    /// [`crate::Sender::try_put`].
    #[inline]
    pub fn try_send<'m>(&self, message: impl Into<Message<'m>>) -> Result<(), PutError<'m>> {
        match &self.sender {
            Some(sender) => sender.try_put(message),
            None => Err(PutError { reason: PutReason::Closed, message: message.into() }),
        }
    }

    /// Room for a message of `len` bytes, to be written in place and sent without a copy.
    ///
    /// # Errors
    /// When the arena is full; [`Error::WrongType`] when this end only receives.
    pub fn draft(&self, len: usize) -> Result<Draft, Error> {
        let wrong = Error::WrongType("sending end of a pipe");
        self.sender.as_ref().ok_or(wrong)?.draft(len)
    }

    /// Receives a message, waiting for one.
    ///
    /// # Errors
    /// [`TakeError::NoSender`] when all was received and the other end is closed: end of file. Also
    /// when `wait` is over, and [`TakeError::Closed`] when this end only sends.
    #[inline]
    pub fn recv(&self, wait: Wait) -> Result<Received, TakeError> {
        self.receiver.as_ref().ok_or(TakeError::Closed)?.get(wait)
    }

    /// Receives a message if there is one.
    ///
    /// # Errors
    /// As [`PipeEnd::recv`], with [`TakeError::Empty`] or [`TakeError::TimedOut`] as of
    /// [`crate::Receiver::try_get`].
    #[inline]
    pub fn try_recv(&self) -> Result<Received, TakeError> {
        self.receiver.as_ref().ok_or(TakeError::Closed)?.try_get()
    }

    /// Receives a message into `bytes`; says how long it was, and which handles it carried.
    ///
    /// # Errors
    /// As [`PipeEnd::recv`]; [`RecvInto::TooLong`] with the message when it does not fit.
    pub fn recv_into(
        &self,
        bytes: &mut [u8],
        wait: Wait,
    ) -> Result<(usize, Vec<Handle>), RecvInto> {
        let received = self.recv(wait)?;
        match bytes.get_mut(..received.len()) {
            None => Err(RecvInto::TooLong(received)),
            Some(place) => {
                place.copy_from_slice(&received);
                Ok((received.len(), received.handles))
            }
        }
    }

    /// Whether there is something to receive, waiting for it; also true at the end of file, which is
    /// then what [`PipeEnd::recv`] says at once.
    pub fn poll(&self, wait: Wait) -> bool {
        let polled = self.receiver.as_ref().map(|receiver| receiver.poll(wait));
        matches!(polled, Some(Ok(()) | Err(TakeError::NoSender | TakeError::Closed)))
    }

    /// As [`Receiver::descriptor`].
    ///
    /// # Errors
    /// At the limits on descriptors and threads; [`io::ErrorKind::Unsupported`] when this end only
    /// sends.
    pub fn descriptor(&self) -> io::Result<BorrowedFd<'_>> {
        let receiver = self.receiver.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        receiver.descriptor()
    }

    /// Closes this end for all who hold it: the other one sees the end of file, and cannot send.
    pub fn close(self) {
        self.sender.iter().for_each(|sender| _ = sender.close());
        self.receiver.iter().for_each(|receiver| _ = receiver.close());
    }
}

/// Why [`PipeEnd::recv_into`] did not fill the bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecvInto {
    /// No message.
    #[error(transparent)]
    Take(#[from] TakeError),
    /// It does not fit.
    #[error("a message of {} bytes does not fit", .0.len())]
    TooLong(Received),
}

fn one_way(arena: &Arena, tag: u64) -> Result<(Sender, Receiver), Error> {
    let settings = Settings::UNBOUNDED.bytes(PIPE_BYTES).tagged(tag);
    let [put, take] = Channel::make(arena, settings, false)?;
    Ok((Sender::of(put), Receiver::of(take)))
}
