//! What a process holds, before and after.

use crate::eventually;
use crate::process::{self, Facts};
use std::collections::BTreeMap;
use std::time::Duration;
use std::{fmt, fs};

/// What this process held at one moment: its descriptors, its descendants (zombies too), and every
/// process of its process group, which is where its orphans are found.
///
/// It is about the whole process: a test that takes one shares its program with no other test that
/// runs at the same time (nextest gives each its own; plain `cargo test` does with one test in a
/// file, or with `--test-threads=1`).
#[derive(Clone, Debug)]
pub struct Census {
    descriptors: BTreeMap<u32, String>,
    processes: BTreeMap<(u32, u64), Facts>,
}

/// Something that is there and was not there before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leak {
    /// An open descriptor of this process.
    Descriptor {
        /// Its number.
        number: u32,
        /// What it refers to, as `/proc/self/fd` names it.
        target: String,
    },
    /// A process of the family.
    Process(Facts),
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Descriptor { number, target } => write!(f, "descriptor {number} -> {target}"),
            Self::Process(facts) => facts.fmt(f),
        }
    }
}

impl Census {
    /// How long [`Census::assert_same`] waits for what is about to end.
    pub const PATIENCE: Duration = Duration::from_secs(30);

    /// Counts now.
    pub fn take() -> Self {
        Self { descriptors: descriptors(), processes: family() }
    }

    /// How many descriptors there were.
    pub fn descriptors(&self) -> usize {
        self.descriptors.len()
    }

    /// What there is now and was not there then.
    pub fn leaks(&self) -> Vec<Leak> {
        let now = Self::take();
        let descriptors = now
            .descriptors
            .into_iter()
            .filter(|(number, target)| self.descriptors.get(number) != Some(target))
            .map(|(number, target)| Leak::Descriptor { number, target });
        let processes = now
            .processes
            .into_iter()
            .filter(|(identity, _)| !self.processes.contains_key(identity))
            .map(|(_, facts)| Leak::Process(facts));
        descriptors.chain(processes).collect()
    }

    /// The same, after waiting up to `patience` for them to go.
    pub fn lasting_leaks(&self, patience: Duration) -> Vec<Leak> {
        let clean = || self.leaks().is_empty().then(Vec::new);
        eventually(patience, clean).unwrap_or_else(|| self.leaks())
    }

    /// Fails the test if something stays, and names it.
    ///
    /// # Panics
    /// That is how it fails.
    #[track_caller]
    pub fn assert_same(&self) {
        let leaks = self.lasting_leaks(Self::PATIENCE);
        let lines: Vec<_> = leaks.iter().map(|leak| format!("\n  {leak}")).collect();
        assert!(lines.is_empty(), "left behind:{}", lines.concat());
    }
}

fn descriptors() -> BTreeMap<u32, String> {
    let own = format!("/proc/{}/fd", std::process::id());
    let Ok(folder) = fs::read_dir("/proc/self/fd") else {
        return BTreeMap::new();
    };
    folder
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let target = fs::read_link(entry.path()).ok()?;
            let target = target.to_string_lossy().into_owned();
            // The one that this very look opened.
            let number = entry.file_name().to_str()?.parse().ok()?;
            (target != own).then_some((number, target))
        })
        .collect()
}

fn family() -> BTreeMap<(u32, u64), Facts> {
    let own_pid = std::process::id();
    let all = process::all();
    let own_group = all.iter().find(|facts| facts.pid == own_pid);
    let own_group = own_group.map(|facts| facts.stat.group);
    let mut family = process::descendants(&all, own_pid);
    // An orphan's zombie is its new parent's to bury, and some systems' first process never does.
    let orphan = |facts: &Facts| Some(facts.stat.group) == own_group && !facts.is_zombie();
    family.extend(all.into_iter().filter(orphan));
    family.into_iter().map(|facts| (facts.identity(), facts)).collect()
}
