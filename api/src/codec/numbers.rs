//! Vectors of numbers, as the runs of bytes that they are.
//!
//! serde takes a `Vec<f64>` for a sequence, and codes its elements one by one. In two places it says more: a
//! vector or a slice comes to [`Serializer::collect_seq`](serde::Serializer::collect_seq) as what it is, and who
//! reads one hands in serde's visitor for that vector, whose type is known by asking `Vec` for it. So wherever
//! in a value they are, they are found there, and copied at once. Anything else (a list, a set, a visitor of
//! one's own) goes element by element, to the same bytes: what is found is never more than faster.
#![expect(unsafe_code, reason = "a type that is known to be another is taken for it")]

use super::CodecError;
use super::fault::Fault;
use super::form::{Family, Form};
use crate::blob::Blob;
use bytemuck::AnyBitPattern;
use polyproc_sys::memory::prefer_large_pages;
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use std::any::TypeId;
use std::fmt;
use std::mem::ManuallyDrop;

/// Gives all types of numbers to a macro.
macro_rules! for_numbers {
    ($then:ident) => {
        $then!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);
    };
}
pub(crate) use for_numbers;

/// Whether a run of such numbers is, in this form, what they are one by one.
fn is_run<F: Form, N: 'static>() -> bool {
    let is = |other| TypeId::of::<N>() == other;
    if is(TypeId::of::<f32>()) || is(TypeId::of::<f64>()) {
        return cfg!(target_endian = "little");
    }
    if is(TypeId::of::<usize>()) || is(TypeId::of::<isize>()) {
        return F::IS_MEMORY && cfg!(target_pointer_width = "64");
    }
    F::IS_MEMORY || size_of::<N>() == 1
}

/// `value` as what it is, if that is a `U`.
fn same<T, U: 'static>(value: &T) -> Option<&U> {
    if typeid::of::<T>() != TypeId::of::<U>() {
        return None;
    }
    // SAFETY: `T` is `U`, which has no lifetimes in which they could differ.
    Some(unsafe { &*std::ptr::from_ref(value).cast::<U>() })
}

/// `value` as what it is, if that is a `T`.
fn into_same<U: 'static, T>(value: U) -> Option<T> {
    if typeid::of::<T>() != TypeId::of::<U>() {
        return None;
    }
    let value = ManuallyDrop::new(value);
    // SAFETY: `T` is `U`, and the original is never used or dropped.
    Some(unsafe { std::mem::transmute_copy::<ManuallyDrop<U>, T>(&value) })
}

/// What `reference` refers to, if it is an `&U`.
fn referent<R, U: ?Sized + 'static>(reference: &R) -> Option<&U> {
    if typeid::of::<R>() != typeid::of::<&U>() {
        return None;
    }
    // SAFETY: `R` is an `&U` whose lifetime is longer than that of `reference`.
    Some(unsafe { *std::ptr::from_ref(reference).cast::<&U>() })
}

