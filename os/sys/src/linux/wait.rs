//! Waiting for children by the one call that tells both status and resource usage.
#![expect(unsafe_code, reason = "waitid with resource usage has no wrapper in std")]

use super::{check, pidfd::PidFd, retry};
use crate::signal::Signal;
use crate::wait::{Reaped, Status, Usage};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// Reaps this child if it has ended; `Ok(None)` while it runs.
///
/// # Errors
/// `ECHILD` when it is not our child, or when somebody else reaped it first.
pub fn reap(child: &PidFd) -> io::Result<Option<Reaped>> {
    let fd = child.as_fd().as_raw_fd();
    wait_id(libc::P_PIDFD, libc::id_t::try_from(fd).unwrap_or_default(), libc::WNOHANG)
}

/// Reaps any child that has ended; `Ok(None)` while all run, or when there is none.
///
/// # Errors
/// None that the kernel documents.
pub fn reap_any() -> io::Result<Option<Reaped>> {
    match wait_id(libc::P_ALL, 0, libc::WNOHANG) {
        Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ok(None),
        other => other,
    }
}

/// Waits until the child `pid` ends and reaps it: for a child that is known to be ending.
///
/// # Errors
/// `ECHILD`, as in [`reap`].
pub(super) fn reap_ending(pid: libc::pid_t) -> io::Result<Option<Reaped>> {
    wait_id(libc::P_PID, pid.unsigned_abs(), 0)
}

/// The raw call, because libc's leaves out the last argument, the resource usage.
fn wait_id(kind: libc::idtype_t, id: libc::id_t, flags: i32) -> io::Result<Option<Reaped>> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    retry(|| {
        // SAFETY: both pointers are to live memory of the types that waitid writes.
        let result = unsafe {
            libc::syscall(
                libc::SYS_waitid,
                kind,
                id,
                info.as_mut_ptr(),
                libc::WEXITED | flags,
                usage.as_mut_ptr(),
            )
        };
        check(i32::try_from(result).unwrap_or(-1))
    })?;
    // SAFETY: zeroed at first, and all zeros is a valid siginfo_t; the kernel filled it since.
    let info = unsafe { info.assume_init() };
    // SAFETY: likewise for rusage.
    let usage = unsafe { usage.assume_init() };
    // SAFETY: after waitid the siginfo is of the SIGCHLD form, or all zeros.
    let pid = unsafe { info.si_pid() };
    if pid == 0 {
        return Ok(None);
    }
    // SAFETY: as above.
    let value = unsafe { info.si_status() };
    Ok(Some(Reaped {
        pid: pid.unsigned_abs(),
        status: match (info.si_code, Signal::from_number(value)) {
            (libc::CLD_KILLED, Some(signal)) => Status::Signaled { signal, core_dumped: false },
            (libc::CLD_DUMPED, Some(signal)) => Status::Signaled { signal, core_dumped: true },
            _ => Status::Exited(value),
        },
        usage: usage_of(&usage),
    }))
}

fn usage_of(usage: &libc::rusage) -> Usage {
    let duration = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec.unsigned_abs())
            + Duration::from_micros(time.tv_usec.unsigned_abs())
    };
    Usage {
        user: duration(usage.ru_utime),
        system: duration(usage.ru_stime),
        // getrusage(2): ru_maxrss is in kilobytes of 1024 bytes.
        peak_memory: usage.ru_maxrss.unsigned_abs() * 1024,
    }
}
