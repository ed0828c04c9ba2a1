//! Control groups: `/proc/PID/cgroup`, `/proc/self/mountinfo`, and the files of a group.

use super::{lines, number, split};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// A control group that a process is in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Membership {
    /// The hierarchy's number: 0 for version 2.
    pub hierarchy: u32,
    /// What it controls (`cpu`, `memory`, `name=systemd`); empty for version 2.
    pub controllers: Vec<String>,
    /// The group, from the root of its hierarchy.
    pub path: PathBuf,
}

impl Membership {
    /// `/proc/PID/cgroup`: `4:cpu,cpuacct:/user.slice`.
    pub(crate) fn parse_all(bytes: &[u8]) -> Vec<Self> {
        let row = |line: &[u8]| {
            let mut parts = line.splitn(3, |&byte| byte == b':');
            let hierarchy = number(parts.next()?)?.try_into().ok()?;
            let names = parts.next()?.split(|&byte| byte == b',').filter(|name| !name.is_empty());
            let controllers =
                names.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
            let path = OsString::from_vec(parts.next()?.to_vec()).into();
            Some(Self { hierarchy, controllers, path })
        };
        lines(bytes).filter_map(row).collect()
    }

    /// Whether it is of the unified hierarchy.
    pub fn is_version_2(&self) -> bool {
        self.controllers.is_empty()
    }
}

/// Where a hierarchy is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CgroupMount {
    /// Empty for version 2.
    controllers: Vec<Vec<u8>>,
    /// Which part of the hierarchy is mounted: in a container often the container's own group.
    part: PathBuf,
    place: PathBuf,
}

impl CgroupMount {
    /// `/proc/self/mountinfo` (proc(5)).
    pub(crate) fn parse_all(mountinfo: &[u8]) -> Vec<Self> {
        let row = |line: &[u8]| {
            let words: Vec<_> = split(line).collect();
            let dash = words.iter().position(|&word| word == b"-")?;
            let controllers = match *words.get(dash + 1)? {
                b"cgroup2" => Vec::new(),
                b"cgroup" => {
                    let options = words.get(dash + 3)?.split(|&byte| byte == b',');
                    options.map(<[u8]>::to_vec).collect()
                }
                _ => return None,
            };
            let path = |word: &[u8]| PathBuf::from(OsString::from_vec(super::disk::unescape(word)));
            Some(Self { controllers, part: path(words.get(3)?), place: path(words.get(4)?) })
        };
        lines(mountinfo).filter_map(row).collect()
    }

    /// The folder of the group, if this is where its hierarchy is mounted, and the folders above it
    /// that can be seen; the nearest first.
    fn folders(&self, group: &Membership) -> Option<Vec<PathBuf>> {
        let is_controller =
            |name: &String| self.controllers.iter().any(|known| known == name.as_bytes());
        let fits = if group.is_version_2() {
            self.controllers.is_empty()
        } else {
            group.controllers.iter().any(is_controller)
        };
        // In a cgroup namespace with the mounts of the one around it (`unshare --cgroup`): the group lies
        // somewhere below, and nothing says where.
        let fits = fits && !self.part.starts_with("/..");
        let below = group.path.strip_prefix(&self.part).unwrap_or(Path::new(""));
        // A group outside the mounted part shows as `/../other`.
        let plain = below.strip_prefix("/").unwrap_or(below);
        let plain = if plain.starts_with("..") { Path::new("") } else { plain };
        fits.then(|| plain.ancestors().map(|part| self.place.join(part)).collect())
    }
}

/// The folders of the version 2 group, and of the version 1 group with `controller`: first the
/// group's own, then those above it, whose limits hold, too. Whether they are of version 2 comes
/// with them.
pub(crate) fn folders(
    groups: &[Membership],
    mounts: &[CgroupMount],
    controller: &str,
) -> Vec<(bool, Vec<PathBuf>)> {
    let concerns = |group: &&Membership| {
        group.is_version_2() || group.controllers.iter().any(|name| name == controller)
    };
    let find = |group: &Membership| {
        let folders = mounts.iter().find_map(|mount| mount.folders(group))?;
        Some((group.is_version_2(), folders))
    };
    groups.iter().filter(concerns).filter_map(find).collect()
}

