//! Values to bytes and back: serde, in postcard's format. Both ends are one build, so the format
//! never has to be understood by anything else.
//!
//! When a value does not fit, a second, slower pass finds out which part of it.

use crate::bounded::Bounds;
use crate::message;
use polyproc_sys::memory::prefer_large_pages;
use postcard::ser_flavors::Flavor;
use serde::de::DeserializeOwned;
use serde::{Deserializer, Serialize};
use std::fmt;

/// Which value could not be turned into bytes or back, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, serde::Deserialize)]
#[error("`{type_name}`{}: {reason}", at(.path))]
pub struct CodecError {
    /// The Rust type of the whole value.
    pub type_name: String,
    /// The part of it; empty if unknown or the whole. When writing, by name (`jobs[3].name`); when
    /// reading, by position, since the format holds no names (`[0][3][1]`).
    pub path: String,
    /// What was wrong, and what to do about it.
    pub reason: String,
}

impl CodecError {
    /// About a whole value.
    pub(crate) fn of<T>(reason: &dyn fmt::Display) -> Self {
        let type_name = std::any::type_name::<T>().into();
        Self { type_name, path: String::new(), reason: reason.to_string() }
    }
}

fn at(path: &str) -> String {
    if path.is_empty() || path == "." { String::new() } else { format!(" at `{path}`") }
}

/// So much more room is asked for with a long run: what comes after it must not move it.
const SLACK: usize = 1 << 10;
/// A long run.
const LONG: usize = 64 << 10;

/// Where a value is written to.
struct Buffer(Vec<u8>);

impl Flavor for Buffer {
    type Output = Vec<u8>;

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, run: &[u8]) -> postcard::Result<()> {
        if run.len() >= LONG {
            self.0.reserve(run.len() + SLACK);
            prefer_large_pages(self.0.spare_capacity_mut());
        }
        self.0.extend_from_slice(run);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.0)
    }
}

/// Appends `value` to `bytes`.
pub(crate) fn encode<T: Serialize>(value: &T, bytes: Vec<u8>) -> Result<Vec<u8>, CodecError> {
    postcard::serialize_with_flavor(value, Buffer(bytes)).map_err(|error| {
        let mut serializer = postcard::Serializer { output: postcard::ser_flavors::StdVec::new() };
        let path = serde_path_to_error::serialize(value, &mut serializer)
            .err()
            .map_or_else(String::new, |error| error.path().to_string());
        codec_error::<T>(path, &error)
    })
}

/// Reads a value that takes up all of `bytes`.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let value = postcard::take_from_bytes(bytes).map_err(|error| {
        let mut deserializer = postcard::Deserializer::from_bytes(bytes);
        codec_error::<T>(path_of::<T, _>(&mut deserializer), &error)
    });
    all_of(value?)
}

/// The same for `bytes` of a stranger, who may not mean well: see [`Bounds`].
pub(crate) fn decode_within_bounds<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let bounds = Bounds::of(bytes.len());
    let mut deserializer = postcard::Deserializer::from_bytes(bytes);
    let value = T::deserialize(bounds.around(&mut deserializer)).map_err(|error| {
        if let Some(why) = bounds.broken() {
            return CodecError::of::<T>(&why);
        }
        let (bounds, mut again) =
            (Bounds::of(bytes.len()), postcard::Deserializer::from_bytes(bytes));
        codec_error::<T>(path_of::<T, _>(bounds.around(&mut again)), &error)
    })?;
    let rest = deserializer.finalize().map_err(|error| codec_error::<T>(String::new(), &error))?;
    all_of((value, rest))
}

/// A value, if nothing is left behind it.
fn all_of<T>((value, rest): (T, &[u8])) -> Result<T, CodecError> {
    if rest.is_empty() {
        return Ok(value);
    }
    Err(CodecError::of::<T>(&format_args!(
        "{} bytes are left over: its `Serialize` writes more than its `Deserialize` reads",
        rest.len()
    )))
}

/// The part of a value at which reading it fails.
fn path_of<'de, T: DeserializeOwned, D: Deserializer<'de>>(from: D) -> String {
    let error = serde_path_to_error::deserialize::<_, T>(from).err();
    error.map_or_else(String::new, |error| error.path().to_string())
}

