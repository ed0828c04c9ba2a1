//! Copying this process with all its memory.
#![expect(unsafe_code, reason = "fork is unsafe in a process with other threads")]

use super::Draft;
use crate::child::{self, Arrival, End, Place};
use crate::command::Command;
use crate::error::StartError;
use crate::front::{self, Outcome};
use crate::handle::{Child, Newborn};
use crate::member::{self, Inheritance, Member};
use crate::policy::StartMethod;
use crate::server::Server;
use polyproc_sys::fork::{self, Fork};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;

pub(crate) fn check_single_threaded() -> Result<(), StartError> {
    match member::other_threads() {
        Ok(0) => Ok(()),
        Ok(others) => Err(StartError::Threads { others }),
        Err(source) => Err(StartError::system("count this process's threads", source)),
    }
}

/// The copy has the front run `call`.
pub(crate) fn start_call(command: &Command, call: &[u8]) -> Result<Arc<Child>, StartError> {
    let front = front::front().ok_or(StartError::NotInitialized)?;
    check_single_threaded()?;
    // SAFETY: there are no other threads.
    unsafe { start(command, || (front.run)(call)) }
}

/// The copy runs `body`.
///
/// # Safety
/// As for [`fork::fork`].
pub(crate) unsafe fn start(
    command: &Command,
    body: impl FnOnce() -> Outcome,
) -> Result<Arc<Child>, StartError> {
    Draft::new(command, StartMethod::Fork, &[])?.finish(|draft, member| {
        let line = member.dependent_end()?;
        // What waits in the buffer would be written by both.
        drop(std::io::stdout().flush());
        // SAFETY: passed on to the caller.
        match unsafe { fork::fork() } {
            Err(source) => Err(StartError::system("fork", source)),
            Ok(Fork::Parent { pid, child }) => Ok(Newborn { pid, pidfd: child, direct: true }),
            Ok(Fork::Child) => run_copy(draft, member, line, body),
        }
    })
}

/// In the copy: never returns into the memory of what was the parent.
fn run_copy(
    draft: &mut Draft<'_>,
    member: &'static Member,
    line: OwnedFd,
    body: impl FnOnce() -> Outcome,
) -> ! {
    let server = member.server_of_copy();
    draft.birth.server = server.as_ref().map(Server::facts);
    if !draft.command.environment.is_empty() {
        draft.birth.environment = Some(draft.command.environment.apply());
    }
    draft.close_pipes();
    let outputs = draft.outputs.each_ref().map(OwnedFd::try_clone);
    let inheritance = Inheritance { roster: member.roster(), line, server };
    match (draft.far.take(), outputs) {
        (Some(socket), [Ok(stdout), Ok(stderr)]) => {
            let place =
                Some(Place { outputs: [stdout, stderr], directory: draft.directory.take() });
            let arrival = Arrival { birth: draft.birth.clone(), socket, inheritance, place };
            child::run(arrival, End::Now, |_call| body())
        }
        _ => fork::exit_now(1),
    }
}
