//! The `main` of every bench.

use crate::Options;
use std::error::Error;
use std::process::ExitCode;

/// Reads the command line and has `run` do the races; what goes wrong is said on standard error.
pub fn main(run: impl FnOnce(Options) -> Result<(), Box<dyn Error>>) -> ExitCode {
    main_with_words(|words| run(Options::parse(words)?))
}

/// The same for a bench that has options of its own.
#[expect(clippy::print_stderr, reason = "of programs for the terminal")]
pub fn main_with_words(run: impl FnOnce(Vec<String>) -> Result<(), Box<dyn Error>>) -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
