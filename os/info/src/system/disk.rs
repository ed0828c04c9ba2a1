//! Disks and file systems.

use super::System;
use crate::error::{Error, Result};
use crate::parse::disk::{DiskCounters, Partition, with_device};
use crate::percent;
use crate::rising::Rising;
use polyproc_sys::filesystem;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// How full a file system is, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DiskUsage {
    /// All of it.
    pub total: u64,
    /// In use.
    pub used: u64,
    /// What anybody may still use; less than `total - used`, since some is kept back for the
    /// superuser.
    pub free: u64,
    /// `used` in percent of what anybody may use: `df` has the same number.
    pub percent: f64,
}

/// What disks have done, by counters that never go down from one look to the next: the kernel's
/// start again when they have gone once round, and when a disk was away and has come back. psutil's
/// `nowrap`; the state is in this value, so two that look do not disturb each other, and a new one has
/// forgotten everything.
///
/// ```
/// use polyproc_info::{DiskMeter, System};
///
/// let mut meter = DiskMeter::new(&System::new());
/// let (before, _) = meter.counters()?;
/// let (now, each) = meter.counters()?;
/// assert!(now.read_bytes >= before.read_bytes);
/// for (name, counters) in each {
///     println!("{} has read {} bytes", name.display(), counters.read_bytes);
/// }
/// # Ok::<(), polyproc_info::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DiskMeter {
    system: System,
    seen: Rising<DiskCounters>,
}

impl DiskMeter {
    /// Nothing is read before the first look.
    pub fn new(system: &System) -> Self {
        Self { system: system.clone(), seen: Rising::default() }
    }

    /// All disks together ([`System::disk_io_total`]), those that are away now, too; and each disk and
    /// part of one that is there, in the kernel's order ([`System::disk_io_counters`]).
    ///
    /// Of a counter that has started again no more is known than where it was at the look before, so
    /// this is the least that has happened. Of more than 1024 that are away those that were so the
    /// longest are in the sum only.
    ///
    /// # Errors
    /// When `/proc/diskstats` cannot be read.
    pub fn counters(&mut self) -> Result<(DiskCounters, Vec<(OsString, DiskCounters)>)> {
        let now = self.system.disk_io_counters()?;
        Ok(self.seen.see(now, |name| self.system.is_whole_disk(name)))
    }
}

impl System {
    /// File systems that live on a device; with `all` every other kind, too.
    ///
    /// # Errors
    /// When `/proc/self/mounts` cannot be read.
    pub fn disk_partitions(&self, all: bool) -> Result<Vec<Partition>> {
        let mounts = self.read("proc/self/mounts").or_else(|_| self.read("proc/mounts"))?;
        let mut partitions = Partition::parse_all(&mounts);
        if !all {
            let physical = with_device(&self.read("proc/filesystems")?);
            partitions.retain(|one| !one.device.is_empty() && physical.contains(&one.file_system));
        }
        for partition in partitions.iter_mut().filter(|one| one.device == "/dev/root") {
            // The name that old kernels give the device that they booted from.
            if let Some(device) = self.root_device() {
                partition.device = device;
            }
        }
        Ok(partitions)
    }

    /// `/dev/sda1` where the kernel says `/dev/root`: by the device number in the mount table.
    fn root_device(&self) -> Option<OsString> {
        let mounts = self.read_if_there("proc/self/mountinfo")?;
        let number = crate::parse::lines(&mounts).find_map(|line| {
            let words: Vec<_> = crate::parse::split(line).collect();
            (*words.get(4)? == b"/").then(|| String::from_utf8_lossy(words[2]).into_owned())
        })?;
        let link = std::fs::read_link(self.path(&format!("sys/dev/block/{number}"))).ok()?;
        Some(Path::new("/dev").join(link.file_name()?).into_os_string())
    }

    /// How full the file system is that holds `path`. On a file server that does not answer, this
    /// may take as long as that: call it in a thread of its own where that matters.
    ///
    /// # Errors
    /// When there is no such path, or nothing may be seen of it.
    pub fn disk_usage(&self, path: impl AsRef<Path>) -> Result<DiskUsage> {
        let path = path.as_ref();
        let space = filesystem::space(&self.inside(path));
        let space = space.map_err(|error| Error::of(path.display().to_string(), error))?;
        let used = space.total.saturating_sub(space.free);
        let percent = percent(used, used.saturating_add(space.available));
        Ok(DiskUsage { total: space.total, used, free: space.available, percent })
    }

    /// What each disk and each part of one has done since boot, in the kernel's order and by its
    /// numbers, which start again now and then: [`DiskMeter`] has numbers that do not.
    ///
    /// # Errors
    /// When `/proc/diskstats` cannot be read.
    pub fn disk_io_counters(&self) -> Result<Vec<(OsString, DiskCounters)>> {
        Ok(DiskCounters::parse_all(&self.read("proc/diskstats")?))
    }

    /// What all disks together have done since boot: each counted once, and not its parts again.
    ///
    /// # Errors
    /// As [`System::disk_io_counters`].
    pub fn disk_io_total(&self) -> Result<DiskCounters> {
        let each = self.disk_io_counters()?.into_iter();
        let mut total = DiskCounters::default();
        each.filter(|disk| self.is_whole_disk(&disk.0)).for_each(|disk| total += disk.1);
        Ok(total)
    }

    /// Whether it is a disk with a device of its own below, and neither a part of one nor made of
    /// others (`/sys` writes `!` for a `/` in the name).
    fn is_whole_disk(&self, name: &OsStr) -> bool {
        let name = name.to_string_lossy().replace('/', "!");
        self.path(&format!("sys/block/{name}")).exists()
    }
}
