//! Every process has a name, given or by number, and may be a daemon.
//!
//! ```text
//! Process-1: daemon false
//! Process-2: daemon false, its child is Process-2:1
//! resizer: daemon false
//! watcher: daemon true, its child is a daemon as well: true
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;

fn rest((): ()) {}

/// Starts a child of its own, and says how that is called, and whether it is a daemon.
fn have_a_child((): ()) -> polyproc::Result<(String, bool), String> {
    let child = polyproc::spawn(rest, ()).map_err(|error| error.to_string())?;
    child.join().map_err(|error| error.to_string())?;
    Ok((child.name().to_owned(), child.daemon()))
}

fn describe(process: &Handle) -> String {
    format!("{}: daemon {}", process.name(), process.daemon())
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    // Without a name it gets a number, and a child's child gets its parent's number, too.
    let first = polyproc::spawn(rest, ())?;
    println!("{}", describe(&first));
    let second = polyproc::spawn(have_a_child, ())?;
    if let Ok((name, _)) = second.join()? {
        println!("{}, its child is {name}", describe(&second));
    }

    let named = Process::builder().name("resizer").spawn(rest, ())?;
    println!("{}", describe(&named));

    // A daemon is not waited for when this program ends (see `end_with_parent`). Its children are
    // daemons, unless they are told otherwise.
    let daemon = Process::builder().name("watcher").daemon(true).spawn(have_a_child, ())?;
    if let Ok((_, is_daemon)) = daemon.join()? {
        println!("{}, its child is a daemon as well: {is_daemon}", describe(&daemon));
    }
    Ok(())
}
