//! A C function that crashes on some inputs: in a pool, it takes nothing along but its own task.
//!
//! ```text
//! "polyproc" has 8 bytes
//! nothing: a task (worker pid …) ended its worker: SIGSEGV…
//! "a pool" has 6 bytes
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(unsafe_code, reason = "it calls C")]

use polyproc::prelude::*;
use std::ffi::{CString, c_char};

unsafe extern "C" {
    /// Of C's library: it believes that every pointer leads to a text.
    fn strlen(text: *const c_char) -> usize;
}

fn length(text: Option<String>) -> usize {
    let text = text.and_then(|text| CString::new(text).ok());
    let pointer = text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr());
    // SAFETY: there is none for a null pointer, which is why this runs in a process of its own.
    unsafe { strlen(std::hint::black_box(pointer)) }
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let pool = Pool::builder().workers(1).stderr(|_| Stdio::Null).build()?;
    for text in [Some("polyproc"), None, Some("a pool")] {
        match (text, pool.apply(length, text.map(str::to_owned))) {
            (Some(text), Ok(bytes)) => println!("{text:?} has {bytes} bytes"),
            (Some(text), Err(error)) => println!("{text:?}: {error}"),
            (None, Ok(bytes)) => println!("nothing has {bytes} bytes"),
            (None, Err(error)) => println!("nothing: {error}"),
        }
    }
    Ok(())
}
