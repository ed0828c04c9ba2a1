//! Bytes that are coded as a run.

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;
use std::ops::{Deref, DerefMut};

/// Bytes inside a value, copied as a run.
///
/// serde takes a `Vec<u8>` for a sequence of numbers, and codes them one by one, at some nanoseconds each.
/// A field of this type, or one with `#[serde(with = "serde_bytes")]`, is one copy instead. From the
/// outside it is a `Vec<u8>`.
///
/// ```
/// use polyproc::Blob;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Frame {
///     number: u64,
///     pixels: Blob,
/// }
///
/// let frame = Frame { number: 1, pixels: vec![7; 1 << 20].into() };
/// let bright = polyproc::spawn(|frame: Frame| frame.pixels.iter().filter(|&&p| p > 5).count(), frame)?;
/// assert_eq!(bright.join()?, 1 << 20);
/// # Ok::<(), polyproc::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob(pub Vec<u8>);

impl Deref for Blob {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Blob {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<Blob> for Vec<u8> {
    fn from(blob: Blob) -> Self {
        blob.0
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(self)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_byte_buf(Bytes).map(Self)
    }
}

struct Bytes;

impl<'de> Visitor<'de> for Bytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }

    /// Formats that are text have no bytes, and hold a list of numbers.
    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = numbers.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};
    use postcard::ser_flavors::Flavor;

    /// How often the codec was given one byte, and how often a run.
    #[derive(Default)]
    struct Calls {
        single: usize,
        runs: usize,
    }

    impl Flavor for Calls {
        type Output = (usize, usize);

        fn try_push(&mut self, _: u8) -> postcard::Result<()> {
            self.single += 1;
            Ok(())
        }

        fn try_extend(&mut self, _: &[u8]) -> postcard::Result<()> {
            self.runs += 1;
            Ok(())
        }

        fn finalize(self) -> postcard::Result<(usize, usize)> {
            Ok((self.single, self.runs))
        }
    }

    fn calls(value: &impl Serialize) -> (usize, usize) {
        postcard::serialize_with_flavor(value, Calls::default()).unwrap()
    }

    #[test]
    fn is_written_and_read_as_a_run() {
        const LEN: usize = 100_000;
        let blob = Blob(vec![200; LEN]);
        assert_eq!(calls(&blob), (0, 2), "the length, and the bytes");
        assert_eq!(calls(&blob.0), (LEN, 1), "the length, and each byte");
        let bytes = encode(&blob, Vec::new()).unwrap();
        assert_eq!(bytes.len(), LEN + 3);
        assert_eq!(decode::<Blob>(&bytes), Ok(blob));
        // Reads only runs: what serde has for bytes that are there in one piece.
        assert_eq!(postcard::from_bytes::<&[u8]>(&bytes).unwrap().len(), LEN);
    }

    #[test]
    fn is_a_vector_from_the_outside() {
        let mut blob = Blob::from(b"ab".as_slice());
        blob.push(b'c');
        assert_eq!(&blob[1..], b"bc");
        assert_eq!(Vec::from(blob), b"abc");
    }
}
