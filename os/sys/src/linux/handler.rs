//! A signal that does nothing but end waits.
#![expect(unsafe_code, reason = "sigaction is a C call")]

use super::check;
use crate::signal::Signal;
use std::io;
use std::mem::MaybeUninit;

extern "C" fn nothing(_signal: libc::c_int) {}

/// From now on `signal` does nothing in this process except that system calls that wait return, as
/// [`crate::futex::Woken::Interrupted`] for one.
///
/// # Errors
/// `EINVAL` for SIGKILL, SIGSTOP and numbers that libc keeps for itself.
pub fn interrupt_on(signal: Signal) -> io::Result<()> {
    let handler: extern "C" fn(libc::c_int) = nothing;
    // SAFETY: all zeros is a valid sigaction: no flags (so no SA_RESTART), an empty mask.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    action.sa_sigaction = handler as usize;
    // SAFETY: a valid action, whose handler does nothing and so is async-signal-safe.
    check(unsafe { libc::sigaction(signal.number(), &raw const action, std::ptr::null_mut()) })
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signals_that_cannot_be_caught_are_refused() {
        assert!(interrupt_on(Signal::KILL).is_err());
        assert!(interrupt_on(Signal::WINCH).is_ok());
    }
}
