//! The bench works: every row is there and can be read. How fast anything is, is not tested.
//!
//! Where psutil was not fetched yet it says so; `cargo xtask test` fetches it before.

use polyproc_testkit::run_with_deadline;
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

#[test]
fn every_row_is_one_json_object_or_it_says_what_is_missing() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-info"));
    command.args(["--json", "--quick"]);
    let output = run_with_deadline(command, Duration::from_mins(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("cargo xtask facts") {
        assert!(!output.status.success());
        return;
    }
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 9, "{text}");
    for row in rows {
        assert!(row["ratio"].as_f64().unwrap() > 0.0, "{row}");
        assert_eq!(row["unit"], "ms", "{row}");
    }
}
