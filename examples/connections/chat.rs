//! A chat over TCP with a key: a room that people join from other processes, here or on other
//! machines, and that survives whatever they do.
//!
//! Without arguments a scene is played, each person in a process of its own. With arguments it is a
//! chat for the terminal: `chat open 0.0.0.0:5000 KEY` on one machine, and on any
//! `chat join 192.168.1.10:5000 KEY NAME`.
//!
//! ```text
//! the room is open at 127.0.0.1:…
//! * Ada joins
//! * Ben joins
//! Ada: Hello Ben! Did you know that a process may be killed at any instruction?
//! Ben: So I heard. What becomes of its connections then?
//! * somebody is not let in: a client from 127.0.0.1:… was turned away: the peer has another key
//! * Ben leaves
//! Ada: Ben?
//! * Ada leaves
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::connection::{
    AcceptError, Address, Client, Connection, Key, Listener, RecvError, Waitable, wait,
};
use polyproc::prelude::*;
use serde::{Deserialize, Serialize};
use std::thread;
use std::time::Duration;

/// What people send to the room.
#[derive(Serialize, Deserialize)]
enum Said {
    Join(String),
    Line(String),
}

/// What the room sends to everybody, as it is to be shown.
type Shown = String;

/// Somebody in the room; without a name until the first message.
struct Guest {
    connection: Connection<Shown, Said>,
    name: Option<String>,
}

struct Room {
    listener: Listener,
    guests: Vec<Guest>,
}

impl Room {
    fn open(address: impl Into<Address>, key: &[u8]) -> polyproc::Result<Self> {
        let listener = Listener::bind(address, 16, Some(Key::new(key)?))?;
        println!("the room is open at {}", listener.address());
        Ok(Self { listener, guests: Vec::new() })
    }

    /// Waits for whatever comes next, somebody at the door or somebody who speaks or leaves, and
    /// shows everybody what is to be shown of it.
    fn attend(&mut self) -> polyproc::Result<Vec<Shown>> {
        let guests = self.guests.iter().map(|guest| &guest.connection as &dyn Waitable);
        let all: Vec<_> = [&self.listener as &dyn Waitable].into_iter().chain(guests).collect();
        let mut lines = Vec::new();
        // From the last to the first, since who leaves moves those behind.
        for index in wait(&all, None)?.into_iter().rev() {
            lines.extend(match index.checked_sub(1) {
                Some(guest) => self.listen_to(guest),
                None => self.open_the_door()?,
            });
        }
        for line in &lines {
            self.show(line);
        }
        Ok(lines)
    }

