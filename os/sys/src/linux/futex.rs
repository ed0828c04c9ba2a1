//! The futex system call.
//!
//! Never the `PRIVATE` form: the word may lie at another address in another process.
#![expect(unsafe_code, reason = "futex is a bare system call")]

use super::check;
use crate::clock::Deadline;
use crate::futex::Woken;
use std::io;
use std::sync::atomic::AtomicU32;

/// Sleeps while `word` holds `expected`, until [`wake`] on the same word or until `deadline`.
/// May also end for no reason.
///
/// # Errors
/// None for a valid word; whatever else the kernel says is passed on.
pub fn wait(word: &AtomicU32, expected: u32, deadline: Deadline) -> io::Result<Woken> {
    let left = deadline.remaining().map(|left| libc::timespec {
        tv_sec: left.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: left.subsec_nanos().into(),
    });
    let left = left.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `word` is live for the whole call; FUTEX_WAIT takes a relative timeout or null.
    let result =
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, expected, left) };
    match check(i32::try_from(result).unwrap_or(-1)) {
        Ok(_) => Ok(Woken::Look),
        Err(error) => match error.raw_os_error() {
            Some(libc::EAGAIN) => Ok(Woken::Look),
            Some(libc::ETIMEDOUT) => Ok(Woken::TimedOut),
            Some(libc::EINTR) => Ok(Woken::Interrupted),
            _ => Err(error),
        },
    }
}

/// Wakes at most `count` sleepers on `word`; says how many.
pub fn wake(word: &AtomicU32, count: u32) -> u32 {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    // SAFETY: the address is only used as a key; FUTEX_WAKE does not touch the word.
    let woken = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, count) };
    u32::try_from(woken).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    #[test]
    fn another_value_does_not_sleep_and_a_deadline_ends_it() {
        let word = AtomicU32::new(1);
        assert_eq!(wait(&word, 0, Deadline::NEVER).unwrap(), Woken::Look);
        let soon = Deadline::after(Duration::from_millis(2));
        assert_eq!(wait(&word, 1, soon).unwrap(), Woken::TimedOut);
        assert_eq!(wake(&word, 1), 0);
    }

    #[test]
    fn a_sleeper_is_woken() {
        let word = AtomicU32::new(0);
        let sleep = || {
            while word.load(Ordering::Acquire) == 0 {
                wait(&word, 0, Deadline::NEVER).unwrap();
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(sleep);
            word.store(1, Ordering::Release);
            wake(&word, u32::MAX);
        });
    }
}
