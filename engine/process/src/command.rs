//! What to start, and how: settings. [`start`](crate::start) acts on them.

use crate::environment::Changes;
use crate::error::StartError;
use crate::policy::{OnParentDeath, StartMethod};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

/// Where a standard stream of a child goes.
#[derive(Debug, Default)]
pub enum Stdio {
    /// Where this process's own goes.
    #[default]
    Inherit,
    /// Nowhere.
    Null,
    /// Into this file, pipe or socket.
    To(OwnedFd),
    /// Into a pipe: see `take_stdout` of the handle.
    Piped,
}

impl Stdio {
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
    pub(crate) stdout: Stdio,
    pub(crate) stderr: Stdio,
    pub(crate) on_parent_death: OnParentDeath,
    pub(crate) start_timeout: Duration,
    pub(crate) descriptors: Vec<OwnedFd>,
}

impl Default for Command {
    fn default() -> Self {
        Self {
            name: None,
            daemon: None,
            method: None,
            environment: Changes::default(),
            directory: None,
            stdout: Stdio::Inherit,
            stderr: Stdio::Inherit,
            on_parent_death: OnParentDeath::Kill,
            start_timeout: Duration::from_mins(1),
            descriptors: Vec::new(),
        }
    }
}

impl Command {
    /// The most descriptors that a child may be given.
    pub const MOST_DESCRIPTORS: usize = 6;

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
    pub fn stdout(&mut self, output: Stdio) {
        self.stdout = output;
    }

    /// Where its standard error goes.
    pub fn stderr(&mut self, output: Stdio) {
        self.stderr = output;
    }

    /// What happens to it when this process is gone.
    pub fn on_parent_death(&mut self, choice: OnParentDeath) {
        self.on_parent_death = choice;
    }

    /// A descriptor for the child, besides the streams: a copy travels with its birth record, and
    /// its front gets it with the call. At most [`Command::MOST_DESCRIPTORS`]; starting with more is
    /// an error.
    pub fn descriptor(&mut self, descriptor: OwnedFd) {
        self.descriptors.push(descriptor);
    }

    /// How long it may take until the child has reached its function.
    pub fn start_timeout(&mut self, timeout: Duration) {
        self.start_timeout = timeout;
    }
}
