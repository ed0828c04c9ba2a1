//! A process that plays a role until its handle is dropped.

use polyproc_info::Process;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

/// The variable that tells this program to play.
pub(crate) const ROLE: &str = "POLYPROC_INFO_ROLE";

/// What it prints when it is ready.
pub(crate) const READY: &str = "ready";

/// Killed and reaped when dropped.
pub(crate) struct Actor {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Actor {
    /// Plays `role`; returns when it says that it is ready.
    pub(crate) fn play(role: &str) -> Self {
        Self::start(Self::command(role))
    }

    /// This program in that role, with arguments and so on to be added.
    pub(crate) fn command(role: &str) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command.env(ROLE, role);
        command
    }

    /// A program that is not this one, started as an actor: it must say [`READY`].
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut actor = Self { child, output };
        // An end of the file instead is no ready, so this cannot hang.
        assert_eq!(actor.line(), READY);
        actor
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// All that it prints until it ends, which it has to do by itself.
    pub(crate) fn rest(mut self) -> String {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        rest
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn process(&self) -> Process {
        Process::new(self.pid()).unwrap()
    }

    /// Has it go on, or end: its input is closed.
    pub(crate) fn release(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Reaps it; it must be ending.
    pub(crate) fn reap(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        // Nothing that it has started is left behind, also when a test fails.
        let family = Process::new(self.pid()).and_then(|own| own.children(true));
        for process in family.into_iter().flatten() {
            drop(process.kill());
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A folder of one test, removed when dropped.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: impl AsRef<OsStr>) -> Self {
        let mut unique = std::ffi::OsString::from(format!("polyproc-live-{}-", std::process::id()));
        unique.push(name);
        let path = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Whether this program may do what only the superuser may.
pub(crate) fn is_superuser() -> bool {
    let identities = Process::current().unwrap().identities().unwrap();
    identities.users.effective == 0
}
