//! Who is meant, and who is spared.

use super::outcome::{Outcome, Result as Told};
use crate::arguments::Kill;
use crate::process::tree::descent;
use crate::text;
use polyproc_info::Process;
use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// A process that may be meant.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidate {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) name: OsString,
    pub(super) user: OsString,
    pub(super) user_id: Option<u32>,
    pub(super) is_zombie: bool,
    pub(super) is_kernel: bool,
    /// None in tests alone.
    pub(super) process: Option<Process>,
}

impl Candidate {
    pub(super) fn shown(&self) -> String {
        format!("{} (pid {})", text::shown_os(&self.name), self.pid)
    }

    pub(super) fn told(&self, outcome: Outcome, after: Duration) -> Told {
        Told { pid: self.pid, name: Some(self.name.clone()), outcome, after }
    }
}

/// Who gets the signal, and what is told of those who get none.
#[derive(Debug, Default)]
pub(super) struct Choice<'a> {
    pub(super) targets: Vec<&'a Candidate>,
    pub(super) told: Vec<Told>,
}

/// Chooses from all processes. `own` is the pid of this one.
pub(super) fn choose<'a>(options: &Kill, candidates: &'a [Candidate], own: u32) -> Choice<'a> {
    let pairs: Vec<_> = candidates.iter().map(|one| (one.pid, one.parent)).collect();
    let ancestors = ancestors(&pairs, own);
    // By name nobody means what cannot end (any more), or this program itself.
    let can_end = |one: &&Candidate| !one.is_zombie && !one.is_kernel;
    let is_meant = |one: &&Candidate| can_end(one) && one.pid != own && is_named(options, one);
    let named = candidates.iter().filter(is_meant).map(|one| one.pid);
    let asked: Vec<u32> = options.pids.iter().copied().chain(named).collect();
    let all = if options.tree { descent(&pairs, &asked) } else { asked };
    let (mut choice, mut seen) = (Choice::default(), HashSet::new());
    for pid in all.into_iter().filter(|&pid| seen.insert(pid)) {
        let Some(one) = candidates.iter().find(|one| one.pid == pid) else {
            choice.told.push(Told::nobody(pid));
            continue;
        };
        match reason_to_spare(options, one, own, &ancestors) {
            None => choice.targets.push(one),
            Some(Outcome::Over) if !options.pids.contains(&pid) => {}
            Some(outcome) => choice.told.push(one.told(outcome, Duration::ZERO)),
        }
    }
    choice
}

fn is_named(options: &Kill, candidate: &Candidate) -> bool {
    let name =
        |pattern: &String| text::matches_pattern(pattern.as_bytes(), candidate.name.as_bytes());
    let user =
        |user: &String| candidate.user == user.as_str() || user.parse().ok() == candidate.user_id;
    options.name.iter().any(name) && (options.user.is_empty() || options.user.iter().any(user))
}

fn reason_to_spare(
    options: &Kill,
    one: &Candidate,
    own: u32,
    ancestors: &[u32],
) -> Option<Outcome> {
    match one.pid {
        _ if one.is_zombie => Some(Outcome::Over),
        _ if one.is_kernel => Some(Outcome::Spared("a part of the kernel: no signal ends it")),
        _ if options.force => None,
        1 => {
            Some(Outcome::Spared("without it the whole system or container ends; --force insists"))
        }
        pid if pid == own => Some(Outcome::Spared("this program itself; --force insists")),
        pid if ancestors.contains(&pid) => {
            Some(Outcome::Spared("it started this program; --force insists"))
        }
        _ => None,
    }
}

fn ancestors(pairs: &[(u32, u32)], own: u32) -> Vec<u32> {
    let parent = |pid| pairs.iter().find(|pair| pair.0 == pid).map(|pair| pair.1);
    let mut line: Vec<u32> = Vec::new();
    while let Some(next) = parent(*line.last().unwrap_or(&own)) {
        if next == 0 || next == own || line.contains(&next) {
            break;
        }
        line.push(next);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parse;
    use crate::arguments::{Arguments, Command};
    use clap::Parser;

    fn options(arguments: &str) -> Kill {
        let words = ["polyproc", "kill"].into_iter().chain(arguments.split_whitespace());
        match Arguments::try_parse_from(words).unwrap().command {
            Command::Kill(options) => options,
            other => unreachable!("{other:?}"),
        }
    }

    /// init, a shell, this program, and some that were started by the shell.
    fn candidates() -> Vec<Candidate> {
        let one = |pid, parent, name: &str| Candidate {
            pid,
            parent,
            name: name.into(),
            user: if pid == 8 { "bob" } else { "ada" }.into(),
            user_id: Some(1000),
            ..Candidate::default()
        };
        let zombie = Candidate { is_zombie: true, ..one(9, 3, "worker-9") };
        let kernel = Candidate { is_kernel: true, ..one(2, 0, "worker-0") };
        vec![
            kernel,
            one(1, 0, "init"),
            one(3, 1, "sh"),
            one(4, 3, "polyproc"),
            one(6, 3, "worker-1"),
            one(7, 6, "worker-2"),
            one(8, 1, "worker-3"),
            zombie,
        ]
    }

    fn chosen(arguments: &str) -> Vec<String> {
        let candidates = candidates();
        let choice = choose(&options(arguments), &candidates, 4);
        let told = choice.told.iter().map(|one| match one.outcome {
            Outcome::Gone => format!("?{}", one.pid),
            Outcome::Over => format!("z{}", one.pid),
            _ => format!("!{}", one.pid),
        });
        choice.targets.iter().map(|one| one.pid.to_string()).chain(told).collect()
    }

    #[test]
    fn by_number() {
        assert_eq!(chosen("6 8 6 99"), ["6", "8", "?99"]);
        assert_eq!(chosen("1 2 3 4 9"), ["!1", "!2", "!3", "!4", "z9"]);
        assert_eq!(chosen("--force 1 3 4"), ["1", "3", "4"]);
    }

    #[test]
    fn by_name_and_user() {
        assert_eq!(chosen("--name worker-*"), ["6", "7", "8"]);
        assert_eq!(chosen("--name worker-* --user bob"), ["8"]);
        assert_eq!(chosen("--name work"), [""; 0]);
        assert_eq!(chosen("--name polyproc --force"), [""; 0]);
    }

    #[test]
    fn a_tree_with_this_program_in_it_spares_that() {
        assert_eq!(chosen("--tree 6"), ["6", "7"]);
        let mut all = chosen("--tree 1");
        all.sort();
        assert_eq!(all, ["!1", "!3", "!4", "6", "7", "8"]);
    }

    #[test]
    fn a_signal_is_known_by_its_name() {
        assert_eq!(options("--signal kill 7").signal, parse::signal("9").unwrap());
        assert!(Arguments::try_parse_from(["polyproc", "kill"]).is_err());
    }
}
