//! The states of a process, as anybody can see them from outside: here, as `ps` does.
//!
//! ```text
//! created: not there
//! running: R
//! stopped: T
//! sleeping: S
//! zombie: Z
//! waited for: not there
//! the handle says the same: Gone
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::needless_pass_by_value, reason = "arguments move into the process")]
#![expect(clippy::disallowed_methods, reason = "to look again now and then")]

use polyproc::prelude::*;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Is busy until it has been enough, then sleeps.
fn work(enough: Shared<Event>) {
    while !enough.is_set() {
        std::hint::spin_loop();
    }
    thread::sleep(Duration::from_mins(10));
}

/// The letter after the name in `/proc/PID/stat`.
fn state(pid: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let letter = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
    letter.map_or_else(|| "not there".to_owned(), |letter| letter.to_string())
}

/// Looks until the state is `wanted`, for no more than a minute; shows what it is then.
fn show(when: &str, pid: u32, wanted: &str) {
    let begin = Instant::now();
    while state(pid) != wanted && begin.elapsed() < Duration::from_mins(1) {
        thread::sleep(Duration::from_millis(1));
    }
    println!("{when}: {}", state(pid));
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    // As long as there is only a builder, there is no process.
    let builder = Process::builder().start_method(StartMethod::Spawn);
    println!("created: not there");
    let enough = Shared::new(Event::new())?;
    let process = builder.spawn(work, enough.clone())?;
    show("running", process.pid(), "R");

    // Stopped, it does nothing at all, until it is told to go on.
    process.send_signal(Signal::STOP)?;
    show("stopped", process.pid(), "T");
    enough.set();
    process.send_signal(Signal::CONT)?;
    show("sleeping", process.pid(), "S");

    // It has ended, but nobody has asked how: the system has to remember that, and this is a
    // zombie. It is gone as soon as anything here asks (or drops the handle).
    process.kill()?;
    show("zombie", process.pid(), "Z");
    process.wait()?;
    show("waited for", process.pid(), "not there");
    println!("the handle says the same: {:?}", process.state());
    Ok(())
}
