//! Kills processes that allocate, send, receive and free blocks of one arena. A round is a death.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc_chaos::Options;
use polyproc_chaos_ipc::{arena::Blocks, run::chaos};
use std::process::ExitCode;

fn main() -> ExitCode {
    polyproc_chaos::main(worker)
}

fn worker(options: Options) -> Result<(), String> {
    let blocks = Blocks::new().map_err(|error| error.to_string())?;
    let tally = chaos(options.seed, options.rounds, &blocks).map_err(|error| error.to_string())?;
    let rebuilds = blocks.rebuilds();
    blocks.check_end().map_err(|error| error.to_string())?;
    println!("{tally}; the books were made anew {rebuilds} times: no hang, nothing left behind");
    Ok(())
}
