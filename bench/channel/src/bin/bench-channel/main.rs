//! Queues and pipes against their peers: one way and round trip, in one run.
#![expect(clippy::print_stderr, reason = "a program for the terminal")]

mod floor;
#[cfg(feature = "iceoryx2")]
mod iceoryx;
mod ours;
mod peers;
mod races;
mod way;

use polyproc_bench::{Options, print};
use races::Races;
use std::process::ExitCode;

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut words: Vec<String>) -> Result<(), Error> {
    if polyproc_sync::crash::COMPILED_IN {
        let why =
            "built with crash points: build this package by itself (cargo xtask bench channel)";
        return Err(why.into());
    }
    let only = take_only(&mut words)?;
    let options = Options::parse(words)?;
    let mut races = Races::new(options, only)?;
    // What was measured before something went wrong counts.
    let outcome = races.run();
    print(&races.rows, options.json);
    outcome
}

/// Takes `--only TEXT` out of `words`: the races whose group, workload or peer has that in it.
fn take_only(words: &mut Vec<String>) -> Result<Option<String>, Error> {
    let Some(place) = words.iter().position(|word| word == "--only") else {
        return Ok(None);
    };
    if place + 1 == words.len() {
        return Err("--only what? A part of \"GROUP WORKLOAD PEER\"".into());
    }
    Ok(words.drain(place..place + 2).next_back())
}
