//! Why a task has no result.

use super::task::Failure;
use crate::codec::CodecError;
use crate::error::debug_is_display;
use crate::panic::Panic;
use polyproc_pool::{Bytes, Cause, Loss, NoStart, Outcome};
use polyproc_process::{ExitStatus, Signal, StartError, Usage};
use std::fmt;
use std::io;
use std::time::Duration;

/// Which task, and what is known of its last try.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskFacts {
    /// The number of the item in its `map` or `imap`, from 0; `None` for a single task.
    pub index: Option<u64>,
    /// The pid of the worker that had it last; `None` if none had.
    pub pid: Option<u32>,
    /// How often it was tried.
    pub attempts: u32,
    /// What that worker had used in its whole life, if it has ended: processor time, and the most
    /// memory that it ever held.
    pub usage: Option<Usage>,
}

impl fmt::Display for TaskFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "task {index}")?,
            None => f.write_str("a task")?,
        }
        if let Some(pid) = self.pid {
            write!(f, " (worker pid {pid})")?;
        }
        if self.attempts > 1 {
            write!(f, " in its attempt {}", self.attempts)?;
        }
        Ok(())
    }
}

/// Why a task has no result. Its [`Debug`] form is the message, too.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// Its function panicked. The worker goes on.
    #[error("{task} panicked {panic}")]
    Panicked {
        /// Which task.
        task: TaskFacts,
        /// Message, place and backtrace.
        panic: Box<Panic>,
    },
    /// Its worker died in it: `exit`, a crash in native code, a signal that somebody sent.
    #[error("{task} {}{}", ended(*.status), memory(.task))]
    Died {
        /// Which task.
        task: TaskFacts,
        /// How the worker ended.
        status: ExitStatus,
    },
    /// Its worker wrote over memory that it shares with the pool, and was killed: native code that writes where it
    /// must not.
    #[error("{task} ended its worker, which wrote over the memory that it shares with the pool{}", memory(.task))]
    Corrupted {
        /// Which task.
        task: TaskFacts,
    },
    /// It ran for too long; its worker was killed.
    #[error("{task} was ended after {limit:?}, its time limit")]
    TimedOut {
        /// Which task.
        task: TaskFacts,
        /// The limit.
        limit: Duration,
    },
    /// Its worker held too much memory, and was killed.
    #[error("{task} was ended: its worker held more than {} MiB, its memory limit", .limit >> 20)]
    OverMemory {
        /// Which task.
        task: TaskFacts,
        /// The limit in bytes.
        limit: u64,
    },
    /// It was cancelled.
    #[error("{task} was cancelled")]
    Cancelled {
        /// Which task.
        task: TaskFacts,
    },
    /// The pool was terminated or dropped before it was done.
    #[error("{task} was not done when its pool was terminated")]
    Terminated {
        /// Which task.
        task: TaskFacts,
    },
    /// The pool takes no more tasks.
    #[error("the pool is closed")]
    Closed,
    /// The pool came here by a fork.
    #[error("the pool belongs to the process that this one is a copy of")]
    NotOurs,
    /// No worker could be started.
    #[error("no worker of the pool can be started: {reason}")]
    NoWorkers {
        /// Why, in words.
        reason: String,
        /// The panic of the initializer, if that is why.
        panic: Option<Box<Panic>>,
    },
    /// The function is not in the program file nor in a library that is loaded with it, or the worker
    /// has another build of it.
    #[error("{task} cannot run: {reason}")]
    NotHere {
        /// Which task.
        task: TaskFacts,
        /// What is missing.
        reason: String,
    },
    /// Its arguments could not be passed on.
    #[error("{task}: its arguments cannot be {verb}: {source}")]
    Arguments {
        /// Which task.
        task: TaskFacts,
        /// `encoded` (here) or `decoded` (in the worker).
        verb: &'static str,
        /// Which value, and where.
        source: Box<CodecError>,
    },
    /// Its result could not be passed on.
    #[error("{task} is done, but its result cannot be {verb}: {source}")]
    Value {
        /// Which task.
        task: TaskFacts,
        /// `encoded` (in the worker) or `decoded` (here).
        verb: &'static str,
        /// Which value, and where.
        source: Box<CodecError>,
    },
    /// The task or its result does not fit into memory.
    #[error("{task}: {reason}")]
    NoRoom {
        /// Which task.
        task: TaskFacts,
        /// What does not fit.
        reason: String,
    },
    /// It is not done, but the time to wait is over. The task goes on.
    #[error("the task is not done after {waited:?}")]
    NotDone {
        /// How long it was waited for.
        waited: Duration,
    },
    /// An earlier `get` has the result.
    #[error("the result was taken before")]
    Taken,
    /// What was to be called with the result panicked.
    #[error("the callback panicked {panic}")]
    Callback {
        /// Message, place and backtrace.
        panic: Box<Panic>,
    },
}
debug_is_display!(TaskError);

/// Signals that a program hardly ever brings upon itself: somebody sent them, or the kernel did.
const FROM_OUTSIDE: [Signal; 7] = [
    Signal::KILL,
    Signal::TERM,
    Signal::INT,
    Signal::HUP,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
];

fn ended(status: ExitStatus) -> String {
    match status {
        ExitStatus::Signaled { signal: Signal::KILL, .. } => {
            "lost its worker, which was killed from outside by SIGKILL: by somebody's kill, or by \
             the kernel for want of memory"
                .to_owned()
        }
        ExitStatus::Signaled { signal, .. } if FROM_OUTSIDE.contains(&signal) => {
            format!("lost its worker, which was killed from outside by {signal}")
        }
        _ => format!("ended its worker: {status}"),
    }
}

