//! Executing the program again: for the start method `spawn`, and for the fork server itself.
//!
//! The child finds what it needs under agreed descriptor numbers: its socket, on which its birth
//! record already waits; its end of the lifeline, armed before the program runs; the family's
//! roster; and, if there is one, the way to the fork server. The file of the family's arena and the
//! front's own descriptors lie beside the birth record. A marker in the environment holds a
//! key that the record must match, so that a marker that leaks into some other process means
//! nothing there.

use super::Draft;
use crate::birth::Birth;
use crate::environment::{Variables, for_exec};
use crate::error::StartError;
use crate::front;
use crate::handle::Newborn;
use crate::marker::{self, LINE};
use crate::member::{self, Member};
use crate::wire::{self, Tag};
use polyproc_sys::exec::{self, Program, Started};
use polyproc_sys::socket::Mode;
use std::ffi::{CString, OsString};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

pub(crate) fn start(draft: &mut Draft<'_>, member: &'static Member) -> Result<Newborn, StartError> {
    let server = member.server().server.clone();
    draft.birth.server = server.as_ref().map(|server| server.facts());
    draft.birth.has_memory = member.memory().file().is_some();
    let started = launch(
        member,
        &Launch {
            birth: &draft.birth,
            call: &draft.call.parts(),
            socket: (&draft.near, draft.far.as_ref().unwrap_or(&draft.near)),
            outputs: &draft.outputs,
            server: server.as_ref().map(|server| server.client()),
            environment: draft.command.environment.apply(),
            directory: draft.command.directory.clone(),
            descriptors: &draft.command.descriptors,
        },
    )?;
    Ok(Newborn { pid: started.pid, pidfd: started.pidfd, direct: true, place: None })
}

/// What to execute, and with what.
pub(crate) struct Launch<'a> {
    pub(crate) birth: &'a Birth,
    /// What lies behind the birth record, in parts.
    pub(crate) call: &'a [&'a [u8]],
    /// Ours, and the child's.
    pub(crate) socket: (&'a OwnedFd, &'a OwnedFd),
    pub(crate) outputs: &'a [OwnedFd; 2],
    pub(crate) server: Option<BorrowedFd<'a>>,
    pub(crate) environment: Variables,
    pub(crate) directory: Option<PathBuf>,
    /// For the front of the child.
    pub(crate) descriptors: &'a [OwnedFd],
}

pub(crate) fn launch(member: &Member, launch: &Launch<'_>) -> Result<Started, StartError> {
    let stage = front::stage().ok_or(StartError::NotInitialized)?;
    let key = RandomState::new().build_hasher().finish();
    // It waits in the socket before the child exists: nobody waits for anybody.
    let beside: Vec<_> = member
        .memory()
        .file()
        .into_iter()
        .chain(launch.descriptors.iter().map(AsFd::as_fd))
        .collect();
    let birth = launch.birth.encode();
    let body: Vec<_> = std::iter::once(&birth[..]).chain(launch.call.iter().copied()).collect();
    wire::send(launch.socket.0, (Tag::Birth, key), &body, &beside, Mode::Try)
        .map_err(|source| StartError::system("pass the arguments on to a process", source))?;
    let line = member.dependent_end()?;
    let roster = member.roster();
    let extra: Vec<_> = [launch.socket.1.as_fd(), line.as_fd(), roster.as_fd()]
        .into_iter()
        .chain(launch.server)
        .collect();
    let program = member::executable();
    let null = member.null()?;
    exec::start(&Program {
        path: &c_string(program.clone().into_os_string())?,
        arguments: &arguments(),
        environment: &for_exec(marker::put(&launch.environment, key, stage)),
        directory: launch
            .directory
            .clone()
            .map(|path| c_string(path.into()))
            .transpose()?
            .as_deref(),
        stdio: [null.as_fd(), launch.outputs[0].as_fd(), launch.outputs[1].as_fd()],
        extra: &extra,
        lifeline: launch
            .birth
            .on_parent_death
            .signal()
            .map(|signal| ((LINE - exec::FIRST_EXTRA) as usize, signal)),
    })
    .map_err(|error| StartError::exec(error, program, launch.directory.clone()))
}

/// The same arguments as ours: a program may look at them before it comes to `init`.
fn arguments() -> Vec<CString> {
    let own = std::env::args_os().filter_map(|argument| c_string(argument).ok());
    own.collect()
}

fn c_string(text: OsString) -> Result<CString, StartError> {
    let forbidden = StartError::Forbidden { what: "a path", character: '\0' };
    CString::new(text.into_vec()).map_err(|_has_zero| forbidden)
}