/// The elements whose bytes these are; `None` when the last one is cut off.
pub(crate) fn copy_of_bytes<T: AnyBitPattern>(bytes: &[u8]) -> Option<Vec<T>> {
    let len = bytes.len().checked_div(size_of::<T>()).unwrap_or_default();
    if len * size_of::<T>() != bytes.len() {
        return None;
    }
    let mut elements = Vec::with_capacity(len);
    let room = elements.spare_capacity_mut();
    prefer_large_pages(room);
    // SAFETY: there is room for `len` elements, and they have that many bytes.
    unsafe { room.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    // SAFETY: that many were just copied, and any bytes are elements.
    unsafe { elements.set_len(len) };
    Some(elements)
}

/// How a vector of numbers is read.
pub(super) struct Read<T> {
    /// The bytes of each.
    pub(super) size: usize,
    pub(super) make: fn(&[u8]) -> Result<T, Fault>,
}

fn make<N: AnyBitPattern, T>(bytes: &[u8]) -> Result<T, Fault> {
    copy_of_bytes::<N>(bytes).and_then(into_same).ok_or_else(Fault::end)
}

macro_rules! define {
    ($($number:ty),*) => {
        /// How many numbers `elements` are, and their bytes, if these lie in a row.
        #[inline]
        pub(super) fn in_a_row<F: Form, I>(elements: &I) -> Option<(usize, &[u8])> {
            $(if is_run::<F, $number>() {
                let vector = referent::<I, Vec<$number>>(elements).map(Vec::as_slice);
                if let Some(numbers) = vector.or_else(|| referent::<I, [$number]>(elements)) {
                    return Some((numbers.len(), bytemuck::cast_slice(numbers)));
                }
            })*
            None
        }

        /// How to read at once what `V` would make of a sequence, if it is serde's visitor for a vector of
        /// numbers.
        #[inline]
        pub(super) fn reader<'de, F: Form, V: Visitor<'de>>() -> Option<Read<V::Value>> {
            $(if is_run::<F, $number>() && makes::<V, Vec<$number>>() {
                return Some(Read { size: size_of::<$number>(), make: make::<$number, V::Value> });
            })*
            None
        }

        /// The bytes of a value that is a vector of numbers, and nothing else.
        pub(crate) fn whole<T>(value: &T) -> Option<&[u8]> {
            $(let blob = same::<T, Blob<$number>>(value).map(|blob| &blob.0);
            if let Some(numbers) = blob.or_else(|| same::<T, Vec<$number>>(value)) {
                return Some(bytemuck::cast_slice(numbers));
            })*
            None
        }

        /// The value whose bytes [`whole`] gave; `None` for types of which it gives none.
        pub(crate) fn from_whole<T>(bytes: &[u8]) -> Option<Result<T, CodecError>> {
            let made = $(if typeid::of::<T>() == TypeId::of::<Vec<$number>>() {
                copy_of_bytes::<$number>(bytes).and_then(into_same)
            } else if typeid::of::<T>() == TypeId::of::<Blob<$number>>() {
                copy_of_bytes::<$number>(bytes).map(Blob).and_then(into_same)
            } else)* {
                return None;
            };
            Some(made.ok_or_else(|| CodecError::of::<T>(&"the message is no such value")))
        }
    };
}
for_numbers!(define);

/// The bytes of a slice of numbers, or of a vector of them, that is referred to.
pub(crate) fn bytes_of<R>(reference: &R) -> Option<&[u8]> {
    in_a_row::<Family, R>(reference).map(|(_, bytes)| bytes)
}

/// [`from_whole`], from bytes that are its own if it is one of bytes.
pub(crate) fn from_own_whole<T>(bytes: Vec<u8>) -> Option<Result<T, CodecError>> {
    if typeid::of::<T>() == TypeId::of::<Vec<u8>>() {
        return into_same(bytes).map(Ok);
    }
    if typeid::of::<T>() == TypeId::of::<Blob>() {
        return into_same(Blob(bytes)).map(Ok);
    }
    from_whole(&bytes)
}

/// Whether `V` is the visitor with which `T` reads itself.
#[inline]
fn makes<'de, V: Visitor<'de>, T: Deserialize<'de> + 'static>() -> bool {
    typeid::of::<V::Value>() == TypeId::of::<T>()
        && matches!(T::deserialize(Probe), Err(Seen(Some(visitor))) if visitor == typeid::of::<V>())
}

/// Reads nothing, and sees who would read a sequence.
struct Probe;

#[derive(Debug)]
struct Seen(Option<TypeId>);

impl<'de> Deserializer<'de> for Probe {
    type Error = Seen;

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Seen> {
        Err(Seen(Some(typeid::of::<V>())))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Seen> {
        Err(Seen(None))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing is read here")
    }
}

impl std::error::Error for Seen {}

impl de::Error for Seen {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether what reads a `T` is known to it.
    fn is_read_at_once<T: de::DeserializeOwned>() -> bool {
        struct Asks;
        impl<'de> Deserializer<'de> for Asks {
            type Error = Seen;
            fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Seen> {
                Err(Seen(reader::<Family, V>().map(|_| TypeId::of::<()>())))
            }
            forward_to_deserialize_any! {
                bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
                unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
            }
        }
        matches!(T::deserialize(Asks), Err(Seen(Some(_))))
    }

    #[test]
    fn serde_still_says_what_is_a_vector_of_numbers() {
        assert!(is_read_at_once::<Vec<u8>>() && is_read_at_once::<Vec<f64>>());
        assert!(is_read_at_once::<Box<[u64]>>());
        assert!(!is_read_at_once::<Vec<bool>>() && !is_read_at_once::<Vec<String>>());
        assert!(!is_read_at_once::<std::collections::VecDeque<u8>>());
        let vector = vec![1_u16, 2];
        assert_eq!(bytes_of(&&vector).map(<[u8]>::len), Some(4));
        assert_eq!(bytes_of(&vector.as_slice()).map(<[u8]>::len), Some(4));
        assert_eq!(bytes_of(&&vec![true]), None);
    }

    #[test]
    fn numbers_come_whole_and_from_anywhere() {
        let numbers = vec![1.5_f64, -0.0, f64::INFINITY];
        let bytes = whole(&numbers).unwrap();
        assert_eq!(from_whole(bytes), Some(Ok(numbers.clone())));
        let shifted = [&[0], bytes].concat();
        assert_eq!(from_whole(&shifted[1..]), Some(Ok(Blob(numbers))));
        assert!(from_whole::<Vec<u16>>(&[1]).unwrap().is_err());
        assert!(from_whole::<Vec<bool>>(&[1]).is_none() && whole(&vec![true]).is_none());
        assert_eq!(from_own_whole(vec![1, 2]), Some(Ok(vec![1_u8, 2])));
        assert_eq!(copy_of_bytes::<()>(&[1]), None);
        assert_eq!(copy_of_bytes::<()>(&[]), Some(vec![]));
    }
}
