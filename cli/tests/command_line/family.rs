//! Families that use polyproc, as anybody can see them from outside.

use super::{PATIENCE, json};
use polyproc::{Process, StartMethod};
use polyproc_testkit::eventually;
use serde_json::Value;

fn sleep_long(_: ()) {
    std::thread::park();
}

/// The row of a process, by its pid.
fn role(rows: &Value, pid: u32) -> Option<String> {
    let row = rows.as_array()?.iter().find(|row| row["pid"] == pid)?;
    row["role"].as_str().map(ToOwned::to_owned)
}

#[test]
fn every_member_is_known_by_its_role() {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let child = Process::builder()
            .name("worker-7")
            .start_method(method)
            .daemon(true)
            .spawn(sleep_long, ())
            .unwrap();
        let listed = || {
            let rows = json(&["ps", "--families", "-c", "pid,role,family"]);
            (role(&rows, child.pid())?.starts_with("worker-7")).then_some(rows)
        };
        let rows = eventually(PATIENCE, listed).unwrap();
        assert_eq!(role(&rows, std::process::id()).as_deref(), Some("program"));
        let shown = json(&["show", &child.pid().to_string(), "--only", "process"]);
        assert_eq!(shown["role"], "worker-7");
        child.kill().unwrap();
        assert!(child.join().is_err());
        let gone = || {
            let output = super::run(&["ps", "--families", "--json", "-c", "pid,role"]);
            let rows: Value = serde_json::from_slice(&output.stdout).ok()?;
            role(&rows, child.pid()).is_none().then_some(())
        };
        eventually(PATIENCE, gone).unwrap();
    }
}
