//! `/proc/diskstats`, `/proc/mounts`, `/proc/filesystems`.

use super::{lines, number, split};
use crate::rising::{Counters, lost};
use std::collections::HashSet;
use std::ffi::OsString;
use std::ops::AddAssign;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

/// What a disk (or a part of one) has done since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DiskCounters {
    /// Reads that were done.
    pub reads: u64,
    /// Writes that were done.
    pub writes: u64,
    /// Bytes that were read.
    pub read_bytes: u64,
    /// Bytes that were written.
    pub write_bytes: u64,
    /// Time that reads took, added up.
    pub read_time: Duration,
    /// Time that writes took, added up.
    pub write_time: Duration,
    /// Reads that were done as part of another.
    pub merged_reads: u64,
    /// Writes that were done as part of another.
    pub merged_writes: u64,
    /// Time in which anything was going on.
    pub busy_time: Duration,
}

impl AddAssign for DiskCounters {
    fn add_assign(&mut self, other: Self) {
        self.reads = self.reads.saturating_add(other.reads);
        self.writes = self.writes.saturating_add(other.writes);
        self.read_bytes = self.read_bytes.saturating_add(other.read_bytes);
        self.write_bytes = self.write_bytes.saturating_add(other.write_bytes);
        self.read_time = self.read_time.saturating_add(other.read_time);
        self.write_time = self.write_time.saturating_add(other.write_time);
        self.merged_reads = self.merged_reads.saturating_add(other.merged_reads);
        self.merged_writes = self.merged_writes.saturating_add(other.merged_writes);
        self.busy_time = self.busy_time.saturating_add(other.busy_time);
    }
}

impl Counters for DiskCounters {
    fn lost(self, now: Self) -> Self {
        Self {
            reads: lost(self.reads, now.reads),
            writes: lost(self.writes, now.writes),
            read_bytes: lost(self.read_bytes, now.read_bytes),
            write_bytes: lost(self.write_bytes, now.write_bytes),
            read_time: lost(self.read_time, now.read_time),
            write_time: lost(self.write_time, now.write_time),
            merged_reads: lost(self.merged_reads, now.merged_reads),
            merged_writes: lost(self.merged_writes, now.merged_writes),
            busy_time: lost(self.busy_time, now.busy_time),
        }
    }
}

/// A sector of the kernel's statistics, whatever the disk's own are.
const SECTOR: u64 = 512;

impl DiskCounters {
    /// `/proc/diskstats`: 14 columns from Linux 2.6.25 on (later kernels add more behind), 7 for a
    /// partition before that, 15 in Linux 2.4.
    pub(crate) fn parse_all(bytes: &[u8]) -> Vec<(OsString, Self)> {
        let row = |line: &[u8]| {
            let words: Vec<_> = split(line).collect();
            let (name, counters) = match words.as_slice() {
                [_, _, name, rest @ ..] if rest.len() == 4 => (name, Self::short(rest)?),
                [_, _, _, name, rest @ ..] if words.len() == 15 => (name, Self::full(rest)?),
                [_, _, name, rest @ ..] if words.len() == 14 || words.len() >= 18 => {
                    (name, Self::full(rest)?)
                }
                _ => return None,
            };
            Some((OsString::from_vec(name.to_vec()), counters))
        };
        lines(bytes).filter_map(row).collect()
    }

    fn short(words: &[&[u8]]) -> Option<Self> {
        let field = |at: usize| number(words.get(at)?);
        Some(Self {
            reads: field(0)?,
            read_bytes: field(1)?.wrapping_mul(SECTOR),
            writes: field(2)?,
            write_bytes: field(3)?.wrapping_mul(SECTOR),
            ..Self::default()
        })
    }

    fn full(words: &[&[u8]]) -> Option<Self> {
        let field = |at: usize| number(words.get(at)?);
        Some(Self {
            reads: field(0)?,
            merged_reads: field(1)?,
            read_bytes: field(2)?.wrapping_mul(SECTOR),
            read_time: Duration::from_millis(field(3)?),
            writes: field(4)?,
            merged_writes: field(5)?,
            write_bytes: field(6)?.wrapping_mul(SECTOR),
            write_time: Duration::from_millis(field(7)?),
            busy_time: Duration::from_millis(field(9)?),
        })
    }
}

/// A file system and where it is mounted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Partition {
    /// What is mounted; empty for none.
    pub device: OsString,
    /// Where.
    pub mount_point: PathBuf,
    /// `ext4`, `tmpfs`, …
    pub file_system: OsString,
    /// `rw,relatime` and so on.
    pub options: OsString,
}

