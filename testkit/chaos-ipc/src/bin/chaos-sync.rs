//! Kills processes that use every lock, event and barrier at once. A round is a death.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc_chaos::Options;
use polyproc_chaos_ipc::{run::chaos, sync::Sync};
use std::process::ExitCode;

fn main() -> ExitCode {
    polyproc_chaos::main(worker)
}

fn worker(options: Options) -> Result<(), String> {
    let objects = Sync::new().map_err(|error| error.to_string())?;
    let tally = chaos(options.seed, options.rounds, &objects).map_err(|error| error.to_string())?;
    println!("{tally}: no hang, nothing torn");
    Ok(())
}
