//! What can go wrong, by what was asked for.

use crate::codec::CodecError;
use crate::connection::ConnectionError;
use crate::elsewhere::Elsewhere;
use crate::panic::Panic;
use crate::pool::{PoolError, TaskError};
use crate::queue::{GetError, GetManyError, PutError, PutFailure};
use crate::shared::SharedError;
use polyproc_process::{ExitStatus, PreloadError, Signal, StartError};
use polyproc_sync::{Abandoned, BrokenBarrier, OwnerDied, TimedOut, TryLockError};
use std::fmt;
use std::io;
use std::time::Duration;

/// A process by name and pid, for messages.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Who {
    /// Its name.
    pub name: String,
    /// The pid it had.
    pub pid: u32,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process '{}' (pid {})", self.name, self.pid)
    }
}

/// Why a process was not started. Its [`Debug`](fmt::Debug) form is the message, too: it is what
/// `unwrap` and a `main` that returns an error print.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The system or the engine refused.
    #[error("cannot start a process: {0}")]
    Start(#[from] StartError),
    /// The arguments cannot be passed on.
    #[error("cannot start a process: cannot encode its arguments: {0}")]
    Encode(#[from] CodecError),
    /// The function is not in the program file nor in a library that is loaded with it.
    #[error("cannot start a process: its function is in no loaded program file")]
    NoImage,
}

/// Why a process has no result for its parent. Its [`Debug`](fmt::Debug) form is the message, too.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// Its function panicked.
    #[error("{process} panicked {panic}")]
    Panicked {
        /// Which process.
        process: Who,
        /// Message, place and backtrace.
        panic: Box<Panic>,
        /// How it ended: exit code 101, or `SIGABRT` under `panic = "abort"`.
        status: ExitStatus,
    },
    /// It ended by itself before its function returned.
    #[error("{process} exited with code {code} before its function returned")]
    Exited {
        /// Which process.
        process: Who,
        /// The code, 0 to 255.
        code: i32,
    },
    /// A signal ended it.
    #[error("{process} was ended by {signal}{}{}{}", core(*.core_dumped), early(*.before_function), hint(*.signal))]
    Signaled {
        /// Which process.
        process: Who,
        /// Which signal.
        signal: Signal,
        /// Whether a core image was written.
        core_dumped: bool,
        /// Whether it had not reached its function yet.
        before_function: bool,
    },
    /// It never reached its function.
    #[error("{process} did not reach its function: {reason}")]
    NotStarted {
        /// Which process.
        process: Who,
        /// What it said, or what it did instead.
        reason: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// It runs on, but the time is over.
    #[error("{process} still runs after {waited:?}")]
    TimedOut {
        /// Which process.
        process: Who,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The child could not read its arguments.
    #[error("{process} cannot decode its arguments: {source}")]
    Arguments {
        /// Which process.
        process: Who,
        /// Which value, and where.
        source: Box<CodecError>,
    },
    /// The child could not pass its result on, or we could not read it.
    #[error("{process} has ended, but its result cannot be {verb}: {source}")]
    Value {
        /// Which process.
        process: Who,
        /// `encoded` or `passed on` (in the child), or `decoded` (here).
        verb: &'static str,
        /// Which value, and where.
        source: Box<CodecError>,
    },
    /// It ended without a result, and nobody can say how.
    #[error(
        "{process} ended without a result, and how is unknown: somebody else asked the kernel \
         first (is SIGCHLD ignored, or does foreign code wait for any child?)"
    )]
    Lost {
        /// Which process.
        process: Who,
    },
    /// An earlier `join` has the result.
    #[error("the result of {process} was taken by an earlier join")]
    Taken {
        /// Which process.
        process: Who,
    },
    /// The handle came here by a fork: only the process that started a child can join it.
    #[error("{process} is not a child of this process, but of the one that this is a copy of")]
    NotOurs {
        /// Which process.
        process: Who,
    },
    /// Waiting itself failed.
    #[error("cannot wait for {process}: {source}")]
    Wait {
        /// Which process.
        process: Who,
        /// What the kernel said.
        source: io::Error,
    },
}

impl JoinError {
    /// The process that it is about.
    pub fn process(&self) -> &Who {
        match self {
            Self::Panicked { process, .. }
            | Self::Exited { process, .. }
            | Self::Signaled { process, .. }
            | Self::NotStarted { process, .. }
            | Self::TimedOut { process, .. }
            | Self::Arguments { process, .. }
            | Self::Value { process, .. }
            | Self::Lost { process }
            | Self::Taken { process }
            | Self::NotOurs { process }
            | Self::Wait { process, .. } => process,
        }
    }
}

fn core(dumped: bool) -> &'static str {
    if dumped { " (core dumped)" } else { "" }
}

fn early(before_function: bool) -> &'static str {
    if before_function { " before it reached its function" } else { "" }
}

