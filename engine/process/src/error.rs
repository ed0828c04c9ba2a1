//! Why a process did not start.

use polyproc_sys::exec::{ExecError, Step};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a process did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The program has not said where a child takes over.
    #[error(
        "polyproc is not initialised: put `#[polyproc::main]` above `fn main`, or call \
         `polyproc::init()` as its first statement (in tests turn on the feature `testing`, \
         in libraries `auto-init`)"
    )]
    NotInitialized,
    /// The system has a limit, and it is reached.
    #[error("{what} ({source}); {advice}")]
    Limit {
        /// What is exhausted.
        what: &'static str,
        /// Where to look.
        advice: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The program file did not start.
    #[error("cannot {step} ({}): {source}", .path.display())]
    Exec {
        /// The step that failed.
        step: Step,
        /// The program file, or the directory to enter.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// `fork` was asked for while other threads run.
    #[error(
        "cannot fork: this process has {others} other thread(s), and the locks that they hold \
         would stay locked for ever in the copy; use `forkserver` or `spawn`, or fork before \
         threads start"
    )]
    Threads {
        /// How many threads besides the caller, polyproc's own not counted.
        others: u32,
    },
    /// The fork server ended, twice in a row, before it made the process.
    #[error("the fork server ended before it made the process: {reason}")]
    ForkServer {
        /// How it ended, or what its preloading said.
        reason: String,
    },
    /// Nothing happened for the start timeout.
    #[error("the fork server did not answer within {waited:?}")]
    TimedOut {
        /// The start timeout.
        waited: Duration,
    },
    /// Processes start processes that start processes, without end.
    #[error(
        "processes are nested {depth} deep: a function that runs in a child seems to start its \
         own program again (is the start guarded by `polyproc::init()` at the top of `main`?)"
    )]
    TooDeep {
        /// How deep.
        depth: usize,
    },
    /// The name or the environment cannot be passed on.
    #[error("{what} must not hold {character:?}")]
    Forbidden {
        /// Which setting.
        what: &'static str,
        /// Which character.
        character: char,
    },
    /// An environment variable without a name.
    #[error("an environment variable must have a name")]
    Nameless,
    /// More descriptors for the child than it can be given.
    #[error("a process can be given {most} descriptors besides its streams, and not {given}")]
    Descriptors {
        /// How many were to be given.
        given: usize,
        /// The most.
        most: usize,
    },
    /// The roster of the family has no free place.
    #[error("the family has {members} members, which is the most that it can have")]
    FamilyFull {
        /// How many there are.
        members: usize,
    },
    /// The program is ending: `main` has returned, or `exit` was called.
    #[error("this program is ending, and starts no more processes")]
    Leaving,
    /// Any other failing call.
    #[error("cannot {doing}: {source}")]
    System {
        /// What failed.
        doing: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

impl StartError {
    /// Classifies a failed call by its errno: limits get their names.
    pub fn system(doing: &'static str, source: io::Error) -> Self {
        const EAGAIN: i32 = 11;
        const ENOMEM: i32 = 12;
        const ENFILE: i32 = 23;
        const EMFILE: i32 = 24;
        const EFBIG: i32 = 27;
        const ETOOMANYREFS: i32 = 109;
        let (what, advice) = match source.raw_os_error() {
            Some(EMFILE) => (
                "this process has too many open files",
                "each process handle holds two; raise `ulimit -n`, or drop handles",
            ),
            Some(ETOOMANYREFS) => (
                "too many descriptors are on their way to new processes",
                "each has one until it has come up; raise `ulimit -n`, or start fewer at once",
            ),
            Some(EFBIG) => (
                "the limit on the size of files is reached",
                "it holds for messages and the family's table, too; raise `ulimit -f`",
            ),
            Some(ENFILE) => ("the system has too many open files", "see fs.file-max"),
            Some(ENOMEM) => ("the system is out of memory", "see free and the cgroup's limit"),
            Some(EAGAIN) => (
                "a limit on the number of processes is reached",
                "see `ulimit -u`, the cgroup's pids.max, and kernel.threads-max",
            ),
            _ => return Self::System { doing, source },
        };
        Self::Limit { what, advice, source }
    }

    pub(crate) fn exec(error: ExecError, program: PathBuf, directory: Option<PathBuf>) -> Self {
        let ExecError { step, source } = error;
        match step {
            Step::Clone => Self::system("make a process", source),
            Step::Directory => Self::Exec { step, path: directory.unwrap_or_default(), source },
            Step::Exec => Self::Exec { step, path: program, source },
            _ => Self::system("set up the descriptors of a process", source),
        }
    }
}

/// Why functions could not be preloaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreloadError {
    /// The fork server runs already.
    #[error("the fork server runs already (pid {pid}): preload before the first process starts")]
    AlreadyRunning {
        /// The fork server.
        pid: u32,
    },
    /// The function is not in the program file nor in a library that is loaded with it.
    #[error("the function to preload is in no loaded program file")]
    NoImage,
    /// This process could not set up its family.
    #[error(transparent)]
    Start(#[from] StartError),
}
