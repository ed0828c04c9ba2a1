//! Counting processors: online, by core, by affinity, by the quota of the cgroups.
#![expect(unsafe_code, reason = "sysconf has no wrapper in std")]

use super::cgroup::{self, Version};
use super::control::affinity_mask;
use crate::cpu::CpuCount;
use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// Counts them now: affinity and quota may change while a process runs.
pub fn count() -> CpuCount {
    let affinity = affinity();
    let logical = online().unwrap_or(affinity);
    CpuCount {
        logical,
        physical: cores(Path::new("/sys/devices/system/cpu")).unwrap_or(logical),
        usable: quota(Path::new("/")).map_or(affinity, |quota| quota.min(affinity)).max(1),
    }
}

fn online() -> Option<usize> {
    // SAFETY: sysconf takes an integer.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) }).ok().filter(|&n| n > 0)
}

/// How many processors the scheduler may put this process on.
fn affinity() -> usize {
    let ones = |mask: Vec<u64>| mask.iter().map(|word| word.count_ones() as usize).sum();
    affinity_mask(0).map_or(1, ones)
}

/// Counts the sets of siblings: hyper-threads of one core list the same processors.
fn cores(root: &Path) -> Option<usize> {
    let siblings: HashSet<String> = fs::read_dir(root)
        .ok()?
        .filter_map(|entry| {
            let topology = entry.ok()?.path().join("topology");
            // The old name of the file, for kernels before 5.3, says the same.
            fs::read_to_string(topology.join("core_cpus_list"))
                .or_else(|_new_name_missing| {
                    fs::read_to_string(topology.join("thread_siblings_list"))
                })
                .ok()
        })
        .collect();
    (!siblings.is_empty()).then_some(siblings.len())
}

/// The tightest quota on the way from this process's cgroup up to the root, in processors.
fn quota(root: &Path) -> Option<usize> {
    let groups = cgroup::of_this_process(root, "cpu");
    groups
        .iter()
        .filter_map(|group| match group.version {
            Version::V2 => parse_v2(&group.read("cpu.max")?),
            Version::V1 => {
                parse_v1(&group.read("cpu.cfs_quota_us")?, &group.read("cpu.cfs_period_us")?)
            }
        })
        .min()
}

/// `cpu.max`: `max 100000`, or quota and period in microseconds.
fn parse_v2(text: &str) -> Option<usize> {
    let (quota, period) = text.trim().split_once(' ')?;
    parse_v1(quota, period)
}

/// A negative quota is none.
fn parse_v1(quota: &str, period: &str) -> Option<usize> {
    let (quota, period): (u64, u64) = (quota.trim().parse().ok()?, period.trim().parse().ok()?);
    usize::try_from(quota.checked_add(period.checked_sub(1)?)?.checked_div(period)?).ok()
}

#[cfg(test)]
mod tests {
    use super::cgroup::tests::fixture;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn this_machine_has_processors() {
        let count = count();
        assert!(count.usable >= 1 && count.usable <= count.logical, "{count:?}");
        assert!(count.physical >= 1 && count.physical <= count.logical, "{count:?}");
    }

    #[test]
    fn quotas_round_up_and_none_is_none() {
        assert_eq!(parse_v2("150000 100000\n"), Some(2));
        assert_eq!(parse_v2("50000 100000\n"), Some(1));
        assert_eq!(parse_v2("max 100000\n"), None);
        assert_eq!(parse_v1("-1\n", "100000\n"), None);
        assert_eq!(parse_v1("100", "0"), None);
    }

    /// A container under version 2: the limit stands on a parent of the process's group.
    #[test]
    fn the_tightest_quota_of_the_ancestors_counts() {
        let root = fixture(
            "v2",
            "0::/pod/app\n",
            "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n",
            &[
                ("sys/fs/cgroup/pod/cpu.max", "200000 100000"),
                ("sys/fs/cgroup/pod/app/cpu.max", "max 100000"),
            ],
        );
        assert_eq!(quota(&root), Some(2));
        fs::remove_dir_all(root).unwrap();
    }

    /// Docker under version 1: the mounted tree starts at the container's own group.
    #[test]
    fn version_1_in_a_container() {
        let root = fixture(
            "v1",
            "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n",
            "31 30 0:27 /docker/x /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n",
            &[
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "350000"),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000"),
            ],
        );
        assert_eq!(quota(&root), Some(4));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn hyper_threads_of_a_core_count_once() {
        let root = fixture(
            "cores",
            "",
            "",
            &[
                ("cpu0/topology/core_cpus_list", "0-1\n"),
                ("cpu1/topology/core_cpus_list", "0-1\n"),
                ("cpu2/topology/thread_siblings_list", "2\n"),
            ],
        );
        assert_eq!(cores(&root), Some(2));
        fs::remove_dir_all(root).unwrap();
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(groups in ".{0,80}", mounts in ".{0,80}") {
            parse_v2(&groups);
            parse_v1(&groups, &mounts);
        }
    }
}
