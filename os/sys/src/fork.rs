//! Copying this process, and what runs in the copy and at the end.
#![expect(unsafe_code, reason = "a value that is leaked on purpose is read through its pointer")]

use crate::pidfd::PidFd;
use std::sync::atomic::{AtomicPtr, Ordering};

pub use crate::imp::fork::{at_exit, at_fork_in_child, authority, exit_now, fork};

/// Which of the two processes the call returned in.
#[derive(Debug)]
pub enum Fork {
    /// The caller.
    Parent {
        /// The copy's pid.
        pid: u32,
        /// The copy.
        child: PidFd,
    },
    /// The copy.
    Child,
}

/// A value that belongs to one process: in a forked copy it is there no more.
///
/// What is put in stays for the life of the process. The copy forgets it without dropping it, since
/// its locks and counts may be those of threads that do not exist in the copy.
#[derive(Debug)]
pub struct ForkLocal<T: 'static>(AtomicPtr<T>);

impl<T: Send + Sync> ForkLocal<T> {
    /// Without a value.
    #[expect(clippy::new_without_default, reason = "only ever a static")]
    pub const fn new() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// The value of this process.
    pub fn get(&self) -> Option<&'static T> {
        let value = self.0.load(Ordering::Acquire);
        // SAFETY: null, or a box that `set` leaked, which is never freed.
        unsafe { value.as_ref() }
    }

    /// Gives this process its value, unless it has one. Returns the one it has then.
    pub fn set(&self, value: Box<T>) -> &'static T {
        let new = Box::into_raw(value);
        let (null, order) = (std::ptr::null_mut(), Ordering::AcqRel);
        match self.0.compare_exchange(null, new, order, Ordering::Acquire) {
            // SAFETY: leaked just now, never freed.
            Ok(_) => unsafe { &*new },
            Err(first) => {
                // SAFETY: made by into_raw just now, and not stored anywhere.
                drop(unsafe { Box::from_raw(new) });
                // SAFETY: a box that `set` leaked before, which is never freed.
                unsafe { &*first }
            }
        }
    }

    /// Forgets the value: for a hook of [`at_fork_in_child`]. Async-signal-safe.
    pub fn forget(&self) {
        self.0.store(std::ptr::null_mut(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_set_once_and_forgotten() {
        static VALUE: ForkLocal<u32> = ForkLocal::new();
        assert_eq!(VALUE.get(), None);
        assert_eq!(VALUE.set(Box::new(1)), &1);
        assert_eq!(VALUE.set(Box::new(2)), &1);
        VALUE.forget();
        assert_eq!(VALUE.get(), None);
    }
}
