//! The bench works: every row is there and can be read. How fast anything is, is not tested.

use polyproc_testkit::run_with_deadline;
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

#[test]
fn every_row_is_one_json_object() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spawn"));
    command.args(["--json", "--quick"]);
    let output = run_with_deadline(command, Duration::from_mins(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 10, "{text}");
    for row in rows {
        let mut names: Vec<_> = row.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        let all = ["group", "kind", "ours", "peer", "peer_name", "ratio", "unit", "workload"];
        assert_eq!(names, all, "{row}");
        assert!(row["ratio"].as_f64().unwrap() > 0.0, "{row}");
        assert!(row["kind"] == "peer" || row["kind"] == "bound", "{row}");
    }
}
