//! From values to bytes, as serde asks for it.

use super::fault::Fault;
use super::form::Form;
use super::numbers;
use polyproc_sys::memory::prefer_large_pages;
use serde::ser::{self, Serialize, Serializer};
use std::fmt::{self, Display, Write as _};
use std::marker::PhantomData;

/// So much more room is made with a long run: what comes after it must not move it.
const SLACK: usize = 1 << 10;
/// A long run.
const LONG: usize = 64 << 10;

/// Bytes in the making.
#[derive(Debug)]
pub(super) struct Writer<F> {
    bytes: Vec<u8>,
    form: PhantomData<F>,
}

impl<F: Form> Writer<F> {
    /// After those that are there.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, form: PhantomData }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    #[inline]
    fn run(&mut self, run: &[u8]) {
        if run.len() >= LONG && run.len() > self.bytes.capacity() - self.bytes.len() {
            self.make_room(run.len());
        }
        self.bytes.extend_from_slice(run);
    }

    /// Makes room for a long run, and for another one of that length, which often follows: room that nobody
    /// writes to costs nothing.
    #[cold]
    fn make_room(&mut self, len: usize) {
        if self.bytes.try_reserve(2 * len + SLACK).is_err() {
            self.bytes.reserve(len + SLACK);
        }
        prefer_large_pages(self.bytes.spare_capacity_mut());
    }

    /// Seven bits in each byte, the lowest first; the eighth says that more follow.
    #[inline]
    fn varint(&mut self, mut number: u128) {
        while number > u128::from(u64::MAX) {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        let mut number = number as u64;
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    #[inline]
    fn len(&mut self, len: usize) {
        self.varint(len as u128);
    }

    #[inline]
    fn announced(&mut self, len: Option<usize>) -> Result<&mut Self, Fault> {
        self.len(len.ok_or_else(Fault::self_describing)?);
        Ok(self)
    }

    #[inline]
    fn variant(&mut self, index: u32) -> &mut Self {
        self.varint(index.into());
        self
    }
}

#[inline]
fn unsigned(number: u128) -> u128 {
    number
}

/// Small numbers of either sign become small ones without a sign.
#[inline]
fn zigzag(number: i128) -> u128 {
    ((number << 1) ^ (number >> 127)) as u128
}

/// Whole numbers of several bytes.
macro_rules! whole_numbers {
    ($($method:ident $number:ty: $unsigned:expr;)*) => { $(
        #[inline]
        fn $method(self, number: $number) -> Result<(), Fault> {
            if F::IS_MEMORY {
                self.bytes.extend_from_slice(&number.to_ne_bytes());
            } else {
                self.varint($unsigned(number.into()));
            }
            Ok(())
        }
    )* };
}

impl<F: Form> Serializer for &mut Writer<F> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    whole_numbers! {
        serialize_u16 u16: unsigned; serialize_u32 u32: unsigned; serialize_u64 u64: unsigned;
        serialize_u128 u128: unsigned;
        serialize_i16 i16: zigzag; serialize_i32 i32: zigzag; serialize_i64 i64: zigzag;
        serialize_i128 i128: zigzag;
    }

    #[inline]
    fn serialize_u8(self, byte: u8) -> Result<(), Fault> {
        self.bytes.push(byte);
        Ok(())
    }

    #[inline]
    fn serialize_i8(self, byte: i8) -> Result<(), Fault> {
        self.serialize_u8(byte as u8)
    }

    #[inline]
    fn serialize_bool(self, truth: bool) -> Result<(), Fault> {
        self.serialize_u8(truth.into())
    }

    #[inline]
    fn serialize_f32(self, number: f32) -> Result<(), Fault> {
        self.bytes.extend_from_slice(&number.to_le_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_f64(self, number: f64) -> Result<(), Fault> {
        self.bytes.extend_from_slice(&number.to_le_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_char(self, character: char) -> Result<(), Fault> {
        self.serialize_str(character.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Fault> {
        self.serialize_bytes(text.as_bytes())
    }

    #[inline]
    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Fault> {
        self.len(bytes.len());
        self.run(bytes);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Fault> {
        self.serialize_u8(0)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        self.bytes.push(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Fault> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
    ) -> Result<(), Fault> {
        self.variant(index);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        value.serialize(self.variant(index))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self, Fault> {
        self.announced(len)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Fault> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Fault> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Fault> {
        Ok(self.variant(index))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self, Fault> {
        self.announced(len)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Fault> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Fault> {
        Ok(self.variant(index))
    }

    /// Where vectors and slices come by with their types: those of numbers are one run.
    #[inline]
    fn collect_seq<I>(self, elements: I) -> Result<(), Fault>
    where
        I: IntoIterator<Item: Serialize>,
    {
        if let Some((len, run)) = numbers::in_a_row::<F, I>(&elements) {
            self.len(len);
            self.run(run);
            return Ok(());
        }
        let mut elements = elements.into_iter();
        let (least, most) = elements.size_hint();
        let writer = self.announced(most.filter(|most| *most == least))?;
        elements.try_for_each(|element| element.serialize(&mut *writer))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Fault> {
        let mut text = String::new();
        write!(text, "{value}").map_err(|fmt::Error| Fault::new("it cannot be written as text"))?;
        self.serialize_str(&text)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Parts come one after another, and nothing is between them.
macro_rules! parts {
    ($($of:ident $method:ident;)*) => { $(
        impl<F: Form> ser::$of for &mut Writer<F> {
            type Ok = ();
            type Error = Fault;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Fault> {
                Ok(())
            }
        }
    )* };
}
parts! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

macro_rules! named_parts {
    ($($of:ident)*) => { $(
        impl<F: Form> ser::$of for &mut Writer<F> {
            type Ok = ();
            type Error = Fault;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                _: &'static str,
                value: &T,
            ) -> Result<(), Fault> {
                value.serialize(&mut **self)
            }

            /// What follows would be read as this field.
            fn skip_field(&mut self, field: &'static str) -> Result<(), Fault> {
                Err(Fault::left_out(field))
            }

            fn end(self) -> Result<(), Fault> {
                Ok(())
            }
        }
    )* };
}
named_parts!(SerializeStruct SerializeStructVariant);

impl<F: Form> ser::SerializeMap for &mut Writer<F> {
    type Ok = ();
    type Error = Fault;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        key.serialize(&mut **self)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Fault> {
        Ok(())
    }
}
