//! Who is meant: a pid is one process, a name may be none, one or many.

use crate::arguments::parse::Target;
use crate::exit::{Exit, worse};
use crate::output::say;
use crate::text::{cut, matches_pattern, shown_os, shown_words};
use polyproc_info::{Attributes, Error, Facts, Snapshot, System};
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

/// How many of those with a name are listed.
const LISTED: usize = 20;

/// The pids of those that are meant, and how the program is to end because of the others: a name that
/// nobody has, or several have, is told.
pub(super) fn pids(
    system: &System,
    targets: &[Target],
) -> Result<(Vec<u32>, Result<(), Exit>), Error> {
    let has_names = targets.iter().any(|target| matches!(target, Target::Name(_)));
    let attributes = Attributes::NAME | Attributes::ARGUMENTS;
    let snapshot = if has_names { system.snapshot(attributes)? } else { Snapshot::default() };
    let (mut pids, mut end) = (Vec::new(), Ok(()));
    for target in targets {
        match meant(target, &snapshot) {
            Ok(pid) => pids.push(pid),
            Err((message, exit)) => {
                say(&message);
                end = worse(end, exit);
            }
        }
    }
    Ok((pids, end))
}

/// The one process, or what to say instead.
fn meant(target: &Target, snapshot: &Snapshot) -> Result<u32, (String, Exit)> {
    let name = match target {
        Target::Pid(pid) => return Ok(*pid),
        Target::Name(name) => name,
    };
    let own = std::process::id();
    let is_named = |one: &&Facts| matches_pattern(name.as_bytes(), one.name().as_bytes());
    let others = snapshot.processes.iter().filter(|one| one.pid != own);
    match others.filter(is_named).collect::<Vec<_>>().as_slice() {
        [] => Err((nobody(name), Exit::NothingFound)),
        [one] => Ok(one.pid),
        many => Err((list(name, many), Exit::Usage)),
    }
}

fn nobody(name: &OsStr) -> String {
    let name = shown_os(name);
    format!("no process is called `{name}`; `polyproc ps TEXT` may find it")
}

fn list(name: &OsStr, many: &[&Facts]) -> String {
    /// So that a line of a terminal holds it.
    const WIDTH: usize = 66;
    let mut message = format!("{} processes are called `{}`:\n", many.len(), shown_os(name));
    for one in many.iter().take(LISTED) {
        let words: Vec<_> = one.arguments.iter().flat_map(polyproc_info::Arguments::iter).collect();
        let command = if words.is_empty() { shown_os(one.name()) } else { shown_words(&words) };
        // Writing to a string cannot fail.
        let _ = writeln!(message, "{:>10}  {}", one.pid, cut(&command, WIDTH));
    }
    if many.len() > LISTED {
        let _ = writeln!(message, "{:>10}  and {} more", "", many.len() - LISTED);
    }
    message + "name one of them by its pid"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_is_not_looked_for() {
        assert_eq!(meant(&Target::Pid(7), &Snapshot::default()), Ok(7));
    }

    #[test]
    fn a_name_that_nobody_has_is_told_as_it_can_be_seen() {
        let name = Target::Name(OsStr::from_bytes(b"a\xff\x1b").into());
        let (message, exit) = meant(&name, &Snapshot::default()).unwrap_err();
        assert_eq!(exit, Exit::NothingFound);
        assert!(message.starts_with("no process is called `a\\xff\\u{1b}`"), "{message}");
    }
}
