//! Ending every process with a certain name: politely, then for good. A process that gets the number
//! of one that has just ended is never hit.
//!
//! ```text
//! three programs run, named end-me-…
//! found: 3
//! asked to end: 3
//! one of them is stopped, and does not hear it
//! ended: 2
//! killed: 1
//! left: 0
//! how they ended: SIGKILL SIGTERM SIGTERM
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::info::{self, End, Process, State, System, wait_all};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

type Error = Box<dyn std::error::Error>;

/// Tells a copy of this program that it is one of those to be ended.
const PLAYS: &str = "END_BY_NAME_PLAYS";

fn main() -> Result<(), Error> {
    if std::env::var_os(PLAYS).is_some() {
        println!("ready");
        // Until this program's end at the latest.
        std::io::stdin().read_to_end(&mut Vec::new())?;
        return Ok(());
    }
    let name = format!("end-me-{}", std::process::id());
    let folder = std::env::temp_dir().join(&name);
    let children = start(&folder, &name)?;
    println!("three programs run, named {name}");
    let ended = end_all(&name);
    drop(children);
    fs::remove_dir_all(folder)?;
    let mut ends: Vec<_> = ended?.iter().map(ToString::to_string).collect();
    ends.sort();
    println!("how they ended: {}", ends.join(" "));
    Ok(())
}

/// Two that end when they are asked, and one that is stopped and does not hear it.
fn start(folder: &Path, name: &str) -> Result<Vec<Child>, Error> {
    fs::create_dir_all(folder)?;
    let program = folder.join(name);
    fs::copy(std::env::current_exe()?, &program)?;
    let mut children = Vec::new();
    for _ in 0..3 {
        let mut command = Command::new(&program);
        let piped = command.env(PLAYS, "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn()?;
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut String::new())?;
        }
        children.push(child);
    }
    let deaf = Process::new(children[0].id())?;
    deaf.suspend()?;
    // It stops when it runs next: a signal that comes before that would still end it.
    while deaf.state()? != State::Stopped {
        std::thread::yield_now();
    }
    Ok(children)
}

fn end_all(name: &str) -> Result<Vec<End>, info::Error> {
    let is_wanted = |process: &Process| process.name().is_ok_and(|found| found == name);
    // One that ends while we look has no name any more, and is none of ours.
    let found: Vec<_> = System::new().processes()?.into_iter().filter(is_wanted).collect();
    println!("found: {}", found.len());
    let asked = found.iter().filter(|process| process.terminate().is_ok()).count();
    println!("asked to end: {asked}");

    let is_stopped = |process: &Process| process.state().is_ok_and(|state| state == State::Stopped);
    let (mut deaf, hearing): (Vec<_>, Vec<_>) = found.into_iter().partition(is_stopped);
    if deaf.len() == 1 {
        println!("one of them is stopped, and does not hear it");
    }
    let polite = wait_all(&hearing, Some(Duration::from_mins(1)), |_, _| {})?;
    println!("ended: {}", polite.gone.len());
    deaf.extend(polite.alive);
    let killed = deaf.iter().filter(|process| process.kill().is_ok()).count();
    println!("killed: {killed}");
    let rest = wait_all(&deaf, None, |_, _| {})?;
    println!("left: {}", rest.alive.len());
    Ok(polite.gone.into_iter().chain(rest.gone).map(|(_, end)| end).collect())
}
