//! Pipes between processes: two ends, and each learns when the other is gone.
//!
//! ```
//! use polyproc::prelude::*;
//!
//! let (here, there) = polyproc::pipe::duplex::<String>()?;
//! let child = polyproc::spawn(|there: PipeEnd<String>| {
//!     let question = there.recv().unwrap();
//!     there.send(question.to_uppercase()).unwrap();
//! }, there)?;
//! here.send("how are you".into())?;
//! assert_eq!(here.recv()?, "HOW ARE YOU");
//! child.join()?;
//! assert!(here.recv().unwrap_err().is_end(), "the child had the other end");
//! # Ok::<(), polyproc::Error>(())
//! ```
//!
//! An end is closed when no process holds it any more, however the last one ended: then the other one
//! receives what was sent, and after that the end of file ([`GetError::Disconnected`]); sending is an
//! error at once. So drop the end that was passed on, as `spawn` did above with its argument.
//!
//! A process that is started by [`Fork`](crate::StartMethod::Fork) has a copy of every end that its parent has, as with the
//! system's pipes: then the other end is open for as long as that process lives.
//!
//! # Bytes
//!
//! A vector of numbers is one copy on each side, as the value or anywhere in it. Bytes also go without serde:
//! [`send_bytes`](PipeEnd::send_bytes) and [`recv_bytes`](PipeEnd::recv_bytes) pass bytes as they are. Long
//! ones lie in shared memory once: [`draft`](PipeEnd::draft) is a place to write them to, and the
//! receiver reads them there.

use crate::queue::travel::{arena, of_type, read_handles, tag, write_handles};
use crate::queue::{GetError, Item, PutError, PutFailure, decode, put_as, reason};
use crate::shared::SharedError;
use polyproc_channel::{self as bytes, RecvInto};
use polyproc_sync::Wait;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::ops::Deref;
use std::os::fd::BorrowedFd;
use std::time::Duration;

pub use polyproc_channel::Draft;

/// One end of a pipe for values: see the [module](self). A clone is the same end.
pub struct PipeEnd<T> {
    bytes: bytes::PipeEnd,
    item: PhantomData<fn(T) -> T>,
}

/// Two ends that both send and receive.
///
/// # Errors
/// As [`Shared::new`](crate::Shared::new).
#[doc(alias = "Pipe")]
pub fn duplex<T: Item>() -> Result<(PipeEnd<T>, PipeEnd<T>), SharedError> {
    let (one, other) = bytes::PipeEnd::duplex_tagged(arena()?, tag::<T>())?;
    Ok((PipeEnd::of(one), PipeEnd::of(other)))
}

/// An end that receives, and an end that sends.
///
/// # Errors
/// As [`Shared::new`](crate::Shared::new).
pub fn one_way<T: Item>() -> Result<(PipeEnd<T>, PipeEnd<T>), SharedError> {
    let (reader, writer) = bytes::PipeEnd::one_way_tagged(arena()?, tag::<T>())?;
    Ok((PipeEnd::of(reader), PipeEnd::of(writer)))
}

/// Bytes that were received: long ones are read where the sender wrote them, for as long as this is
/// there.
#[derive(Debug)]
pub struct Bytes(bytes::Received);

impl Bytes {
    /// The bytes, copied if they lie in shared memory.
    pub fn into_vec(self) -> Vec<u8> {
        self.0.into_vec()
    }

