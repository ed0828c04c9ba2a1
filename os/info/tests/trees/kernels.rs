//! The system's own files, as kernels from 2.6 to 6.12 write them.

use crate::tree::Tree;
use polyproc_info::{Kinds, System};
use std::time::{Duration, UNIX_EPOCH};

const STAT_6: &str = "cpu  100 20 30 4000 50 6 7 8 9 10\ncpu0 50 10 15 2000 25 3 3 4 4 5\n\
    cpu1 50 10 15 2000 25 3 4 4 5 5\nintr 1234 5 6\nctxt 777\nbtime 1700000000\nprocesses 99\n\
    procs_running 3\nprocs_blocked 0\nsoftirq 55 1 2\n";

#[test]
fn linux_6() {
    let tree = Tree::new(&[
        ("proc/stat", STAT_6),
        ("proc/loadavg", "0.50 0.25 0.10 2/345 6789\n"),
        (
            "proc/meminfo",
            "MemTotal:       16000 kB\nMemFree:         4000 kB\nMemAvailable:    8000 kB\n\
             Buffers:          100 kB\nCached:          2000 kB\nSwapCached:         0 kB\n\
             Active:          3000 kB\nInactive:        1000 kB\nShmem:             50 kB\n\
             Slab:             300 kB\nSReclaimable:     200 kB\nSwapTotal:       1000 kB\n\
             SwapFree:         750 kB\n",
        ),
        ("proc/vmstat", "nr_free_pages 1\npswpin 3\npswpout 5\n"),
        ("proc/filesystems", "nodev\tproc\nnodev\ttmpfs\n\text4\n"),
        (
            "proc/self/mounts",
            "/dev/vda1 / ext4 rw,relatime 0 0\nproc /proc proc rw 0 0\n\
             /dev/vdb /mnt/my\\040data ext4 ro 0 0\n",
        ),
        (
            "proc/diskstats",
            " 254 0 vda 10 1 20 3 40 5 60 7 0 9 11 0 0 0 0 0 0\n \
             254 1 vda1 9 1 18 3 39 5 59 7 0 9 11 0 0 0 0 0 0\n",
        ),
        ("sys/block/vda/stat", ""),
        (
            "proc/net/dev",
            "Inter-| Receive | Transmit\n face |bytes\n  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n    \
             lo: 100 1 0 0 0 0 0 0 100 1 0 0 0 0 0 0\n",
        ),
        ("sys/devices/system/cpu/cpu0/topology/core_cpus_list", "0-1\n"),
        ("sys/devices/system/cpu/cpu1/topology/core_cpus_list", "0-1\n"),
        ("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "2400000\n"),
        ("sys/devices/system/cpu/cpufreq/policy0/scaling_min_freq", "800000\n"),
        ("sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq", "3600000\n"),
        (
            "proc/cpuinfo",
            "processor\t: 0\nmodel name\t: A Fast One\ncpu MHz\t\t: 1000.5\n\nprocessor\t: 1\ncpu MHz\t\t: 1000.5\n",
        ),
    ]);
    let system = tree.system();
    processors(&system);
    memory(&system);
    disks(&system);
    let all = system.net_io_total().unwrap();
    assert_eq!((all.bytes_received, all.bytes_sent, all.packets_sent), (101, 109, 11));
    assert_eq!(system.net_io_counters().unwrap()[0].0, "eth0");
    assert!(system.users().unwrap().is_empty());
}

fn processors(system: &System) {
    let count = system.cpu_count();
    assert_eq!((count.logical, count.physical, count.usable), (2, 1, 2));
    let times = system.cpu_times().unwrap();
    assert_eq!((times.user, times.idle), (Duration::from_secs(1), Duration::from_secs(40)));
    assert_eq!(system.cpu_times_each().unwrap().len(), 2);
    let stats = system.cpu_stats().unwrap();
    assert_eq!((stats.context_switches, stats.interrupts, stats.soft_interrupts), (777, 1234, 55));
    assert_eq!(system.boot_time().unwrap(), UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    assert!((system.load_average().unwrap()[0] - 0.5).abs() < 1e-9);
    let frequency = system.cpu_frequency();
    // One group of two processors: what cpuinfo says of each does not fit.
    assert_eq!(frequency.len(), 1);
    let frequency = [frequency[0].current, frequency[0].min, frequency[0].max];
    assert!(
        frequency.iter().zip([2400.0, 800.0, 3600.0]).all(|(one, two)| (one - two).abs() < 1e-9)
    );
    let mean = system.cpu_frequency_mean().unwrap();
    assert!((mean.max - 3600.0).abs() < 1e-9 && (mean.current - 2400.0).abs() < 1e-9);
    assert_eq!(system.cpu_model().as_deref(), Some("A Fast One"));
}

fn memory(system: &System) {
    let memory = system.virtual_memory().unwrap();
    let kilobytes = [
        memory.total,
        memory.available,
        memory.used,
        memory.free,
        memory.active,
        memory.inactive,
        memory.buffers,
        memory.cached,
        memory.shared,
        memory.slab,
    ];
    let expected = [16000, 8000, 8000, 4000, 3000, 1000, 100, 2200, 50, 300];
    assert_eq!(kilobytes.map(|bytes| bytes / 1024), expected);
    assert!((memory.percent_of(4000 * 1024) - 25.0).abs() < 1e-9);
    assert!((memory.percent - 50.0).abs() < 1e-9);
    let swap = system.swap_memory().unwrap();
    assert_eq!([swap.total, swap.used, swap.free].map(|bytes| bytes / 1024), [1000, 250, 750]);
    assert!((swap.percent - 25.0).abs() < 1e-9);
    assert_eq!(swap.swapped_out, swap.swapped_in / 3 * 5);
}

fn disks(system: &System) {
    let real = system.disk_partitions(false).unwrap();
    let places: Vec<_> = real.iter().map(|one| one.mount_point.to_str().unwrap()).collect();
    assert_eq!(places, ["/", "/mnt/my data"]);
    assert_eq!(system.disk_partitions(true).unwrap().len(), 3);
    let disks = system.disk_io_counters().unwrap();
    assert_eq!(disks.len(), 2);
    let total = system.disk_io_total().unwrap();
    assert_eq!(total, disks[0].1, "the part is in the whole");
    assert_eq!((total.read_bytes, total.write_bytes), (20 * 512, 60 * 512));
    assert!(system.disk_usage("/").unwrap().total > 0);
}

/// Before 3.14 nothing says how much memory is available.
#[test]
fn linux_3_2_estimates_what_is_available() {
    let meminfo = "MemTotal:  16000 kB\nMemFree:  4000 kB\nBuffers:  100 kB\nCached:  2000 kB\n\
        Active(file):  1000 kB\nInactive(file):  600 kB\nSReclaimable:  400 kB\n";
    let tree = Tree::new(&[("proc/meminfo", meminfo)]);
    let available = || tree.system().virtual_memory().unwrap().available / 1024;
    assert_eq!(available(), 6000, "without zones: free and cached");
    let zones =
        "Node 0, zone Normal\n  pages free 1\n        min 10\n        low 25\n        high 30\n";
    tree.file("proc/zoneinfo", zones);
    let kept = 25 * polyproc_page() / 1024;
    assert_eq!(available(), 4000 - kept + 1600 - kept.min(800) + 400 - kept.min(200));
    tree.file("proc/meminfo", "MemTotal: 16 kB\nMemFree: 5 kB\nMemAvailable: 99 kB\n");
    assert_eq!(available(), 5, "more than there is");
    tree.file("proc/meminfo", "nothing\n");
    assert!(tree.system().virtual_memory().is_err());
}

fn polyproc_page() -> u64 {
    4096
}

/// Kernels before 2.6.25 have short lines for parts of disks, and 2.4 has a column more.
#[test]
fn linux_2() {
    let tree = Tree::new(&[
        ("proc/stat", "cpu  100 20 30 400\ncpu0 100 20 30 400\nbtime 1000000000\n"),
        ("proc/diskstats", "   3 1 hda1 1 2 3 4\n   3 0 99 hda 1 2 3 4 5 6 7 8 9 10 11\n"),
        ("proc/mounts", "/dev/root / ext3 rw 0 0\n"),
        ("proc/filesystems", "\text3\n"),
    ]);
    let system = tree.system();
    let times = system.cpu_times().unwrap();
    assert_eq!((times.idle, times.io_wait), (Duration::from_secs(4), Duration::ZERO));
    assert_eq!(system.disk_io_counters().unwrap().len(), 2);
    // The name of the device is in /sys on newer ones.
    assert_eq!(system.disk_partitions(false).unwrap()[0].device, "/dev/root");
    tree.file("proc/self/mountinfo", "22 1 8:1 / / rw - ext3 /dev/root rw\n");
    tree.link("sys/dev/block/8:1", "../../devices/pci/block/sda/sda1");
    assert_eq!(system.disk_partitions(false).unwrap()[0].device, "/dev/sda1");
}

#[test]
fn a_system_without_files_is_an_error_or_empty() {
    let tree = Tree::new(&[]);
    let system = tree.system();
    assert!(system.pids().unwrap().is_empty() && !system.pid_exists(1));
    assert!(system.cpu_times().is_err() && system.load_average().is_err());
    assert!(system.cpu_frequency().is_empty() && system.temperatures().is_empty());
    assert_eq!(system.cpu_frequency_mean(), None);
    assert!(system.battery().is_none() && system.users().unwrap().is_empty());
    assert!(system.connections(Kinds::ALL).unwrap().is_empty());
    let nowhere = System::at("/no/such/place");
    assert!(nowhere.pids().is_err() && nowhere.process(1).is_err());
}

/// What needs a system call is of this machine only, and says so.
#[test]
fn another_root_takes_no_signals() {
    let tree = Tree::new(&[("proc/stat", STAT_6)]);
    tree.process(std::process::id(), 1, "me");
    let process = tree.system().process(std::process::id()).unwrap();
    for error in [
        process.kill().unwrap_err(),
        process.set_nice(0).unwrap_err(),
        process.wait(Some(Duration::ZERO)).unwrap_err(),
    ] {
        assert!(matches!(error, polyproc_info::Error::Os { .. }), "{error}");
    }
    assert!(tree.system().net_if_states().is_err());
    assert!(tree.path().exists());
}
