//! The bench works: every row is there and can be read. How fast anything is, is not tested.
//!
//! Built with the whole workspace the locks have crash points, and the bench refuses to measure them;
//! `cargo test --package polyproc-bench-ipc` runs it.

use polyproc_testkit::run_with_deadline;
use serde_json::Value;
use std::process::{Command, Output};
use std::time::Duration;

fn bench() -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-sync"));
    command.args(["--json", "--quick"]);
    run_with_deadline(command, Duration::from_mins(1))
}

#[test]
fn every_row_is_one_json_object_or_it_refuses() {
    let output = bench();
    let errors = String::from_utf8_lossy(&output.stderr);
    if polyproc_sync::crash::COMPILED_IN {
        assert!(!output.status.success());
        assert!(errors.contains("crash points"), "{errors}");
        return;
    }
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Three need python3.
    let expected = if errors.contains("without CPython") { 16 } else { 19 };
    assert_eq!(rows.len(), expected, "{text}");
    for row in rows {
        let mut names: Vec<_> = row.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        let all = ["group", "kind", "ours", "peer", "peer_name", "ratio", "unit", "workload"];
        assert_eq!(names, all, "{row}");
        assert!(row["ratio"].as_f64().unwrap() > 0.0, "{row}");
        assert!(row["kind"] == "peer" || row["kind"] == "bound", "{row}");
    }
}
