//! A process that is killed takes its children with it, and theirs, whatever they are doing.
//!
//! ```text
//! the family: ["child", "grandchild", "great-grandchild"]
//! the child was ended by SIGKILL
//! the family: []
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::disallowed_methods, reason = "to look again now and then")]

use polyproc::prelude::*;
use std::thread;
use std::time::{Duration, Instant};

const GENERATIONS: [&str; 3] = ["child", "grandchild", "great-grandchild"];

/// Starts the next generation, and then does something that can neither be asked to end nor be
/// interrupted: the kernel ends it, not its own code.
fn live(generation: usize) {
    if let Some(name) = GENERATIONS.get(generation + 1) {
        let next = Process::builder().name(*name).daemon(true).spawn(live, generation + 1);
        // Dropping the handle would let it run on as well.
        drop(next);
    }
    thread::sleep(Duration::from_mins(10));
}

fn family() -> Vec<String> {
    let members = polyproc::family().into_iter().map(|member| member.name);
    let mut names: Vec<_> = members.filter(|name| name.ends_with("child")).collect();
    names.sort();
    names
}

/// Looks until the family has so many members, for no more than a minute.
fn wait_for(members: usize) {
    let begin = Instant::now();
    while family().len() != members && begin.elapsed() < Duration::from_mins(1) {
        thread::sleep(Duration::from_millis(1));
    }
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let child = Process::builder().name(GENERATIONS[0]).spawn(live, 0)?;
    wait_for(GENERATIONS.len());
    println!("the family: {:?}", family());

    // Nothing in the child runs after this: no destructor, no exit hook.
    child.kill()?;
    println!("the child was ended by {}", child.wait()?);

    // The others are gone within milliseconds.
    wait_for(0);
    println!("the family: {:?}", family());
    Ok(())
}