/// A number, or `max` (version 2) or a number near 2^63 (version 1) for no limit.
pub(crate) fn limit(text: &[u8]) -> Option<u64> {
    /// Version 1 says "none" by the largest number of whole pages.
    const NO_LIMIT: u64 = i64::MAX as u64 - (1 << 20);
    number(text.trim_ascii()).filter(|&limit| limit < NO_LIMIT)
}

/// `cpu.max` (`max 100000`, or quota and period), or the two files of version 1 with a blank between:
/// how many processors' time.
pub(crate) fn quota(text: &[u8]) -> Option<f64> {
    let mut words = split(text).map(number);
    let (quota, period) = (words.next()??, words.next()??);
    #[expect(clippy::cast_precision_loss, reason = "microseconds, far below 2^52")]
    let processors = quota as f64 / period as f64;
    (period > 0).then_some(processors)
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;
    use proptest::prelude::*;

    const GROUPS: &[u8] =
        b"12:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n1:name=systemd:/a:b\n0::/pod/app\n";
    const MOUNTS: &[u8] =
        b"31 30 0:27 /docker/x /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n\
        32 30 0:28 / /sys/fs/cgroup/my\\040memory ro - cgroup cgroup rw,memory\n\
        33 30 0:29 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw\n\
        34 30 0:30 / /proc rw - proc proc rw\n";

    #[test]
    fn each_group_has_its_folders() {
        let groups = Membership::parse_all(GROUPS);
        assert_eq!(groups.len(), 4);
        assert_eq!((groups[2].path.as_path(), groups[3].is_version_2()), (Path::new("/a:b"), true));
        let mounts = CgroupMount::parse_all(MOUNTS);
        let folders = |controller| {
            let found = folders(&groups, &mounts, controller);
            found.into_iter().map(|(v2, all)| (v2, all.len(), all[0].clone())).collect::<Vec<_>>()
        };
        let unified = (true, 3, PathBuf::from("/sys/fs/cgroup/unified/pod/app"));
        assert_eq!(
            folders("cpu"),
            [(false, 1, "/sys/fs/cgroup/cpu,cpuacct/".into()), unified.clone()]
        );
        assert_eq!(
            folders("memory"),
            [(false, 3, "/sys/fs/cgroup/my memory/docker/x".into()), unified]
        );
    }

    #[test]
    fn a_mount_from_around_the_namespace_says_nothing() {
        let groups = Membership::parse_all(b"4:memory:/\n");
        let mount = |part: &str| {
            let line =
                format!("75 71 0:32 {part} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
            folders(&groups, &CgroupMount::parse_all(line.as_bytes()), "memory")
        };
        assert_eq!(mount("/../.."), []);
        assert_eq!(mount("/").len(), 1);
    }

    #[test]
    fn no_limit_is_said_in_three_ways() {
        assert_eq!(limit(b"max\n"), None);
        assert_eq!(limit(b"9223372036854771712\n"), None);
        assert_eq!(limit(b"-1\n"), None);
        assert_eq!(limit(b"1048576\n"), Some(1_048_576));
        assert_eq!(quota(b"max 100000\n"), None);
        assert_eq!(quota(b"-1 100000"), None);
        assert_eq!(quota(b"150000 100000\n"), Some(1.5));
        assert_eq!(quota(b"1 0"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(
            bytes in hostile::bytes(), groups in hostile::damaged(GROUPS), mounts in hostile::damaged(MOUNTS)
        ) {
            let groups = Membership::parse_all(&groups);
            let mounts = CgroupMount::parse_all(&mounts);
            folders(&groups, &mounts, "cpu");
            limit(&bytes);
            quota(&bytes);
        }
    }
}
