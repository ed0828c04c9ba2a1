//! Bytes that arrived: in a vector, or in a memory file in which nobody can change them any more. Parts
//! of them are taken off without a copy: a hundred megabytes are read where their sender wrote them.

use polyproc_sys::memory::Sealed;
use std::fmt;
use std::ops::{Deref, Range};

/// A run of bytes that arrived.
#[derive(Default)]
pub struct Content {
    bytes: Bytes,
    /// What is left of them.
    range: Range<usize>,
}

enum Bytes {
    Own(Vec<u8>),
    Sealed(Sealed),
}

impl Default for Bytes {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Sealed(bytes) => bytes,
        }
    }
}

impl Content {
    fn of(bytes: Bytes) -> Self {
        Self { range: 0..bytes.len(), bytes }
    }

    /// Without the first `len` bytes, or all if there are fewer.
    #[must_use]
    pub fn without_first(mut self, len: usize) -> Self {
        self.range.start += len.min(self.len());
        self
    }

    /// Not more than the first `len` bytes.
    #[must_use]
    pub fn truncated(mut self, len: usize) -> Self {
        self.range.end = self.range.start + len.min(self.range.len());
        self
    }
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.range.clone()]
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::of(Bytes::Own(bytes))
    }
}

impl From<Sealed> for Content {
    fn from(bytes: Sealed) -> Self {
        Self::of(Bytes::Sealed(bytes))
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polyproc_sys::memory::{memfd, seal_content, write_all};
    use proptest::prelude::*;

    fn sealed(bytes: &[u8]) -> Content {
        let file = memfd(c"polyproc-test").unwrap();
        write_all(&file, bytes).unwrap();
        seal_content(&file).unwrap();
        Sealed::map(&file).unwrap().into()
    }

    proptest! {
        #[test]
        fn parts_are_those_of_a_slice(bytes in proptest::collection::vec(any::<u8>(), 1..100), first: u8, len: u8) {
            let (first, len) = (usize::from(first), usize::from(len));
            let rest = &bytes[first.min(bytes.len())..];
            let part = &rest[..len.min(rest.len())];
            for content in [bytes.clone().into(), sealed(&bytes)] {
                prop_assert_eq!(&*content.without_first(first).truncated(len), part);
            }
        }
    }
}
