//! Running a bench for a moment, and reading its rows. Tests of other benches name this file by its path.
#![expect(clippy::unwrap_used, reason = "a failing test panics")]

use polyproc_testkit::run_with_deadline;
use serde_json::Value;
use std::process::{Command, Output};
use std::time::Duration;

/// Runs the bench at `program`: few rounds, rows as JSON.
pub(crate) fn run_quickly(program: &str) -> Output {
    let mut command = Command::new(program);
    command.args(["--json", "--quick"]);
    run_with_deadline(command, Duration::from_mins(4))
}

/// The rows of a bench that has to succeed: each is an object with every field.
pub(crate) fn rows(output: Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(row).collect()
}

fn row(line: &str) -> Value {
    let row: Value = serde_json::from_str(line).unwrap();
    let mut names: Vec<_> = row.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let all = ["group", "kind", "ours", "peer", "peer_name", "ratio", "unit", "workload"];
    assert_eq!(names, all, "{row}");
    // Whatever they are: on a machine with too much to do, whoever was to be measured may not have run at all.
    for number in ["ours", "peer", "ratio"] {
        assert!(row[number].is_number() || row[number].is_null(), "{row}");
    }
    assert!(row["kind"] == "peer" || row["kind"] == "bound", "{row}");
    row
}
