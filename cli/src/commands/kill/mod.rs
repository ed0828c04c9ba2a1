//! `polyproc kill`: says who is meant, asks where somebody can answer, sends, waits, kills, and tells
//! what became of each.
//!
//! | | |
//! |---|---|
//! | [`targets`] | who is meant, and who is spared; pure |
//! | [`outcome`] | what became of each |

mod outcome;
mod targets;

use super::complain;
use crate::arguments::{Common, Kill};
use crate::exit::Exit;
use crate::output::{self, Output, say};
use outcome::{Outcome, Result as Told, table};
use polyproc_info::{Attributes, Error, Process, System, wait_all};
use polyproc_sys::signal::Signal;
use std::collections::HashMap;
use std::io::{self, BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};
use targets::{Candidate, Choice};

/// After SIGKILL the end is the kernel's business; it may take a while to free much memory.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// Ends processes.
pub(crate) fn run(options: &Kill, common: &Common) -> Result<(), Exit> {
    let output = options.format.output(common);
    let candidates = candidates(&common.host().system).map_err(|error| complain(&error))?;
    let Choice { targets, mut told } = targets::choose(options, &candidates, std::process::id());
    if options.dry_run {
        let planned = Outcome::Planned(options.signal.0);
        told.extend(targets.iter().map(|one| one.told(planned.clone(), Duration::ZERO)));
    } else if consent(options, &targets) {
        told.extend(send(options, targets));
    } else {
        return Err(output::failed("nothing was sent"));
    }
    finish(&output, &told)
}

/// Every process, as the choice needs it.
fn candidates(system: &System) -> Result<Vec<Candidate>, Error> {
    let attributes = Attributes::NAME | Attributes::IDENTITIES | Attributes::USERNAME;
    let snapshot = system.snapshot(attributes)?;
    let candidate = |facts: &polyproc_info::Facts| Candidate {
        pid: facts.pid,
        parent: snapshot.parent(facts).map_or(0, |parent| parent.pid),
        name: facts.name().to_owned(),
        user: facts.username.as_deref().map(Into::into).unwrap_or_default(),
        user_id: facts.identities.ok().map(|identities| identities.users.real),
        is_zombie: facts.stat.is_zombie(),
        is_kernel: facts.stat.is_kernel_thread(),
        process: Some(Process::of(system, facts)),
    };
    Ok(snapshot.processes.iter().map(candidate).collect())
}

/// Prints what became of each; the worst of that decides how the program ends.
fn finish(output: &Output, told: &[Told]) -> Result<(), Exit> {
    let worst = told.iter().map(|one| one.outcome.exit()).max().unwrap_or(Exit::NothingFound);
    if told.is_empty() {
        say("no process has that name");
    }
    output.print_and_end(&table(told), worst)
}

/// More than one process, or one that was not named by its number, is worth a question, if there is
/// somebody to ask.
fn consent(options: &Kill, targets: &[&Candidate]) -> bool {
    let is_clear = !options.tree && options.name.is_empty() || targets.is_empty();
    if is_clear || options.yes || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return true;
    }
    for candidate in targets {
        say(&format!("{} {}", options.signal.0, candidate.shown()));
    }
    let mut answer = String::new();
    let asked = write!(io::stderr(), "polyproc: send it to {}? [y/N] ", counted(targets.len()));
    asked.is_ok()
        && io::stdin().lock().read_line(&mut answer).is_ok()
        && matches!(answer.trim(), "y" | "Y" | "yes")
}

fn counted(number: usize) -> String {
    if number == 1 { "this process".into() } else { format!("these {number} processes") }
}

/// Sends the signal to all, waits for those whom it is to end, and kills those who do not.
fn send(options: &Kill, targets: Vec<&Candidate>) -> Vec<Told> {
    let (signal, started) = (options.signal.0, Instant::now());
    let (mut told, mut waiting) = (Vec::new(), Vec::new());
    for candidate in targets {
        let Some(process) = &candidate.process else { continue };
        match process.send_signal(signal) {
            Ok(()) if is_deadly(signal) && !options.grace.is_zero() => {
                waiting.push((candidate, process.clone()));
            }
            Ok(()) => told.push(candidate.told(Outcome::Sent(signal), started.elapsed())),
            Err(error) => told.push(candidate.told(Outcome::of(&error), started.elapsed())),
        }
    }
    let left = ended(&mut told, waiting, options.grace, started, signal);
    let mut killed = Vec::new();
    for (candidate, process) in left {
        match process.kill() {
            Ok(()) => killed.push((candidate, process)),
            Err(error) => told.push(candidate.told(Outcome::of(&error), started.elapsed())),
        }
    }
    let left = ended(&mut told, killed, AFTER_KILL, started, Signal::KILL);
    told.extend(left.into_iter().map(|(one, _)| one.told(Outcome::Runs, started.elapsed())));
    told
}

/// Whether a process that does nothing about it ends of this signal, as its sender means it to.
fn is_deadly(signal: Signal) -> bool {
    matches!(signal, Signal::TERM | Signal::KILL | Signal::INT | Signal::QUIT | Signal::ABRT)
}

type Waiting<'a> = Vec<(&'a Candidate, Process)>;

/// Waits; tells of those that have ended, and gives back those that have not. When it is not possible
/// to wait, nobody is given back: who has not had its time is not killed.
fn ended<'a>(
    told: &mut Vec<Told>,
    waiting: Waiting<'a>,
    timeout: Duration,
    started: Instant,
    signal: Signal,
) -> Waiting<'a> {
    let processes: Vec<_> = waiting.iter().map(|(_, process)| process.clone()).collect();
    let mut gone = HashMap::new();
    let waited = wait_all(&processes, Some(timeout), |process, _| {
        gone.insert(process.identity(), started.elapsed());
    });
    let mut left = Vec::new();
    for (candidate, process) in waiting {
        match (gone.get(&process.identity()), &waited) {
            (Some(&after), _) => told.push(candidate.told(Outcome::Ended(signal), after)),
            (None, Ok(_)) => left.push((candidate, process)),
            (None, Err(error)) => {
                let failed = Outcome::Failed(format!("cannot wait for it: {error}"));
                told.push(candidate.told(failed, started.elapsed()));
            }
        }
    }
    left
}
