//! A descriptor that is readable while it is set: an event that can be polled beside others.
#![expect(unsafe_code, reason = "eventfd has no wrapper in std")]

use super::check;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd};

/// An event with a descriptor: readable while it is set. Not inherited by programs.
#[derive(Debug)]
pub struct EventFd(File);

impl EventFd {
    /// Not set.
    ///
    /// # Errors
    /// `EMFILE` and `ENFILE` at the limits on descriptors.
    pub fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes two integers.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the call just returned this descriptor, so nobody else owns it.
        Ok(Self(unsafe { File::from_raw_fd(fd) }))
    }

    /// Sets it.
    pub fn set(&self) {
        // It only fails when it has been set 2^64 times without being cleared.
        let _set = (&self.0).write(&1_u64.to_ne_bytes());
    }

    /// Clears it; says whether it was set.
    pub fn clear(&self) -> bool {
        (&self.0).read(&mut [0; 8]).is_ok()
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Deadline;
    use crate::poll::readable;

    #[test]
    fn is_readable_while_it_is_set() {
        let event = EventFd::new().unwrap();
        let is_set = || readable([Some(event.as_fd())], Deadline::now()).unwrap() == [true];
        assert!(!is_set() && !event.clear());
        event.set();
        event.set();
        assert!(is_set() && event.clear() && !is_set());
    }
}
