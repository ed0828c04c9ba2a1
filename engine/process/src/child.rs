//! A started process from inside: from its birth record to its exit.
#![expect(unsafe_code, reason = "inherited descriptors, and the environment of a forked copy")]

use crate::birth::{Birth, Role};
use crate::farewell;
use crate::member::{self, Inheritance, Member};
use crate::roster::Roster;
use crate::start::exec::{LINE, MARKER, ROSTER, SERVER, SOCKET, read_marker};
use crate::start::forkserver::Server;
use crate::start::server::{self, Serving};
use crate::wire::{self, Tag};
use polyproc_sys::signal::Signal;
use polyproc_sys::socket::Mode;
use polyproc_sys::{exec, fork, lifeline, signals, socket};
use std::ffi::CString;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

/// What a front does with a call inside a child. The engine knows no more of calls than this.
#[derive(Debug)]
pub struct Front {
    /// Runs a call.
    pub run: fn(&[u8]) -> Outcome,
    /// Runs a call before the fork server serves; an error ends the server with its text.
    pub preload: fn(&[u8]) -> Result<(), String>,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// For the parent's front.
    pub report: Vec<u8>,
    /// The code to exit with.
    pub code: i32,
}

/// Where in the life of the program a child takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// While the program is loaded, before `main`.
    Load = 1,
    /// In `main`.
    Main = 2,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Load => "load",
            Self::Main => "main",
        })
    }
}

static FRONT: OnceLock<&'static Front> = OnceLock::new();
/// The latest stage at which this program has offered to take over; 0 for none.
static STAGE: AtomicU8 = AtomicU8::new(0);

pub(crate) fn front() -> Option<&'static Front> {
    FRONT.get().copied()
}

pub(crate) fn stage() -> Option<Stage> {
    [Stage::Load, Stage::Main].into_iter().find(|s| *s as u8 == STAGE.load(Ordering::Relaxed))
}

/// To be called at `stage` by every program. If this process was started as a child that takes over
/// there, this runs its call and does not return; in any other process it notes that children may.
///
/// # Panics
/// When another front has been registered before.
pub fn take_over(front: &'static Front, stage: Stage) {
    let first = FRONT.get_or_init(|| front);
    assert!(std::ptr::eq(*first, front), "two fronts of polyproc in one program");
    STAGE.fetch_max(stage as u8, Ordering::Relaxed);
    let marker = std::env::var_os(MARKER);
    if let Some(born) = marker.and_then(|marker| claim_birth(read_marker(&marker, stage)?)) {
        // SAFETY: a new process that has not left its first function has no other threads.
        unsafe { std::env::remove_var(MARKER) };
        if stage == Stage::Load {
            // What std's start-up does, which has not run yet.
            signals::ignore(Signal::PIPE);
        }
        live(front, born)
    }
}

/// Sends the report of a call before its end: for a front that sees an abort coming.
pub fn report_early(report: &[u8]) {
    if let Some(socket) = member::existing().and_then(Member::socket) {
        drop(wire::send(socket, (Tag::Report, 0), report, &[], Mode::Try));
    }
}

/// What an executed child finds under the agreed numbers.
struct Born {
    birth: Birth,
    socket: OwnedFd,
    line: OwnedFd,
    roster: File,
    server: Option<OwnedFd>,
}

/// `None` when this process is no child of ours: the marker came from elsewhere.
fn claim_birth(key: u64) -> Option<Born> {
    // SAFETY: nothing in this process can own the number yet, if what is there is our socket; and
    // if it is not, it is given back unharmed below.
    let socket = unsafe { socket::adopt(SOCKET) }?;
    if wire::peek(&socket) != Some((Tag::Birth, key)) {
        give_back(socket);
        return None;
    }
    let packet = wire::receive(&socket, Mode::Try).ok()??;
    // SAFETY: a process with this key was given these numbers at its start, and has not run yet.
    let [line, roster] = [LINE, ROSTER].map(|number| unsafe { socket::adopt_any(number) });
    Some(Born {
        birth: Birth::decode(&packet.body)?,
        socket,
        line: line?,
        roster: roster?.into(),
        // SAFETY: as above; the number is free when there is no fork server.
        server: unsafe { socket::adopt(SERVER) },
    })
}

/// Not ours to close.
fn give_back(fd: OwnedFd) {
    use std::os::fd::IntoRawFd;
    let _number = fd.into_raw_fd();
}

/// Under the program's own name, and not the one that it was executed by.
fn take_name() {
    let path = std::env::args_os().next().map(PathBuf::from);
    let name = path.as_deref().and_then(Path::file_name).map(|name| CString::new(name.as_bytes()));
    if let Some(Ok(name)) = name {
        exec::set_short_name(&name);
    }
}

