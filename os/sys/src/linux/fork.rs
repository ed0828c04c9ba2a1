//! Copying this process, and what runs in the copy and at the end.
#![expect(unsafe_code, reason = "fork and its hooks are C calls")]

use super::{check, pidfd::PidFd, wait};
use crate::signal::Signal;
use std::io;
use std::sync::atomic::{AtomicPtr, Ordering};

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

/// Copies this process through libc's `fork`.
///
/// libc's and not the raw system call: a child of the raw call keeps its parent's cached thread id
/// and robust list, and a robust mutex that such a child held when it died is never released.
///
/// # Errors
/// `EAGAIN` when a limit on processes is reached (`RLIMIT_NPROC`, the cgroup's `pids.max`, or
/// `kernel.threads-max`); `ENOMEM` when there is no memory for the copy; `EMFILE` when there is no
/// descriptor left for it. No copy is left after an error.
///
/// # Safety
/// In the child only the calling thread exists. If other threads ran, every lock that one of them
/// held stays locked for ever, and every structure that one of them was changing stays half
/// changed: the child may then only call async-signal-safe functions.
pub unsafe fn fork() -> io::Result<Fork> {
    // SAFETY: the caller answers for other threads; fork has no other precondition.
    let pid = check(unsafe { libc::fork() })?;
    if pid == 0 {
        return Ok(Fork::Child);
    }
    match PidFd::open(pid.unsigned_abs()) {
        Ok(child) => Ok(Fork::Parent { pid: pid.unsigned_abs(), child }),
        Err(error) => {
            // SAFETY: kill takes two integers; our own child that nobody has reaped has this pid.
            unsafe { libc::kill(pid, Signal::KILL.number()) };
            drop(wait::reap_ending(pid));
            Err(error)
        }
    }
}

/// Has libc call `hook` in the child of every `fork` of this process, whoever calls it.
///
/// The hook runs where only async-signal-safe functions are allowed: atomics and bare system calls,
/// no allocation, no lock.
///
/// # Errors
/// `ENOMEM`.
pub fn at_fork_in_child(hook: extern "C" fn()) -> io::Result<()> {
    let hook: unsafe extern "C" fn() = hook;
    // SAFETY: the hook is a function of this program and lives as long as it.
    match unsafe { libc::pthread_atfork(None, None, Some(hook)) } {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// Has libc call `hook` when this process ends by `exit` or by returning from `main`.
///
/// # Errors
/// `ENOMEM`.
pub fn at_exit(hook: extern "C" fn()) -> io::Result<()> {
    // SAFETY: the hook is a function of this program and lives as long as it.
    match unsafe { libc::atexit(hook) } {
        0 => Ok(()),
        _ => Err(io::ErrorKind::OutOfMemory.into()),
    }
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

/// Ends this process at once: no exit hooks, no flushing. For the child of a fork, whose hooks and
/// buffers are its parent's.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit has no precondition.
    unsafe { libc::_exit(code) }
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
