//! Asking the family's fork server for a process.
//!
//! One fork server serves the whole family: every member holds the asking end of the same socket.
//! A request is one packet, so requests of many members and threads do not mix; the answer comes
//! over the new child's own socket, whose far end travels with the request. So nobody holds a lock
//! while he waits, and if the server is gone the far end is gone with it: the wait ends.

use super::exec::{self, Launch};
use super::{Draft, claim, hold_directory, socket_pair};
use crate::birth::{Birth, Role, ServerFacts};
use crate::environment::{Changes, Variables, fingerprint};
use crate::error::StartError;
use crate::handle::Newborn;
use crate::member::{self, Member};
use crate::policy::{OnParentDeath, StartMethod};
use crate::server::{PostMortem, Server};
use crate::wire::{self, Packet, Putter, Tag, Taker};
use polyproc_sys::clock::Deadline;
use polyproc_sys::pidfd::PidFd;
use polyproc_sys::socket::Mode;
use polyproc_sys::{fork, poll};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

/// How a request ended that brought no child.
enum Failure {
    /// The server is gone: a new one may do better.
    ServerGone,
    Other(StartError),
}

pub(crate) fn start(draft: &mut Draft<'_>, member: &'static Member) -> Result<Newborn, StartError> {
    let deadline = Deadline::after(draft.command.start_timeout);
    let mut reason = String::new();
    for _attempt in 0..2 {
        let server = running_server(member)?;
        match request(draft, member, &server, deadline) {
            Ok(made) => return Ok(made),
            Err(Failure::Other(error)) => return Err(error),
            Err(Failure::ServerGone) => {
                let end = discard(member, &server);
                reason = end.reason;
                tracing::warn!(pid = server.facts().pid, reason, "the fork server is gone");
                if end.gave_up {
                    break;
                }
                // What the dead server still held of it is of no use.
                let (near, far) = socket_pair()?;
                (draft.near, draft.far) = (near, Some(far));
            }
        }
    }
    Err(StartError::ForkServer { reason })
}

fn running_server(member: &'static Member) -> Result<Arc<Server>, StartError> {
    let mut state = member.server();
    match &state.server {
        Some(server) if server.facts().authority == fork::authority() => {
            return Ok(Arc::clone(server));
        }
        // Its children would have what this process has given up (or not what it has got).
        Some(server) => server.stop(),
        None => {}
    }
    let server = Arc::new(launch_server(member, &state.preload)?);
    state.server = Some(Arc::clone(&server));
    Ok(server)
}

/// Forgets a server that is gone, unless another thread has already put a new one in its place.
fn discard(member: &Member, server: &Arc<Server>) -> PostMortem {
    let mut state = member.server();
    match &state.server {
        Some(current) if Arc::ptr_eq(current, server) => {
            state.server = None;
            server.post_mortem()
        }
        _ => PostMortem { reason: "it is gone".into(), gave_up: false },
    }
}

fn request(
    draft: &mut Draft<'_>,
    member: &Member,
    server: &Server,
    deadline: Deadline,
) -> Result<Newborn, Failure> {
    let line = member.dependent_end().map_err(Failure::Other)?;
    let far = draft.far.take().ok_or(Failure::ServerGone)?;
    draft.birth.environment = environment(draft, server);
    draft.birth.server = Some(server.facts());
    let here;
    let directory = if let Some(directory) = &draft.directory {
        directory
    } else {
        here = hold_directory(Path::new(".")).map_err(Failure::Other)?;
        &here
    };
    let [stdout, stderr] = &draft.outputs;
    let own = [&far, &line, stdout, stderr, directory];
    let fds: Vec<_> = own.into_iter().chain(&draft.command.descriptors).map(AsFd::as_fd).collect();
    let (birth, [call, tail]) = (draft.birth.encode(), draft.call.parts());
    match send_request(server, &[&birth, call, tail], &fds, deadline) {
        Ok(()) => {}
        Err(error) if is_disconnect(&error) => return Err(Failure::ServerGone),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            let waited = draft.command.start_timeout;
            return Err(Failure::Other(StartError::TimedOut { waited }));
        }
        Err(source) => {
            let error = StartError::system("pass the arguments on to the fork server", source);
            return Err(Failure::Other(error));
        }
    }
    // From here on the far end is the server's alone: if it is gone, we see end-of-file.
    drop(far);
    await_answer(draft, deadline)
}

