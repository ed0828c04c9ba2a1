//! How far the count is, on standard error: a bar on a terminal, else a line now and then.

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// See the [module](self).
#[derive(Debug)]
pub(crate) enum Progress {
    Bar(ProgressBar),
    Lines { files: usize, of: usize, last: Instant },
}

impl Progress {
    /// Says at once that something happens.
    pub(crate) fn start() -> Self {
        if io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner().with_message("looking for files");
            bar.tick();
            return Self::Bar(bar);
        }
        Self::Lines { files: 0, of: 0, last: Instant::now() }
    }

    /// So many files have been found so far.
    pub(crate) fn found(&mut self, files: usize) {
        match self {
            Self::Bar(bar) => {
                bar.set_message(format!("looking for files: {files}"));
                bar.tick();
            }
            Self::Lines { last, .. } if last.elapsed() >= LINE_EVERY => {
                say(&format!("looking for files: {files}"));
                *last = Instant::now();
            }
            Self::Lines { .. } => {}
        }
    }

    /// All files have been found; the count begins.
    pub(crate) fn begin(&mut self, all_files: usize, all_bytes: u64, workers: usize) {
        let begins = format!(
            "counting {all_files} files ({}) in up to {workers} worker processes",
            HumanBytes(all_bytes)
        );
        match self {
            Self::Bar(bar) => {
                let style = "{bar:30} {percent:>3}%  {binary_bytes_per_sec}  {wide_msg}";
                bar.set_style(
                    ProgressStyle::with_template(style)
                        .unwrap_or_else(|_| ProgressStyle::default_bar()),
                );
                bar.set_length(all_bytes);
                bar.reset();
                bar.set_message(begins);
                bar.tick();
            }
            Self::Lines { of, .. } => {
                *of = all_files;
                say(&begins);
            }
        }
    }

    /// So many more are counted, or have been given up.
    pub(crate) fn done(&mut self, more_files: usize, more_bytes: u64) {
        match self {
            Self::Bar(bar) => bar.inc(more_bytes),
            Self::Lines { files, of, last } => {
                *files += more_files;
                if last.elapsed() >= LINE_EVERY {
                    say(&format!("{files} of {of} files"));
                    *last = Instant::now();
                }
            }
        }
    }

    /// Nothing is new: keeps the bar moving.
    pub(crate) fn tick(&self) {
        if let Self::Bar(bar) = self {
            bar.tick();
        }
    }

    /// Clears the bar away: the result comes next.
    pub(crate) fn end(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// A line on standard error. That nobody reads it is no reason to stop.
pub(crate) fn say(line: &str) {
    drop(writeln!(io::stderr(), "word_count: {line}"));
}
