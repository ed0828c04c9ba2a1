//! Starting a program with exactly the descriptors that are meant.

use crate::pidfd::PidFd;
use crate::signal::Signal;
use std::ffi::{CStr, CString};
use std::os::fd::{BorrowedFd, RawFd};
use std::{fmt, io};

pub use crate::imp::exec::{set_short_name, start};

/// What to start. The child has the descriptors 0, 1 and 2 and [`Program::extra`] from
/// [`FIRST_EXTRA`] on, no others; no signal blocked; no handler, and ignored what this process
/// ignores.
#[derive(Debug)]
pub struct Program<'a> {
    /// The file to execute, as a path.
    pub path: &'a CStr,
    /// The argument vector, the program's name first.
    pub arguments: &'a [CString],
    /// The whole environment, `NAME=value`.
    pub environment: &'a [CString],
    /// Where to start, if not here.
    pub directory: Option<&'a CStr>,
    /// Standard input, output and error.
    pub stdio: [BorrowedFd<'a>; 3],
    /// Further descriptors.
    pub extra: &'a [BorrowedFd<'a>],
    /// Which of `extra` is the dependent's end of a lifeline, and the signal to come through it.
    pub lifeline: Option<(usize, Signal)>,
}

/// The number that the first of [`Program::extra`] has in the child.
pub const FIRST_EXTRA: RawFd = 3;

/// The most descriptors that [`Program::extra`] may hold.
pub const MAX_EXTRA: usize = 5;

/// A program that runs.
#[derive(Debug)]
pub struct Started {
    /// Its pid.
    pub pid: u32,
    /// The same as a descriptor.
    pub pidfd: PidFd,
}

/// The step at which a start failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Making the process.
    Clone,
    /// Putting its descriptors in place.
    Descriptors,
    /// Tying it to its parent.
    Lifeline,
    /// Entering its directory.
    Directory,
    /// Executing the file.
    Exec,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clone => "make a process",
            Self::Descriptors => "set up its descriptors",
            Self::Lifeline => "tie it to its parent",
            Self::Directory => "enter its working directory",
            Self::Exec => "execute the program file",
        })
    }
}

/// Why a program did not start.
#[derive(Debug)]
pub struct ExecError {
    /// At which step.
    pub step: Step,
    /// What the kernel said.
    pub source: io::Error,
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.step, self.source)
    }
}

impl std::error::Error for ExecError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
