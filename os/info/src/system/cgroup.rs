//! The limits of the control groups that a process is in: what a container may use.

use super::System;
use crate::error::Result;
use crate::parse::cgroup::{CgroupMount, Membership, folders, limit, quota};
use crate::parse::number;
use crate::process::Process;
use std::path::{Path, PathBuf};

/// What the control groups of a process allow it, each the tightest of the group and those above
/// it; `None` is no limit. Versions 1 and 2.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CgroupLimits {
    /// Memory, in bytes. The kernel kills a process of the group when it is used up.
    pub memory: Option<u64>,
    /// What of it the group with that limit (or else the process's own) uses, in bytes.
    pub memory_used: Option<u64>,
    /// Swap space, in bytes (version 2).
    pub swap: Option<u64>,
    /// Processors' time: 1.5 is one and a half.
    pub processors: Option<f64>,
    /// Processes and threads.
    pub processes: Option<u64>,
    /// How many there are in the group with that limit (or else the process's own).
    pub processes_now: Option<u64>,
}

impl System {
    /// What the control groups of this process allow it.
    ///
    /// # Errors
    /// When `/proc/self/cgroup` cannot be read.
    pub fn limits(&self) -> Result<CgroupLimits> {
        let groups = Membership::parse_all(&self.read("proc/self/cgroup")?);
        Ok(self.limits_of(&groups))
    }

    fn limits_of(&self, groups: &[Membership]) -> CgroupLimits {
        let mounts = self.read_if_there("proc/self/mountinfo").unwrap_or_default();
        let mounts = CgroupMount::parse_all(&mounts);
        let tree =
            |controller| Tree { system: self, folders: folders(groups, &mounts, controller) };
        let memory = tree("memory");
        let (most, used) = memory.tightest(
            ["memory.max", "memory.limit_in_bytes"],
            ["memory.current", "memory.usage_in_bytes"],
        );
        let (processes, processes_now) =
            tree("pids").tightest(["pids.max"; 2], ["pids.current"; 2]);
        CgroupLimits {
            memory: most,
            memory_used: used,
            swap: memory.tightest(["memory.swap.max", ""], ["memory.swap.current", ""]).0,
            processors: tree("cpu").processors(),
            processes,
            processes_now,
        }
    }
}

impl Process {
    /// What the control groups of this process allow it, as far as they can be seen from here.
    ///
    /// # Errors
    /// [`crate::Error::Gone`], [`crate::Error::Denied`].
    pub fn limits_of_cgroups(&self) -> Result<CgroupLimits> {
        Ok(self.system().limits_of(&self.cgroups()?))
    }
}

/// The folders of the groups that hold for one controller.
struct Tree<'s> {
    system: &'s System,
    folders: Vec<(bool, Vec<PathBuf>)>,
}

impl Tree<'_> {
    /// The lowest limit, and what is used of it. File names are of version 2 and of version 1.
    fn tightest(&self, most: [&str; 2], used: [&str; 2]) -> (Option<u64>, Option<u64>) {
        let mut all: Vec<(Option<u64>, Option<u64>)> = Vec::new();
        for (is_version_2, folders) in &self.folders {
            let at = usize::from(!is_version_2);
            let most = |folder| self.read(folder, most[at]).and_then(|text| limit(&text));
            let used = |folder| number(self.read(folder, used[at])?.trim_ascii());
            all.extend(folders.iter().map(|folder| (most(folder), used(folder))));
        }
        let limited = all.iter().filter(|one| one.0.is_some()).min_by_key(|one| one.0);
        // Without any limit, what the process's own group uses is still of interest.
        let own = all.iter().find(|one| one.1.is_some());
        limited.or(own).copied().unwrap_or_default()
    }

    fn processors(&self) -> Option<f64> {
        let quota_of = |is_version_2: bool, folder: &PathBuf| {
            if is_version_2 {
                return quota(&self.read(folder, "cpu.max")?);
            }
            let mut both = self.read(folder, "cpu.cfs_quota_us")?;
            both.push(b' ');
            both.extend(self.read(folder, "cpu.cfs_period_us")?);
            quota(&both)
        };
        let of_tree = |(is_version_2, folders): &(bool, Vec<PathBuf>)| {
            folders.iter().filter_map(|folder| quota_of(*is_version_2, folder)).collect::<Vec<_>>()
        };
        self.folders.iter().flat_map(of_tree).min_by(f64::total_cmp)
    }

    fn read(&self, folder: &Path, name: &str) -> Option<Vec<u8>> {
        if name.is_empty() {
            None
        } else {
            std::fs::read(self.system.inside(&folder.join(name))).ok()
        }
    }
}
