//! Values to bytes and back: serde, in postcard's format, in two [forms](form).
//!
//! It is written out here, and not left to the crate, for what no such crate does: vectors of numbers inside of
//! values are copied as a whole (see [`numbers`]), with what the crate gives up for that (numbers of this family
//! are as they lie in memory), and with bounds for strangers. What goes to strangers is postcard's, byte by
//! byte; tests compare them.
//!
//! When a value does not fit, a second, slower pass finds out which part of it.

mod bounds;
mod fault;
mod form;
pub(crate) mod numbers;
mod read;
mod write;

use fault::Fault;
use form::{Anybody, Family, Form};
use read::Reader;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use write::Writer;

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

/// Appends `value` to `bytes`.
pub(crate) fn encode<T: Serialize>(value: &T, bytes: Vec<u8>) -> Result<Vec<u8>, CodecError> {
    encode_as::<Family, T>(value, bytes)
}

/// The same for whomever.
pub(crate) fn encode_for_anybody<T: Serialize>(
    value: &T,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, CodecError> {
    encode_as::<Anybody, T>(value, bytes)
}

fn encode_as<F: Form, T: Serialize>(value: &T, bytes: Vec<u8>) -> Result<Vec<u8>, CodecError> {
    let mut writer = Writer::<F>::new(bytes);
    match value.serialize(&mut writer) {
        Ok(()) => Ok(writer.finish()),
        Err(fault) => Err(codec_error::<T>(path_of_writing::<F, T>(value), &fault)),
    }
}

/// Reads a value that takes up all of `bytes`.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    all_of(decode_first_as::<Family, T>(bytes)?)
}

/// Reads a value from the beginning of `bytes`; gives the rest, too.
pub(crate) fn decode_first<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), CodecError> {
    decode_first_as::<Family, T>(bytes)
}

/// [`decode`] for `bytes` of a stranger, who may not mean well: see [`bounds`].
pub(crate) fn decode_from_anybody<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    all_of(decode_first_as::<Anybody, T>(bytes)?)
}

fn decode_first_as<F: Form, T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), CodecError> {
    let mut reader = Reader::<F>::new(bytes);
    match T::deserialize(&mut reader) {
        Ok(value) => Ok((value, reader.rest())),
        Err(fault) => Err(codec_error::<T>(path_of_reading::<F, T>(bytes), &fault)),
    }
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

/// The part of a value at which writing it fails.
#[cold]
fn path_of_writing<F: Form, T: Serialize>(value: &T) -> String {
    let mut writer = Writer::<F>::new(Vec::new());
    let error = serde_path_to_error::serialize(value, &mut writer).err();
    error.map_or_else(String::new, |error| error.path().to_string())
}

/// The part of a value at which reading it fails.
#[cold]
fn path_of_reading<F: Form, T: DeserializeOwned>(bytes: &[u8]) -> String {
    let error = serde_path_to_error::deserialize::<_, T>(&mut Reader::<F>::new(bytes)).err();
    error.map_or_else(String::new, |error| error.path().to_string())
}

fn codec_error<T>(path: String, fault: &Fault) -> CodecError {
    CodecError { path, ..CodecError::of::<T>(fault) }
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
        assert!(decode_from_anybody::<u8>(&bytes).unwrap_err().reason.contains("left over"));
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
        assert_eq!(decode_from_anybody(&bytes), Ok(value));
        let fault = decode_from_anybody::<Everything>(&bytes[..bytes.len() - 2]).unwrap_err();
        assert_eq!(fault, decode::<Everything>(&bytes[..bytes.len() - 2]).unwrap_err());
        let many = encode(&vec![(); 60_000], Vec::new()).unwrap();
        assert_eq!(decode_from_anybody::<Vec<()>>(&many).unwrap().len(), 60_000);
    }

    #[derive(Debug, Default, Serialize, Deserialize)]
    struct Chain(Option<Box<Chain>>);

    #[test]
    fn what_is_nested_too_deep_is_an_error() {
        // As deep as it may be, and one more.
        let chain = |depth| [vec![1; depth], vec![0]].concat();
        assert!(decode_from_anybody::<Chain>(&chain(128)).is_ok());
        for depth in [129, 10_000_000] {
            let error = decode_from_anybody::<Chain>(&chain(depth)).unwrap_err();
            assert!(error.reason.contains("128 levels"), "{error}");
        }
    }

    #[test]
    #[expect(clippy::zero_sized_map_values, reason = "this is about them")]
    fn more_elements_than_bytes_are_an_error() {
        let endless = encode(&u64::MAX, Vec::new()).unwrap();
        for error in [
            decode_from_anybody::<Vec<()>>(&endless).unwrap_err(),
            decode_from_anybody::<HashMap<(), ()>>(&endless).unwrap_err(),
            decode_from_anybody::<Vec<[(); 9]>>(&endless).unwrap_err(),
        ] {
            assert!(error.reason.contains("more elements"), "{error}");
        }
        let many = [&[200, 1][..], &endless.repeat(200)].concat();
        assert!(decode_from_anybody::<Vec<Vec<()>>>(&many).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_of_a_stranger_are_a_value_or_an_error(bytes: Vec<u8>) {
            let bounded = decode_from_anybody::<(Vec<Option<Shape>>, Vec<()>)>(&bytes);
            proptest::prop_assert!(bounded.is_err() || decode::<(Vec<Option<Shape>>, Vec<()>)>(&bytes) == bounded);
        }
    }
}
