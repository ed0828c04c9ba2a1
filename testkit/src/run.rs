//! Running a program that may hang.

use crate::eventually;
use crate::process::{self, Facts};
use polyproc_sys::clock::Deadline;
use polyproc_sys::pidfd::PidFd;
use polyproc_sys::poll;
use polyproc_sys::signal::Signal;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use std::{fmt, fs::File};

/// Why [`try_run`] has no output to give.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// It could not be started or watched.
    System(io::Error),
    /// It did not come to an end in time. It and all that it had started have been killed.
    Hung {
        /// What it was given.
        within: Duration,
        /// Everything that it printed.
        output: Output,
        /// Who was alive when time was up; without the program itself when that had ended and
        /// others kept its output open.
        alive: Vec<Facts>,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(error) => write!(f, "cannot run the program: {error}"),
            Self::Hung { within, output, alive } => {
                write!(f, "no end within {within:?}; alive:")?;
                for facts in alive {
                    write!(f, "\n  {facts}")?;
                }
                let (out, err) = (&output.stdout, &output.stderr);
                write!(f, "\n--- stdout\n{}", String::from_utf8_lossy(out))?;
                write!(f, "\n--- stderr\n{}", String::from_utf8_lossy(err))
            }
        }
    }
}

impl std::error::Error for RunError {}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// Has Ctrl-C's signal end this program and those that it starts, as tests expect it: a shell that
/// starts something in the background has it ignored.
pub fn heed_interrupts() {
    polyproc_sys::signals::reset(Signal::INT);
}

/// Runs a program without input to the end of its output, in a process group of its own.
///
/// # Panics
/// When it cannot be started, and when it has not ended `within` that time: then it is killed with
/// all that it had started, and the message holds what it had printed.
#[track_caller]
pub fn run_with_deadline(command: Command, within: Duration) -> Output {
    let shown = format!("{command:?}");
    match try_run(command, within) {
        Ok(output) => output,
        #[expect(clippy::panic, reason = "how a test fails")]
        Err(error) => panic!("{shown}: {error}"),
    }
}

/// [`run_with_deadline`] without the panic.
///
/// # Errors
/// [`RunError`]: a program that ended badly is none, that is in the output's status.
pub fn try_run(mut command: Command, within: Duration) -> Result<Output, RunError> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let mut watch = Watch::new(&mut child)?;
    let ended = watch.until(Deadline::after(within))?;
    let alive = if ended { Vec::new() } else { family(child.id()) };
    if !ended {
        kill_family(child.id());
        // What was still in the pipes.
        watch.until(Deadline::after(Duration::from_secs(1)))?;
    }
    let output =
        Output { status: child.wait()?, stdout: watch.stdout.text, stderr: watch.stderr.text };
    if ended { Ok(output) } else { Err(RunError::Hung { within, output, alive }) }
}

/// A program that runs, and what it has printed so far.
struct Watch {
    /// None once it has ended.
    process: Option<PidFd>,
    stdout: Stream,
    stderr: Stream,
}

impl Watch {
    fn new(child: &mut Child) -> io::Result<Self> {
        Ok(Self {
            process: Some(PidFd::open(child.id())?),
            stdout: Stream::new(child.stdout.take().map(OwnedFd::from)),
            stderr: Stream::new(child.stderr.take().map(OwnedFd::from)),
        })
    }

    /// Collects output until the program has ended and nobody keeps its output open, which is
    /// `true`, or until `deadline`.
    fn until(&mut self, deadline: Deadline) -> io::Result<bool> {
        while self.process.is_some() || self.stdout.is_open() || self.stderr.is_open() {
            let process = self.process.as_ref().map(AsFd::as_fd);
            let fds = [process, self.stdout.fd(), self.stderr.fd()];
            let [ended, out, err] = poll::readable(fds, deadline)?;
            if ended {
                self.process = None;
            }
            if out {
                self.stdout.read()?;
            }
            if err {
                self.stderr.read()?;
            }
            if !(ended || out || err) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

struct Stream {
    /// None once everybody has closed it.
    file: Option<File>,
    text: Vec<u8>,
}

impl Stream {
    fn new(fd: Option<OwnedFd>) -> Self {
        Self { file: fd.map(File::from), text: Vec::new() }
    }

    fn is_open(&self) -> bool {
        self.file.is_some()
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(AsFd::as_fd)
    }

    /// Takes what is there; called when a read does not wait.
    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        let file = self.file.as_mut();
        match file.map_or(Ok(0), |file| file.read(&mut buffer))? {
            0 => self.file = None,
            len => self.text.extend_from_slice(&buffer[..len]),
        }
        Ok(())
    }
}

/// Who belongs to the program whose first process and process group are `pid`, and is alive.
fn family(pid: u32) -> Vec<Facts> {
    let all = process::all();
    let heirs = process::descendants(&all, pid);
    all.into_iter()
        .filter(|facts| facts.stat.group == pid || facts.pid == pid || heirs.contains(facts))
        .filter(|facts| !facts.is_zombie())
        .collect()
}

/// Kills it until nobody is left: what starts another process between two looks is found by the
/// second one.
fn kill_family(pid: u32) {
    let all_gone = || {
        let family = family(pid);
        family.iter().for_each(Facts::kill);
        family.is_empty().then_some(())
    };
    // Whoever cannot be killed is in the kernel's hands; the caller reports the hang in any case.
    let _ = eventually(Duration::from_secs(10), all_gone);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn gives_output_and_status() {
        let script = "echo out; echo err >&2; read line || exit 3";
        let output = run_with_deadline(shell(script), Duration::from_mins(1));
        assert_eq!(output.stdout, b"out\n");
        assert_eq!(output.stderr, b"err\n");
        assert_eq!(output.status.code(), Some(3));
    }

    #[test]
    fn much_output_on_both_streams_does_not_block() {
        let script = "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2";
        let output = run_with_deadline(shell(script), Duration::from_mins(1));
        assert_eq!((output.stdout.len(), output.stderr.len()), (300_000, 300_000));
    }

    /// Runs what hangs, for longer and longer: until it has come so far that `words` are in the report.
    fn hang(script: &str, words: &[&str]) -> RunError {
        let mut within = Duration::from_millis(300);
        loop {
            let error = try_run(shell(script), within).unwrap_err();
            let text = error.to_string();
            if words.iter().all(|word| text.contains(word)) {
                return error;
            }
            within *= 2;
            assert!(within < Duration::from_mins(2), "{text}");
        }
    }

    #[test]
    fn a_hang_ends_with_all_that_was_started() {
        let script = "echo started; sleep 103 & sh -c 'sleep 104; :' & wait";
        let error = hang(script, &["started", "sleep 103", "sleep 104"]);
        let RunError::Hung { alive, .. } = error else {
            unreachable!("{error}");
        };
        let is_alive =
            |facts: &&Facts| process::facts(facts.pid).is_some_and(|now| !now.is_zombie());
        assert_eq!(alive.iter().find(is_alive), None);
    }

    #[test]
    fn who_keeps_the_output_open_is_named() {
        hang("sleep 105 &", &["sleep 105"]);
    }

    #[test]
    fn a_missing_program_is_an_error_of_the_system() {
        let error = try_run(Command::new("/no/such/program"), Duration::ZERO).unwrap_err();
        assert!(matches!(error, RunError::System(_)), "{error}");
    }
}
