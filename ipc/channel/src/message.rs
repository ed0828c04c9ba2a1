//! A message as its sender makes it, and as its receiver has it.
#![expect(unsafe_code, reason = "the bytes of a block become a slice here")]

use crate::pace;
use polyproc_shm::{Arena, Error, Handle, Parcel, SharedBytes};
use polyproc_sync::Kind;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// The longest key of a message in a priority queue.
pub const MOST_KEY_BYTES: usize = 48;

/// A message to be put: bytes and handles.
///
/// ```
/// use polyproc_channel::Message;
///
/// let message = Message::from(b"three".as_slice()).with_priority(3);
/// assert_eq!(message.len(), 5);
/// ```
#[derive(Default)]
pub struct Message<'m> {
    pub(crate) bytes: Bytes<'m>,
    /// The handles that it carries. Those of a message that is not put are given back.
    pub parcels: Vec<Parcel>,
    /// The tickets of more handles than find room beside the bytes.
    pub(crate) list: Option<Box<Draft>>,
    pub(crate) key: Key<'m>,
}

/// Where a message's bytes are before it is put.
pub(crate) enum Bytes<'m> {
    Borrowed(&'m [u8]),
    Owned(Vec<u8>),
    /// In the block in which the receiver will read them.
    Draft(Box<Draft>),
}

/// What a priority queue orders by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Key<'m> {
    #[default]
    None,
    Number(i64),
    Bytes(&'m [u8]),
}

impl Default for Bytes<'_> {
    fn default() -> Self {
        Self::Borrowed(&[])
    }
}

impl<'m> Message<'m> {
    /// The same message, carrying these handles.
    #[must_use]
    pub fn with_parcels(self, parcels: Vec<Parcel>) -> Self {
        Self { parcels, ..self }
    }

    /// The same message with a place in a priority queue: lower numbers are taken first, and
    /// without one it is 0. Other queues do not look at it.
    #[must_use]
    pub fn with_priority(self, priority: i64) -> Self {
        Self { key: Key::Number(priority), ..self }
    }

    /// The same for keys that are compared byte by byte, of at most [`MOST_KEY_BYTES`].
    #[must_use]
    pub fn with_key(self, key: &'m [u8]) -> Self {
        Self { key: Key::Bytes(key), ..self }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Borrowed(bytes) => bytes,
            Bytes::Owned(bytes) => bytes,
            Bytes::Draft(draft) => draft,
        }
    }

    /// How many bytes it has.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.bytes {
            Bytes::Borrowed(bytes) => bytes.len(),
            Bytes::Owned(bytes) => bytes.len(),
            Bytes::Draft(draft) => draft.block.len(),
        }
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'m> From<&'m [u8]> for Message<'m> {
    #[inline]
    fn from(bytes: &'m [u8]) -> Self {
        Self { bytes: Bytes::Borrowed(bytes), ..Self::default() }
    }
}

impl<'m, const N: usize> From<&'m [u8; N]> for Message<'m> {
    #[inline]
    fn from(bytes: &'m [u8; N]) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl From<Vec<u8>> for Message<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: Bytes::Owned(bytes), ..Self::default() }
    }
}

impl From<Draft> for Message<'_> {
    fn from(draft: Draft) -> Self {
        Self { bytes: Bytes::Draft(Box::new(draft)), ..Self::default() }
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("len", &self.len())
            .field("handles", &self.parcels.len())
            .field("key", &self.key)
            .finish()
    }
}

/// Bytes in shared memory that are written in place and then put: nobody copies them any more.
///
/// New bytes are whatever lay there before.
pub struct Draft {
    block: SharedBytes,
    /// Made when it is about to be put.
    pub(crate) parcel: Option<Parcel>,
}

impl Draft {
    /// Room for `len` bytes.
    ///
    /// # Errors
    /// When the arena is full.
    pub fn new(arena: &Arena, len: usize) -> Result<Self, Error> {
        let handle = arena.allocate_unzeroed(len, Kind::Bytes)?;
        Ok(Self { block: SharedBytes::from_handle(handle)?, parcel: None })
    }

    pub(crate) fn of(arena: &Arena, bytes: &[u8]) -> Result<Self, Error> {
        let mut draft = Self::new(arena, bytes.len())?;
        pace::copy(bytes, &mut draft);
        Ok(draft)
    }

    pub(crate) fn post(&mut self) -> Result<(), Error> {
        if self.parcel.is_none() {
            self.parcel = Some(self.block.handle().send()?);
        }
        Ok(())
    }
}

impl Deref for Draft {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the bytes of the block that the handle keeps. Nobody else knows of it before it is
        // put, which consumes the draft.
        unsafe { self.block.as_slice() }
    }
}

impl DerefMut for Draft {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and this is the only reference.
        unsafe { self.block.as_mut_slice() }
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").field("len", &self.block.len()).finish_non_exhaustive()
    }
}

/// A message that was taken. It derefs to its bytes: long ones are read where the sender wrote them,
/// and given back when this is dropped.
pub struct Received {
    pub(crate) body: Body,
    /// The handles that it carried.
    pub handles: Vec<Handle>,
}

/// Up to so many bytes are taken without an allocation.
pub(crate) const SHORT: usize = 80;

pub(crate) enum Body {
    Short { len: u8, bytes: [u8; SHORT] },
    Long(Vec<u8>),
    Block(SharedBytes),
}

impl Default for Received {
    /// A message without bytes.
    #[inline]
    fn default() -> Self {
        Self { body: Body::Short { len: 0, bytes: [0; SHORT] }, handles: Vec::new() }
    }
}

impl Received {
    /// The bytes, copied if they still lie in shared memory.
    pub fn into_vec(self) -> Vec<u8> {
        match self.body {
            Body::Long(bytes) => bytes,
            _ => self.to_vec(),
        }
    }

    /// Whether the bytes are read where the sender wrote them.
    pub fn is_in_place(&self) -> bool {
        matches!(self.body, Body::Block(_))
    }
}

impl Deref for Received {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.body {
            Body::Short { len, bytes } => &bytes[..*len as usize],
            Body::Long(bytes) => bytes,
            // SAFETY: the bytes of the block that the handle keeps. Its sender let go of it for good
            // when it put it, and this message is the only one that ever named it.
            Body::Block(block) => unsafe { block.as_slice() },
        }
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("len", &self.len())
            .field("handles", &self.handles.len())
            .finish_non_exhaustive()
    }
}
