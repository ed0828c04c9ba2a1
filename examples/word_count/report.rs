//! The result as text.

use crate::workers::{Cost, Failure, Outcome};
use indicatif::HumanBytes;
use polyproc::{ExitStatus, TaskError, TaskFacts};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Everything that is printed.
#[derive(Debug)]
pub(crate) struct Report {
    outcome: Outcome,
    /// Files that are missing from the count, and why; in the order of their names.
    missing: Vec<(PathBuf, String)>,
    /// How many of the most frequent words to list.
    top: usize,
}

impl Report {
    /// `unreadable` is what the search for files ran into.
    pub(crate) fn new(
        mut outcome: Outcome,
        unreadable: Vec<(PathBuf, String)>,
        top: usize,
    ) -> Self {
        let mut missing = unreadable;
        for (path, reason) in outcome.unreadable.drain(..) {
            missing.push((path_from(path), reason));
        }
        missing.extend(
            outcome
                .failures
                .drain(..)
                .map(|Failure { job, reason }| (path_from(job.path), blame(&reason))),
        );
        missing.sort();
        Self { outcome, missing, top }
    }

    /// Whether every file is in the count.
    pub(crate) fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// # Errors
    /// Those of `out`.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Outcome { tally, files, binary, .. } = &self.outcome;
        writeln!(out, "{files} files, {} words", tally.words)?;
        if *binary > 0 {
            writeln!(out, "{binary} binary files skipped")?;
        }
        let frequent = tally.most_frequent(self.top);
        if !frequent.is_empty() {
            writeln!(out, "\nmost frequent words")?;
        }
        for (word, times) in frequent {
            writeln!(out, "{times:>12}  {}", printable(word))?;
        }
        if !self.missing.is_empty() {
            writeln!(out, "\nnot counted")?;
        }
        for (path, reason) in &self.missing {
            writeln!(out, "  {}: {reason}", printable_path(path))?;
        }
        self.write_workers(out)
    }

    fn write_workers(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "\nworkers")?;
        for (index, cost) in self.outcome.costs.iter().enumerate() {
            let Cost { files, bytes, processes, cpu, peak_memory } = cost;
            writeln!(
                out,
                "  {}: {files} files, {bytes} bytes, {:.2} s cpu, {} peak memory, {processes} processes",
                index + 1,
                cpu.as_secs_f64(),
                HumanBytes(*peak_memory),
            )?;
        }
        Ok(())
    }
}

fn path_from(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

/// How a worker ended on a file that it had for itself.
fn blame(reason: &TaskError) -> String {
    let pid = |task: &TaskFacts| task.pid.unwrap_or_default();
    match reason {
        TaskError::Died { task, status: ExitStatus::Signaled { signal, .. } } => {
            format!("{signal} ended its worker (pid {})", pid(task))
        }
        TaskError::Died { task, status: ExitStatus::Exited(code) } => {
            format!("its worker (pid {}) exited with code {code}", pid(task))
        }
        TaskError::Panicked { task, panic } => {
            format!("its worker (pid {}) panicked {panic}", pid(task))
        }
        other => other.to_string(),
    }
}

/// Without the characters that would move the cursor or split the line.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

fn printable_path(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_play_with_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(printable("naïve 日本"), "naïve 日本");
    }
}
