//! What can go wrong when one looks at a process or at the system.
//!
//! # Design
//!
//! Two types. [`Error`] is what a call fails with, and says what it was about. [`Missing`] stands in
//! for one attribute of a row whose other attributes are there; it is one word, since a listing
//! makes thousands of them.

use std::io;

/// The result of a question.
pub type Result<T> = std::result::Result<T, Error>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such process, or not any more. A later process with the same number is another
    /// one.
    #[error("there is no process {pid} (any more)")]
    Gone {
        /// Its number.
        pid: u32,
    },
    /// It has ended, and its parent has not asked how: what was asked for is gone with its memory.
    #[error("process {pid} has ended and left no {what}: it is a zombie")]
    Zombie {
        /// Its number.
        pid: u32,
        /// What was asked for.
        what: &'static str,
    },
    /// Somebody else's.
    #[error("no permission: {what}")]
    Denied {
        /// What was asked for.
        what: String,
    },
    /// What the system said.
    #[error("{what}: {source}")]
    Os {
        /// What was asked for.
        what: String,
        /// The system's words.
        source: io::Error,
    },
}

/// Why an attribute of a row is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Missing {
    /// Nobody asked for it.
    #[error("not asked for")]
    NotAsked,
    /// Somebody else's process.
    #[error("no permission")]
    Denied,
    /// The process has ended (or is just ending), and this is gone with its memory.
    #[error("the process has ended")]
    Zombie,
    /// The system's error number.
    #[error("error {0} of the system")]
    Os(i32),
}

/// One attribute of a process, or why it is not there.
pub type Fact<T> = std::result::Result<T, Missing>;

/// `EPERM`, `ESRCH` and `EACCES`, the same on every Linux.
const PERMITTED: i32 = 1;
const NO_PROCESS: i32 = 3;
const ACCESS: i32 = 13;
/// `EINVAL`, which stands for content that is not in the form of proc(5).
const INVALID: i32 = 22;

/// Whether a file is not there, or its process is not: the kernel says either, depending on the
/// moment and on the file.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(NO_PROCESS)
}

pub(crate) fn is_denied(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(PERMITTED | ACCESS))
}

impl Missing {
    /// What an error means that is not [`is_absent`].
    pub(crate) fn of(error: &io::Error) -> Self {
        if is_denied(error) {
            return Self::Denied;
        }
        Self::Os(error.raw_os_error().unwrap_or(INVALID))
    }

    /// As an error of its own.
    pub(crate) fn about(self, pid: u32, what: &'static str) -> Error {
        let named = || format!("{what} of process {pid}");
        match self {
            Self::Zombie => Error::Zombie { pid, what },
            Self::Denied => Error::Denied { what: named() },
            Self::Os(number) => {
                Error::Os { what: named(), source: io::Error::from_raw_os_error(number) }
            }
            Self::NotAsked => {
                Error::Os { what: named(), source: io::ErrorKind::Unsupported.into() }
            }
        }
    }
}

impl Error {
    /// An error of a system call about a process.
    pub(crate) fn of_process(pid: u32, what: &'static str, error: &io::Error) -> Self {
        if is_absent(error) { Self::Gone { pid } } else { Missing::of(error).about(pid, what) }
    }

    /// An error about anything else.
    pub(crate) fn of(what: impl Into<String>, source: io::Error) -> Self {
        let what = what.into();
        if is_denied(&source) { Self::Denied { what } } else { Self::Os { what, source } }
    }

    /// A file that is not in the form that its documentation says.
    pub(crate) fn malformed(what: impl Into<String>) -> Self {
        let source = io::Error::new(io::ErrorKind::InvalidData, "not in the form of proc(5)");
        Self::Os { what: what.into(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_ways_of_the_kernel_are_told_apart() {
        let error =
            |number| Error::of_process(7, "environment", &io::Error::from_raw_os_error(number));
        assert!(matches!(error(3), Error::Gone { pid: 7 }));
        assert!(matches!(error(2), Error::Gone { pid: 7 }));
        assert_eq!(error(13).to_string(), "no permission: environment of process 7");
        assert!(error(5).to_string().starts_with("environment of process 7: "));
        let zombie = Missing::Zombie.about(7, "environment");
        assert_eq!(
            zombie.to_string(),
            "process 7 has ended and left no environment: it is a zombie"
        );
    }
}
