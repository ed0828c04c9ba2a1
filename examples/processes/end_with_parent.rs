//! When a process ends in good order, it waits for its children, but ends the daemonic ones.
//!
//! ```text
//! the child was waited for
//! the parent has ended: Ok(())
//! what is left of them: []
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::disallowed_methods, reason = "sleeping stands for work here")]

use polyproc::prelude::*;
use std::thread;
use std::time::Duration;

fn daemon((): ()) {
    thread::sleep(Duration::from_mins(1));
    println!("a daemon comes to its end only if its parent lives that long");
}

fn child((): ()) {
    thread::sleep(Duration::from_millis(100));
    println!("the child was waited for");
}

/// Starts two children of its own, and returns at once.
fn parent((): ()) -> Result<(), String> {
    let start = |daemonic, function| {
        Process::builder().daemon(daemonic).spawn(function, ()).map_err(|error| error.to_string())
    };
    start(true, daemon as fn(()))?;
    start(false, child as fn(()))?;
    // From here on, the daemon gets `SIGTERM` (and later `SIGKILL`, if it will not end), and the
    // child is waited for: nobody else has to remember them.
    Ok(())
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    // A daemon can have children, and so can its children.
    let process = Process::builder().name("parent").spawn(parent, ())?;
    println!("the parent has ended: {:?}", process.join()?);

    let mut left = polyproc::family();
    left.retain(|member| member.name.starts_with("parent") || member.name.starts_with("Process"));
    println!("what is left of them: {left:?}");
    Ok(())
}
