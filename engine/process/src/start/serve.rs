//! The fork server: a single-threaded copy of the program that forks on request and tells each
//! child's parent how the child ended.
//!
//! It holds no state that matters: whoever asks next starts a new one if this one is killed, and
//! the children that it has made go on. It ends when the process that started it is gone (by its
//! lifeline).
#![expect(unsafe_code, reason = "fork is unsafe in a process with other threads")]

use super::fork::patiently;
use crate::birth::Birth;
use crate::child::{Arrival, Place};
use crate::command::Command;
use crate::front::Front;
use crate::handle::encode_end;
use crate::member::Inheritance;
use crate::memory::FamilyMemory;
use crate::roster::Roster;
use crate::server::Server;
use crate::wire::{self, Packet, Putter, Tag, Taker};
use polyproc_shm::{Content, Delivery};
use polyproc_sys::clock::Deadline;
use polyproc_sys::fork::{self, Fork};
use polyproc_sys::pidfd::PidFd;
use polyproc_sys::signal::Signal;
use polyproc_sys::signals::{self, ChildEvents, Disposition};
use polyproc_sys::socket::{MAX_FDS, Mode};
use polyproc_sys::{poll, stat, wait};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// What the server was born with.
pub(crate) struct Serving {
    /// Where requests arrive.
    pub(crate) requests: OwnedFd,
    /// The asking end, for the children to come.
    pub(crate) client: OwnedFd,
    pub(crate) roster: &'static Roster,
    /// Passed on; the server itself does not map it.
    pub(crate) memory: &'static FamilyMemory,
    /// Ties the server to the process that started it. Its copies have their own.
    #[expect(dead_code, reason = "only has to stay open here, and to close in the copies")]
    pub(crate) line: OwnedFd,
}

/// Serves until it is killed. Returns only in children, with what they are to do.
#[expect(clippy::needless_pass_by_value, reason = "what it holds must close in each child")]
pub(crate) fn serve(front: &Front, calls: &[u8], serving: Serving) -> Arrival {
    if let Err(reason) = preload(front, calls) {
        let reason = [reason.as_bytes()];
        drop(wire::send(&serving.requests, (Tag::LastWords, 0), &reason, &[], Mode::Try));
        fork::exit_now(1);
    }
    // Ctrl-C is for those who work; the server goes when its parent goes.
    // And a program that ignores the ends of its children would keep us from knowing them.
    let before = [signals::ignore(Signal::INT), signals::reset(Signal::CHLD)];
    let Ok(mut events) = ChildEvents::new() else { fork::exit_now(1) };
    let mut children = HashMap::new();
    loop {
        let fds = [Some(serving.requests.as_fd()), Some(events.as_fd())];
        let Ok([request, ended]) = poll::readable(fds, Deadline::NEVER) else { fork::exit_now(1) };
        if ended {
            events.clear();
            relay_ends(&mut children);
        }
        if request && let Some(arrival) = answer(&serving, &mut children) {
            before.iter().for_each(Disposition::restore);
            return arrival;
        }
    }
}

/// Runs the preload functions, and makes sure that forking is safe afterwards.
fn preload(front: &Front, calls: &[u8]) -> Result<(), String> {
    let has_preloaded = !calls.is_empty();
    let mut calls = Taker(calls);
    while let Some(call) = calls.bytes() {
        (front.preload)(call)?;
    }
    match patiently(|| Ok(stat::own_threads()?.saturating_sub(1))) {
        Ok(0) => Ok(()),
        Ok(others) if has_preloaded => Err(format!(
            "a preloaded function left {others} thread(s) running, and a process with threads cannot \
             be forked safely",
        )),
        Ok(others) => Err(format!(
            "{others} thread(s) ran before `polyproc::init()`, and a process with threads cannot be \
             forked safely: make it the first statement of `main`, or, where an attribute such as \
             `#[tokio::main]` starts the threads, put `#[polyproc::main]` above it",
        )),
        Err(error) => Err(format!("cannot count the threads after preloading: {error}")),
    }
}

