//! Disks and the file systems on them.

use super::counters::{Counted, Traffic};
use super::unknown;
use crate::paint::Tone;
use crate::report::Body;
use crate::table::{Column, Table, columns};
use crate::value::Value;
use polyproc_info::{DiskCounters, DiskUsage, Partition, System};
use std::os::unix::ffi::OsStrExt;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A file server that does not answer must not keep the report from being printed.
const PATIENCE: Duration = Duration::from_secs(2);

/// A file system, and how full it is if that is known.
struct FileSystem {
    partition: Partition,
    usage: Option<DiskUsage>,
}

const FILE_SYSTEMS: &[Column<FileSystem>] = columns! {
    "mount_point" "WHERE" Text "where it is to be found"
        |row| Value::raw(row.partition.mount_point.as_os_str().as_bytes());
    "total" "SIZE" Bytes "how large it is"
        |row| Value::maybe(row.usage, |usage| Value::Bytes(usage.total));
    "used" "USED" Bytes "how much of that is used"
        |row| Value::maybe(row.usage, |usage| Value::Bytes(usage.used));
    "free" "FREE" Bytes "how much anybody may still use"
        |row| Value::maybe(row.usage, |usage| Value::Bytes(usage.free));
    "percent" "USED%" Percent "the used part of what anybody may use"
        |row| Value::maybe(row.usage, |usage| Value::Percent(usage.percent));
    "file_system" "KIND" Text "how it is laid out"
        |row| Value::Text(row.partition.file_system.clone());
    "device" "DEVICE" Text "what it is on"
        |row| Value::Text(row.partition.device.clone());
    "options" "OPTIONS" Text "how it was mounted"
        |row| Value::Text(row.partition.options.clone());
};

/// All of them, with `all` also those that are on no disk.
pub(super) fn file_systems(system: &System, all: bool) -> Body {
    let partitions = match system.disk_partitions(all) {
        Ok(partitions) => partitions,
        Err(error) => return unknown(&error),
    };
    let ask = |partition: Partition| FileSystem { usage: usage(system, &partition), partition };
    let mut table = Table::of_all(FILE_SYSTEMS, partitions.into_iter().map(ask));
    table.tone("percent", |percent| match percent.amount() {
        90.0.. => Tone::Bad,
        75.0.. => Tone::Warn,
        _ => Tone::Plain,
    });
    Body::Table(table)
}

/// Asked in a thread that may hang for ever: it ends with the program.
fn usage(system: &System, partition: &Partition) -> Option<DiskUsage> {
    let (sender, receiver) = mpsc::channel();
    let (system, place) = (system.clone(), partition.mount_point.clone());
    thread::spawn(move || sender.send(system.disk_usage(place).ok()));
    receiver.recv_timeout(PATIENCE).ok().flatten()
}

const DISKS: &[Column<Counted<DiskCounters>>] = columns! {
    "name" "NAME" Text "which disk, or part of one"
        |row| Value::Text(row.name.clone());
    "busy" "BUSY%" Percent "part of the time that it had something to do"
        |row| Value::Percent(row.share(|now| now.busy_time));
    "read_rate" "READ/S" Rate "bytes read in a second"
        |row| Value::Rate(row.rate(|now| now.read_bytes));
    "write_rate" "WRITE/S" Rate "bytes written in a second"
        |row| Value::Rate(row.rate(|now| now.write_bytes));
    "read_bytes" "READ" Bytes "bytes read since boot"
        |row| Value::Bytes(row.now.read_bytes);
    "write_bytes" "WRITTEN" Bytes "bytes written since boot"
        |row| Value::Bytes(row.now.write_bytes);
    "reads" "READS" Count "how often something was read"
        |row| Value::number(row.now.reads);
    "writes" "WRITES" Count "how often something was written"
        |row| Value::number(row.now.writes);
};

/// Disks that were ever used.
pub(super) fn table(traffic: &Traffic) -> Body {
    let was_used = |disk: &&Counted<DiskCounters>| disk.now.reads + disk.now.writes > 0;
    Body::Table(Table::of_all(DISKS, traffic.disks.iter().filter(was_used)))
}