fn hint(signal: Signal) -> String {
    signal.hint().map_or_else(String::new, |hint| format!(": {hint}"))
}

/// Any error of this crate: for a `main` that uses `?`.
#[derive(thiserror::Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum Error {
    /// A process was not started.
    Spawn(#[from] SpawnError),
    /// A process has no result.
    Join(#[from] JoinError),
    /// A pool was not made.
    Pool(#[from] PoolError),
    /// A task has no result.
    Task(#[from] TaskError),
    /// A function cannot be preloaded.
    Preload(#[from] PreloadError),
    /// The engine refused.
    Start(#[from] StartError),
    /// Shared memory refused.
    Shared(#[from] SharedError),
    /// A lock's holder died or panicked; the lock is free again, and the next taker is told as well.
    #[error("{}", left(*.0))]
    OwnerDied(Abandoned),
    /// A lock is held by somebody else.
    #[error("the lock is held by somebody else")]
    WouldBlock,
    /// It did not happen in time.
    TimedOut(#[from] TimedOut),
    /// Somebody gave up on a barrier, or died in it.
    BrokenBarrier(#[from] BrokenBarrier),
    /// A connection to another program, or a listener for them.
    Connection(#[from] ConnectionError),
    /// A value was not put into a queue, or sent through a pipe. The value is gone with this form of the
    /// error: see [`PutError`].
    Put(PutFailure),
    /// No value was taken from a queue, or received from a pipe.
    Get(#[from] GetError),
    /// Facts about processes or the machine ([`info`](crate::info)) are not to be had.
    Info(#[from] polyproc_info::Error),
    /// Anything else that the system refused.
    Io(#[from] io::Error),
    /// An error that another process gave as its result. A child may give a `polyproc::Result`: of its error,
    /// what is the same anywhere arrives as what it was ([`Get`](Self::Get) of a closed queue,
    /// [`Io`](Self::Io) with a number of the system), and everything else as this, with its text.
    ///
    /// ```
    /// fn size(path: String) -> polyproc::Result<u64> {
    ///     Ok(std::fs::metadata(path)?.len())
    /// }
    ///
    /// let size = polyproc::spawn(size, "/no/such/file".into())?.join()?;
    /// let Err(polyproc::Error::Io(error)) = size else { panic!("there is such a file") };
    /// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    ///
    /// fn starts_another(_: ()) -> polyproc::Result<u32> {
    ///     Ok(polyproc::spawn(|()| -> u32 { panic!("oh no") }, ())?.join()?)
    /// }
    ///
    /// let process = polyproc::spawn(starts_another, ())?;
    /// let Err(polyproc::Error::Elsewhere(error)) = process.join()? else { panic!("no error") };
    /// assert_eq!(error.process.pid, process.pid());
    /// assert!(error.text.contains("panicked at") && error.text.contains("oh no"));
    /// # Ok::<(), polyproc::Error>(())
    /// ```
    Elsewhere(#[from] Elsewhere),
}

/// Without the values that were taken beside it.
impl<T> From<GetManyError<T>> for Error {
    fn from(error: GetManyError<T>) -> Self {
        Self::Get(error.failure)
    }
}

impl<T> From<PutError<T>> for Error {
    fn from(error: PutError<T>) -> Self {
        Self::Put(error.failure)
    }
}

impl<G> From<OwnerDied<G>> for Error {
    fn from(died: OwnerDied<G>) -> Self {
        Self::OwnerDied(died.abandoned())
    }
}

impl<G> From<TryLockError<G>> for Error {
    fn from(error: TryLockError<G>) -> Self {
        match error {
            TryLockError::OwnerDied(died) => died.into(),
            TryLockError::WouldBlock => Self::WouldBlock,
        }
    }
}

fn left(how: Abandoned) -> String {
    OwnerDied::of((), how, |()| ()).to_string()
}

/// What `unwrap` and a `main` that returns an error print is for people.
macro_rules! debug_is_display {
    ($($error:ty),*) => {
        $(impl fmt::Debug for $error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        })*
    };
}
debug_is_display!(Error, SpawnError, JoinError);
pub(crate) use debug_is_display;

/// With [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    fn who() -> Who {
        Who { name: "Process-1".into(), pid: 42 }
    }

    #[test]
    fn messages_say_who_how_and_what_to_do() {
        let error = JoinError::Signaled {
            process: who(),
            signal: Signal::SEGV,
            core_dumped: true,
            before_function: false,
        };
        assert_eq!(
            error.to_string(),
            "process 'Process-1' (pid 42) was ended by SIGSEGV (core dumped): invalid memory access"
        );
        let error = JoinError::Exited { process: who(), code: 3 };
        assert_eq!(
            format!("{:?}", Error::from(error)),
            "process 'Process-1' (pid 42) exited with code 3 before its function returned"
        );
    }
}
