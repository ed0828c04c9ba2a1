//! Where an executed child finds out that it is one.
#![expect(unsafe_code, reason = "inherited descriptors, and the environment of a new process")]

use crate::birth::{Birth, Role};
use crate::child::{self, Arrival, End, fail};
use crate::front::{self, Front, Stage};
use crate::marker::{self, LINE, MARKER, ROSTER, SERVER, SOCKET};
use crate::member::{self, Inheritance};
use crate::memory::FamilyMemory;
use crate::roster::Roster;
use crate::server::Server;
use crate::start::serve::{Serving, serve};
use crate::wire::{self, Tag};
use polyproc_shm::{Content, Delivery};
use polyproc_sys::signal::Signal;
use polyproc_sys::socket::Mode;
use polyproc_sys::{exec, fork, signals, socket};
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// To be called at `stage` by every program. If this process was started as a child that takes over
/// there, this runs its call and does not return; in any other process it notes that children may.
///
/// # Panics
/// When another front has been registered before.
pub fn take_over(front: &'static Front, stage: Stage) {
    front::register(front, stage);
    let marker = std::env::var_os(MARKER);
    let Some((key, parent)) = marker.and_then(|marker| marker::read(&marker, stage)) else {
        return;
    };
    let born = claim_birth(key);
    if born.is_none() && std::os::unix::process::parent_id() == parent {
        // Running the program instead would have it start itself again, and again.
        cut_off();
    }
    if let Some(born) = born {
        // SAFETY: a new process that has not left its first function has no other threads.
        unsafe { std::env::remove_var(MARKER) };
        if stage == Stage::Load {
            // What std's start-up does, which has not run yet.
            signals::ignore(Signal::PIPE);
        }
        live(front, born)
    }
}

/// What an executed child finds under the agreed numbers.
struct Born {
    birth: Birth,
    call: Content,
    socket: OwnedFd,
    line: OwnedFd,
    roster: File,
    server: Option<OwnedFd>,
    memory: Option<OwnedFd>,
    /// For the front.
    descriptors: Vec<OwnedFd>,
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
    let (birth, call) = Birth::receive(packet.body)?;
    let mut descriptors = packet.fds;
    let memory = (birth.has_memory && !descriptors.is_empty()).then(|| descriptors.remove(0));
    // SAFETY: a process with this key was given these numbers at its start, and has not run yet.
    let [line, roster] = [LINE, ROSTER].map(|number| unsafe { socket::adopt_any(number) });
    Some(Born {
        birth,
        call,
        socket,
        line: line?,
        roster: roster?.into(),
        // SAFETY: as above; the number is free when there is no fork server.
        server: unsafe { socket::adopt(SERVER) },
        memory,
        descriptors,
    })
}

/// Ends a child that has lost what it was to take over, and with it the way to say so.
fn cut_off() -> ! {
    let message = "polyproc: this process was started as a child, but its program has closed the \
                   descriptors that it inherited before it came to `polyproc::init()`, or has not \
                   enough memory or descriptors to read its arguments; it ends\n";
    drop(io::stderr().write_all(message.as_bytes()));
    fork::exit_now(1)
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
    let memory = FamilyMemory::inherited(born.memory);
    let arrival = match (born.birth.role, born.server) {
        (Role::ForkServer, Some(client)) => {
            if let Err(error) = member::join_server(&born.birth, roster, memory) {
                fail(&born.socket, &error.to_string());
            }
            roster.run(born.birth.ticket);
            let (requests, line) = (born.socket, born.line);
            serve(front, &born.call, Serving { requests, client, roster, memory, line })
        }
        (_, client) => {
            let server = client.zip(born.birth.server);
            let server = server.map(|(client, facts)| Server::inherited(client, facts));
            let inheritance = Inheritance { roster, memory, line: born.line, server };
            let (birth, socket, descriptors) = (born.birth, born.socket, born.descriptors);
            let call = Delivery::unpack(born.call);
            Arrival { inheritance, birth, call, socket, place: None, descriptors }
        }
    };
    child::run(arrival, End::InOrder, front.run)
}
