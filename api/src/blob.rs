//! Plain data that is coded as a run.

use crate::codec::numbers::copy_of_bytes;
use bytemuck::{AnyBitPattern, NoUninit};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// Plain data inside a value, copied as a run.
///
/// Vectors of numbers (`Vec<u8>`, `Vec<f64>`, …) are that by themselves in all messages of polyproc. A vector of
/// structs is written field by field, at some nanoseconds for each, and many times that in a debug
/// build; this one is one copy. From the outside it is a vector.
///
/// ```
/// use polyproc::Blob;
///
/// #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
/// #[repr(C)]
/// struct Point {
///     x: f32,
///     y: f32,
/// }
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Cloud {
///     number: u64,
///     points: Blob<Point>,
///     weights: Vec<f32>,
/// }
///
/// let points = vec![Point { x: 1.0, y: 2.0 }; 1 << 20].into();
/// let cloud = Cloud { number: 1, points, weights: vec![0.5; 1 << 20] };
/// let high = polyproc::spawn(|cloud: Cloud| cloud.points.iter().filter(|p| p.y > p.x).count(), cloud)?;
/// assert_eq!(high.join()?, 1 << 20);
/// # Ok::<(), polyproc::Error>(())
/// ```
///
/// The elements are plain data: numbers, and structs that derive `bytemuck`'s `Pod` (see
/// [`Shared`](crate::Shared)). In a text format, such as JSON, a blob is a list of its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob<T = u8>(pub Vec<T>);

impl<T> Deref for Blob<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T> DerefMut for Blob<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

impl<T> From<Vec<T>> for Blob<T> {
    fn from(elements: Vec<T>) -> Self {
        Self(elements)
    }
}

impl<T: Clone> From<&[T]> for Blob<T> {
    fn from(elements: &[T]) -> Self {
        Self(elements.to_vec())
    }
}

impl<T> From<Blob<T>> for Vec<T> {
    fn from(blob: Blob<T>) -> Self {
        blob.0
    }
}

impl<T: NoUninit> Serialize for Blob<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytemuck::cast_slice(self))
    }
}

impl<'de, T: AnyBitPattern> Deserialize<'de> for Blob<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_bytes(Bytes(PhantomData)).map(Self)
    }
}

struct Bytes<T>(PhantomData<T>);

impl<'de, T: AnyBitPattern> Visitor<'de> for Bytes<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes, {} for each element", size_of::<T>())
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<T>, E> {
        copy_of_bytes(bytes).ok_or_else(|| E::invalid_length(bytes.len(), &self))
    }

    /// Formats that are text have no bytes, and hold a list of numbers.
    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Vec<T>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = numbers.next_element()? {
            bytes.push(byte);
        }
        self.visit_bytes(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    #[test]
    fn is_written_and_read_as_a_run() {
        const LEN: usize = 100_000;
        let blob = Blob(vec![200; LEN]);
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
