//! What to start, and how.

use crate::environment::Changes;
use crate::error::StartError;
use crate::handle::Child;
use crate::{Outcome, start};
use polyproc_sys::signal::Signal;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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

/// Where a standard stream of a child goes.
#[derive(Debug, Default)]
pub enum Output {
    /// Where this process's own goes.
    #[default]
    Inherit,
    /// Nowhere.
    Null,
    /// Into this file, pipe or socket.
    To(OwnedFd),
    /// Into a pipe: see [`Child::take_stdout`].
    Piped,
}

impl Output {
    /// What the child gets, and what this process keeps.
    pub(crate) fn open(
        &self,
        own: &impl AsFd,
        null: &File,
    ) -> Result<(OwnedFd, Option<PipeReader>), StartError> {
        let failed = |source| StartError::system("open a standard stream for a process", source);
        // A stream that this process has closed is nowhere.
        let inherited =
            || own.as_fd().try_clone_to_owned().or_else(|_closed| Ok(null.try_clone()?.into()));
        let fd: io::Result<OwnedFd> = match self {
            Self::Inherit => inherited(),
            Self::Null => null.try_clone().map(OwnedFd::from),
            Self::To(fd) => fd.try_clone(),
            Self::Piped => {
                let (reader, writer) = io::pipe().map_err(failed)?;
                return Ok((writer.into(), Some(reader)));
            }
        };
        Ok((fd.map_err(failed)?, None))
    }
}

/// A process to be started.
#[derive(Debug)]
pub struct Command {
    pub(crate) name: Option<String>,
    pub(crate) daemon: Option<bool>,
    pub(crate) method: Option<StartMethod>,
    pub(crate) environment: Changes,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    pub(crate) on_parent_death: OnParentDeath,
    pub(crate) start_timeout: Duration,
}

impl Default for Command {
    fn default() -> Self {
        Self {
            name: None,
            daemon: None,
            method: None,
            environment: Changes::default(),
            directory: None,
            stdout: Output::Inherit,
            stderr: Output::Inherit,
            on_parent_death: OnParentDeath::Kill,
            start_timeout: Duration::from_mins(1),
        }
    }
}

impl Command {
    /// The process's name, instead of `Process-1` and so on.
    pub fn name(&mut self, name: String) {
        self.name = Some(name);
    }

    /// Whether this process, when it ends in good order, ends the child instead of waiting for it.
    pub fn daemon(&mut self, daemon: bool) {
        self.daemon = Some(daemon);
    }

    /// How to start it, instead of the program's default.
    pub fn method(&mut self, method: StartMethod) {
        self.method = Some(method);
    }

    /// Sets a variable of the child's environment, or removes it.
    pub fn env(&mut self, name: OsString, value: Option<OsString>) {
        self.environment.set.push((name, value));
    }

    /// Starts from an empty environment.
    pub fn env_clear(&mut self) {
        self.environment.clear = true;
        self.environment.set.clear();
    }

    /// Where the child starts, instead of here.
    pub fn directory(&mut self, directory: PathBuf) {
        self.directory = Some(directory);
    }

    /// Where its standard output goes.
    pub fn stdout(&mut self, output: Output) {
        self.stdout = output;
    }

    /// Where its standard error goes.
    pub fn stderr(&mut self, output: Output) {
        self.stderr = output;
    }

    /// What happens to it when this process is gone.
    pub fn on_parent_death(&mut self, choice: OnParentDeath) {
        self.on_parent_death = choice;
    }

    /// How long it may take until the child has reached its function.
    pub fn start_timeout(&mut self, timeout: Duration) {
        self.start_timeout = timeout;
    }

    /// Starts a process in which the front runs `call`.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left of a process that did not start.
    pub fn start(&self, call: &[u8]) -> Result<Arc<Child>, StartError> {
        start::start(self, call)
    }

    /// Copies this process; the copy runs `body` and ends.
    ///
    /// # Errors
    /// [`StartError`].
    ///
    /// # Safety
    /// As for [`polyproc_sys::fork::fork`]: with other threads running, `body` may only call
    /// async-signal-safe functions. [`check_single_threaded`](Self::check_single_threaded) tells.
    #[expect(unsafe_code, reason = "forking with other threads is the caller's to answer for")]
    pub unsafe fn fork(&self, body: impl FnOnce() -> Outcome) -> Result<Arc<Child>, StartError> {
        // SAFETY: passed on to the caller.
        unsafe { start::fork::start(self, body) }
    }

    /// Whether this process may be forked: it has no threads but the calling one (and polyproc's
    /// own, which hold nothing that a copy needs).
    ///
    /// # Errors
    /// [`StartError::Threads`] with their number.
    pub fn check_single_threaded() -> Result<(), StartError> {
        start::fork::check_single_threaded()
    }
}
