//! The control groups of this process, of version 1 and 2: their files, and what memory they leave.

use crate::cgroup::MemoryLimit;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

/// One control group, as a folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) version: Version,
    folder: PathBuf,
}

impl Group {
    pub(crate) fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(file)).ok()
    }

    fn number(&self, file: &str) -> Option<u64> {
        self.read(file)?.trim().parse().ok()
    }

    /// None when it has no limit.
    fn memory(&self) -> Option<MemoryLimit> {
        let (limit, used, cache) = match self.version {
            Version::V2 => ("memory.max", "memory.current", "inactive_file"),
            Version::V1 => {
                ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            }
        };
        // "max" is no number; version 1 says "none" by one that no machine has.
        let limit = self.number(limit).filter(|&limit| limit < 1 << 60)?;
        let cache = number_after(&self.read("memory.stat").unwrap_or_default(), cache);
        let used = self.number(used)?.saturating_sub(cache.unwrap_or(0));
        Some(MemoryLimit { limit, free: limit.saturating_sub(used) })
    }
}

/// The limit on memory that leaves least, on the way from this process's group up to the root; none
/// without any.
pub fn memory_limit() -> Option<MemoryLimit> {
    memory_limit_below(Path::new("/"))
}

fn memory_limit_below(root: &Path) -> Option<MemoryLimit> {
    let groups = of_this_process(root, "memory");
    groups.iter().filter_map(Group::memory).min_by_key(|memory| memory.free)
}

/// `name 123` in a line of its own.
fn number_after(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

/// The groups that may limit `controller`, from this process's own up to the root.
pub(crate) fn of_this_process(root: &Path, controller: &str) -> Vec<Group> {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    hierarchies(&read("proc/self/cgroup"), &read("proc/self/mountinfo"), controller)
        .iter()
        .flat_map(|hierarchy| hierarchy.groups(root))
        .collect()
}

/// One cgroup tree as this process sees it.
#[derive(Debug, PartialEq, Eq)]
struct Hierarchy {
    version: Version,
    /// Where the tree is mounted.
    mount: PathBuf,
    /// This process's group, below `mount`.
    group: PathBuf,
}

impl Hierarchy {
    fn groups(&self, root: &Path) -> Vec<Group> {
        let relative = |path: &Path| path.strip_prefix("/").map_or(path.into(), Path::to_path_buf);
        let mount = root.join(relative(&self.mount));
        let folders = self.group.ancestors().map(|group| mount.join(relative(group)));
        folders.map(|folder| Group { version: self.version, folder }).collect()
    }
}

/// Matches the process's groups (`/proc/self/cgroup`) with the mounts (`/proc/self/mountinfo`,
/// proc(5)) of the trees that may hold a limit: version 2, and version 1 with the controller.
fn hierarchies(groups: &str, mounts: &str, controller: &str) -> Vec<Hierarchy> {
    let mounts: Vec<_> = mounts.lines().filter_map(|line| parse_mount(line, controller)).collect();
    groups
        .lines()
        .filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, group) = (parts.next()?, parts.next()?);
            let version = match controllers {
                "" => Version::V2,
                list if list.split(',').any(|name| name == controller) => Version::V1,
                _ => return None,
            };
            let (_, mount_root, mount) = mounts.iter().find(|mount| mount.0 == version)?;
            // In a container the mounted tree starts below the real root.
            let below = Path::new(group).strip_prefix(mount_root).unwrap_or(Path::new(""));
            Some(Hierarchy { version, mount: mount.into(), group: below.into() })
        })
        .collect()
}

/// Version, root within the tree, and mount point of a cgroup mount that may hold such a limit.
fn parse_mount<'a>(line: &'a str, controller: &str) -> Option<(Version, &'a str, &'a str)> {
    let (place, source) = line.split_once(" - ")?;
    let mut source = source.split(' ');
    let version = match source.next()? {
        "cgroup2" => Version::V2,
        "cgroup" if source.nth(1)?.split(',').any(|option| option == controller) => Version::V1,
        _ => return None,
    };
    let mut place = place.split(' ').skip(3);
    Some((version, place.next()?, place.next()?))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A made-up root with these files.
    pub(crate) fn fixture(
        name: &str,
        groups: &str,
        mounts: &str,
        files: &[(&str, &str)],
    ) -> PathBuf {
        let folder = format!("polyproc-cgroup-{name}-{}", std::process::id());
        let root = std::env::temp_dir().join(folder);
        let fixed = [("proc/self/cgroup", groups), ("proc/self/mountinfo", mounts)];
        for (path, text) in fixed.iter().chain(files) {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    /// The pod has less left than the container in it, which has no limit.
    #[test]
    fn the_group_with_the_least_left_counts() {
        let root = fixture(
            "memory-v2",
            "0::/pod/app\n",
            "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n",
            &[
                ("sys/fs/cgroup/pod/memory.max", "1000000\n"),
                ("sys/fs/cgroup/pod/memory.current", "700000\n"),
                ("sys/fs/cgroup/pod/memory.stat", "anon 500000\ninactive_file 100000\n"),
                ("sys/fs/cgroup/pod/app/memory.max", "max\n"),
                ("sys/fs/cgroup/pod/app/memory.current", "700000\n"),
            ],
        );
        assert_eq!(
            memory_limit_below(&root),
            Some(MemoryLimit { limit: 1_000_000, free: 400_000 })
        );
        fs::remove_dir_all(root).unwrap();
    }

    /// As Docker has it; the group above has the number that stands for no limit.
    #[test]
    fn version_1_says_none_by_a_large_number() {
        let root = fixture(
            "memory-v1",
            "4:memory:/docker/x\n3:cpu,cpuacct:/\n",
            "31 30 0:27 / /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
            &[
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "5\n"),
                ("sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", "5000\n"),
                ("sys/fs/cgroup/memory/docker/x/memory.usage_in_bytes", "6000\n"),
            ],
        );
        assert_eq!(memory_limit_below(&root), Some(MemoryLimit { limit: 5000, free: 0 }));
        fs::remove_dir_all(root).unwrap();
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(groups in ".{0,80}", mounts in ".{0,80}") {
            hierarchies(&groups, &mounts, "memory");
            number_after(&groups, "inactive_file");
        }
    }
}
