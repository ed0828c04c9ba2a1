//! What a container may use, under versions 1 and 2 of control groups, alone and mixed.

use crate::tree::Tree;
use polyproc_info::CgroupLimits;

#[test]
fn version_2_takes_the_tightest_on_the_way_up() {
    let tree = Tree::new(&[
        ("proc/self/cgroup", "0::/pod/app\n"),
        ("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
        ("sys/fs/cgroup/pod/cpu.max", "250000 100000\n"),
        ("sys/fs/cgroup/pod/app/cpu.max", "max 100000\n"),
        ("sys/fs/cgroup/pod/memory.max", "1000000\n"),
        ("sys/fs/cgroup/pod/memory.current", "600000\n"),
        ("sys/fs/cgroup/pod/app/memory.max", "max\n"),
        ("sys/fs/cgroup/pod/app/memory.current", "500000\n"),
        ("sys/fs/cgroup/pod/app/memory.swap.max", "0\n"),
        ("sys/fs/cgroup/pod/app/pids.max", "100\n"),
        ("sys/fs/cgroup/pod/app/pids.current", "7\n"),
    ]);
    let limits = tree.system().limits().unwrap();
    let expected = CgroupLimits {
        memory: Some(1_000_000),
        memory_used: Some(600_000),
        swap: Some(0),
        processors: Some(2.5),
        processes: Some(100),
        processes_now: Some(7),
    };
    assert_eq!(limits, expected);
}

/// Docker: the mounted tree starts at the container's own group.
#[test]
fn version_1_in_a_container() {
    let tree = Tree::new(&[
        ("proc/self/cgroup", "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n2:pids:/docker/x\n"),
        (
            "proc/self/mountinfo",
            "31 30 0:27 /docker/x /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n\
             32 30 0:28 /docker/x /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
        ),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "350000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ("sys/fs/cgroup/memory/memory.usage_in_bytes", "12345\n"),
    ]);
    let limits = tree.system().limits().unwrap();
    assert_eq!((limits.processors, limits.memory), (Some(3.5), None));
    assert_eq!((limits.memory_used, limits.processes), (Some(12345), None));
}

/// Version 2 is there beside version 1, and controls nothing.
#[test]
fn both_versions_at_once() {
    let tree = Tree::new(&[
        ("proc/self/cgroup", "1:memory:/job\n0::/\n"),
        (
            "proc/self/mountinfo",
            "31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
             32 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        ),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "5000\n"),
        ("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "8000\n"),
    ]);
    assert_eq!(tree.system().limits().unwrap().memory, Some(5000));
}

#[test]
fn no_groups_are_no_limits() {
    let tree = Tree::new(&[("proc/self/cgroup", "0::/\n")]);
    assert_eq!(tree.system().limits().unwrap(), CgroupLimits::default());
    tree.process(5, 1, "x");
    tree.file("proc/5/cgroup", "0::/../../outside\n");
    let process = tree.system().process(5).unwrap();
    assert_eq!(process.limits_of_cgroups().unwrap(), CgroupLimits::default());
}

#[test]
fn the_quota_bounds_the_processors_of_use() {
    let tree = Tree::new(&[
        ("proc/stat", "cpu 1\ncpu0 1\ncpu1 1\ncpu2 1\ncpu3 1\n"),
        ("proc/self/cgroup", "0::/\n"),
        ("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
        ("sys/fs/cgroup/cpu.max", "150000 100000\n"),
    ]);
    let count = tree.system().cpu_count();
    assert_eq!((count.logical, count.physical, count.usable), (4, 4, 2));
}
