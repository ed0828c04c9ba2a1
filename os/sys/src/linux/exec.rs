//! How a program is started.
//!
//! The stretch between `clone` and `exec` is [`in_child`], and nothing else. The child shares this
//! process's memory while this thread stands still (`CLONE_VM | CLONE_VFORK`), so starting costs
//! the same from a small process and from one with gigabytes, and the child reports a failed step
//! by writing it into our memory. What may happen there: system calls on values that were prepared
//! before. No allocation, no lock, no drop, nothing that may panic: other threads run on and hold
//! the locks that such code would want.
//!
//! Against `posix_spawn`: it cannot say which step failed, cannot tie the child to its parent
//! before the program runs, and cannot close descriptors above a number on every libc.
#![expect(unsafe_code, reason = "the stretch between clone and exec is raw system calls")]

use super::{check, errno, lifeline, pidfd::PidFd, wait};
use crate::exec::{ExecError, MAX_EXTRA, Program, Started, Step};
use std::ffi::{CStr, CString, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Starts `program` and returns once it executes, or says which step failed. A child that failed
/// has been reaped.
///
/// # Errors
/// [`ExecError`]; `EAGAIN` at the step [`Step::Clone`] is a limit on processes.
///
/// # Panics
/// When there are more than [`MAX_EXTRA`] extra descriptors.
pub fn start(program: &Program<'_>) -> Result<Started, ExecError> {
    assert!(program.extra.len() <= MAX_EXTRA, "at most {MAX_EXTRA} extra descriptors");
    let arguments = null_terminated(program.arguments);
    let environment = null_terminated(program.environment);
    let mut plan = Plan {
        path: program.path.as_ptr(),
        arguments: arguments.as_ptr(),
        environment: environment.as_ptr(),
        directory: program.directory.map_or(std::ptr::null(), CStr::as_ptr),
        descriptors: [-1; 3 + MAX_EXTRA],
        count: 3 + program.extra.len(),
        lifeline: program.lifeline.map_or(-1, |(index, _)| 3 + index as i32),
        lifeline_signal: program.lifeline.map_or(0, |(_, signal)| signal.number()),
        mask: 0,
        failure: None,
    };
    for (slot, fd) in plan.descriptors.iter_mut().zip(program.stdio.iter().chain(program.extra)) {
        *slot = fd.as_raw_fd();
    }
    let (pid, pidfd) = clone_and_exec(&mut plan)?;
    match plan.failure {
        None => Ok(Started { pid: pid.unsigned_abs(), pidfd }),
        Some((step, errno)) => {
            // It has called _exit already. An ECHILD means that the system reaped it for us.
            drop(wait::reap_ending(pid));
            Err(ExecError { step, source: io::Error::from_raw_os_error(errno) })
        }
    }
}

fn null_terminated(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}

/// All that the child needs, and the place where it leaves its failure.
struct Plan {
    path: *const libc::c_char,
    arguments: *const *const libc::c_char,
    environment: *const *const libc::c_char,
    directory: *const libc::c_char,
    descriptors: [RawFd; 3 + MAX_EXTRA],
    count: usize,
    lifeline: RawFd,
    lifeline_signal: i32,
    /// Signals that the child blocks: none. The kernel's form, one bit a signal.
    mask: u64,
    failure: Option<(Step, i32)>,
}

fn clone_and_exec(plan: &mut Plan) -> Result<(libc::pid_t, PidFd), ExecError> {
    /// Enough for [`in_child`] and the C functions it calls, several times over.
    const STACK: usize = 64 * 1024;
    let mut stack = Vec::<MaybeUninit<u8>>::with_capacity(STACK);
    // The ABI wants the stack's top at a multiple of 16.
    let top = (stack.as_mut_ptr() as usize + STACK) & !15;
    let mut pidfd: RawFd = -1;
    // A handler that ran in the child would run in our memory. All signals, also those that libc
    // keeps for itself: so the raw call.
    let everything = !0_u64;
    let old_mask = swap_mask(everything);
    // SAFETY: the child runs on its own stack, which lives until clone returns, since CLONE_VFORK
    // holds this thread until the child has executed or ended; in_child keeps to the rules above.
    let pid = unsafe {
        libc::clone(
            in_child,
            std::ptr::with_exposed_provenance_mut(top),
            libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD,
            std::ptr::from_mut(plan).cast::<c_void>(),
            &raw mut pidfd,
        )
    };
    let result = check(pid).map_err(|source| ExecError { step: Step::Clone, source });
    swap_mask(old_mask);
    let pid = result?;
    // SAFETY: clone succeeded, so it stored a descriptor that nobody else owns.
    Ok((pid, PidFd::from_owned(unsafe { OwnedFd::from_raw_fd(pidfd) })))
}

/// Sets the short name under which `ps` and `top` list the calling thread (cut to 15 bytes): after
/// executing `/proc/self/exe` it would be `exe`.
pub fn set_short_name(name: &CStr) {
    // SAFETY: PR_SET_NAME takes a C string and copies it.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// Runs in the child, in the parent's memory. See the rules at the top of this file.
extern "C" fn in_child(plan: *mut c_void) -> libc::c_int {
    // SAFETY: the parent passed its plan and stands still until we have executed or ended.
    let plan = unsafe { &mut *plan.cast::<Plan>() };
    plan.failure = Some(prepare_and_exec(plan));
    // SAFETY: _exit has no precondition.
    unsafe { libc::_exit(127) }
}

/// Returns only when a step failed.
fn prepare_and_exec(plan: &mut Plan) -> (Step, i32) {
    if !place_descriptors(plan) {
        return (Step::Descriptors, errno());
    }
    if plan.lifeline >= 0 {
        match lifeline::arm_raw(plan.lifeline, plan.lifeline_signal) {
            0 => {}
            errno => return (Step::Lifeline, errno),
        }
    }
    // SAFETY: a C string of the parent's, which stands still.
    if !plan.directory.is_null() && unsafe { libc::chdir(plan.directory) } == -1 {
        return (Step::Directory, errno());
    }
    reset_handlers();
    swap_mask(plan.mask);
    // SAFETY: C strings and null-terminated arrays of the parent's, which stands still.
    unsafe { libc::execve(plan.path, plan.arguments, plan.environment) };
    (Step::Exec, errno())
}

/// Moves the plan's descriptors to 0, 1, 2, 3 … and closes all others.
fn place_descriptors(plan: &mut Plan) -> bool {
    // First above all targets, so that no move overwrites a descriptor still to be moved.
    let floor = (3 + MAX_EXTRA) as i32;
    for fd in &mut plan.descriptors[..plan.count] {
        if *fd < floor {
            // SAFETY: F_DUPFD_CLOEXEC takes an integer.
            *fd = unsafe { libc::fcntl(*fd, libc::F_DUPFD_CLOEXEC, floor) };
            if *fd == -1 {
                return false;
            }
        }
    }
    for (target, fd) in plan.descriptors[..plan.count].iter().enumerate() {
        // SAFETY: dup2 takes two integers. The copy is not close-on-exec.
        if unsafe { libc::dup2(*fd, target as i32) } == -1 {
            return false;
        }
    }
    let (first, last, flags) = (plan.count as libc::c_uint, libc::c_uint::MAX, 0 as libc::c_uint);
    // SAFETY: close_range takes three integers.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) != -1 }
}

/// Handlers are code of a program that is about to be replaced: back to the default before signals
/// are let through. Dispositions are not shared with the parent (no `CLONE_SIGHAND`).
fn reset_handlers() {
    for signal in 1..=64 {
        // SAFETY: all zeros is a valid sigaction: the default action, an empty mask.
        let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
        // SAFETY: a null new action only asks; numbers that libc keeps for itself are refused.
        let asked = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
        let handled = action.sa_sigaction != libc::SIG_DFL && action.sa_sigaction != libc::SIG_IGN;
        if asked == 0 && handled {
            action.sa_sigaction = libc::SIG_DFL;
            action.sa_flags = 0;
            // SAFETY: a valid action for a valid signal.
            unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
        }
    }
}

/// Sets this thread's signal mask by the raw call and returns the old one.
fn swap_mask(mut mask: u64) -> u64 {
    let mut old = 0_u64;
    // SAFETY: the kernel's mask is 8 bytes, and both pointers are to 8 live bytes.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw mut mask,
            &raw mut old,
            size_of::<u64>(),
        )
    };
    old
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Deadline;
    use crate::imp::lifeline::Lifeline;
    use crate::imp::poll;
    use crate::signal::Signal;
    use crate::wait::Status;
    use std::fs::File;
    use std::io::{PipeWriter, Read};
    use std::os::fd::{AsFd, BorrowedFd};

    fn start_shell(
        path: &CStr,
        script: &str,
        out: &PipeWriter,
        extra: &[BorrowedFd<'_>],
        lifeline: Option<(usize, Signal)>,
    ) -> Result<Started, ExecError> {
        let null = File::options().read(true).write(true).open("/dev/null").unwrap();
        let arguments = ["sh", "-c", script].map(|word| CString::new(word).unwrap());
        start(&Program {
            path,
            arguments: &arguments,
            environment: &[c"GREETING=hello".to_owned()],
            directory: Some(c"/"),
            stdio: [null.as_fd(), out.as_fd(), null.as_fd()],
            extra,
            lifeline,
        })
    }

    fn end_of(started: &Started) -> Status {
        poll::readable([Some(started.pidfd.as_fd())], Deadline::NEVER).unwrap();
        wait::reap(&started.pidfd).unwrap().unwrap().status
    }

    #[test]
    fn has_its_environment_directory_and_descriptors_and_no_others() {
        let (mut reader, writer) = io::pipe().unwrap();
        let (extra, _keep) = io::pipe().unwrap();
        let script =
            "echo $GREETING $PWD; for f in /proc/self/fd/*; do echo -n ${f##*/}; done; exit 7";
        let started = start_shell(c"/bin/sh", script, &writer, &[extra.as_fd()], None).unwrap();
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        // The shell's own descriptor for reading the directory is the next free one.
        assert!(text == "hello /\n0123" || text == "hello /\n01234", "{text}");
        assert_eq!(end_of(&started), Status::Exited(7));
    }

    #[test]
    fn says_which_step_failed_and_leaves_no_zombie() {
        let (_reader, writer) = io::pipe().unwrap();
        let error = start_shell(c"/no/such/file", "", &writer, &[], None).unwrap_err();
        assert_eq!(error.step, Step::Exec);
        assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
        assert_eq!(error.to_string(), format!("cannot execute the program file: {}", error.source));
    }

    #[test]
    fn dies_with_the_holder_of_its_lifeline() {
        let (_reader, writer) = io::pipe().unwrap();
        let line = Lifeline::new().unwrap();
        let end = line.dependent_end().unwrap();
        let held = Some((0, Signal::KILL));
        let started =
            start_shell(c"/bin/sh", "exec sleep 100", &writer, &[end.as_fd()], held).unwrap();
        drop(line);
        assert_eq!(end_of(&started), Status::Signaled { signal: Signal::KILL, core_dumped: false });
        // A line whose holder is gone kills at once.
        let started = start_shell(c"/bin/sh", "exec sleep 100", &writer, &[end.as_fd()], held);
        assert!(matches!(end_of(&started.unwrap()), Status::Signaled { .. }));
    }
}