fn live(front: &'static Front, born: Born) -> ! {
    take_name();
    let roster = match Roster::attach(born.roster) {
        Ok(roster) => Box::leak(Box::new(roster)),
        Err(error) => fail(&born.socket, &format!("cannot join the family: {error}")),
    };
    let arrival = match (born.birth.role, born.server) {
        (Role::ForkServer, Some(client)) => {
            if let Err(error) = member::join_server(&born.birth, roster) {
                fail(&born.socket, &error.to_string());
            }
            roster.run(born.birth.ticket);
            let (birth, requests, line) = (born.birth, born.socket, born.line);
            server::serve(front, Serving { birth, requests, client, roster, line })
        }
        (_, client) => {
            let server = client.zip(born.birth.server);
            let server = server.map(|(client, facts)| Server::inherited(client, facts));
            let inheritance = Inheritance { roster, line: born.line, server };
            Arrival { inheritance, birth: born.birth, socket: born.socket, outputs: None }
        }
    };
    run(arrival, End::InOrder, front.run)
}

/// A new process with all that it needs to become what its parent wants.
pub(crate) struct Arrival {
    pub(crate) birth: Birth,
    /// To the parent.
    pub(crate) socket: OwnedFd,
    pub(crate) inheritance: Inheritance,
    /// Standard output and error to be; `None` in an executed child, where everything is in place.
    pub(crate) outputs: Option<[OwnedFd; 2]>,
}

/// How a child leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Through `exit`: hooks run, C's buffers are written.
    InOrder,
    /// At once: hooks and buffers are copies of the parent's.
    Now,
}

/// Runs the call of a new process and ends it.
pub(crate) fn run(mut arrival: Arrival, end: End, call: impl FnOnce(&[u8]) -> Outcome) -> ! {
    if let Some(outputs) = arrival.outputs.take()
        && let Err((what, error)) = settle(&arrival, &outputs)
    {
        fail(&arrival.socket, &format!("cannot {what}: {error}"));
    }
    let Arrival { birth, socket, inheritance, .. } = arrival;
    let roster = inheritance.roster;
    if let Err(error) = member::join(&birth, socket, inheritance) {
        // The socket went with the failed attempt: the exit code and the phase tell the parent.
        tracing::error!(%error, "cannot join the family");
        fork::exit_now(1);
    }
    roster.run(birth.ticket);
    // A front catches panics itself; one that gets here must not run on into the caller's frames.
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| call(&birth.call)));
    let outcome = outcome.unwrap_or_else(|_| Outcome { report: Vec::new(), code: 101 });
    if !outcome.report.is_empty() {
        report_early(&outcome.report);
    }
    roster.end(birth.ticket);
    leave(end, outcome.code)
}

/// Puts a forked copy into its place: an executed child has all this from `exec`.
fn settle(arrival: &Arrival, outputs: &[OwnedFd; 2]) -> Result<(), (&'static str, io::Error)> {
    if let Some(signal) = arrival.birth.on_parent_death.signal() {
        lifeline::arm(&arrival.inheritance.line, signal)
            .map_err(|error| ("tie the process to its parent", error))?;
    }
    let failed = |error| ("set up the standard streams", error);
    let null = File::open("/dev/null").map_err(failed)?;
    socket::replace_stream(&null, 0).map_err(failed)?;
    socket::replace_stream(&outputs[0], 1).map_err(failed)?;
    socket::replace_stream(&outputs[1], 2).map_err(failed)?;
    let surroundings = &arrival.birth.surroundings;
    if let Some(directory) = &surroundings.directory {
        std::env::set_current_dir(directory)
            .map_err(|error| ("enter its working directory", error))?;
    }
    if let Some(environment) = &surroundings.environment {
        for (name, _) in std::env::vars_os() {
            // SAFETY: a forked copy has one thread (or its maker has answered for that).
            unsafe { std::env::remove_var(name) };
        }
        for (name, value) in environment {
            // SAFETY: as above.
            unsafe { std::env::set_var(name, value) };
        }
    }
    Ok(())
}

/// Ends a process that cannot become what it should; its parent is told why.
fn fail(socket: &OwnedFd, reason: &str) -> ! {
    drop(wire::send(socket, (Tag::StartFailed, 0), reason.as_bytes(), &[], Mode::Try));
    fork::exit_now(1)
}

#[expect(clippy::disallowed_methods, clippy::exit, reason = "the one place where a child ends")]
fn leave(end: End, code: i32) -> ! {
    farewell::say_goodbye();
    drop(io::stdout().flush());
    match end {
        End::InOrder => std::process::exit(code),
        End::Now => fork::exit_now(code),
    }
}
