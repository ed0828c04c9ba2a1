//! A barrier: runners meet at the start, and nobody runs before all are there. Who comes last gives the
//! signal.
//!
//! ```text
//! … is at the start
//! … is at the start
//! … is at the start
//! … is at the start
//! … gives the signal
//! 1. …
//! 2. …
//! 3. …
//! 4. …
//! the next race is off: the barrier is broken
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;
use polyproc::sync::BrokenBarrier;
use std::time::Duration;

const RUNNERS: [&str; 4] = ["Ada", "Barbara", "Frances", "Grace"];

fn run((start, arrived): (Shared<Barrier>, Value<u32>)) -> bool {
    let name = polyproc::current().map_or_else(|_| "somebody".into(), |process| process.name);
    println!("{name} is at the start");
    race(&name, &start, &arrived).is_ok()
}

fn race(name: &str, start: &Barrier, arrived: &Value<u32>) -> Result<(), BrokenBarrier> {
    // One of those that meet is told that it was the last to come.
    if start.wait()?.is_leader() {
        println!("{name} gives the signal");
    }
    // The same barrier serves for the next meeting.
    start.wait()?;
    // The line is written before the next one can arrive.
    arrived.update(|place| {
        *place += 1;
        println!("{place}. {name}");
    });
    Ok(())
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let start = Shared::new(Barrier::new(RUNNERS.len() as u32))?;
    let arrived = Value::new(0)?;
    let mut runners = Vec::new();
    for name in RUNNERS {
        let builder = Process::builder().name(name);
        runners.push(builder.spawn(run, (start.clone(), arrived.clone()))?);
    }
    for runner in runners {
        assert!(runner.join()?);
    }

    // Nobody else comes: whoever gives up breaks the barrier, for all.
    if let Err(broken) = start.wait_timeout(Duration::from_millis(10)) {
        println!("the next race is off: {broken}");
    }
    Ok(())
}
