//! Processes have no standard input, and their lines do not get mixed up.
//!
//! ```text
//! a process reads 0 bytes from its standard input
//! 4 processes wrote 4000 lines at the same time, and 4000 of them arrived whole
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::OwnedFd;

const WRITERS: usize = 4;
const LINES: usize = 1000;

/// It is empty, and not the terminal: two processes would fight over what is typed.
fn read_input((): ()) -> Result<usize, String> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).map_err(|error| error.to_string())
}

/// A line goes out in one piece, even if it is printed bit by bit.
fn write_lines(writer: usize) {
    for number in 0..LINES {
        print!("writer {writer}: ");
        print!("line {number}");
        println!(" of {LINES}");
    }
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let read = polyproc::spawn(read_input, ())?.join()?;
    println!("a process reads {} bytes from its standard input", read.unwrap_or(1));

    // All write into one pipe, as they otherwise would into one terminal.
    let (reader, pipe) = io::pipe()?;
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let stdout = Stdio::To(OwnedFd::from(pipe.try_clone()?));
        writers.push(Process::builder().stdout(stdout).spawn(write_lines, writer)?);
    }
    // The reader's end comes when nobody can write any more.
    drop(pipe);
    let lines = BufReader::new(reader).lines().collect::<io::Result<Vec<_>>>()?;

    let mut expected = HashSet::new();
    for writer in 0..WRITERS {
        expected.extend((0..LINES).map(|n| format!("writer {writer}: line {n} of {LINES}")));
    }
    let whole = lines.iter().filter(|line| expected.remove(*line)).count();
    println!(
        "{WRITERS} processes wrote {} lines at the same time, and {whole} of them arrived whole",
        lines.len()
    );
    writers.iter().try_for_each(|writer| Ok(writer.join()?))
}
