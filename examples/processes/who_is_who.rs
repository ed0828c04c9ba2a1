//! Who am I, who started me, whom have I started, and who else is in the family?
//!
//! ```text
//! here: MainProcess (pid …), parent None
//! there: Process-1 (pid …), parent MainProcess (pid …), started by forkserver
//! the child's parent is this process: true
//! active children: ["left", "right"]
//! the family: ["ForkServer", "MainProcess", "left", "right"]
//! active children in the end: []
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::disallowed_methods, reason = "sleeping stands for work here")]

use polyproc::prelude::*;
use std::thread;
use std::time::Duration;

/// Runs in a child: says who that is, and gives the pid of its parent.
fn introduce((): ()) -> Option<u32> {
    let current = polyproc::current().ok()?;
    let parent = polyproc::parent()?;
    println!(
        "there: {} (pid {}), parent {} (pid {}), started by {}",
        current.name,
        current.pid,
        parent.name(),
        parent.pid(),
        current.start_method?
    );
    Some(parent.pid())
}

fn sleep((): ()) {
    thread::sleep(Duration::from_mins(1));
}

fn active_children() -> Vec<String> {
    let mut names: Vec<_> =
        polyproc::active_children().iter().map(|child| child.name().to_owned()).collect();
    names.sort();
    names
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let current = polyproc::current()?;
    let parent = polyproc::parent().map(|parent| parent.pid());
    println!("here: {} (pid {}), parent {parent:?}", current.name, current.pid);

    let parent_of_child = polyproc::spawn(introduce, ())?.join()?;
    println!("the child's parent is this process: {}", parent_of_child == Some(current.pid));

    // Also those whose handles this program no longer has.
    drop(Process::builder().name("left").spawn(sleep, ())?);
    drop(Process::builder().name("right").spawn(sleep, ())?);
    println!("active children: {:?}", active_children());

    // Everybody, children's children too: read from memory that the family shares, without asking
    // anybody. The fork server is the copy of this program that makes the others.
    let mut family: Vec<_> = polyproc::family().into_iter().map(|member| member.name).collect();
    family.sort();
    println!("the family: {family:?}");

    for child in polyproc::active_children() {
        child.kill()?;
        child.wait()?;
    }
    println!("active children in the end: {:?}", active_children());
    Ok(())
}
