//! Copying this process with all its memory.
#![expect(unsafe_code, reason = "fork is unsafe in a process with other threads")]

use super::Draft;
use crate::child::{self, Arrival, End, Place};
use crate::command::Command;
use crate::error::StartError;
use crate::front::{self, Call, Outcome};
use crate::handle::{Child, Newborn};
use crate::member::{self, Inheritance, Member};
use crate::memory;
use crate::policy::StartMethod;
use crate::reaper::FOREIGN;
use crate::server::Server;
use polyproc_shm::{Arena, Payload};
use polyproc_sys::clock::Deadline;
use polyproc_sys::fork::{self, Fork};
use polyproc_sys::poll;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// A thread whose work is done may still be on its way out: `std::thread::scope` does not wait for that.
const PATIENCE: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_micros(100);

pub(crate) fn check_single_threaded() -> Result<(), StartError> {
    member::await_quiet();
    polyproc_sync::await_ringers(Deadline::after(FOREIGN));
    match patiently(member::other_threads) {
        Ok(0) => Ok(()),
        Ok(others) => Err(StartError::Threads { others }),
        Err(source) => Err(StartError::system("count this process's threads", source)),
    }
}

/// How many other threads there are, when those that are about to end have had a moment for that.
pub(super) fn patiently(others: impl Fn() -> io::Result<u32>) -> io::Result<u32> {
    let deadline = Deadline::after(PATIENCE);
    loop {
        let count = others()?;
        if count == 0 || deadline.has_passed() {
            return Ok(count);
        }
        poll::any_readable(&[], Deadline::after(PAUSE))?;
    }
}

/// The copy has the front run `call`.
pub(crate) fn start_call(command: &Command, call: Payload) -> Result<Arc<Child>, StartError> {
    let front = front::front().ok_or(StartError::NotInitialized)?;
    check_single_threaded()?;
    // SAFETY: there are no other threads.
    unsafe { start_copy(command, call, front.run) }
}

/// The copy runs `body`.
///
/// # Safety
/// As for [`fork::fork`].
pub(crate) unsafe fn start(
    command: &Command,
    body: impl FnOnce() -> Outcome,
) -> Result<Arc<Child>, StartError> {
    // SAFETY: passed on to the caller.
    unsafe { start_copy(command, Payload::default(), |_call| body()) }
}

/// # Safety
/// As for [`fork::fork`].
unsafe fn start_copy(
    command: &Command,
    call: Payload,
    body: impl FnOnce(Call) -> Outcome,
) -> Result<Arc<Child>, StartError> {
    Draft::new(command, StartMethod::Fork, call)?.finish(|draft, member| {
        let line = member.dependent_end()?;
        // What waits in the buffer would be written by both.
        drop(io::stdout().flush());
        // SAFETY: passed on to the caller.
        match unsafe { fork::fork() } {
            Err(source) => Err(StartError::system("fork", source)),
            Ok(Fork::Parent { pid, child }) => {
                let place = memory::attached().and_then(Arena::place_of_fork);
                Ok(Newborn { pid, pidfd: child, direct: true, place })
            }
            Ok(Fork::Child) => run_copy(draft, member, line, body),
        }
    })
}

/// In the copy: never returns into the memory of what was the parent.
fn run_copy(
    draft: &mut Draft<'_>,
    member: &'static Member,
    line: OwnedFd,
    body: impl FnOnce(Call) -> Outcome,
) -> ! {
    let server = member.server_of_copy();
    draft.birth.server = server.as_ref().map(Server::facts);
    if !draft.command.environment.is_empty() {
        draft.birth.environment = Some(draft.command.environment.apply());
    }
    draft.close_pipes();
    let outputs = draft.outputs.each_ref().map(OwnedFd::try_clone);
    let (roster, memory) = (member.roster(), member.memory());
    let inheritance = Inheritance { roster, memory, line, server };
    match (draft.far.take(), outputs) {
        (Some(socket), [Ok(stdout), Ok(stderr)]) => {
            let place =
                Some(Place { outputs: [stdout, stderr], directory: draft.directory.take() });
            let (birth, descriptors) = (draft.birth.clone(), descriptors(draft.command));
            let call = Some(std::mem::take(&mut draft.call).into_delivery());
            let arrival = Arrival { birth, call, socket, inheritance, place, descriptors };
            child::run(arrival, End::Now, body)
        }
        _ => fork::exit_now(1),
    }
}

/// In the copy: the command's descriptors themselves, so that it has each of them once.
fn descriptors(command: &Command) -> Vec<OwnedFd> {
    let numbers = command.descriptors.iter().map(AsRawFd::as_raw_fd);
    // SAFETY: the copy never returns to whoever would drop the command.
    numbers.map(|number| unsafe { OwnedFd::from_raw_fd(number) }).collect()
}
