//! What becomes of a task, and who is told.

use crate::bytes::Bytes;
use polyproc_process::{Ending, StartError};
use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// A long run of bytes that somebody owns, in whatever form.
pub struct Run(Box<dyn AsRef<[u8]> + Send + Sync>);

impl Run {
    /// The bytes that `owner` has. They must be the same whenever they are asked for.
    pub fn new(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self(Box::new(owner))
    }

    /// How many bytes.
    #[expect(clippy::len_without_is_empty, reason = "an empty run is not worth one")]
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    pub(crate) fn of(run: Option<&Self>) -> &[u8] {
        run.map_or(&[], Self::as_ref)
    }
}

impl AsRef<[u8]> for Run {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("len", &self.len()).finish()
    }
}

/// What became of a task.
#[derive(Debug)]
pub enum Outcome {
    /// Its result.
    Value(Bytes),
    /// Its handler says why there is none.
    Failed {
        /// For the front.
        report: Vec<u8>,
        /// The worker's pid.
        pid: u32,
        /// How often it was tried.
        attempts: u32,
    },
    /// It was not brought to an end.
    Lost(Box<Loss>),
}

/// How a task was lost.
#[derive(Clone, Debug)]
pub struct Loss {
    /// Why.
    pub cause: Cause,
    /// The worker that had it last, by pid; `None` if none had.
    pub pid: Option<u32>,
    /// How that worker ended; `None` if it lives, or nobody knows yet.
    pub ending: Option<Ending>,
    /// How often the task was tried.
    pub attempts: u32,
    /// The part of the task that it was in, as the worker said: not to be trusted.
    pub item: u64,
    /// The last words of the worker's front, if it left any.
    pub report: Option<Vec<u8>>,
    /// The task, as it was submitted.
    pub task: Bytes,
}

/// Why a task was lost.
#[derive(Clone, Debug)]
pub enum Cause {
    /// Its worker died in it.
    Crashed,
    /// Its worker wrote to the pool what no worker writes, and was killed.
    Breach,
    /// It ran for longer than this, and its worker was killed.
    TimedOut(Duration),
    /// Its worker held more than this many bytes, and was killed.
    OverMemory(u64),
    /// Somebody cancelled it.
    Cancelled,
    /// The pool was terminated.
    Terminated,
    /// No worker can be started.
    NoWorkers(Arc<NoStart>),
    /// The task, or its result, does not fit into memory.
    NoRoom(String),
}

/// Why a worker did not come up.
#[derive(Debug)]
pub enum NoStart {
    /// No process could be made.
    Start(StartError),
    /// There is no memory to share with it, or no descriptor.
    Region(std::io::Error),
    /// It refused: bytes for the front.
    Refused {
        /// The worker's pid.
        pid: u32,
        /// Why, as the front's server said.
        reason: Vec<u8>,
    },
    /// It took longer than this to be ready, and was killed.
    Late {
        /// Its pid.
        pid: u32,
        /// The limit.
        limit: Duration,
    },
    /// It ended before it was ready.
    Died {
        /// Its pid.
        pid: u32,
        /// How.
        ending: Ending,
        /// What it said itself.
        failure: Option<String>,
    },
    /// The pool has no workers.
    None,
}

/// What is to happen when a task is done.
pub enum Notice {
    /// A task of an async runtime waits.
    Wake(Waker),
    /// To be run by the pool's own thread.
    Call(Box<dyn FnOnce() + Send>),
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wake(_) => "Wake",
            Self::Call(_) => "Call",
        })
    }
}

/// A task's outcome on its way.
#[derive(Debug)]
pub struct Delivery {
    /// The submitter's own number for the task.
    pub index: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// How many nanoseconds it took, as its worker says.
    pub cost: u64,
}

/// Where outcomes go. Called under the pool's lock: keeps what it gets, runs nobody's code, and does
/// not call the pool.
pub trait Sink: Send + Sync {
    /// These tasks have their outcomes: takes them all. What is to happen now goes to `notices`.
    fn deliver(&self, deliveries: &mut Vec<Delivery>, notices: &mut Vec<Notice>);
}