    /// Waits for nobody: who is slow to prove that he knows the key holds up no conversation.
    fn open_the_door(&mut self) -> polyproc::Result<Option<Shown>> {
        match self.listener.accept_timeout(Duration::ZERO) {
            Ok(mut connection) => {
                // Knowing the key is no licence to fill our memory.
                connection.set_max_len(10_000);
                self.guests.push(Guest { connection, name: None });
                Ok(None)
            }
            Err(error @ AcceptError::Client { .. }) => {
                Ok(Some(format!("* somebody is not let in: {error}")))
            }
            Err(AcceptError::TimedOut) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn listen_to(&mut self, index: usize) -> Option<Shown> {
        let guest = &mut self.guests[index];
        match (guest.connection.try_recv(), &guest.name) {
            (Ok(Said::Join(name)), None) => Some(format!("* {} joins", guest.name.insert(name))),
            (Ok(Said::Line(line)), Some(name)) => Some(format!("{name}: {line}")),
            // Half a message came; the rest will, too.
            (Err(RecvError::TimedOut), _) => None,
            // The end, or something that a guest does not do.
            _ => {
                let name = self.guests.remove(index).name;
                name.map(|name| format!("* {name} leaves"))
            }
        }
    }

    fn show(&mut self, line: &Shown) {
        println!("{line}");
        for guest in &mut self.guests {
            // Who has left is noticed when he is listened to. Who does not read holds up the others
            // for a second, and gets nothing more.
            drop(guest.connection.send_timeout(line, Duration::from_secs(1)));
        }
    }
}

/// Joins a room under a name.
fn join(address: &str, key: &[u8], name: &str) -> polyproc::Result<Connection<Said, Shown>> {
    let mut room = Client::connect(address, Some(&Key::new(key)?))?;
    room.send(&Said::Join(name.to_owned()))?;
    Ok(room)
}

/// Somebody in the scene.
#[derive(Serialize, Deserialize)]
struct Role {
    name: String,
    key: Vec<u8>,
    /// What each of his lines waits for, and the line.
    lines: Vec<(String, String)>,
    leaves_at: String,
}

/// Says the lines of a role at their cues, in a process of its own.
fn play((address, role): (String, Role)) -> Result<(), String> {
    let play = || -> polyproc::Result<()> {
        let mut room = join(&address, &role.key, &role.name)?;
        let await_cue = |room: &mut Connection<_, Shown>, cue: &str| {
            room.messages().flatten().find(|shown| shown.contains(cue))
        };
        for (cue, line) in &role.lines {
            await_cue(&mut room, cue);
            room.send(&Said::Line(line.clone()))?;
        }
        await_cue(&mut room, &role.leaves_at);
        Ok(())
    };
    play().map_err(|error| error.to_string())
}

fn role(name: &str, key: &[u8], lines: &[(&str, &str)], leaves_at: &str) -> Role {
    let owned = |(cue, line): &(&str, &str)| ((*cue).to_owned(), (*line).to_owned());
    Role {
        name: name.to_owned(),
        key: key.to_vec(),
        lines: lines.iter().map(owned).collect(),
        leaves_at: leaves_at.to_owned(),
    }
}

const HELLO: &str = "Hello Ben! Did you know that a process may be killed at any instruction?";
const REPLY: &str = "So I heard. What becomes of its connections then?";

fn scene() -> polyproc::Result<()> {
    let key = b"nobody guesses this";
    let mut room = Room::open("127.0.0.1:0", key)?;
    let address = room.listener.address().to_string();
    let enter =
        |role: Role| Process::builder().name(&role.name).spawn(play, (address.clone(), role));

    let mut people =
        vec![enter(role("Ada", key, &[("Ben joins", HELLO), ("Ben leaves", "Ben?")], "Ben?"))?];
    loop {
        for line in room.attend()? {
            if line == "* Ada joins" {
                people.push(enter(role("Ben", key, &[(HELLO, REPLY)], "never"))?);
            } else if line.ends_with(REPLY) {
                people.push(enter(role("Eve", b"a guess", &[], ""))?);
            } else if line.starts_with("* somebody is not let in") {
                people[1].kill()?;
            } else if line == "* Ada leaves" {
                return Ok(());
            }
        }
    }
}

/// What the terminal says goes to the room, and the other way round.
fn talk(address: &str, key: &str, name: &str) -> polyproc::Result<()> {
    let (mut sender, mut receiver) = join(address, key.as_bytes(), name)?.split();
    let listening = thread::spawn(move || {
        while let Ok(line) = receiver.recv() {
            println!("{line}");
        }
        println!("the room is closed");
    });
    for line in std::io::stdin().lines() {
        sender.send(&Said::Line(line?))?;
    }
    // The room closes its end when it sees that ours is.
    sender.finish()?;
    drop(listening.join());
    Ok(())
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => scene(),
        ["open", address, key] => {
            let mut room = Room::open(address, key.as_bytes())?;
            loop {
                room.attend()?;
            }
        }
        ["join", address, key, name] => talk(address, key, name),
        _ => {
            println!("usage: chat [open ADDRESS KEY | join ADDRESS KEY NAME]");
            Ok(())
        }
    }
}
