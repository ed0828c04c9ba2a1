//! Counters that start again, and devices that go and come back.

use crate::tree::Tree;
use polyproc_info::{DiskCounters, DiskMeter, NetworkMeter};

fn write_disks(tree: &Tree, disks: &[(&str, u32)]) {
    let line =
        |(name, number): &(&str, u32)| format!(" 8 0 {name}{}\n", format!(" {number}").repeat(11));
    tree.file("proc/diskstats", disks.iter().map(line).collect::<String>());
}

fn write_interfaces(tree: &Tree, interfaces: &[(&str, u32)]) {
    let line =
        |(name, number): &(&str, u32)| format!("{name}:{}\n", format!(" {number}").repeat(16));
    let lines: String = interfaces.iter().map(line).collect();
    tree.file("proc/net/dev", format!("Inter-|\n face |\n{lines}"));
}

#[test]
fn a_disk_that_was_away_never_goes_back() {
    let tree = Tree::new(&[("sys/block/sda/stat", ""), ("sys/block/sdb/stat", "")]);
    let mut meter = DiskMeter::new(&tree.system());
    let mut look = |disks: &[(&str, u32)]| {
        write_disks(&tree, disks);
        let (total, each) = meter.counters().unwrap();
        let times = each.iter().map(|disk| disk.1.busy_time.as_millis()).collect::<Vec<_>>();
        (total.reads, times)
    };
    // 32 bits of milliseconds are 49 days.
    assert_eq!(look(&[("sda", u32::MAX), ("sda1", 7)]), (4_294_967_295, vec![4_294_967_295, 7]));
    assert_eq!(look(&[("sda", 5), ("sda1", 8)]), (4_294_967_300, vec![4_294_967_300, 8]));
    assert_eq!(look(&[("sdb", 3)]), (4_294_967_303, vec![3]));
    assert_eq!(look(&[("sdb", 3), ("sda", 1)]), (4_294_967_304, vec![3, 4_294_967_301]));
}

#[test]
fn every_counter_of_a_disk_is_one() {
    let tree = Tree::new(&[("sys/block/sda/stat", "")]);
    let mut meter = DiskMeter::new(&tree.system());
    write_disks(&tree, &[("sda", 9)]);
    let (first, _) = meter.counters().unwrap();
    write_disks(&tree, &[("sda", 0)]);
    assert_eq!(meter.counters().unwrap().0, first);
    assert_ne!(first, DiskCounters::default());
    // To begin anew is a new meter.
    let fresh = DiskMeter::new(&tree.system()).counters().unwrap();
    assert_eq!(fresh.0, DiskCounters::default());
}

#[test]
fn an_interface_that_was_away_never_goes_back() {
    let tree = Tree::new(&[]);
    let mut meter = NetworkMeter::new(&tree.system());
    let mut look = |interfaces: &[(&str, u32)]| {
        write_interfaces(&tree, interfaces);
        let (total, each) = meter.counters().unwrap();
        (total.dropped_out, each.iter().map(|one| one.1.bytes_sent).collect::<Vec<_>>())
    };
    assert_eq!(look(&[("lo", 1), ("eth0", 100)]), (101, vec![1, 100]));
    assert_eq!(look(&[("lo", 1)]), (101, vec![1]));
    assert_eq!(look(&[("lo", 1), ("eth0", 20)]), (121, vec![1, 120]));
}

#[test]
fn without_the_file_nothing_is_forgotten() {
    let tree = Tree::new(&[]);
    let mut meter = NetworkMeter::new(&tree.system());
    write_interfaces(&tree, &[("eth0", 100)]);
    meter.counters().unwrap();
    tree.remove("proc/net");
    meter.counters().unwrap_err();
    write_interfaces(&tree, &[("eth0", 1)]);
    assert_eq!(meter.counters().unwrap().0.bytes_sent, 101);
}
