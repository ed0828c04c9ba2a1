//! Values to bytes and back: serde, in postcard's format. Both ends are one build, so the format
//! never has to be understood by anything else.
//!
//! When a value does not fit, a second, slower pass finds out which part of it.

use crate::message;
use serde::Serialize;
use serde::de::DeserializeOwned;
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

/// Appends `value` to `bytes`.
pub(crate) fn encode<T: Serialize>(value: &T, bytes: Vec<u8>) -> Result<Vec<u8>, CodecError> {
    postcard::to_extend(value, bytes).map_err(|error| {
        let mut serializer = postcard::Serializer { output: postcard::ser_flavors::StdVec::new() };
        let path = serde_path_to_error::serialize(value, &mut serializer)
            .err()
            .map_or_else(String::new, |error| error.path().to_string());
        codec_error::<T>(path, &error)
    })
}

/// Reads a value that takes up all of `bytes`.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(CodecError::of::<T>(&format_args!(
            "{} bytes are left over: its `Serialize` writes more than its `Deserialize` reads",
            rest.len()
        ))),
        Err(error) => {
            let mut deserializer = postcard::Deserializer::from_bytes(bytes);
            let path = serde_path_to_error::deserialize::<_, T>(&mut deserializer)
                .err()
                .map_or_else(String::new, |error| error.path().to_string());
            Err(codec_error::<T>(path, &error))
        }
    }
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
    }
}
