//! A lock that keeps lines apart: several processes write to one terminal, a word at a time, and no
//! line is torn.
//!
//! ```text
//! … counts: one two three four five
//! … counts: one two three four five
//! … counts: one two three four five
//! … counts: one two three four five
//! … counts: one two three four five
//! … counts: one two three four five
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;
use polyproc::sync::OwnerDied;
use std::io::{self, Write};
use std::thread;

/// Without the lock the words of all would be mixed: each is written by itself.
fn count(terminal: &Mutex<()>) -> io::Result<()> {
    let name = polyproc::current().map_or_else(|_| "somebody".into(), |process| process.name);
    for _ in 0..2 {
        let _mine = terminal.lock().unwrap_or_else(OwnerDied::recover);
        let mut output = io::stdout();
        print!("{name} counts:");
        for word in ["one", "two", "three", "four", "five"] {
            print!(" {word}");
            output.flush()?;
            thread::yield_now();
        }
        println!();
    }
    Ok(())
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    // In the memory of the family. What is passed on is a handle; a clone is the same lock.
    let terminal = Shared::new(Mutex::new(()))?;
    let mut processes = Vec::new();
    for name in ["Ada", "Grace", "Barbara"] {
        let count = |terminal: Shared<Mutex<()>>| count(&terminal).is_ok();
        processes.push(Process::builder().name(name).spawn(count, terminal.clone())?);
    }
    for process in processes {
        process.join()?;
    }
    Ok(())
}
