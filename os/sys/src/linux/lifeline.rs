//! A line between two processes: when the one that holds it is gone, the kernel ends the other.
//!
//! It is a pipe into which nobody ever writes. The holder keeps the only write end. The dependent
//! keeps a read end that is armed with `F_SETSIG`: when the last write end closes, and that happens
//! however the holder ends, the kernel sends the dependent the chosen signal. So no thread and no
//! handler has to run in the dependent: it works while it is in a long C call, while its interpreter
//! lock is taken, and (with `SIGKILL`) while it is stopped.
//!
//! Against the alternatives: `PR_SET_PDEATHSIG` fires when the creating *thread* ends, and only for
//! direct children; a watching thread costs every child a thread, needs a processor at the moment
//! of death, and does nothing in a stopped process.
#![expect(unsafe_code, reason = "fcntl's owner and signal commands have no wrapper in std")]

use super::{check, errno};
use crate::signal::Signal;
use std::fs::OpenOptions;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

/// The holder's side: while this is open, its dependents live.
#[derive(Debug)]
pub struct Lifeline {
    /// Only there to be reopened: each dependent needs an open file of its own, since owner and
    /// signal are properties of the open file.
    reader: PipeReader,
    writer: PipeWriter,
}

impl Lifeline {
    /// A new line that nobody depends on yet.
    ///
    /// # Errors
    /// `EMFILE` and `ENFILE` at the limits on descriptors.
    pub fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        // A pipe belongs to who made it. A process that gives up its privileges later must still
        // be able to open it again; nobody else gets at it, as it has no name.
        // SAFETY: fchmod takes two integers.
        check(unsafe { libc::fchmod(reader.as_raw_fd(), 0o666) })?;
        Ok(Self { reader, writer })
    }

    /// An end for one dependent, to be [`arm`]ed by it.
    ///
    /// # Errors
    /// At the limits on descriptors, and when `/proc` is not mounted.
    pub fn dependent_end(&self) -> io::Result<OwnedFd> {
        OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(format!("/proc/self/fd/{}", self.reader.as_raw_fd()))
            .map(OwnedFd::from)
    }

    /// The number of the end that must not survive in a forked copy of the holder.
    pub fn writer(&self) -> RawFd {
        self.writer.as_raw_fd()
    }
}

/// Closes the copy of a [`Lifeline::writer`] that a fork made. Async-signal-safe.
pub fn close_copy(writer: RawFd) {
    // SAFETY: called once in the child of a fork with the number of its copy, which nobody uses:
    // the structure that owned it is abandoned in the child.
    unsafe { libc::close(writer) };
}

/// Ties the calling process to the holder of the line behind `end`: it gets `signal` when the
/// holder is gone. If the holder is gone already, it gets it now.
///
/// # Errors
/// `EBADF` and `EINVAL` when `end` is no such end.
pub fn arm(end: &impl AsFd, signal: Signal) -> io::Result<()> {
    let fd = end.as_fd().as_raw_fd();
    match arm_raw(fd, signal.number()) {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// [`arm`] for the stretch between `clone` and `exec`: system calls only. Returns 0 or an errno.
pub(super) fn arm_raw(fd: RawFd, signal: i32) -> i32 {
    const F_SETSIG: i32 = 10;
    // SAFETY: getpid has no precondition.
    let own_pid = unsafe { libc::getpid() };
    // O_ASYNC comes last: only then is everything in place that the kernel needs to deliver.
    let steps = [
        (libc::F_SETOWN, own_pid),
        (F_SETSIG, signal),
        (libc::F_SETFL, libc::O_ASYNC | libc::O_NONBLOCK),
    ];
    for (command, value) in steps {
        // SAFETY: these three commands take an integer.
        if unsafe { libc::fcntl(fd, command, value) } == -1 {
            return errno();
        }
    }
    // The holder may have gone before the line was armed; then no signal is coming.
    let mut poll = libc::pollfd { fd, events: 0, revents: 0 };
    // SAFETY: one live pollfd, and a timeout of zero.
    let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
    if ready > 0 && poll.revents & libc::POLLHUP != 0 {
        // SAFETY: kill takes two integers.
        unsafe { libc::kill(own_pid, signal) };
    }
    0
}

/// Whether the kernel will still send the signal: not if somebody has closed the end, or opened something else under
/// its number.
pub fn is_armed(end: &impl AsFd) -> bool {
    const F_GETSIG: i32 = 11;
    // SAFETY: this command takes no argument.
    unsafe { libc::fcntl(end.as_fd().as_raw_fd(), F_GETSIG) > 0 }
}

/// Frees the calling process from the line: it outlives the holder.
///
/// # Errors
/// `EBADF` when `end` is closed.
pub fn disarm(end: &impl AsFd) -> io::Result<()> {
    // SAFETY: F_SETFL takes an integer.
    check(unsafe { libc::fcntl(end.as_fd().as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) })
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_armed_end_is_told_from_any_other() {
        let line = Lifeline::new().unwrap();
        let end = line.dependent_end().unwrap();
        assert!(!is_armed(&end));
        arm(&end, Signal::URG).unwrap();
        assert!(is_armed(&end));
    }
}
