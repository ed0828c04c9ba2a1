//! `polyproc wait`.

use super::complain;
use crate::arguments::{Common, Wait};
use crate::exit::Exit;
use crate::report::Report;
use crate::table::{Column, Table, columns};
use crate::value::Value;
use polyproc_info::{End, Error, Process, System, wait_all};
use polyproc_sys::clock::Deadline;
use polyproc_sys::pidfd::PidFd;
use polyproc_sys::poll;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// What became of one process.
struct Waited {
    pid: u32,
    name: Option<OsString>,
    outcome: &'static str,
    /// How it ended, where somebody who is not its parent can know.
    end: Option<End>,
    after: Duration,
}

const COLUMNS: &[Column<Waited>] = columns! {
    "pid" "PID" Number "its number"
        |row| Value::number(row.pid);
    "name" "NAME" Text "its name"
        |row| Value::maybe(row.name.clone(), Value::Text);
    "outcome" "OUTCOME" Text "ended, runs (time is up), gone (it was not there)"
        |row| Value::text(row.outcome);
    "code" "CODE" Number "its exit code, or the negative number of the signal, where the kernel tells"
        |row| Value::maybe(row.end.and_then(End::code), Value::number);
    "after" "AFTER" Span "how long that took"
        |row| Value::Span(row.after);
};

/// Waits until processes have ended.
pub(crate) fn run(options: &Wait, common: &Common) -> Result<(), Exit> {
    let output = options.format.output(common);
    let (mut rows, processes) = find(&common.host().system, &options.pids)?;
    let missing = !rows.is_empty();
    // Who is not there has ended: with --any there is nothing to wait for.
    let timeout = if options.any && missing { Some(Duration::ZERO) } else { options.timeout };
    let ended = wait(&processes, options.any, timeout).map_err(|error| complain(&error))?;
    let alive = ended.iter().any(|row| row.outcome == "runs");
    let none = ended.iter().all(|row| row.outcome == "runs") && !ended.is_empty();
    rows.extend(ended);
    let end = match (options.any, missing) {
        (true, false) if none => Exit::TimedOut,
        (false, _) if alive => Exit::TimedOut,
        (_, true) => Exit::NothingFound,
        _ => Exit::Done,
    };
    output.print_and_end(&Report::Table(Table::of_all(COLUMNS, rows)), end)
}

/// Those that are there; and a row for each that is not.
fn find(system: &System, pids: &[u32]) -> Result<(Vec<Waited>, Vec<Process>), Exit> {
    let (mut rows, mut processes) = (Vec::new(), Vec::new());
    for &pid in pids {
        match system.process(pid) {
            Ok(process) => processes.push(process),
            Err(Error::Gone { .. }) => {
                rows.push(Waited {
                    pid,
                    name: None,
                    outcome: "gone",
                    end: None,
                    after: Duration::ZERO,
                });
            }
            Err(error) => return Err(complain(&error)),
        }
    }
    Ok((rows, processes))
}

/// Waits for all, or for one of them.
fn wait(processes: &[Process], any: bool, timeout: Option<Duration>) -> Result<Vec<Waited>, Error> {
    let started = Instant::now();
    let names: Vec<_> = processes.iter().map(|process| process.name().ok()).collect();
    let row = |process: &Process, outcome, end| Waited {
        pid: process.pid(),
        name: processes.iter().position(|one| one == process).and_then(|at| names[at].clone()),
        outcome,
        end,
        after: started.elapsed(),
    };
    // With --any the first end is waited for, and then it is seen who has ended.
    let timeout = if any {
        first_end(processes, timeout)?;
        Some(Duration::ZERO)
    } else {
        timeout
    };
    let mut rows = Vec::new();
    let waited = wait_all(processes, timeout, |process, end| {
        rows.push(row(process, "ended", Some(end)));
    })?;
    rows.extend(waited.alive.iter().map(|process| row(process, "runs", None)));
    Ok(rows)
}

/// Until one of them has ended, or until `timeout`.
fn first_end(processes: &[Process], timeout: Option<Duration>) -> Result<(), Error> {
    let deadline = timeout.map_or(Deadline::NEVER, Deadline::after);
    let failed = |source: io::Error| Error::Os { what: "ends of processes".into(), source };
    let mut held = Vec::new();
    for process in processes {
        match PidFd::open(process.pid()) {
            Ok(descriptor) => held.push(descriptor),
            // The kernel has no such process any more.
            Err(_) if !process.is_running() => return Ok(()),
            Err(error) => return Err(failed(error)),
        }
    }
    // The descriptor means whoever has the number by now: if that is another one, this one ended.
    if processes.iter().all(Process::is_running) {
        let fds: Vec<_> = held.iter().map(AsFd::as_fd).collect();
        poll::any_readable(&fds, deadline).map_err(failed)?;
    }
    Ok(())
}
