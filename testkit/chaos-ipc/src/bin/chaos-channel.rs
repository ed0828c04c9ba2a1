//! Kills processes that put to and take from queues and pipes, and accounts for every message. A round
//! is a death.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc_chaos::Options;
use polyproc_chaos_ipc::{channel::Messages, run::chaos};
use std::process::ExitCode;

fn main() -> ExitCode {
    polyproc_chaos::main(worker)
}

fn worker(options: Options) -> Result<(), String> {
    let messages = Messages::new().map_err(|error| error.to_string())?;
    let tally =
        chaos(options.seed, options.rounds, &messages).map_err(|error| error.to_string())?;
    let (count, lost) = messages.check_end().map_err(|error| error.to_string())?;
    println!(
        "{tally}; {count} messages, {lost} gone with who was taking them: none torn, none twice"
    );
    Ok(())
}
