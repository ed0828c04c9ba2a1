//! Our types in psutil's form.

use polyproc_info::{Address, Connection, Error, Fact, Family, Missing, Result};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The value, or the name of psutil's exception.
pub(crate) fn or_error<T>(result: Result<T>, show: impl FnOnce(T) -> Value) -> Value {
    result.map_or_else(|error| json!({ "error": name(&error) }), show)
}

fn name(error: &Error) -> String {
    match error {
        Error::Gone { .. } => "NoSuchProcess".to_owned(),
        Error::Zombie { .. } => "ZombieProcess".to_owned(),
        Error::Denied { .. } => "AccessDenied".to_owned(),
        other => other.to_string(),
    }
}

/// The same for one attribute.
pub(crate) fn fact<T>(fact: &Fact<T>, show: impl FnOnce(&T) -> Value) -> Value {
    match fact {
        Ok(value) => show(value),
        Err(Missing::Zombie) => json!({ "error": "ZombieProcess" }),
        Err(Missing::Denied) => json!({ "error": "AccessDenied" }),
        Err(other) => json!({ "error": other.to_string() }),
    }
}

/// In hexadecimal.
pub(crate) fn bytes(bytes: &[u8]) -> Value {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
}

pub(crate) fn text(text: impl AsRef<OsStr>) -> Value {
    bytes(text.as_ref().as_bytes())
}

pub(crate) fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

pub(crate) fn since_1970(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, seconds)
}

/// `[]` for none, `[ip, port]`, or a name in hexadecimal.
pub(crate) fn address(address: &Address) -> Value {
    match address {
        Address::Inet(address) => json!([address.ip().to_string(), address.port()]),
        Address::Unix(name) | Address::Hardware(name) => bytes(name),
        Address::None => json!([]),
    }
}

/// Descriptor, family, type, local, remote, state, pid, inode.
pub(crate) fn connections(all: &[Connection]) -> Value {
    let row = |one: &Connection| {
        let family = match one.family {
            Family::Inet4 => 2,
            Family::Inet6 => 10,
            Family::Unix => 1,
        };
        json!([
            one.descriptor.unwrap_or(-1),
            family,
            one.transport.number(),
            address(&one.local),
            address(&one.remote),
            one.state.to_string(),
            one.pid,
            one.inode,
        ])
    };
    all.iter().map(row).collect()
}
