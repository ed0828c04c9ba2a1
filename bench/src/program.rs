//! The `main` of every bench.

use crate::Options;
use std::error::Error;
use std::process::ExitCode;

/// Reads the command line and has `run` do the races; what goes wrong is said on standard error.
#[expect(clippy::print_stderr, reason = "of programs for the terminal")]
pub fn main(run: impl FnOnce(Options) -> Result<(), Box<dyn Error>>) -> ExitCode {
    match Options::parse(std::env::args().skip(1)).map_err(Into::into).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
