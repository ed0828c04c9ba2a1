//! Several processes run at once, end in any order, and are joined in any order.
//!
//! ```text
//! they ended in the order ["short", "middle", "long"]
//! joined in the order of their start: long 400, middle 200, short 1
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::disallowed_methods, reason = "sleeping stands for work here")]

use polyproc::prelude::*;
use std::thread;
use std::time::Duration;

fn work(milliseconds: u64) -> u64 {
    thread::sleep(Duration::from_millis(milliseconds));
    milliseconds
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let mut processes = Vec::new();
    for (name, milliseconds) in [("long", 400), ("middle", 200), ("short", 1)] {
        processes.push(Process::builder().name(name).spawn(work, milliseconds)?);
    }

    // Handles without the type of the result can be kept in one list, whatever the processes do.
    let mut running: Vec<Handle> = processes.iter().map(|one| one.handle().clone()).collect();
    let mut ended = Vec::new();
    while !running.is_empty() {
        let process = running.remove(polyproc::wait_any(&running)?);
        ended.push(process.name().to_owned());
    }
    println!("they ended in the order {ended:?}");

    // A process that has ended keeps its result until it is joined.
    let mut results = Vec::new();
    for process in &processes {
        results.push(format!("{} {}", process.name(), process.join()?));
    }
    println!("joined in the order of their start: {}", results.join(", "));
    Ok(())
}
