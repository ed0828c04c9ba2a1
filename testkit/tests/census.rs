//! One test, alone in its program: a census counts the whole process.

#![expect(clippy::unwrap_used, reason = "clippy sees tests only in the functions themselves")]

use polyproc_testkit::{Census, Leak, eventually, process};
use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

#[test]
fn fails_on_a_leak_names_it_and_passes_what_was_cleaned_up() {
    let mut earlier = sleep("100");
    let before = Census::take();
    assert!(Command::new("true").status().unwrap().success());
    before.assert_same();

    let kept = File::open("/dev/null").unwrap();
    let mut child = sleep("101");
    let orphan = orphan();
    let held: Vec<_> = before.leaks().iter().map(Leak::to_string).collect();
    let has = |text: &str| held.iter().any(|leak| leak.contains(text));
    assert!(has("-> /dev/null"), "{held:?}");
    assert!(has("sleep 101") && has("sleep 102"), "{held:?}");
    assert!(!has("sleep 100"), "{held:?}");

    drop(kept);
    process::facts(orphan).unwrap().kill();
    child.kill().unwrap();
    let failure = std::panic::catch_unwind(|| before.assert_same()).unwrap_err();
    let text = failure.downcast_ref::<String>().unwrap();
    let zombie = format!("process {} (Zombie", child.id());
    assert!(text.contains(&zombie) && text.lines().count() == 2, "{text}");

    child.wait().unwrap();
    before.assert_same();
    earlier.kill().unwrap();
    earlier.wait().unwrap();
}

fn sleep(seconds: &str) -> Child {
    Command::new("sleep").arg(seconds).spawn().unwrap()
}

/// A process whose parent, the shell, is gone.
fn orphan() -> u32 {
    let script = "sleep 102 >/dev/null 2>&1 & echo $!";
    let output = Command::new("sh").args(["-c", script]).stderr(Stdio::inherit()).output();
    let pid = String::from_utf8(output.unwrap().stdout).unwrap().trim().parse().unwrap();
    let executes = || process::facts(pid).filter(|facts| facts.command == "sleep 102");
    eventually(Duration::from_mins(1), executes).unwrap();
    pid
}