impl Partition {
    /// `/proc/self/mounts`.
    pub(crate) fn parse_all(bytes: &[u8]) -> Vec<Self> {
        let row = |line: &[u8]| {
            let mut words = split(line).map(|word| OsString::from_vec(unescape(word)));
            let device = words.next()?;
            Some(Self {
                device: if device == "none" { OsString::new() } else { device },
                mount_point: words.next()?.into(),
                file_system: words.next()?,
                options: words.next()?,
            })
        };
        lines(bytes).filter_map(row).collect()
    }
}

/// Blank, tab, newline and backslash stand as `\040` and so on.
pub(crate) fn unescape(word: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [first, others @ ..] = rest {
        let escaped = match rest {
            [b'\\', digits @ ..] => digits.get(..3).and_then(octal),
            _ => None,
        };
        plain.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &others[3..] } else { others };
    }
    plain
}

fn octal(digits: &[u8]) -> Option<u8> {
    if !digits.iter().all(|digit| matches!(digit, b'0'..=b'7')) {
        return None;
    }
    super::number_to_base(digits, 8)?.try_into().ok()
}

/// The file systems that live on a device, by `/proc/filesystems`. ZFS says that it needs none.
pub(crate) fn with_device(filesystems: &[u8]) -> HashSet<OsString> {
    let row = |line: &[u8]| match split(line).collect::<Vec<_>>().as_slice() {
        [name] => Some(OsString::from_vec(name.to_vec())),
        [b"nodev", b"zfs"] => Some("zfs".into()),
        _ => None,
    };
    lines(filesystems).filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;
    use proptest::prelude::*;

    /// Linux 5.5 and newer, 4.18, 2.6.25, 2.6 (a partition), 2.4.
    const DISKS: &[u8] = b"   8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n   \
        8 1 sdb 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n   8 2 sdc 1 2 3 4 5 6 7 8 9 10 11\n   \
        8 3 sdd1 1 2 3 4\n   3 0 39082680 hda 1 2 3 4 5 6 7 8 9 10 11\n   8 4 odd 1 2\n";
    const MOUNTS: &[u8] =
        b"/dev/vda / ext4 rw,relatime 0 0\nnone /mnt/a\\040b tmpfs rw 0 0\nbroken\n";

    #[test]
    fn every_form_of_a_line_is_read() {
        let disks = DiskCounters::parse_all(DISKS);
        let names: Vec<_> = disks.iter().map(|disk| disk.0.to_str().unwrap()).collect();
        assert_eq!(names, ["sda", "sdb", "sdc", "sdd1", "hda"]);
        for (name, disk) in &disks {
            if name == "sdd1" {
                assert_eq!(
                    [disk.reads, disk.read_bytes, disk.writes, disk.write_bytes],
                    [1, 1024, 3, 2048]
                );
                continue;
            }
            assert_eq!([disk.reads, disk.merged_reads, disk.read_bytes], [1, 2, 1536]);
            assert_eq!([disk.writes, disk.merged_writes, disk.write_bytes], [5, 6, 3584]);
            let times = [disk.read_time, disk.write_time, disk.busy_time];
            assert_eq!(times.map(|time| time.as_millis()), [4, 8, 10]);
        }
    }

    #[test]
    fn mounts_and_file_systems() {
        let mounts = Partition::parse_all(MOUNTS);
        assert_eq!(mounts.len(), 2);
        assert_eq!(
            (mounts[0].device.to_str(), mounts[1].device.to_str()),
            (Some("/dev/vda"), Some(""))
        );
        assert_eq!(mounts[1].mount_point, PathBuf::from("/mnt/a b"));
        let physical = with_device(b"nodev\tsysfs\n\text4\nnodev\tzfs\n");
        assert!(
            physical.contains(&OsString::from("ext4")) && physical.contains(&OsString::from("zfs"))
        );
        assert_eq!(physical.len(), 2);
    }

    #[test]
    fn only_escapes_are_escapes() {
        assert_eq!(unescape(br"a\040\\134\777\08x\1"), b"a \\\\\\777\\08x\\1");
        assert_eq!(unescape(br"\134040"), b"\\040");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(
            bytes in hostile::bytes(), disks in hostile::damaged(DISKS), mounts in hostile::damaged(MOUNTS)
        ) {
            for bytes in [bytes, disks, mounts] {
                DiskCounters::parse_all(&bytes);
                Partition::parse_all(&bytes);
                with_device(&bytes);
                prop_assert!(unescape(&bytes).len() <= bytes.len());
            }
        }
    }
}