fn memory(task: &TaskFacts) -> String {
    match task.usage {
        Some(usage) => format!(
            " (the worker had used {:?} of processor time and {} MiB of memory)",
            usage.user + usage.system,
            usage.peak_memory >> 20
        ),
        None => String::new(),
    }
}

impl TaskError {
    /// Which task it is about, if it is about one.
    pub fn task(&self) -> Option<&TaskFacts> {
        match self {
            Self::Panicked { task, .. }
            | Self::Died { task, .. }
            | Self::Corrupted { task }
            | Self::TimedOut { task, .. }
            | Self::OverMemory { task, .. }
            | Self::Cancelled { task }
            | Self::Terminated { task }
            | Self::NotHere { task, .. }
            | Self::Arguments { task, .. }
            | Self::Value { task, .. }
            | Self::NoRoom { task, .. } => Some(task),
            _ => None,
        }
    }

    pub(super) fn of_failure(failure: Failure, task: TaskFacts) -> Self {
        match failure {
            Failure::Panicked(panic) => Self::Panicked { task, panic: panic.into() },
            Failure::NotHere(reason) => Self::NotHere { task, reason: reason.to_string() },
            Failure::BadArguments(source) => {
                Self::Arguments { task, verb: "decoded", source: source.into() }
            }
            Failure::BadResult(source) => {
                Self::Value { task, verb: "encoded", source: source.into() }
            }
        }
    }

    pub(super) fn of_loss(loss: Loss, index: Option<u64>) -> Self {
        let usage = loss.ending.and_then(|ending| ending.usage);
        let task = TaskFacts { index, pid: loss.pid, attempts: loss.attempts, usage };
        match loss.cause {
            Cause::Crashed => {
                let status = loss.ending.map_or(ExitStatus::Unknown, |ending| ending.status);
                match loss.report.as_deref().and_then(crate::call::last_words) {
                    Some(panic) => Self::Panicked { task, panic: panic.into() },
                    None => Self::Died { task, status },
                }
            }
            Cause::Breach => Self::Corrupted { task },
            Cause::TimedOut(limit) => Self::TimedOut { task, limit },
            Cause::OverMemory(limit) => Self::OverMemory { task, limit },
            Cause::Cancelled => Self::Cancelled { task },
            Cause::Terminated => Self::Terminated { task },
            Cause::NoRoom(reason) => Self::NoRoom { task, reason },
            Cause::NoWorkers(why) => Self::no_workers(&why),
        }
    }

    fn no_workers(why: &NoStart) -> Self {
        let (reason, panic) = match why {
            NoStart::Start(error) => (error.to_string(), None),
            NoStart::Region(error) => (format!("cannot share memory with it: {error}"), None),
            NoStart::Refused { pid, reason } => match Failure::decode(reason) {
                Failure::Panicked(panic) => {
                    (format!("its initializer (pid {pid}) panicked {panic}"), Some(Box::new(panic)))
                }
                other => (Self::of_failure(other, TaskFacts::default()).to_string(), None),
            },
            NoStart::Late { pid, limit } => {
                (format!("its initializer (pid {pid}) was not done after {limit:?}"), None)
            }
            NoStart::Died { pid, ending, failure } => {
                let said = failure.as_ref().map(|said| format!(" ({said})")).unwrap_or_default();
                let text =
                    format!("it ended before it was ready{said}: {} (pid {pid})", ending.status);
                (text, None)
            }
            NoStart::None => ("it has none".into(), None),
        };
        Self::NoWorkers { reason, panic }
    }

    /// What became of a single task that has no value.
    pub(super) fn of_outcome(outcome: Outcome, index: Option<u64>) -> Result<Bytes, Self> {
        match outcome {
            Outcome::Value(bytes) => Ok(bytes),
            Outcome::Failed { report, pid, attempts } => {
                let task = TaskFacts { index, pid: Some(pid), attempts, usage: None };
                Err(Self::of_failure(Failure::decode(&report), task))
            }
            Outcome::Lost(loss) => Err(Self::of_loss(*loss, index)),
        }
    }
}

/// Why there is no pool.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// The system refused.
    #[error("cannot make a pool: {0}")]
    System(#[from] io::Error),
    /// The engine refused: too many open files, most likely.
    #[error("cannot make a pool: {0}")]
    Start(#[from] StartError),
    /// The initializer's argument cannot be passed on.
    #[error("cannot make a pool: cannot encode the argument of its initializer: {0}")]
    Encode(#[from] CodecError),
    /// The initializer is not in the program file nor in a library that is loaded with it.
    #[error("cannot make a pool: its initializer is in no loaded program file")]
    NoImage,
    /// A pool without workers would do nothing.
    #[error("a pool needs at least one worker")]
    NoWorkers,
    /// `join` waits for the end of a pool that is closed, and this one is open.
    #[error("the pool is open: close it before joining it")]
    StillOpen,
}
debug_is_display!(PoolError);

#[cfg(test)]
mod tests {
    use super::*;

    fn died(signal: Signal) -> String {
        let task = TaskFacts { pid: Some(42), attempts: 1, ..TaskFacts::default() };
        let status = ExitStatus::Signaled { signal, core_dumped: false };
        TaskError::Died { task, status }.to_string()
    }

    #[test]
    fn a_kill_from_outside_is_not_blamed_on_the_task() {
        assert_eq!(
            died(Signal::KILL),
            "a task (worker pid 42) lost its worker, which was killed from outside by SIGKILL: by \
             somebody's kill, or by the kernel for want of memory"
        );
        assert!(died(Signal::TERM).ends_with("killed from outside by SIGTERM"));
        assert_eq!(died(Signal::SEGV), "a task (worker pid 42) ended its worker: SIGSEGV");
    }
}
