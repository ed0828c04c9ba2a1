//! What all chaos programs share: options, and a run that cannot hang.
//!
//! A chaos program runs itself once more, as the *worker*, in a process group of its own and under a
//! deadline: whatever the worker does, the program ends, and says who was alive when time was up.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "for programs of the terminal")]

use polyproc_testkit::{Rng, try_run};
use std::process::{Command, ExitCode};
use std::time::Duration;

/// What the command line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many rounds.
    pub rounds: u64,
    /// Of the random numbers.
    pub seed: u64,
    is_worker: bool,
}

impl Options {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    /// A message for the user.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let fresh = Rng::from_environment().seed();
        let mut options = Self { rounds: 300, seed: fresh, is_worker: false };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let slot = match word.as_str() {
                "--rounds" => &mut options.rounds,
                "--seed" => &mut options.seed,
                "--worker" => {
                    options.is_worker = true;
                    continue;
                }
                _ => return Err(format!("unexpected argument {word:?}: --rounds N, --seed N")),
            };
            let value = words.next().ok_or_else(|| format!("{word} needs a number"))?;
            *slot = value.parse().map_err(|error| format!("{word} {value}: {error}"))?;
        }
        Ok(options)
    }
}

/// The whole `main` of a chaos program; `worker` does the rounds.
pub fn main(mut worker: impl FnMut(Options) -> Result<(), String>) -> ExitCode {
    let outcome = Options::parse(std::env::args().skip(1))
        .and_then(|options| if options.is_worker { worker(options) } else { supervise(options) });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn supervise(options: Options) -> Result<(), String> {
    let Options { rounds, seed, .. } = options;
    println!("chaos: --rounds {rounds} --seed {seed}");
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(own);
    command.args(["--worker", "--rounds", &rounds.to_string(), "--seed", &seed.to_string()]);
    // Each round has deadlines of its own; this one is for what they do not see.
    let within = Duration::from_mins(5) + Duration::from_secs(rounds);
    let output = try_run(command, within).map_err(|error| error.to_string())?;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("the worker ended with {}; to repeat: --seed {seed}", output.status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn rounds_and_seed_are_numbers() {
        let options = parse("--rounds 5 --seed 7").unwrap();
        assert_eq!(options, Options { rounds: 5, seed: 7, is_worker: false });
        assert!(parse("--rounds").unwrap_err().contains("needs a number"));
        assert!(parse("--rounds many").unwrap_err().contains("many"));
        assert!(parse("now").unwrap_err().contains("now"));
    }
}
