//! Waiting for whichever process ends first, with and without a timeout; and the descriptor behind
//! it, for an event loop of one's own.
//!
//! ```text
//! nobody ended within 20 ms: None
//! the first to end: quick (of quick, slow)
//! the next to end: slow (of slow)
//! every process has a descriptor that becomes readable at its end: true
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::needless_pass_by_value, reason = "arguments move into the process")]

use polyproc::prelude::*;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// Stands for work, that takes as long as it takes.
fn work(done: Shared<Event>) {
    done.wait();
}

fn names(processes: &[Process<()>]) -> String {
    processes.iter().map(|process| process.name()).collect::<Vec<_>>().join(", ")
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let (quick, slow) = (Shared::new(Event::new())?, Shared::new(Event::new())?);
    let mut processes = Vec::new();
    for (name, done) in [("quick", &quick), ("slow", &slow)] {
        processes.push(Process::builder().name(name).spawn(work, done.clone())?);
    }

    let nobody = polyproc::wait_any_timeout(&processes, Duration::from_millis(20))?;
    println!("nobody ended within 20 ms: {nobody:?}");

    for (which, done) in [("first", quick), ("next", slow.clone())] {
        done.set();
        let before = names(&processes);
        let ended = processes.remove(polyproc::wait_any(&processes)?);
        println!("the {which} to end: {} (of {before})", ended.name());
        ended.join()?;
    }

    // `wait_any` polls these. A handle can also be given to whatever takes an `AsFd`: `poll`,
    // `epoll`, an async runtime.
    let process = polyproc::spawn(work, slow)?;
    let has_one = process.sentinel().as_raw_fd() >= 0;
    println!("every process has a descriptor that becomes readable at its end: {has_one}");
    Ok(process.join()?)
}