fn codec_error<T>(path: String, error: &postcard::Error) -> CodecError {
    use postcard::Error as E;
    let reason = match error {
        E::WontImplement | E::NotYetImplemented | E::SerializeSeqLengthUnknown => {
            "it uses `#[serde(flatten)]`, `#[serde(untagged)]`, `#[serde(tag)]` or another form that \
             only self-describing formats can hold; give it a plain form, or pass it on as text \
             (such as `serde_json::to_string`)"
                .into()
        }
        E::SerdeSerCustom | E::SerdeDeCustom => message::take_refusal().unwrap_or_else(|| {
            "its `Serialize` or `Deserialize` refused: a path or other system text that is not \
             UTF-8 does (pass its bytes), and so may a check of its own"
                .into()
        }),
        E::DeserializeUnexpectedEnd => {
            "its `Deserialize` reads more than its `Serialize` writes".into()
        }
        other => other.to_string(),
    };
    CodecError { type_name: std::any::type_name::<T>().into(), path, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::HashMap;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Inner {
        values: Vec<Choice>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Choice {
        Number(u32),
        Text(String),
    }

    #[test]
    fn values_go_there_and_back() {
        let value = (7_u64, "text".to_owned(), vec![Some(1.5_f64), None], HashMap::from([(1, 2)]));
        let bytes = encode(&value, vec![9]).unwrap();
        assert_eq!(
            decode::<(u64, String, Vec<Option<f64>>, HashMap<i32, i32>)>(&bytes[1..]),
            Ok(value)
        );
    }

    #[test]
    fn says_which_part_needs_another_form() {
        let bytes = encode(&Inner { values: vec![Choice::Number(1)] }, Vec::new()).unwrap();
        let error = decode::<Inner>(&bytes).unwrap_err();
        assert_eq!(error.path, "[0][0]", "the first field, its first element");
        assert!(error.reason.contains("untagged"), "{error}");
        assert!(error.to_string().contains("Inner` at `[0][0]`: it uses"), "{error}");
    }

    #[test]
    fn says_which_part_cannot_be_written() {
        #[derive(Serialize)]
        struct Outer {
            #[serde(flatten)]
            inner: HashMap<String, u32>,
        }
        let error = encode(&Outer { inner: HashMap::new() }, Vec::new()).unwrap_err();
        assert!(error.reason.contains("flatten"), "{error}");
    }

    #[test]
    fn what_is_left_over_is_an_error() {
        let bytes = encode(&(1_u8, 2_u8), Vec::new()).unwrap();
        assert!(decode::<u8>(&bytes).unwrap_err().reason.contains("left over"));
        assert!(decode_within_bounds::<u8>(&bytes).unwrap_err().reason.contains("left over"));
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Nothing,
        Newtype(Box<str>),
        Tuple(u8, Vec<Shape>),
        Struct { name: String, inside: Option<Box<Shape>> },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Everything {
        shapes: Vec<Shape>,
        table: HashMap<String, (i8, f32, char)>,
        unit: (),
        blob: crate::Blob,
        deep: Vec<Vec<Option<[u16; 3]>>>,
    }

    #[test]
    fn within_bounds_a_value_is_what_it_is_without() {
        let inside = Some(Box::new(Shape::Newtype("boxed".into())));
        let shape = Shape::Struct { name: "s".into(), inside };
        let value = Everything {
            shapes: vec![Shape::Nothing, Shape::Tuple(3, vec![shape])],
            table: HashMap::from([("key".into(), (-1, 0.5, 'x'))]),
            unit: (),
            blob: vec![7; 1000].into(),
            deep: vec![vec![None, Some([1, 2, 3])]; 50],
        };
        let bytes = encode(&value, Vec::new()).unwrap();
        assert_eq!(decode_within_bounds(&bytes), Ok(value));
        let fault = decode_within_bounds::<Everything>(&bytes[..bytes.len() - 2]).unwrap_err();
        assert_eq!(fault, decode::<Everything>(&bytes[..bytes.len() - 2]).unwrap_err());
        let many = encode(&vec![(); 60_000], Vec::new()).unwrap();
        assert_eq!(decode_within_bounds::<Vec<()>>(&many).unwrap().len(), 60_000);
    }

    #[derive(Debug, Default, Serialize, Deserialize)]
    struct Chain(Option<Box<Chain>>);

    #[test]
    fn what_is_nested_too_deep_is_an_error() {
        // As deep as it may be, and one more.
        let chain = |depth| [vec![1; depth], vec![0]].concat();
        assert!(decode_within_bounds::<Chain>(&chain(128)).is_ok());
        for depth in [129, 10_000_000] {
            let error = decode_within_bounds::<Chain>(&chain(depth)).unwrap_err();
            assert!(error.reason.contains("128 levels"), "{error}");
        }
    }

    #[test]
    #[expect(clippy::zero_sized_map_values, reason = "this is about them")]
    fn more_elements_than_bytes_are_an_error() {
        let endless = encode(&u64::MAX, Vec::new()).unwrap();
        for error in [
            decode_within_bounds::<Vec<()>>(&endless).unwrap_err(),
            decode_within_bounds::<HashMap<(), ()>>(&endless).unwrap_err(),
            decode_within_bounds::<Vec<[(); 9]>>(&endless).unwrap_err(),
        ] {
            assert!(error.reason.contains("more elements"), "{error}");
        }
        let many = [&[200, 1][..], &endless.repeat(200)].concat();
        assert!(decode_within_bounds::<Vec<Vec<()>>>(&many).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_of_a_stranger_are_a_value_or_an_error(bytes: Vec<u8>) {
            let bounded = decode_within_bounds::<(Vec<Option<Shape>>, Vec<()>)>(&bytes);
            proptest::prop_assert!(bounded.is_err() || decode::<(Vec<Option<Shape>>, Vec<()>)>(&bytes) == bounded);
        }
    }
}