    /// Whether they are read where the sender wrote them.
    pub fn is_in_place(&self) -> bool {
        self.0.is_in_place()
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Why bytes were not received into a place for them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecvIntoError {
    /// They do not fit: here they are.
    #[error("a message of {} bytes does not fit", .0.len())]
    TooLong(Bytes),
    /// There are none.
    #[error(transparent)]
    Get(#[from] GetError),
}

impl<T: Item> PipeEnd<T> {
    /// Sends a value, waiting while the pipe is full (8 MiB).
    ///
    /// # Errors
    /// With the value: [`PutFailure::Disconnected`] when the other end is gone, and
    /// [`PutFailure::Closed`] when it was closed, or this one only receives.
    pub fn send(&self, value: T) -> Result<(), PutError<T>> {
        put_as(value, |message| self.bytes.send(message, Wait::FOREVER).map_err(reason))
    }

    /// Sends a value if the pipe is not full.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`PutFailure::Full`].
    pub fn try_send(&self, value: T) -> Result<(), PutError<T>> {
        put_as(value, |message| self.bytes.try_send(message).map_err(reason))
    }

    /// Sends a value, waiting no longer than `timeout`.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`PutFailure::TimedOut`].
    pub fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), PutError<T>> {
        let wait = Wait::timeout(timeout);
        put_as(value, |message| self.bytes.send(message, wait).map_err(reason))
    }

    /// Receives a value, waiting for one.
    ///
    /// # Errors
    /// [`GetError::Disconnected`] when everything was received and the other end is gone;
    /// [`GetError::Closed`] when it was closed, or this one only sends.
    pub fn recv(&self) -> Result<T, GetError> {
        decode(self.bytes.recv(Wait::FOREVER)?)
    }

    /// Receives a value if there is one.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), and [`GetError::Empty`].
    pub fn try_recv(&self) -> Result<T, GetError> {
        decode(self.bytes.try_recv()?)
    }

    /// Receives a value, waiting no longer than `timeout`.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), and [`GetError::TimedOut`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, GetError> {
        decode(self.bytes.recv(Wait::timeout(timeout))?)
    }
}

/// For any executor: see [`mod@crate::queue#async`].
#[cfg(feature = "async")]
impl<T: Item> PipeEnd<T> {
    /// [`recv`](Self::recv) as a future. One that is dropped before it is ready has received nothing.
    ///
    /// The first one that has to wait starts a thread in this process, which is there for as long as this
    /// object.
    ///
    /// # Errors
    /// As [`recv`](Self::recv); [`GetError::Thread`].
    pub async fn recv_async(&self) -> Result<T, GetError> {
        decode(self.bytes.recv_async().await?)
    }

    /// [`send`](Self::send) as a future. One that is dropped before it is ready has sent nothing, and its
    /// value is gone with it.
    ///
    /// The first one that has to wait starts a thread in this process, which is there for as long as this
    /// object.
    ///
    /// # Errors
    /// As [`send`](Self::send); [`PutFailure::Thread`].
    pub async fn send_async(&self, value: T) -> Result<(), PutError<T>> {
        crate::queue::put_as_async(value, |message| self.bytes.send_async(message)).await
    }
}

impl<T> PipeEnd<T> {
    fn of(bytes: bytes::PipeEnd) -> Self {
        Self { bytes, item: PhantomData }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_bytes(&self, bytes: &[u8]) -> Result<(), PutFailure> {
        Ok(self.bytes.send(bytes, Wait::FOREVER).map_err(reason)?)
    }

    /// Sends bytes as they are if the pipe is not full.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send).
    pub fn try_send_bytes(&self, bytes: &[u8]) -> Result<(), PutFailure> {
        Ok(self.bytes.try_send(bytes).map_err(reason)?)
    }

    /// Sends bytes as they are, waiting no longer than `timeout`.
    ///
    /// # Errors
    /// As [`send_timeout`](Self::send_timeout).
    pub fn send_bytes_timeout(&self, bytes: &[u8], timeout: Duration) -> Result<(), PutFailure> {
        Ok(self.bytes.send(bytes, Wait::timeout(timeout)).map_err(reason)?)
    }

    /// A place in shared memory for `len` bytes, to be written and then sent: nobody copies them any
    /// more. At first it holds whatever lay there.
    ///
    /// # Errors
    /// When the family's memory is full, or this end only receives.
    pub fn draft(&self, len: usize) -> Result<Draft, SharedError> {
        self.bytes.draft(len)
    }

    /// Sends what was written in place.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_draft(&self, draft: Draft) -> Result<(), PutFailure> {
        Ok(self.bytes.send(draft, Wait::FOREVER).map_err(reason)?)
    }

    /// Receives bytes as they are.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_bytes(&self) -> Result<Bytes, GetError> {
        Ok(Bytes(self.bytes.recv(Wait::FOREVER)?))
    }

