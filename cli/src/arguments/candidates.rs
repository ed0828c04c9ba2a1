//! What a shell offers for an argument: processes, users, ports and the like, as they are when the tab
//! key is pressed.
//!
//! Names are made by programs, and a shell puts what it is offered on the command line as it is: so a
//! name with anything in it that a shell would act upon is not offered.

use crate::host::Host;
use crate::process::columns::{ALL as COLUMNS, Need};
use crate::process::look::look;
use crate::text::{cut, shown_os, shown_words};
use clap_complete::CompletionCandidate;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};
use polyproc_info::{Address, Attributes, Kinds, Snapshot, System};
use polyproc_sys::signal::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A word that is offered, and what it is.
fn candidate(word: impl Into<String>, meaning: &str) -> CompletionCandidate {
    CompletionCandidate::new(word.into()).help(Some(meaning.to_owned().into()))
}

/// Processes but the kernel's own threads and this one; nothing when they cannot be seen.
fn processes(attributes: Attributes) -> Snapshot {
    let own = std::process::id();
    let mut snapshot = System::new().snapshot(attributes).unwrap_or_default();
    snapshot.processes.retain(|facts| facts.pid != own && !facts.stat.is_kernel_thread());
    snapshot
}

/// Pids, each with what it runs.
pub(super) fn pids() -> ArgValueCandidates {
    ArgValueCandidates::new(each_pid)
}

fn each_pid() -> Vec<CompletionCandidate> {
    /// So that a line holds it.
    const WIDTH: usize = 60;
    let snapshot = processes(Attributes::ARGUMENTS);
    let offer = |facts: &polyproc_info::Facts| {
        let words: Vec<_> =
            facts.arguments.iter().flat_map(polyproc_info::Arguments::iter).collect();
        let command = if words.is_empty() { shown_os(facts.name()) } else { shown_words(&words) };
        candidate(facts.pid.to_string(), &cut(&command, WIDTH))
    };
    snapshot.processes.iter().map(offer).collect()
}

/// Pids, or names once one is begun.
pub(super) fn targets() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let is_pid = typed.as_bytes().iter().all(u8::is_ascii_digit);
        let mut all = if is_pid { each_pid() } else { each_name() };
        all.retain(|one| one.get_value().as_bytes().starts_with(typed.as_bytes()));
        all
    })
}

/// Names of pools.
pub(super) fn pools() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let seen = look(&Host::at(Path::new("/")), &[Need::Role]);
        let pools = seen.map(|seen| seen.pools).unwrap_or_default();
        let names: BTreeSet<_> =
            pools.iter().filter_map(|pool| harmless(pool.name.as_ref())).collect();
        names.into_iter().map(CompletionCandidate::new).collect()
    })
}

/// Names of processes.
pub(super) fn names() -> ArgValueCandidates {
    ArgValueCandidates::new(each_name)
}

fn each_name() -> Vec<CompletionCandidate> {
    let snapshot = processes(Attributes::NAME);
    let mut pids: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for facts in &snapshot.processes {
        if let Some(name) = harmless(facts.name()) {
            pids.entry(name).or_default().push(facts.pid);
        }
    }
    let meaning = |pids: &[u32]| match pids {
        [pid] => format!("process {pid}"),
        many => format!("{} processes", many.len()),
    };
    pids.into_iter().map(|(name, pids)| candidate(name, &meaning(&pids))).collect()
}

/// A name that means the same to every shell, with or without quotes.
fn harmless(name: &OsStr) -> Option<&str> {
    let is_harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.+/@%".contains(byte);
    let starts_well = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    if starts_well && name.as_bytes().iter().all(is_harmless) { name.to_str() } else { None }
}

/// Users who have processes.
pub(super) fn users() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let snapshot = processes(Attributes::USERNAME);
        let all = snapshot.processes.iter().filter_map(|facts| facts.username.as_deref().ok());
        let users: BTreeSet<_> = all.filter_map(harmless).collect();
        users.into_iter().map(CompletionCandidate::new).collect()
    })
}

/// Ports that somebody listens on.
pub(super) fn ports() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let all = System::new().connections(Kinds::INET).unwrap_or_default();
        let port = |address: &Address| match address {
            Address::Inet(address) => Some(address.port()),
            _ => None,
        };
        let listening = all.iter().filter(|one| one.remote == Address::None);
        let ports: BTreeSet<_> = listening.filter_map(|one| port(&one.local)).collect();
        ports.into_iter().map(|port| CompletionCandidate::new(port.to_string())).collect()
    })
}

/// Columns; behind a plus, too.
pub(super) fn columns() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_str().unwrap_or_default();
        let plus = if typed.starts_with('+') { "+" } else { "" };
        let all = COLUMNS.iter().map(|one| (one.column.name, one.column.doc));
        let all = all.chain([("help", "lists all columns")]);
        let all = all.map(|(name, meaning)| (format!("{plus}{name}"), meaning));
        let fitting = all.filter(|one| one.0.starts_with(typed));
        fitting.map(|(name, meaning)| candidate(name, meaning)).collect()
    })
}

/// Columns to sort by.
pub(super) fn sort_columns() -> ArgValueCandidates {
    let offer = || COLUMNS.iter().map(|one| candidate(one.column.name, one.column.doc)).collect();
    ArgValueCandidates::new(offer)
}

/// Signals, without `SIG`.
pub(super) fn signals() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let all = (1..=64).filter_map(Signal::from_number).filter_map(Signal::name);
        all.map(|name| CompletionCandidate::new(name.trim_start_matches("SIG"))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_act_upon_is_not_offered() {
        for name in ["nginx", "python3.11", "kworker/0:1-x", "tmux: server", "g++"] {
            let is_plain = !name.contains([':', ' ']);
            assert_eq!(harmless(OsStr::new(name)).is_some(), is_plain, "{name}");
        }
        for name in ["", "-rf", "$(x)", "a;b", "a*", "a\nb", "~", "`x`", "a'b", "a\\b", "{a,b}"] {
            assert_eq!(harmless(OsStr::new(name)), None, "{name}");
        }
        assert_eq!(harmless(OsStr::from_bytes(b"a\xff")), None);
    }

    #[test]
    fn a_plus_stays_where_it_is() {
        let offered = columns().complete(OsStr::new("+sta"));
        let words: Vec<_> = offered.iter().map(CompletionCandidate::get_value).collect();
        assert_eq!(words, ["+state", "+started"]);
    }
}
