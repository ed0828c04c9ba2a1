//! The Linux back end: x86-64 and aarch64, kernel 5.10 or newer, glibc or musl.

pub mod accounts;
pub(crate) mod cgroup;
pub mod constants;
pub mod control;
pub(crate) mod cpu;
pub mod directory;
pub(crate) mod endpoint;
pub mod eventfd;
pub(crate) mod exec;
pub(crate) mod files;
pub(crate) mod filesystem;
pub(crate) mod fork;
pub mod fork_hooks;
pub(crate) mod futex;
pub mod handler;
pub mod heap;
pub(crate) mod image;
pub(crate) mod interfaces;
pub mod lifeline;
pub mod memory;
pub mod moment;
pub mod pidfd;
pub mod poll;
pub mod random;
pub mod signals;
pub mod sock_diag;
pub(crate) mod socket;
pub mod stack;
pub mod stream;
pub(crate) mod streaming;
pub mod thread;
pub(crate) mod wait;

use std::io;

/// The calling thread's error number, by a form that allocates nothing.
fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// The kernel's usual answer: -1 is an error whose number is in `errno`.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The same for calls that return a size.
fn check_size(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_negative| io::Error::last_os_error())
}

/// Repeats a call that a signal interrupted.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