/// A server that is stopped reads nothing: its socket may stay full.
fn send_request(
    server: &Server,
    body: &[&[u8]],
    fds: &[BorrowedFd<'_>],
    deadline: Deadline,
) -> io::Result<()> {
    loop {
        match wire::send(&server.client(), (Tag::Birth, 0), body, fds, Mode::Try) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return result,
        }
        if !poll::writable(server.client(), deadline)? {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

fn is_disconnect(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected
    )
}

fn await_answer(draft: &Draft<'_>, deadline: Deadline) -> Result<Newborn, Failure> {
    let other = |source| Failure::Other(StartError::system("hear from the fork server", source));
    loop {
        let ready = poll::readable([Some(draft.near.as_fd())], deadline).map_err(other)?;
        if !ready[0] {
            let waited = draft.command.start_timeout;
            return Err(Failure::Other(StartError::TimedOut { waited }));
        }
        match wire::receive(&draft.near, Mode::Try) {
            Ok(Some(packet)) => return read_answer(packet),
            Ok(None) => return Err(Failure::ServerGone),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if is_disconnect(&error) => return Err(Failure::ServerGone),
            Err(error) => return Err(other(error)),
        }
    }
}

fn read_answer(mut packet: Packet) -> Result<Newborn, Failure> {
    let number = Taker(&packet.body).number().unwrap_or(0);
    match (packet.tag, packet.fds.pop()) {
        (Tag::Forked, Some(pidfd)) => Ok(Newborn {
            pid: number as u32,
            pidfd: PidFd::from_owned(pidfd),
            direct: false,
            place: None,
        }),
        (Tag::Ended, _) => Err(Failure::Other(StartError::system(
            "hear from the new process",
            wire::invalid("it ended at once"),
        ))),
        (Tag::ForkFailed, _) => Err(Failure::Other(StartError::system(
            "fork in the fork server",
            io::Error::from_raw_os_error(number as i32),
        ))),
        _ => Err(Failure::Other(StartError::system(
            "understand the fork server",
            wire::invalid("an answer of another kind"),
        ))),
    }
}

/// The environment that the child is to have, unless it is the server's own.
fn environment(draft: &Draft<'_>, server: &Server) -> Option<Variables> {
    let environment = draft.command.environment.apply();
    (fingerprint(&environment) != server.facts().environment).then_some(environment)
}

fn launch_server(member: &'static Member, preload: &[Vec<u8>]) -> Result<Server, StartError> {
    let (client, serving) = socket_pair()?;
    let environment = Changes::default().apply();
    let birth = server_birth(member, fingerprint(&environment))?;
    let null = member.null()?;
    let outputs = [
        crate::Stdio::Inherit.open(&io::stdout(), null)?.0,
        crate::Stdio::Inherit.open(&io::stderr(), null)?.0,
    ];
    let started = exec::launch(
        member,
        &Launch {
            birth: &birth,
            call: &[&encode_calls(preload)],
            socket: (&client, &serving),
            outputs: &outputs,
            server: Some(client.as_fd()),
            environment,
            directory: None,
            descriptors: &[],
        },
    )
    .inspect_err(|_| {
        member.roster().free(birth.ticket);
    })?;
    tracing::debug!(pid = started.pid, "fork server started");
    let environment = birth.server.map_or(0, |facts| facts.environment);
    let facts = ServerFacts { pid: started.pid, environment, authority: fork::authority() };
    Ok(Server::own(client, facts, started.pidfd))
}

/// What the server's own call is: those that it runs before it serves.
fn encode_calls(preload: &[Vec<u8>]) -> Vec<u8> {
    let mut calls = Putter::default();
    for call in preload {
        calls.bytes(call);
    }
    calls.0
}

fn server_birth(member: &Member, environment: u64) -> Result<Birth, StartError> {
    let (role, name) = (Role::ForkServer, "ForkServer");
    let (method, daemon) = (StartMethod::Spawn, true);
    Ok(Birth {
        role,
        name: name.into(),
        lineage: Vec::new(),
        daemon,
        method,
        default_method: member::start_method(),
        on_parent_death: OnParentDeath::Kill,
        parent: member.identity(),
        parent_name: member.name().to_owned(),
        ticket: claim(member, role, name, (method, daemon))?,
        server: Some(ServerFacts { pid: 0, environment, authority: fork::authority() }),
        environment: None,
        has_memory: member.memory().file().is_some(),
    })
}
