//! Queues and pipes against their peers: one way and round trip, in one run.

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
    polyproc_bench::main_with_words(run)
}

fn run(mut words: Vec<String>) -> Result<(), Error> {
    polyproc_bench_ipc::refuse_crash_points("channel")?;
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
