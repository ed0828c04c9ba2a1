//! Several processes run at once, end in any order, and are joined in any order.
//!
//! ```text
//! they ended in the order ["short", "middle", "long"]
//! joined in the order of their start: long 3, middle 2, short 1
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;

/// Stands for work, that is done when the queue says so.
fn work((place, done): (u32, Queue<()>)) -> u32 {
    done.get().map_or(0, |()| place)
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let (mut processes, mut dones) = (Vec::new(), Vec::new());
    for (name, place) in [("long", 3), ("middle", 2), ("short", 1)] {
        let done = Queue::unbounded()?;
        processes.push(Process::builder().name(name).spawn(work, (place, done.clone()))?);
        dones.push(done);
    }

    // Handles without the type of the result can be kept in one list, whatever the processes do.
    let mut running: Vec<Handle> = processes.iter().map(|one| one.handle().clone()).collect();
    let mut ended = Vec::new();
    while let Some(done) = dones.pop() {
        done.put(())?;
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