    /// Receives bytes as they are if there are any.
    ///
    /// # Errors
    /// As [`try_recv`](Self::try_recv).
    pub fn try_recv_bytes(&self) -> Result<Bytes, GetError> {
        Ok(Bytes(self.bytes.try_recv()?))
    }

    /// Receives bytes as they are, waiting no longer than `timeout`.
    ///
    /// # Errors
    /// As [`recv_timeout`](Self::recv_timeout).
    pub fn recv_bytes_timeout(&self, timeout: Duration) -> Result<Bytes, GetError> {
        Ok(Bytes(self.bytes.recv(Wait::timeout(timeout))?))
    }

    /// Receives bytes into `place`; says how many.
    ///
    /// # Errors
    /// As [`recv`](Self::recv); [`RecvIntoError::TooLong`], with the bytes, when they do not fit.
    pub fn recv_bytes_into(&self, place: &mut [u8]) -> Result<usize, RecvIntoError> {
        self.recv_bytes_into_as(place, Wait::FOREVER)
    }

    /// The same, waiting no longer than `timeout`.
    ///
    /// # Errors
    /// As [`recv_bytes_into`](Self::recv_bytes_into) and [`recv_timeout`](Self::recv_timeout).
    pub fn recv_bytes_into_timeout(
        &self,
        place: &mut [u8],
        timeout: Duration,
    ) -> Result<usize, RecvIntoError> {
        self.recv_bytes_into_as(place, Wait::timeout(timeout))
    }

    fn recv_bytes_into_as(&self, place: &mut [u8], wait: Wait) -> Result<usize, RecvIntoError> {
        match self.bytes.recv_into(place, wait) {
            Ok((len, _)) => Ok(len),
            Err(RecvInto::TooLong(received)) => Err(RecvIntoError::TooLong(Bytes(received))),
            Err(RecvInto::Take(error)) => Err(RecvIntoError::Get(error.into())),
            Err(_) => Err(RecvIntoError::Get(GetError::Damaged)),
        }
    }

    /// Whether there is something to receive, or the end of file, within `timeout`.
    pub fn poll(&self, timeout: Duration) -> bool {
        self.bytes.poll(Wait::timeout(timeout))
    }

    /// A descriptor that is readable when there may be something to receive, or the end has come: to be
    /// polled beside sockets. After it was, receive until [`GetError::Empty`].
    ///
    /// The first call starts a thread in this process, which is there for as long as this object.
    ///
    /// # Errors
    /// At the limits on descriptors and threads; for an end that only sends; in a process that was
    /// forked after the first call.
    pub fn descriptor(&self) -> io::Result<BorrowedFd<'_>> {
        self.bytes.descriptor()
    }

    /// Closes this end for all who hold it.
    pub fn close(self) {
        self.bytes.close();
    }
}

impl<T> Clone for PipeEnd<T> {
    fn clone(&self) -> Self {
        Self::of(self.bytes.clone())
    }
}

impl<T> fmt::Debug for PipeEnd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeEnd")
            .field("sends", &self.bytes.sender().is_some())
            .field("receives", &self.bytes.receiver().is_some())
            .finish_non_exhaustive()
    }
}

/// Whether it sends, whether it receives, and its handles.
struct Travelling<'a>(&'a bytes::PipeEnd);

impl Serialize for Travelling<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        write_handles(&self.0.handles().0, to)
    }
}

struct Arrived(Vec<polyproc_shm::Handle>);

impl<'de> Deserialize<'de> for Arrived {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read_handles(from, |_, handles| Ok(Self(handles)))
    }
}

impl<T> Serialize for PipeEnd<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (self.bytes.handles().1, Travelling(&self.bytes)).serialize(to)
    }
}

impl<'de, T> Deserialize<'de> for PipeEnd<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (kinds, Arrived(handles)) = <([bool; 2], Arrived)>::deserialize(from)?;
        let made = arena().and_then(|arena| {
            let end = bytes::PipeEnd::from_handles(arena, handles, kinds)?;
            let its = end.tag();
            of_type::<T, _>(end, its)
        });
        let bytes = made.map_err(<D::Error as serde::de::Error>::custom)?;
        Ok(Self::of(bytes))
    }
}
