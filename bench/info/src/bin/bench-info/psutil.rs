//! psutil, in a Python that waits for words and measures itself.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Measures one round of what a word asks for, and prints the milliseconds.
const SCRIPT: &str = include_str!("ask_psutil.py");
/// Where `cargo xtask facts` (and `cargo xtask bench`) puts it.
const FOLDER: &str = "psutil-7.2.2";

/// Ends when dropped: its input does.
pub(crate) struct Psutil {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    failed: Option<String>,
}

impl Psutil {
    pub(crate) fn start() -> Result<Self, String> {
        let python = python().ok_or("no psutil here: `cargo xtask facts` fetches it")?;
        let mut command = Command::new(python);
        command.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("cannot start Python: {error}"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = BufReader::new(output.ok_or("Python has no output")?);
        Ok(Self { child, input, output, failed: None })
    }

    /// Milliseconds of processor time; a failure is kept for [`Psutil::failure`].
    pub(crate) fn time(&mut self, what: &str, pid: u32) -> f64 {
        self.ask(what, pid).unwrap_or_else(|error| {
            self.failed = Some(format!("psutil, {what}: {error}"));
            0.0
        })
    }

    fn ask(&mut self, what: &str, pid: u32) -> Result<f64, Box<dyn std::error::Error>> {
        let input = self.input.as_mut().ok_or("no input")?;
        writeln!(input, "{what} {pid}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().parse()?)
    }

    pub(crate) fn failure(&mut self) -> Result<(), String> {
        self.failed.take().map_or(Ok(()), Err)
    }
}

/// Beside the folder of the profile that this program was built by.
fn python() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let found = own.ancestors().map(|folder| folder.join(FOLDER).join("bin/python"));
    found.into_iter().find(|python| python.exists())
}

impl Drop for Psutil {
    fn drop(&mut self) {
        drop(self.input.take());
        drop(self.child.wait());
    }
}
