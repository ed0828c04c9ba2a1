//! The bench works: every row is there and can be read, and it ends whatever happens to a player. How
//! fast anything is, is not tested.
//!
//! Built with the whole workspace the queues have crash points, and the bench refuses to measure them;
//! `cargo test --package polyproc-bench-channel` runs it.

use polyproc_sync::crash::COMPILED_IN;
use polyproc_testkit::process::{Facts, all, descendants};
use polyproc_testkit::{eventually, run_with_deadline};
use serde_json::Value;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

fn bench(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-channel"));
    command.args(words);
    command
}

#[test]
fn every_row_is_one_json_object_or_it_refuses() {
    if !COMPILED_IN && cfg!(debug_assertions) {
        // Unoptimised it takes minutes: only that it starts and knows its arguments.
        let output = run_with_deadline(bench(&["--nothing"]), MINUTE);
        assert!(String::from_utf8_lossy(&output.stderr).contains("--nothing"));
        return;
    }
    let output = run_with_deadline(bench(&["--json", "--quick"]), 4 * MINUTE);
    let errors = String::from_utf8_lossy(&output.stderr);
    if COMPILED_IN {
        assert!(!output.status.success());
        assert!(errors.contains("crash points"), "{errors}");
        return;
    }
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    let rows: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(rows.len(), if cfg!(feature = "iceoryx2") { 57 } else { 49 }, "{text}");
    // Whatever it is: on a machine with too much to do, whoever was to be measured may not have run at all.
    let has_ratio = |row: &Value| row["ratio"].is_number() || row["ratio"].is_null();
    assert!(rows.iter().all(has_ratio), "{text}");
}

#[test]
fn it_ends_when_a_player_is_killed_and_says_which() {
    if COMPILED_IN {
        return;
    }
    for only in ["pipe round trip, 64 B, both asleep", "one way, 64 B, 1:1 ipc", "64 B, 4:4"] {
        let mut bench = bench(&["--only", only]);
        let mut bench = bench.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        // Again, should the one that was found have been at its end anyway.
        let kill_one = || {
            let player = descendants(&all(), bench.id()).into_iter().next();
            player.iter().for_each(Facts::kill);
            bench.try_wait().unwrap()
        };
        let ended = eventually(MINUTE, kill_one).unwrap();
        let mut errors = String::new();
        bench.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert!(!ended.success() && errors.contains("was ended by"), "{only}: {errors}");
        assert_eq!(descendants(&all(), bench.id()).len(), 0, "{only}");
    }
}
