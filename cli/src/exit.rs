//! How the program ends. The codes are part of its interface: `polyproc --help` and `cli/README.md`
//! list them.

use std::process::ExitCode;

/// Why the program ends, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Everything that was asked for has been done.
    Done,
    /// Nobody reads the output on. The reader has got what it wanted.
    Closed,
    /// No process is what was asked for, or it was gone already.
    NothingFound,
    /// The arguments do not make sense, or fit several where one is meant: clap's code, too.
    Usage,
    /// Something was not possible or not allowed; the standard error says what.
    Failed,
    /// Time ran out, and something that was waited for still runs.
    TimedOut,
}

impl Exit {
    /// What the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done | Self::Closed => 0,
            Self::NothingFound => 1,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::TimedOut => 4,
        }
    }
}

/// One more thing that went wrong: the worse of the two counts.
pub(crate) fn worse(end: Result<(), Exit>, other: Exit) -> Result<(), Exit> {
    Err(end.err().map_or(other, |known| known.max(other)))
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What `--help` says of the codes.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  no process is what was asked for, or it is gone already
  2  the arguments make no sense, or name several processes where one is meant
  3  something was not possible or not allowed; standard error says what
  4  time ran out, and something still runs";
