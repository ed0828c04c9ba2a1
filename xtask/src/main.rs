//! The one tool for working on polyproc: `cargo xtask`, `.ci/run` and people do the same things.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod cargo;
mod facts;
mod layers;
mod programs;
mod steps;
mod suite;
mod variants;

use std::process::ExitCode;

/// How every command ends; the text is for whoever typed it.
type Outcome = Result<(), String>;

struct Task {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Outcome,
}

const TASKS: &[Task] = &[
    Task {
        name: "test",
        arguments: "[--keep-going]",
        about: "everything that must pass before a change lands",
        run: suite::test,
    },
    Task {
        name: "lint",
        arguments: "",
        about: "format, clippy and documentation, without a single warning",
        run: suite::lint,
    },
    Task {
        name: "layers",
        arguments: "",
        about: "dependencies point downwards only",
        run: layers::run,
    },
    Task {
        name: "loom",
        arguments: "",
        about: "the locks, in every order in which their steps can happen",
        run: suite::loom,
    },
    Task {
        name: "variants",
        arguments: "[NAME...]",
        about: "a program built in every way that people build programs",
        run: variants::run,
    },
    Task {
        name: "facts",
        arguments: "",
        about: "what we say of this machine, compared with psutil",
        run: facts::run,
    },
    Task {
        name: "bench",
        arguments: "NAME [--json]",
        about: "a race against peers, in one run",
        run: programs::bench,
    },
    Task {
        name: "chaos",
        arguments: "NAME [--rounds N] [--seed N]",
        about: "random deaths: no hang, no leak, the right error",
        run: programs::chaos,
    },
    Task {
        name: "hang-table",
        arguments: "",
        about: "what hangs elsewhere, by every start method",
        run: programs::hang_table,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Outcome {
    let Some((name, rest)) = arguments.split_first() else {
        help();
        return Ok(());
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        help();
        return Ok(());
    }
    match TASKS.iter().find(|task| task.name == name) {
        Some(task) => (task.run)(rest),
        None => Err(format!("no command {name:?}; `cargo xtask` lists them")),
    }
}

fn help() {
    for task in TASKS {
        let usage = format!("{} {}", task.name, task.arguments);
        println!("cargo xtask {usage:<36} {}", task.about);
    }
}

/// For commands that take none.
fn no_arguments(arguments: &[String]) -> Outcome {
    match arguments.first() {
        None => Ok(()),
        Some(word) => Err(format!("unexpected argument {word:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn an_unknown_command_is_an_error_and_none_is_help() {
        assert_eq!(dispatch(&[]), Ok(()));
        let error = dispatch(&words("tests")).unwrap_err();
        assert_eq!(error, "no command \"tests\"; `cargo xtask` lists them");
    }

    #[test]
    fn an_argument_too_many_is_an_error() {
        assert!(dispatch(&words("lint --fix")).is_err());
        assert!(dispatch(&words("layers now")).is_err());
        assert!(dispatch(&words("bench")).is_err());
    }
}