/// A birth record with its descriptors.
struct Request {
    birth: Birth,
    call: Content,
    /// The child's end.
    socket: OwnedFd,
    line: OwnedFd,
    place: Place,
    /// For the front of the child.
    descriptors: Vec<OwnedFd>,
}

/// What every request carries before the front's own descriptors.
const OWN_DESCRIPTORS: usize = 5;
/// One more than these is the body of a large request.
const _: () = assert!(OWN_DESCRIPTORS + Command::MOST_DESCRIPTORS < MAX_FDS);

impl Request {
    fn read(mut packet: Packet) -> Option<Self> {
        let (birth, call) = Birth::receive(packet.body).filter(|_| packet.tag == Tag::Birth)?;
        let descriptors = packet.fds.split_off(OWN_DESCRIPTORS.min(packet.fds.len()));
        let [socket, line, stdout, stderr, directory] = packet.fds.try_into().ok()?;
        let place = Place { outputs: [stdout, stderr], directory: Some(directory) };
        Some(Self { birth, call, socket, line, place, descriptors })
    }
}

/// Takes one request. `Some` in the child.
fn answer(serving: &Serving, children: &mut HashMap<u32, OwnedFd>) -> Option<Arrival> {
    // One that makes no sense is dropped: whoever sent it sees its socket closed.
    let Ok(Some(packet)) = wire::receive(&serving.requests, Mode::Try) else {
        return None;
    };
    let request = Request::read(packet)?;
    // SAFETY: `preload` has made sure that there is one thread, and the loop starts none.
    match unsafe { fork::fork() } {
        Ok(Fork::Child) => {
            // The sockets of the others must close when their own processes end.
            children.clear();
            announce(&request.socket);
            Some(arrival(serving, request))
        }
        Ok(Fork::Parent { pid, .. }) => {
            children.insert(pid, request.socket);
            None
        }
        Err(error) => {
            refuse(&error, &request.socket);
            None
        }
    }
}

/// In the child: tells the parent that it lives. The server does not, since it may be killed right
/// after the fork: the parent would ask the next server for a second process. And a child whose
/// parent has given up waiting must not run.
fn announce(socket: &OwnedFd) {
    let pid = std::process::id();
    let sent = PidFd::open(pid).and_then(|child| {
        let mut body = Putter::default();
        body.number(pid.into());
        wire::send(socket, (Tag::Forked, 0), &[&body.0], &[child.as_fd()], Mode::Try)
    });
    if let Err(error) = sent {
        refuse(&error, socket);
        fork::exit_now(1);
    }
}

fn arrival(serving: &Serving, request: Request) -> Arrival {
    let client = serving.client.try_clone();
    let server = request.birth.server.zip(client.ok());
    Arrival {
        inheritance: Inheritance {
            roster: serving.roster,
            memory: serving.memory,
            line: request.line,
            server: server.map(|(facts, client)| Server::inherited(client, facts)),
        },
        birth: request.birth,
        call: Delivery::unpack(request.call),
        socket: request.socket,
        place: Some(request.place),
        descriptors: request.descriptors,
    }
}

fn refuse(error: &io::Error, socket: &OwnedFd) {
    let mut body = Putter::default();
    body.number(error.raw_os_error().unwrap_or_default().unsigned_abs().into());
    drop(wire::send(socket, (Tag::ForkFailed, 0), &[&body.0], &[], Mode::Try));
}

/// Reaps the children that have ended and tells their parents.
fn relay_ends(children: &mut HashMap<u32, OwnedFd>) {
    while let Ok(Some(reaped)) = wait::reap_any() {
        if let Some(socket) = children.remove(&reaped.pid) {
            let body = encode_end(reaped.status, &reaped.usage);
            drop(wire::send(&socket, (Tag::Ended, 0), &[&body], &[], Mode::Try));
        }
    }
}
