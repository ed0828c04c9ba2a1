//! How a child ended, and what it cost.

use crate::signal::Signal;
use std::time::Duration;

pub use crate::imp::wait::{reap, reap_any};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// By itself, with this code (0 to 255).
    Exited(i32),
    /// Of a signal.
    Signaled {
        /// Which.
        signal: Signal,
        /// Whether a core image was written.
        core_dumped: bool,
    },
}

impl Status {
    /// Reads the form in which `wait(2)` reports it.
    pub fn from_wait_status(raw: i32) -> Self {
        match Signal::from_number(raw & 0x7f) {
            Some(signal) => Self::Signaled { signal, core_dumped: raw & 0x80 != 0 },
            None => Self::Exited((raw >> 8) & 0xff),
        }
    }

    /// The form of `wait(2)`.
    pub fn to_wait_status(self) -> i32 {
        match self {
            Self::Exited(code) => (code & 0xff) << 8,
            Self::Signaled { signal, core_dumped } => {
                signal.number() | if core_dumped { 0x80 } else { 0 }
            }
        }
    }
}

/// What a process used from its start to its end, the children it waited for included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time in the program itself.
    pub user: Duration,
    /// Processor time in the kernel on its behalf.
    pub system: Duration,
    /// The most memory it ever held at once, in bytes (resident set).
    pub peak_memory: u64,
}

/// A child that has been waited for: its pid is free again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reaped {
    /// Which child.
    pub pid: u32,
    /// How it ended.
    pub status: Status,
    /// What it cost.
    pub usage: Usage,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_status_goes_both_ways() {
        let ends = [
            Status::Exited(0),
            Status::Exited(255),
            Status::Signaled { signal: Signal::KILL, core_dumped: false },
            Status::Signaled { signal: Signal::SEGV, core_dumped: true },
        ];
        for end in ends {
            assert_eq!(Status::from_wait_status(end.to_wait_status()), end);
        }
    }
}
