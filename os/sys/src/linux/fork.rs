//! libc's `fork` and its hooks.
#![expect(unsafe_code, reason = "fork and its hooks are C calls")]

use super::{check, pidfd::PidFd, wait};
use crate::fork::Fork;
use crate::signal::Signal;
use std::io;

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
        // Somebody waits for any child, and was faster: there is none to be ended any more.
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Err(error),
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

/// As whom this process acts: its effective user and group.
pub fn authority() -> (u32, u32) {
    // SAFETY: geteuid has no precondition.
    let user = unsafe { libc::geteuid() };
    // SAFETY: nor has getegid.
    (user, unsafe { libc::getegid() })
}

/// Ends this process at once: no exit hooks, no flushing. For the child of a fork, whose hooks and
/// buffers are its parent's.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit has no precondition.
    unsafe { libc::_exit(code) }
}
