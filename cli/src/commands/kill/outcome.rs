//! What became of a process.

use crate::exit::Exit;
use crate::paint::Tone;
use crate::report::Report;
use crate::table::{Column, Table, columns};
use crate::value::Value;
use polyproc_info::Error;
use polyproc_sys::signal::Signal;
use std::ffi::OsString;
use std::time::Duration;

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It ended after this signal.
    Ended(Signal),
    /// It got the signal; whether it ended was not waited for.
    Sent(Signal),
    /// It would have got it.
    Planned(Signal),
    /// There was no such process, or it ended before the signal came.
    Gone,
    /// It has ended, and only its parent can have it go.
    Over,
    /// It is somebody else's.
    Denied,
    /// It got nothing, and why.
    Spared(&'static str),
    /// It still runs, in spite of all.
    Runs,
    /// The system did not let us, and said why.
    Failed(String),
}

/// What became of one process.
#[derive(Clone, Debug)]
pub(super) struct Result {
    pub(super) pid: u32,
    pub(super) name: Option<OsString>,
    pub(super) outcome: Outcome,
    /// Since the signal was sent.
    pub(super) after: Duration,
}

impl Result {
    /// There is none with that number.
    pub(super) fn nobody(pid: u32) -> Self {
        Self { pid, name: None, outcome: Outcome::Gone, after: Duration::ZERO }
    }
}

impl Outcome {
    /// What an error of sending means.
    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::Gone { .. } | Error::Zombie { .. } => Self::Gone,
            Error::Denied { .. } => Self::Denied,
            other => Self::Failed(other.to_string()),
        }
    }

    /// The word for programs.
    fn word(&self) -> &'static str {
        match self {
            Self::Ended(Signal::KILL) => "killed",
            Self::Ended(_) => "ended",
            Self::Sent(_) => "sent",
            Self::Planned(_) => "planned",
            Self::Gone => "gone",
            Self::Over => "zombie",
            Self::Denied => "denied",
            Self::Spared(_) => "spared",
            Self::Runs => "runs",
            Self::Failed(_) => "failed",
        }
    }

    /// What to know about it.
    fn remark(&self) -> String {
        match self {
            Self::Ended(signal) | Self::Sent(signal) | Self::Planned(signal) => signal.to_string(),
            Self::Gone => "there is no such process (any more)".into(),
            Self::Over => "it has ended already; it goes when its parent asks how".into(),
            Self::Denied => "it is another user's: try as root".into(),
            Self::Spared(why) => (*why).into(),
            Self::Runs => "it does not end, as one that waits for a device in the kernel".into(),
            Self::Failed(why) => why.clone(),
        }
    }

    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Ended(_) | Self::Sent(_) | Self::Planned(_) => Exit::Done,
            Self::Gone | Self::Over => Exit::NothingFound,
            Self::Denied | Self::Spared(_) | Self::Failed(_) => Exit::Failed,
            Self::Runs => Exit::TimedOut,
        }
    }
}

const COLUMNS: &[Column<Result>] = columns! {
    "pid" "PID" Number "its number"
        |row| Value::number(row.pid);
    "name" "NAME" Text "its name"
        |row| Value::maybe(row.name.clone(), Value::Text);
    "outcome" "OUTCOME" Text "ended, killed, sent, planned, gone, zombie, denied, spared, runs, failed"
        |row| Value::text(row.outcome.word());
    "after" "AFTER" Span "how long that took"
        |row| Value::Span(row.after);
    "remark" "REMARK" Text "the last signal that it got, or why it got none"
        |row| Value::text(row.outcome.remark());
};

/// For everybody.
pub(super) fn table(told: &[Result]) -> Report {
    let mut table = Table::of_all(COLUMNS, told);
    table.tone("outcome", |word| match word.shown().as_str() {
        "ended" | "sent" => Tone::Good,
        "killed" | "gone" | "planned" => Tone::Warn,
        _ => Tone::Bad,
    });
    Report::Table(table)
}
