//! From bytes to values, as serde asks for it.

use super::bounds::Bounds;
use super::fault::Fault;
use super::form::Form;
use super::numbers;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use std::marker::PhantomData;

/// What is left of a message.
#[derive(Debug)]
pub(super) struct Reader<'de, F> {
    bytes: &'de [u8],
    bounds: Bounds,
    form: PhantomData<F>,
}

impl<'de, F: Form> Reader<'de, F> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { bytes, bounds: Bounds::of::<F>(bytes.len()), form: PhantomData }
    }

    pub(super) fn rest(&self) -> &'de [u8] {
        self.bytes
    }

    #[inline]
    fn run(&mut self, len: usize) -> Result<&'de [u8], Fault> {
        let (run, rest) = self.bytes.split_at_checked(len).ok_or_else(Fault::end)?;
        self.bytes = rest;
        Ok(run)
    }

    #[inline]
    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (chunk, rest) = self.bytes.split_first_chunk().ok_or_else(Fault::end)?;
        self.bytes = rest;
        Ok(*chunk)
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Fault> {
        self.chunk().map(|[byte]| byte)
    }

    #[inline]
    fn len(&mut self) -> Result<usize, Fault> {
        self.varint(u64::BITS).map(|len| len as usize)
    }

    #[inline]
    fn counted_bytes(&mut self) -> Result<&'de [u8], Fault> {
        let len = self.len()?;
        self.run(len)
    }

    #[inline]
    fn text(&mut self) -> Result<&'de str, Fault> {
        str::from_utf8(self.counted_bytes()?).map_err(|_not_text| Fault::no_such("text: not UTF-8"))
    }

    /// What [`Writer`](super::write::Writer) makes of a number of so many bits.
    #[inline]
    fn varint(&mut self, bits: u32) -> Result<u64, Fault> {
        if let [byte @ ..0x80, rest @ ..] = self.bytes {
            self.bytes = rest;
            return Ok((*byte).into());
        }
        self.long_varint(bits).map(|number| number as u64)
    }

    fn long_varint(&mut self, bits: u32) -> Result<u128, Fault> {
        let mut number = 0;
        for shift in (0..bits).step_by(7) {
            let byte = self.byte()?;
            let part = u128::from(byte & 0x7f);
            number |= part << shift;
            if byte < 0x80 {
                let fits = bits - shift >= 7 || part >> (bits - shift) == 0;
                return fits.then_some(number).ok_or_else(|| Fault::no_such("number"));
            }
        }
        Err(Fault::no_such("number"))
    }

    /// Reads what is inside of a value.
    #[inline]
    fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.bounds.enter::<F>()?;
        let value = read(self)?;
        self.bounds.leave();
        Ok(value)
    }

    #[inline]
    fn fixed<V: Visitor<'de>>(&mut self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.inside(|from| visitor.visit_seq(Parts { from, left: len, are_counted: false }))
    }
}

#[inline]
fn unsigned(number: u128) -> u128 {
    number
}

#[inline]
fn unzigzag(number: u128) -> i128 {
    (number >> 1) as i128 ^ -((number & 1) as i128)
}

/// Whole numbers of several bytes.
macro_rules! whole_numbers {
    ($($method:ident $visit:ident $number:ty: $varint:ident $signed:expr;)*) => { $(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            visitor.$visit(if F::IS_MEMORY {
                <$number>::from_ne_bytes(self.chunk()?)
            } else {
                $signed(self.$varint(<$number>::BITS)?.into()) as $number
            })
        }
    )* };
}

/// What only formats with names can tell.
macro_rules! self_describing {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fault> {
            Err(Fault::self_describing())
        }
    )* };
}

impl<'de, F: Form> Deserializer<'de> for &mut Reader<'de, F> {
    type Error = Fault;

    self_describing!(deserialize_any deserialize_identifier deserialize_ignored_any);

    whole_numbers! {
        deserialize_u16 visit_u16 u16: varint unsigned;
        deserialize_u32 visit_u32 u32: varint unsigned;
        deserialize_u64 visit_u64 u64: varint unsigned;
        deserialize_u128 visit_u128 u128: long_varint unsigned;
        deserialize_i16 visit_i16 i16: varint unzigzag;
        deserialize_i32 visit_i32 i32: varint unzigzag;
        deserialize_i64 visit_i64 i64: varint unzigzag;
        deserialize_i128 visit_i128 i128: long_varint unzigzag;
    }

    #[inline]
    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_u8(self.byte()?)
    }

    #[inline]
    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_i8(self.byte()? as i8)
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.byte()? {
            byte @ ..2 => visitor.visit_bool(byte == 1),
            _ => Err(Fault::no_such("truth value")),
        }
    }

    #[inline]
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_f32(f32::from_le_bytes(self.chunk()?))
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_f64(f64::from_le_bytes(self.chunk()?))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let mut characters = self.text()?.chars();
        match (characters.next(), characters.next()) {
            (Some(character), None) => visitor.visit_char(character),
            _ => Err(Fault::no_such("character")),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.text()?)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_bytes(self.counted_bytes()?)
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.byte()? {
            0 => visitor.visit_none(),
            1 => self.inside(|from| visitor.visit_some(from)),
            _ => Err(Fault::no_such("option")),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let len = self.len()?;
        if let Some(read) = numbers::reader::<F, V>() {
            let bytes = len.checked_mul(read.size).ok_or_else(Fault::end)?;
            return self.run(bytes).and_then(read.make);
        }
        self.bounds.announce::<F>(len, self.bytes.len())?;
        self.inside(|from| visitor.visit_seq(Parts { from, left: len, are_counted: true }))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.fixed(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.fixed(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.fixed(fields.len(), visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let len = self.len()?;
        self.bounds.announce::<F>(len, self.bytes.len())?;
        self.inside(|from| visitor.visit_map(Parts { from, left: len, are_counted: true }))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.inside(|from| visitor.visit_enum(from))
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Parts that come one after another.
struct Parts<'r, 'de, F> {
    from: &'r mut Reader<'de, F>,
    left: usize,
    /// Whether they are as many as the message says, and not as the type says.
    are_counted: bool,
}

impl<F: Form> Parts<'_, '_, F> {
    /// Whether there is one more.
    #[inline]
    fn next(&mut self) -> Result<bool, Fault> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(false) };
        self.left = left;
        if self.are_counted {
            self.from.bounds.count::<F>()?;
        }
        Ok(true)
    }
}

impl<'de, F: Form> SeqAccess<'de> for Parts<'_, 'de, F> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        if self.next()? { seed.deserialize(&mut *self.from).map(Some) } else { Ok(None) }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de, F: Form> MapAccess<'de> for Parts<'_, 'de, F> {
    type Error = Fault;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        self.next_element_seed(seed)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(&mut *self.from)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de, F: Form> EnumAccess<'de> for &mut Reader<'de, F> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let index = self.varint(u32::BITS)? as u32;
        let variant = seed.deserialize(IntoDeserializer::<Fault>::into_deserializer(index))?;
        Ok((variant, self))
    }
}

impl<'de, F: Form> VariantAccess<'de> for &mut Reader<'de, F> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.fixed(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.fixed(fields.len(), visitor)
    }
}
