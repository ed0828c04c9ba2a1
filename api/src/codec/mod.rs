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

/// No path is told to a place that is deeper.
const LONGEST_PATH: usize = 80;

fn told(error: &serde_path_to_error::Error<Fault>) -> String {
    let mut path = error.path().to_string();
    if path.len() > LONGEST_PATH {
        path.truncate(path.floor_char_boundary(LONGEST_PATH));
        path.push('…');
    }
    path
}

/// The part of a value at which writing it fails.
#[cold]
fn path_of_writing<F: Form, T: Serialize>(value: &T) -> String {
    let mut writer = Writer::<F>::new(Vec::new());
    let error = serde_path_to_error::serialize(value, &mut writer).err();
    error.as_ref().map_or_else(String::new, told)
}

/// The part of a value at which reading it fails.
#[cold]
fn path_of_reading<F: Form, T: DeserializeOwned>(bytes: &[u8]) -> String {
    let error = serde_path_to_error::deserialize::<_, T>(&mut Reader::<F>::new(bytes)).err();
    error.as_ref().map_or_else(String::new, told)
}

fn codec_error<T>(path: String, fault: &Fault) -> CodecError {
    CodecError { path, ..CodecError::of::<T>(fault) }
}

#[cfg(test)]
mod tests;
