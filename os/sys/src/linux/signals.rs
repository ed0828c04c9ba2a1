//! Which signals reach this process, and how.
#![expect(unsafe_code, reason = "masks, dispositions and signalfd are C calls")]

use super::check;
use crate::signal::Signal;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::{fs::File, io::Read};

/// A descriptor that becomes readable when a child of this process ends. While it exists, the
/// calling thread gets no `SIGCHLD`.
#[derive(Debug)]
pub struct ChildEvents {
    events: File,
    old_mask: libc::sigset_t,
}

impl ChildEvents {
    /// Starts to collect them in the calling thread, which should be the only one.
    ///
    /// # Errors
    /// At the limits on descriptors.
    pub fn new() -> io::Result<Self> {
        let mut mask = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: room for a set.
        unsafe { libc::sigemptyset(mask.as_mut_ptr()) };
        // SAFETY: an initialised set and a valid signal.
        unsafe { libc::sigaddset(mask.as_mut_ptr(), libc::SIGCHLD) };
        // SAFETY: initialised above.
        let mask = unsafe { mask.assume_init() };
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        // SAFETY: -1 asks for a new descriptor.
        let fd = check(unsafe { libc::signalfd(-1, &raw const mask, flags) })?;
        // SAFETY: the call just returned this descriptor, so nobody else owns it.
        let events = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
        let mut old_mask = mask;
        // SAFETY: both pointers are to live sets.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const mask, &raw mut old_mask) };
        Ok(Self { events, old_mask })
    }

    /// Forgets the events so far. To be called before asking which children ended.
    pub fn clear(&mut self) {
        // One read of any size takes at least one event, and SIGCHLD does not queue.
        let mut event = [0; size_of::<libc::signalfd_siginfo>()];
        while matches!(self.events.read(&mut event), Ok(1..)) {}
    }
}

impl AsFd for ChildEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

impl Drop for ChildEvents {
    fn drop(&mut self) {
        // SAFETY: a set that pthread_sigmask filled; a null pointer asks for nothing.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.old_mask, std::ptr::null_mut())
        };
    }
}

/// What a process does on a signal, to be put back later.
#[derive(Clone, Copy)]
pub struct Disposition(Signal, libc::sigaction);

impl std::fmt::Debug for Disposition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Disposition").field(&self.0).finish_non_exhaustive()
    }
}

impl Disposition {
    /// Puts it back.
    pub fn restore(&self) {
        // SAFETY: an action that sigaction itself filled in.
        unsafe { libc::sigaction(self.0.number(), &raw const self.1, std::ptr::null_mut()) };
    }
}

/// Ignores `signal` from now on; returns what was done on it before.
pub fn ignore(signal: Signal) -> Disposition {
    set(signal, libc::SIG_IGN)
}

/// Does what the system does by default on `signal` from now on; returns what was done before.
pub fn reset(signal: Signal) -> Disposition {
    set(signal, libc::SIG_DFL)
}

fn set(signal: Signal, what: libc::sighandler_t) -> Disposition {
    // SAFETY: all zeros is a valid sigaction.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    action.sa_sigaction = what;
    let mut old = action;
    // SAFETY: both pointers are to live actions; a signal that cannot be ignored is refused.
    unsafe { libc::sigaction(signal.number(), &raw const action, &raw mut old) };
    Disposition(signal, old)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_signal_comes_back() {
        let old = ignore(Signal::USR2);
        // SAFETY: raise takes an integer, and the signal is ignored.
        unsafe { libc::raise(Signal::USR2.number()) };
        old.restore();
        assert_ne!(reset(Signal::USR2).1.sa_sigaction, libc::SIG_IGN);
    }
}
