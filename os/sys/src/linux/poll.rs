//! Waiting for any of several descriptors.
#![expect(unsafe_code, reason = "ppoll has no wrapper in std")]

use super::check;
use crate::clock::Deadline;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Waits until at least one of `fds` is readable (or its other end is closed), or until `deadline`.
/// Says of each whether it is. A signal does not end the wait.
///
/// # Errors
/// `ENOMEM`, or `EINVAL` for more descriptors than the process may open.
pub fn readable<const N: usize>(
    fds: [Option<BorrowedFd<'_>>; N],
    deadline: Deadline,
) -> io::Result<[bool; N]> {
    // A negative descriptor is one that poll passes over.
    let mut set = fds.map(|fd| entry(fd.map_or(-1, |fd| fd.as_raw_fd())));
    wait(&mut set, deadline)?;
    Ok(set.map(|entry| entry.revents != 0))
}

/// [`readable`] for any number of descriptors: the indices of those that are.
///
/// # Errors
/// As [`readable`].
pub fn any_readable(fds: &[BorrowedFd<'_>], deadline: Deadline) -> io::Result<Vec<usize>> {
    let mut set: Vec<_> = fds.iter().map(|fd| entry(fd.as_raw_fd())).collect();
    wait(&mut set, deadline)?;
    Ok((0..set.len()).filter(|&index| set[index].revents != 0).collect())
}

/// Waits until `fd` takes a message (or its other end is closed), or until `deadline`; says whether.
///
/// # Errors
/// As [`readable`].
pub fn writable(fd: BorrowedFd<'_>, deadline: Deadline) -> io::Result<bool> {
    let mut set = [libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLOUT, revents: 0 }];
    wait(&mut set, deadline)?;
    Ok(set[0].revents != 0)
}

/// Whether the other end of a pipe or socket is closed for good.
pub fn is_hung_up(fd: BorrowedFd<'_>) -> bool {
    let mut set = [libc::pollfd { fd: fd.as_raw_fd(), events: 0, revents: 0 }];
    wait(&mut set, Deadline::now()).is_ok() && set[0].revents & libc::POLLHUP != 0
}

fn entry(fd: i32) -> libc::pollfd {
    libc::pollfd { fd, events: libc::POLLIN, revents: 0 }
}

fn wait(set: &mut [libc::pollfd], deadline: Deadline) -> io::Result<()> {
    loop {
        let left = deadline.remaining().map(|left| libc::timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        let left = left.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: `set` is a live slice of that length; a null timeout waits for ever, a null mask
        // leaves the signals as they are.
        let result = unsafe {
            libc::ppoll(set.as_mut_ptr(), set.len() as libc::nfds_t, left, std::ptr::null())
        };
        match check(result) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::time::Duration;

    #[test]
    fn tells_which_is_ready_and_skips_none() {
        let (quiet, _keep) = io::pipe().unwrap();
        let (ready, mut writer) = io::pipe().unwrap();
        writer.write_all(b"x").unwrap();
        let found =
            readable([Some(quiet.as_fd()), None, Some(ready.as_fd())], Deadline::NEVER).unwrap();
        assert_eq!(found, [false, false, true]);
        assert_eq!(any_readable(&[ready.as_fd()], Deadline::NEVER).unwrap(), [0]);
    }

    #[test]
    fn ends_at_the_deadline() {
        let (quiet, _keep) = io::pipe().unwrap();
        let deadline = Deadline::after(Duration::from_millis(5));
        assert_eq!(readable([Some(quiet.as_fd())], deadline).unwrap(), [false]);
        assert!(deadline.has_passed());
    }
}
