//! The bytes of a task or of a result. Few of them lie in the value itself: most tasks are small, and
//! ask for no memory.

use std::fmt;
use std::ops::Deref;

/// So many lie in the value.
const FEW: usize = 30;
/// So many buffers are kept for the next bytes.
const MOST_SPARES: usize = 16;
/// A larger buffer is not kept.
const LARGEST_SPARE: usize = 256 << 10;

/// See the [module](self).
#[derive(Clone)]
pub struct Bytes(Form);

#[derive(Clone)]
enum Form {
    Few { len: u8, bytes: [u8; FEW] },
    Many(Vec<u8>),
}

impl Bytes {
    /// `len` bytes, if they are so few that they lie in the value: `write` writes them.
    #[inline]
    pub fn few(len: usize, write: impl FnOnce(&mut [u8])) -> Option<Self> {
        let mut bytes = [0; FEW];
        write(bytes.get_mut(..len)?);
        Some(Self(Form::Few { len: len as u8, bytes }))
    }

    /// A copy.
    #[inline]
    pub fn copy(bytes: &[u8]) -> Self {
        let few = Self::few(bytes.len(), |few| few.copy_from_slice(bytes));
        few.unwrap_or_else(|| bytes.to_vec().into())
    }

    /// Whether they lie in the value itself.
    #[inline]
    pub(crate) fn is_few(&self) -> bool {
        matches!(self.0, Form::Few { .. })
    }

    /// Without the last one, and that.
    pub fn split_last(mut self) -> Option<(u8, Self)> {
        let last = *self.last()?;
        match &mut self.0 {
            Form::Few { len, .. } => *len -= 1,
            Form::Many(bytes) => drop(bytes.pop()),
        }
        Some((last, self))
    }

    /// As a vector, without a copy if there are many.
    pub fn into_vec(self) -> Vec<u8> {
        match self.0 {
            Form::Few { len, bytes } => bytes[..len.into()].to_vec(),
            Form::Many(bytes) => bytes,
        }
    }

    /// The memory that they lie in, if it is not the value's own.
    pub fn into_buffer(self) -> Option<Vec<u8>> {
        match self.0 {
            Form::Few { .. } => None,
            Form::Many(bytes) => Some(bytes),
        }
    }
}

impl Default for Bytes {
    fn default() -> Self {
        const NONE: Bytes = Bytes(Form::Few { len: 0, bytes: [0; FEW] });
        NONE
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Form::Many(bytes))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Form::Few { len, bytes } => &bytes[..usize::from(*len)],
            Form::Many(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({})", self.len())
    }
}

/// Buffers for the next bytes: memory that goes back to the system and comes again costs a fault for
/// each page.
#[derive(Debug, Default)]
pub struct Spares(Vec<Vec<u8>>);

impl Spares {
    /// An empty buffer.
    pub fn take(&mut self) -> Vec<u8> {
        let mut buffer = self.0.pop().unwrap_or_default();
        buffer.clear();
        buffer
    }

    /// Keeps the memory of these bytes; gives it back if it is too much.
    pub fn keep(&mut self, bytes: Bytes) -> Option<Vec<u8>> {
        let buffer = bytes.into_buffer()?;
        if self.0.len() == MOST_SPARES || buffer.capacity() > LARGEST_SPARE {
            return Some(buffer);
        }
        self.0.push(buffer);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_are_the_same_from_outside() {
        for len in [0, 1, FEW, FEW + 1, 1000] {
            let bytes: Vec<u8> = (0..len).map(|byte| byte as u8).collect();
            for form in [Bytes::copy(&bytes), bytes.clone().into()] {
                assert_eq!(*form, *bytes);
                let split = form.clone().split_last().map(|(last, rest)| (last, rest.into_vec()));
                let expected = bytes.split_last().map(|(last, rest)| (*last, rest.to_vec()));
                assert_eq!(split, expected);
                assert_eq!(form.into_vec(), bytes);
            }
        }
        assert!(Bytes::copy(&[1; FEW]).into_buffer().is_none());
    }

    #[test]
    fn a_buffer_comes_again() {
        let mut spares = Spares::default();
        assert!(spares.keep(vec![1; 1000].into()).is_none());
        let buffer = spares.take();
        assert!(buffer.is_empty() && buffer.capacity() >= 1000);
        assert!(spares.keep(vec![1; LARGEST_SPARE + 1].into()).is_some(), "too large to be kept");
        assert!(spares.keep(Bytes::copy(b"few")).is_none());
        assert_eq!(spares.take().capacity(), 0);
    }
}
