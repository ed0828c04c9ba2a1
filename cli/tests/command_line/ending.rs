//! Ending processes, and waiting for their ends.

use super::{PATIENCE, code, json, polyproc, printed, run};
use polyproc_testkit::eventually;
use polyproc_testkit::process::{self, Facts};
use serde_json::Value;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::{env, fs};

const KILL: i32 = 9;
const TERM: i32 = 15;

/// A process that is ended with the test, however that ends.
struct Guarded(Child);

impl Guarded {
    fn shell(script: &str) -> Self {
        let mut command = Command::new("sh");
        Self(
            command
                .args(["-c", script])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }

    /// The signal that ended it.
    fn signal(&mut self) -> Option<i32> {
        self.0.wait().unwrap().signal()
    }

    fn facts(&self) -> Facts {
        process::facts(self.0.id()).unwrap()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // It may be gone already, as it should.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn sleeper() -> Guarded {
    Guarded(Command::new("sleep").arg("1000").spawn().unwrap())
}

/// `sleep` under a name that no other process has.
struct Named(PathBuf);

impl Named {
    fn new(suffix: &str) -> Self {
        let path = env::temp_dir().join(format!("pp{}{suffix}", std::process::id()));
        fs::copy("/bin/sleep", &path).unwrap();
        Self(path)
    }

    fn start(&self) -> Guarded {
        let start = || Command::new(&self.0).arg("1000").spawn().ok();
        // While another test forks, the copy is open for writing there, and cannot be executed.
        Guarded(eventually(PATIENCE, start).unwrap())
    }

    fn name(&self) -> &str {
        self.0.file_name().unwrap().to_str().unwrap()
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// What became of a process, by its pid.
fn outcome(told: &Value, pid: &str) -> String {
    let rows = told.as_array().unwrap();
    let row = rows.iter().find(|row| row["pid"].as_u64() == pid.parse().ok()).unwrap();
    row["outcome"].as_str().unwrap().to_owned()
}

#[test]
fn a_process_is_asked_to_end() {
    let mut sleeper = sleeper();
    let told = json(&["kill", &sleeper.pid()]);
    assert_eq!(outcome(&told, &sleeper.pid()), "ended");
    assert_eq!(sleeper.signal(), Some(TERM));
}

#[test]
fn the_signal_may_be_written_as_for_kill_of_the_shell() {
    for (spelling, signal) in [("-9", KILL), ("-TERM", TERM)] {
        let mut sleeper = sleeper();
        json(&["kill", spelling, &sleeper.pid()]);
        assert_eq!(sleeper.signal(), Some(signal), "{spelling}");
    }
}

#[test]
fn who_gives_a_name_for_a_pid_is_told_how() {
    let output = run(&["kill", "nginx"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--name 'nginx'"), "{said}");
    assert_eq!(code(&output), Some(2));
}

#[test]
fn one_that_will_not_is_killed_after_the_grace() {
    let mut deaf = Guarded::shell("trap '' TERM; while :; do sleep 0.02; done");
    // Until it has set its trap.
    let has_trap = || {
        let status = fs::read_to_string(format!("/proc/{}/status", deaf.pid())).unwrap();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
        let ignored = u64::from_str_radix(ignored, 16).unwrap();
        (ignored & 1 << (TERM - 1) != 0).then_some(())
    };
    eventually(PATIENCE, has_trap).unwrap();
    let told = json(&["kill", &deaf.pid(), "--grace", "100ms"]);
    assert_eq!(outcome(&told, &deaf.pid()), "killed");
    assert_eq!(deaf.signal(), Some(KILL));
}

#[test]
fn by_name_all_of_that_name_and_no_other() {
    let (named, other) = (Named::new("a"), Named::new("b"));
    let (mut one, mut two, mut spared) = (named.start(), named.start(), other.start());
    let told = json(&["kill", "--name", named.name(), "--dry-run"]);
    assert_eq!(outcome(&told, &one.pid()), "planned");
    assert_eq!(one.0.try_wait().unwrap(), None);
    let told = json(&["kill", "--name", named.name()]);
    assert_eq!(told.as_array().unwrap().len(), 2);
    assert_eq!((one.signal(), two.signal()), (Some(TERM), Some(TERM)));
    assert_eq!(spared.0.try_wait().unwrap(), None);
    let output = run(&["kill", "--name", named.name()]);
    assert_eq!(code(&output), Some(1));
    assert!(output.stderr.starts_with(b"polyproc: no process has that name"));
}

#[test]
fn a_tree_with_all_its_branches() {
    let mut tree = Guarded::shell("sh -c 'sleep 1000 & sleep 1001; :' & sleep 1002; :");
    let root = tree.0.id();
    let grown = || {
        let heirs = process::descendants(&process::all(), root);
        (heirs.len() == 4).then_some(heirs)
    };
    let heirs = eventually(PATIENCE, grown).unwrap();
    let told = json(&["kill", "--tree", &tree.pid()]);
    assert_eq!(told.as_array().unwrap().len(), 5);
    assert_eq!(tree.signal(), Some(TERM));
    for heir in heirs {
        let is_over = || process::facts(heir.pid).is_none_or(|now| now.is_zombie()).then_some(());
        eventually(PATIENCE, is_over).unwrap();
    }
}

#[test]
fn a_process_is_suspended_and_resumed() {
    let sleeper = sleeper();
    let is = |state: &str| {
        let seen = || (format!("{:?}", sleeper.facts().stat.state) == state).then_some(());
        eventually(PATIENCE, seen).unwrap();
    };
    assert_eq!(outcome(&json(&["kill", &sleeper.pid(), "-s", "STOP"]), &sleeper.pid()), "sent");
    is("Stopped");
    assert_eq!(outcome(&json(&["kill", &sleeper.pid(), "-s", "cont"]), &sleeper.pid()), "sent");
    is("Sleeping");
}

#[test]
fn who_started_it_is_spared() {
    let own = std::process::id().to_string();
    let output = run(&["kill", &own, "1", "--json"]);
    assert_eq!(code(&output), Some(3));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((outcome(&told, &own).as_str(), outcome(&told, "1").as_str()), ("spared", "spared"));
    assert!(told[0]["remark"].as_str().unwrap().contains("--force"));
}

#[test]
fn those_that_are_gone_are_named() {
    let mut short = Guarded(Command::new("true").spawn().unwrap());
    // A zombie first, until it is waited for.
    eventually(PATIENCE, || short.facts().is_zombie().then_some(())).unwrap();
    let output = run(&["kill", &short.pid(), "--json"]);
    assert_eq!(code(&output), Some(1));
    assert_eq!(outcome(&serde_json::from_slice(&output.stdout).unwrap(), &short.pid()), "zombie");
    short.0.wait().unwrap();
    let output = run(&["kill", &short.pid()]);
    assert_eq!(code(&output), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("there is no such process"));
}

#[test]
fn waiting_ends_with_the_process() {
    let mut sleeper = sleeper();
    let mut waiting = polyproc(&["wait", &sleeper.pid(), "--json"]);
    let waiting = waiting.stdout(Stdio::piped()).spawn().unwrap();
    sleeper.0.kill().unwrap();
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(code(&output), Some(0));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome(&told, &sleeper.pid()), "ended");
    assert_eq!(told[0]["name"], "sleep");
    assert_eq!(sleeper.signal(), Some(KILL));
}

#[test]
fn waiting_gives_up_in_time() {
    let sleeper = sleeper();
    let output = run(&["wait", &sleeper.pid(), "--timeout", "50ms"]);
    assert_eq!(code(&output), Some(4));
    assert!(String::from_utf8_lossy(&output.stdout).contains("runs"));
    let output = run(&["wait", "--any", &sleeper.pid(), "--timeout", "50ms"]);
    assert_eq!(code(&output), Some(4));
}

#[test]
fn the_first_end_is_enough() {
    let (stays, mut goes) = (sleeper(), sleeper());
    goes.0.kill().unwrap();
    let told = json(&["wait", "--any", &stays.pid(), &goes.pid()]);
    assert_eq!(outcome(&told, &goes.pid()), "ended");
    assert_eq!(outcome(&told, &stays.pid()), "runs");
}

#[test]
fn one_that_never_was_is_named() {
    // Above the kernel's limit of pids.
    let output = run(&["wait", "1073741824"]);
    assert_eq!(code(&output), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("gone"));
    // With --any it has ended, so nobody is waited for.
    let sleeper = sleeper();
    for arguments in
        [&["wait", "--any", "1073741824"][..], &["wait", "--any", "1073741824", &sleeper.pid()]]
    {
        assert_eq!(code(&run(arguments)), Some(1), "{arguments:?}");
    }
    let text = printed(&["kill", "--help"]);
    assert!(text.contains("The exit code is"));
}
