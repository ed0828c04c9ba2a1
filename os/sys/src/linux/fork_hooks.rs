//! Hooks on both sides of a fork.
#![expect(unsafe_code, reason = "pthread_atfork is a C call")]

use std::io;

/// Has libc call `before` in this process before every `fork`, whoever calls it, and afterwards
/// `in_parent` here (also when the fork failed) and `in_child` in the copy.
///
/// `in_child` runs where only async-signal-safe functions are allowed, unless this process has one
/// thread.
///
/// # Errors
/// `ENOMEM`.
pub fn around_fork(
    before: extern "C" fn(),
    in_parent: extern "C" fn(),
    in_child: extern "C" fn(),
) -> io::Result<()> {
    let before: unsafe extern "C" fn() = before;
    let in_parent: unsafe extern "C" fn() = in_parent;
    let in_child: unsafe extern "C" fn() = in_child;
    // SAFETY: the hooks are functions of this program and live as long as it.
    match unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) } {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}
