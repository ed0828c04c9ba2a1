//! The program as its user sees it: run, with its output and its exit codes.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic, in its helpers, too")]

mod completing;
mod containers;
mod ending;
mod family;
mod listing;
mod machine;
mod manners;
mod terminal;

use polyproc_testkit::run_with_deadline;
use serde_json::Value;
use std::process::{Command, Output};
use std::time::Duration;

/// Ends a hang, and nothing else.
const PATIENCE: Duration = Duration::from_mins(1);

/// The program with these arguments, its surroundings as bare as possible.
fn polyproc(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_polyproc"));
    command.args(arguments);
    for variable in ["NO_COLOR", "TERM", "COLUMNS", "LINES", "POLYPROC_ROOT"] {
        command.env_remove(variable);
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    run_with_deadline(polyproc(arguments), PATIENCE)
}

/// What it printed, if all went well.
#[track_caller]
fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {:?}: {said}", output.status);
    assert_eq!(said, "", "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The same, as JSON.
#[track_caller]
fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(&[arguments, &["--json"]].concat())).unwrap()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}
