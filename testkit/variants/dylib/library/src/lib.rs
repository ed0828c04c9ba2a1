//! A shared library of Rust code that starts processes, of its own functions and of its user's.

use polyproc::StartMethod::{Fork, ForkServer, Spawn};
use polyproc::prelude::*;

/// A function of the library's.
pub fn triple(x: u64) -> u64 {
    x * 3
}

/// Instances of this are made by whoever names the type.
pub fn show<T: std::fmt::Debug>(value: T) -> String {
    format!("{value:?}")
}

/// Runs `function` of 7 by every start method.
pub fn by_every_method(function: fn(u64) -> u64) -> polyproc::Result<[u64; 3]> {
    let mut results = [0; 3];
    for (result, method) in results.iter_mut().zip([Fork, ForkServer, Spawn]) {
        *result = Process::builder().start_method(method).spawn(function, 7)?.join()?;
    }
    Ok(results)
}
