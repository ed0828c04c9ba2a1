//! Counts the words of all text files below some paths, in as many processes as there are usable
//! cores. Every file that crashes its process is found and named, and the others are counted:
//!
//! ```sh
//! cargo run --release --example word_count -- /usr/share/doc
//! cargo run --release --example word_count -- /usr/share/doc --crash '*.html'
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | `walk` | finds the files |
//! | `batches` | which files go to a worker together |
//! | `workers` | the pool: the only module that uses polyproc, but for `main` below |
//! | `count` | what runs in them |
//! | `progress`, `report` | what is shown meanwhile, and in the end |

mod batches;
mod count;
mod progress;
mod report;
mod walk;
mod workers;

use clap::Parser;
use count::Job;
use globset::{GlobBuilder, GlobMatcher};
use progress::{Progress, say};
use report::Report;
use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::num::NonZero;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Some files are not in the count.
const INCOMPLETE: u8 = 1;
/// There is no count: the same code as for wrong arguments.
const FAILED: u8 = 2;

/// Counts the words of all text files below the paths, in several processes.
///
/// A word is what stands between white space. Hidden files count too; symbolic links below a path
/// are not followed; a file with a zero byte in its first 8 KiB is binary and skipped; bytes that
/// are not UTF-8 count as U+FFFD.
///
/// The exit code is 0 when every text file was counted, 1 when some could not be, 2 for wrong
/// arguments or a report that cannot be written.
#[derive(Debug, Parser)]
#[command(name = "word_count", version)]
struct Arguments {
    /// Files, and directories with all that is below them
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,

    /// Let the worker process abort on matching files (by name or whole path; may be repeated)
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    crash: Vec<GlobMatcher>,

    /// How many processes at a time [default: one for each usable core]
    #[arg(long, short, value_name = "N", value_parser = worker_count)]
    workers: Option<NonZero<usize>>,

    /// How many of the most frequent words to list
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,
}

fn glob(pattern: &str) -> Result<GlobMatcher, globset::Error> {
    GlobBuilder::new(pattern).build().map(|glob| glob.compile_matcher())
}

/// What a family of processes has room for, with some to spare.
const MOST_WORKERS: usize = 500;

fn worker_count(text: &str) -> Result<NonZero<usize>, String> {
    let number = text.parse::<NonZero<usize>>().ok().filter(|number| number.get() <= MOST_WORKERS);
    number.ok_or_else(|| format!("it must be a number from 1 to {MOST_WORKERS}"))
}

#[polyproc::main]
fn main() -> ExitCode {
    match count_words(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(INCOMPLETE),
        Err(error) => {
            say(&error.to_string());
            ExitCode::from(FAILED)
        }
    }
}

/// Says whether all files are in the count.
fn count_words(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let workers = arguments.workers.map_or_else(|| polyproc::cpu_count().usable, NonZero::get);
    let mut progress = Progress::start();
    let found = walk::walk(&arguments.paths, |files| progress.found(files));
    let bytes = found.files.iter().map(|(_, bytes)| bytes).sum();
    progress.begin(found.files.len(), bytes, workers);
    let jobs = found.files.into_iter().map(|(path, bytes)| Job {
        crash: arguments.crash.iter().any(|glob| matches(glob, &path)),
        path: path.into_os_string().into_vec(),
        bytes,
    });
    let batches = batches::cut(jobs.collect(), workers);
    let outcome = workers::run(batches, workers, &mut progress)?;
    progress.end();
    let report = Report::new(outcome, found.unreadable, arguments.top);
    print(&report)?;
    Ok(report.is_complete())
}

fn matches(glob: &GlobMatcher, path: &Path) -> bool {
    glob.is_match(path) || path.file_name().is_some_and(|name| glob.is_match(name))
}

/// That nobody wants to read on (`| head`) is no error.
fn print(report: &Report) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match report.write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
