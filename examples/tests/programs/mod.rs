//! Examples as the programs that they are: built, run, and gone.

use polyproc_testkit::{eventually, process, run_with_deadline};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The folder of all examples.
pub(crate) const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
/// Is in the environment of a program of ours, and so of every process that it starts.
const MARK: &str = "POLYPROC_EXAMPLE_RUN";

/// An example to be run.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) command: Command,
    /// For [`assert_gone`], when it is not [`run`](Self::run).
    pub(crate) mark: String,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    pub(crate) fn new(example: &str) -> Self {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        polyproc_testkit::heed_interrupts();
        let mark = format!("{}.{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
        let mut command = Command::new(built(example));
        command.env(MARK, &mark);
        Self { command, mark }
    }

    /// Runs it to its end, and makes sure that no process of it is left.
    ///
    /// # Panics
    /// When it does not end in time, or leaves a process behind.
    pub(crate) fn run(self, within: Duration) -> Ended {
        let Self { command, mark } = self;
        let output = run_with_deadline(command, within);
        assert_gone(&mark);
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Fails the test if a process with `mark` in its environment goes on.
pub(crate) fn assert_gone(mark: &str) {
    let left = || -> Vec<_> {
        process::all()
            .into_iter()
            .filter(|one| !one.is_zombie() && is_marked(one.pid, mark))
            .collect()
    };
    let gone = eventually(Duration::from_mins(1), || left().is_empty().then_some(()));
    assert!(gone.is_some(), "left behind: {:?}", left());
}

fn is_marked(pid: u32, mark: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let line = format!("{MARK}={mark}");
    environment.split(|&byte| byte == 0).any(|variable| variable == line.as_bytes())
}

/// The program file, built now: `cargo test` builds only those examples that have no tests inside.
fn built(example: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // target/PROFILE/deps/TEST
    let [profile, target] = [2, 3].map(|level| test.ancestors().nth(level).unwrap());
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "polyproc-examples", "--example", example]);
    cargo.arg("--target-dir").arg(target).current_dir(FOLDER);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(cargo.status().unwrap().success(), "{example} does not build");
    profile.join("examples").join(example)
}
