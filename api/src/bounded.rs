//! Reading values from strangers: bounds on what their bytes can make this process do.
//!
//! A format whose lengths are announced has two holes. A type that contains itself is read as deep as the
//! message says, which overflows the stack. And a sequence of elements that take no bytes (`Vec<()>`) is as
//! long as the message says, which takes for ever. So around the format's deserializer is another one, that
//! counts: levels, and elements of sequences and maps.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use std::cell::Cell;
use std::fmt;

/// How deep values may be nested: each list, tuple, struct, map, enum with content and `Some` is a level.
/// As deep as `serde_json` goes.
pub(crate) const MOST_LEVELS: u32 = 128;
/// How many elements that take no bytes a message may hold; those that take some are at most as many as
/// its bytes.
pub(crate) const MOST_EMPTY: usize = 1 << 16;

/// What is left for one message.
#[derive(Debug)]
pub(crate) struct Bounds {
    levels: Cell<u32>,
    elements: Cell<usize>,
    broken: Cell<Option<&'static str>>,
}

impl Bounds {
    /// For a message of so many bytes.
    pub(crate) fn of(bytes: usize) -> Self {
        Self {
            levels: Cell::new(MOST_LEVELS),
            elements: Cell::new(bytes.saturating_add(MOST_EMPTY)),
            broken: Cell::new(None),
        }
    }

    /// Reads through `inner`, within these bounds.
    pub(crate) fn around<T>(&self, inner: T) -> Bounded<'_, T> {
        Bounded { inner, bounds: self, is_counted: false }
    }

    /// Which of them was broken, if reading failed for that.
    pub(crate) fn broken(&self) -> Option<&'static str> {
        self.broken.get()
    }

    fn deeper<T, E: Error>(&self, read: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let Some(left) = self.levels.get().checked_sub(1) else {
            return self
                .refuse("it is nested deeper than 128 levels, the most that is read from others");
        };
        self.levels.set(left);
        let value = read()?;
        self.levels.set(left + 1);
        Ok(value)
    }

    fn count<E: Error>(&self) -> Result<(), E> {
        match self.elements.get().checked_sub(1) {
            Some(left) => {
                self.elements.set(left);
                Ok(())
            }
            None => self.refuse("it announces more elements than its bytes can hold"),
        }
    }

    fn refuse<T, E: Error>(&self, why: &'static str) -> Result<T, E> {
        self.broken.set(Some(why));
        Err(E::custom(why))
    }
}

/// Whatever serde reads with, within [`Bounds`].
#[derive(Clone, Copy)]
pub(crate) struct Bounded<'b, T> {
    inner: T,
    bounds: &'b Bounds,
    /// Whether its elements are as many as the message says, and not as the type says.
    is_counted: bool,
}

/// Values that hold no others.
macro_rules! plain {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method(visitor)
        }
    )* };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Bounded<'_, D> {
    type Error = D::Error;

    plain! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_identifier
        deserialize_ignored_any
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_option(self.bounds.around(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_newtype_struct(name, self.bounds.around(visitor))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_seq(Bounded { is_counted: true, ..self.bounds.around(visitor) })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_map(self.bounds.around(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_tuple(len, self.bounds.around(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_tuple_struct(name, len, self.bounds.around(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_struct(name, fields, self.bounds.around(visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_enum(name, variants, self.bounds.around(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Bounded<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.bounds.deeper(|| self.inner.visit_some(self.bounds.around(value)))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(self.bounds.around(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        let Self { inner, bounds, is_counted } = self;
        bounds.deeper(|| inner.visit_seq(Bounded { inner: elements, bounds, is_counted }))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.bounds.deeper(|| self.inner.visit_map(self.bounds.around(entries)))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.bounds.deeper(|| self.inner.visit_enum(self.bounds.around(variant)))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Bounded<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(self.bounds.around(from))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        if self.is_counted {
            self.bounds.count()?;
        }
        self.inner.next_element_seed(self.bounds.around(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.bounds.count()?;
        self.inner.next_key_seed(self.bounds.around(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(self.bounds.around(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, 'b, A: EnumAccess<'de>> EnumAccess<'de> for Bounded<'b, A> {
    type Error = A::Error;
    type Variant = Bounded<'b, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, content) = self.inner.variant_seed(seed)?;
        Ok((value, self.bounds.around(content)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(self.bounds.around(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(len, self.bounds.around(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, self.bounds.around(visitor))
    }
}
