//! Starting: what all start methods share (the plan, the birth record, the socket pair).

mod exec;
mod fork;
mod forkserver;
pub(crate) mod serve;

use crate::birth::{Birth, Role};
use crate::command::Command;
use crate::error::StartError;
use crate::farewell;
use crate::front::{self, Outcome};
use crate::handle::{Child, Newborn, Plan};
use crate::member::{self, Member};
use crate::policy::StartMethod;
use crate::roster::{Entry, PLACES, Ticket};
use polyproc_shm::{Packed, Parcel, Payload};
use polyproc_sys::exec::Step;
use polyproc_sys::{directory, socket};
use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

/// Deeper than any family has a reason to be.
const MAX_DEPTH: usize = 64;

impl Command {
    /// Starts a process in which the front runs `call`. The handles in it are held until the process
    /// has received them; those that it has not when it ends, or does not start, are given back.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left of a process that did not start.
    pub fn start(&self, call: impl Into<Payload>) -> Result<Arc<Child>, StartError> {
        self.start_call(call.into())
    }

    fn start_call(&self, call: Payload) -> Result<Arc<Child>, StartError> {
        let method = self.method.unwrap_or_else(member::start_method);
        front::stage().ok_or(StartError::NotInitialized)?;
        farewell::prepare()?;
        match method {
            StartMethod::Fork => fork::start_call(self, call),
            StartMethod::ForkServer => Draft::new(self, method, call)?.finish(forkserver::start),
            StartMethod::Spawn => Draft::new(self, method, call)?.finish(exec::start),
        }
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
        farewell::prepare()?;
        // SAFETY: passed on to the caller.
        unsafe { fork::start(self, body) }
    }

    /// Whether this process may be forked: it has no threads but the calling one (and polyproc's
    /// own, which hold nothing that a copy needs).
    ///
    /// # Errors
    /// [`StartError::Threads`] with their number.
    pub fn check_single_threaded() -> Result<(), StartError> {
        fork::check_single_threaded()
    }
}

/// A process that is about to start. Dropped without [`Draft::finish`], it leaves nothing behind.
pub(crate) struct Draft<'a> {
    pub(crate) command: &'a Command,
    pub(crate) birth: Birth,
    pub(crate) call: Packed,
    /// What holds the handles in the call.
    parcels: Vec<Parcel>,
    /// Our end of the way to the child.
    pub(crate) near: OwnedFd,
    /// The child's end, until the child (or the fork server) has it.
    pub(crate) far: Option<OwnedFd>,
    /// Where the child starts, if not where this process is.
    pub(crate) directory: Option<OwnedFd>,
    /// Standard output and error of the child.
    pub(crate) outputs: [OwnedFd; 2],
    pipes: [Option<PipeReader>; 2],
}

impl<'a> Draft<'a> {
    pub(crate) fn new(
        command: &'a Command,
        method: StartMethod,
        call: Payload,
    ) -> Result<Self, StartError> {
        command.environment.check()?;
        let (given, most) = (command.descriptors.len(), Command::MOST_DESCRIPTORS);
        if given > most {
            return Err(StartError::Descriptors { given, most });
        }
        let directory = command.directory.as_deref().map(hold_directory).transpose()?;
        let member = member::member()?;
        let lineage = member.next_lineage();
        if lineage.len() > MAX_DEPTH {
            return Err(StartError::TooDeep { depth: lineage.len() });
        }
        let name = command.name.clone().unwrap_or_else(|| default_name(&lineage));
        if name.contains('\0') {
            return Err(StartError::Forbidden { what: "a process's name", character: '\0' });
        }
        let (near, far) = socket_pair()?;
        let null = member.null()?;
        let (stdout, stdout_pipe) = command.stdout.open(&io::stdout(), null)?;
        let (stderr, stderr_pipe) = command.stderr.open(&io::stderr(), null)?;
        let daemon = command.daemon.unwrap_or(member.daemon());
        let (call, parcels) = call.pack();
        Ok(Self {
            command,
            birth: Birth {
                role: Role::Worker,
                ticket: claim(member, Role::Worker, &name, (method, daemon))?,
                name,
                lineage,
                daemon,
                method,
                default_method: member::start_method(),
                on_parent_death: command.on_parent_death,
                parent: member.identity(),
                parent_name: member.name().to_owned(),
                server: None,
                environment: None,
                has_memory: false,
            },
            call,
            parcels,
            near,
            far: Some(far),
            directory,
            outputs: [stdout, stderr],
            pipes: [stdout_pipe, stderr_pipe],
        })
    }

    /// In a copy: while the reading ends are open here, too, a write to a pipe that nobody reads
    /// would wait for ever.
    pub(crate) fn close_pipes(&mut self) {
        self.pipes = [None, None];
    }

    /// Has `make` start the process, and returns its handle.
    pub(crate) fn finish(
        self,
        make: impl FnOnce(&mut Self, &'static Member) -> Result<Newborn, StartError>,
    ) -> Result<Arc<Child>, StartError> {
        let member = member::member()?;
        let mut draft = self;
        let newborn = make(&mut draft, member).inspect_err(|_| {
            member.roster().free(draft.birth.ticket);
        })?;
        let [stdout, stderr] = draft.pipes;
        let plan = Plan {
            name: draft.birth.name,
            daemon: draft.birth.daemon,
            method: draft.birth.method,
            roster: member.roster(),
            ticket: draft.birth.ticket,
            start_timeout: draft.command.start_timeout,
            stdout,
            stderr,
            parcels: draft.parcels,
        };
        let child = Arc::new(Child::new(plan, draft.near, newborn));
        member.adopt_child(&child);
        tracing::debug!(pid = child.pid(), name = child.name(), method = %child.start_method(), "process started");
        Ok(child)
    }
}

/// A path that leads to no directory is an error here, and not in the child.
fn hold_directory(path: &Path) -> Result<OwnedFd, StartError> {
    directory::hold(path).map_err(|source| {
        match StartError::system("hold the working directory", source) {
            StartError::System { source, .. } => {
                StartError::Exec { step: Step::Directory, path: path.to_owned(), source }
            }
            limit => limit,
        }
    })
}

pub(crate) fn socket_pair() -> Result<(OwnedFd, OwnedFd), StartError> {
    socket::pair().map_err(|source| StartError::system("make a socket pair for a process", source))
}

fn default_name(lineage: &[u32]) -> String {
    let numbers: Vec<_> = lineage.iter().map(u32::to_string).collect();
    format!("Process-{}", numbers.join(":"))
}

/// A place in the roster for a process that `member` is about to start.
fn claim(
    member: &Member,
    role: Role,
    name: &str,
    (method, daemon): (StartMethod, bool),
) -> Result<Ticket, StartError> {
    let fork_server = role == Role::ForkServer;
    let entry =
        Entry { name, parent: member.identity(), method: Some(method), daemon, fork_server };
    member.roster().claim(&entry).ok_or(StartError::FamilyFull { members: PLACES })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_names_tell_the_lineage() {
        assert_eq!(default_name(&[1]), "Process-1");
        assert_eq!(default_name(&[1, 2]), "Process-1:2");
    }
}
