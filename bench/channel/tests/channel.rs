//! The bench works: every row is there and can be read. How fast anything is, is not tested.
//!
//! Built with the whole workspace the queues have crash points, and the bench refuses to measure them;
//! `cargo test --package polyproc-bench-channel` runs it.

use polyproc_testkit::run_with_deadline;
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

#[test]
fn every_row_is_one_json_object_or_it_refuses() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-channel"));
    command.args(["--json", "--quick"]);
    if !polyproc_sync::crash::COMPILED_IN && cfg!(debug_assertions) {
        // Unoptimised it takes minutes: only that it starts and knows its arguments.
        command.arg("--nothing");
        let output = run_with_deadline(command, Duration::from_mins(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("--nothing"));
        return;
    }
    let output = run_with_deadline(command, Duration::from_mins(4));
    let errors = String::from_utf8_lossy(&output.stderr);
    if polyproc_sync::crash::COMPILED_IN {
        assert!(!output.status.success());
        assert!(errors.contains("crash points"), "{errors}");
        return;
    }
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    let rows: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(rows.len(), 31, "{text}");
    assert!(
        rows.iter().all(|row| row["ratio"].as_f64().is_some_and(|ratio| ratio > 0.0)),
        "{text}"
    );
}
