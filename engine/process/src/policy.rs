//! The choices that a process is started with, and that it passes on.

use polyproc_sys::signal::Signal;
use std::fmt;

/// How a process comes about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum StartMethod {
    /// A clean copy of the program, executed once and with a single thread, forks on request. As
    /// fast as a fork, as clean as a new program.
    #[default]
    ForkServer = 0,
    /// The program is executed again: nothing is inherited.
    Spawn = 1,
    /// This process is copied with all its memory; only while it has no other threads.
    Fork = 2,
}

impl StartMethod {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ForkServer, Self::Spawn, Self::Fork];

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|method| *method as u8 == number)
    }
}

/// By Python's names: `forkserver`, `spawn`, `fork`.
impl fmt::Display for StartMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ForkServer => "forkserver",
            Self::Spawn => "spawn",
            Self::Fork => "fork",
        })
    }
}

/// What happens to a process when the one that started it is gone, however that ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OnParentDeath {
    /// The kernel kills it at once (`SIGKILL`), also in a long native call and while it is stopped.
    #[default]
    Kill = 0,
    /// It gets `SIGTERM` and may clean up.
    Terminate = 1,
    /// It goes on.
    Survive = 2,
}

impl OnParentDeath {
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        let all = [Self::Kill, Self::Terminate, Self::Survive];
        all.into_iter().find(|choice| *choice as u8 == number)
    }

    pub(crate) fn signal(self) -> Option<Signal> {
        match self {
            Self::Kill => Some(Signal::KILL),
            Self::Terminate => Some(Signal::TERM),
            Self::Survive => None,
        }
    }
}
