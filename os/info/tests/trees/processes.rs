//! Processes of a made-up system.

use crate::tree::Tree;
use polyproc_info::{
    Address, Attributes, ConnectionState, Error, Kinds, Limit, Missing, Monitor, Process, Resource,
    State,
};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

const STATUS: &str = "Name:\tserver\nTgid:\t10\nPid:\t10\nUid:\t1000\t0\t1000\t0\n\
    Gid:\t100\t101\t102\t103\nCpus_allowed_list:\t0-3\nvoluntary_ctxt_switches:\t5\n\
    nonvoluntary_ctxt_switches:\t6\n";

/// Linux 6.
fn server() -> Tree {
    let tree = Tree::new(&[
        ("proc/stat", "cpu  1 1 1 1\nbtime 1700000000\n"),
        ("etc/passwd", "root:x:0:0::/root:/bin/sh\nmary:x:1000:100::/home/mary:/bin/sh\n"),
        ("proc/10/status", STATUS),
        ("proc/10/environ", "HOME=/home/mary\0EMPTY=\0"),
        ("proc/10/io", "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\n"),
        (
            "proc/10/limits",
            "Limit   Soft Limit  Hard Limit  Units\nMax open files            1024                 unlimited            files     \n",
        ),
        ("proc/10/cgroup", "0::/user.slice\n"),
        (
            "proc/10/smaps_rollup",
            "55-66 ---p 0 00:00 0 [rollup]\nPss:  10 kB\nPrivate_Dirty:  4 kB\nSwap:  1 kB\n",
        ),
        ("proc/10/smaps", "55-66 r--p 00000000 00:00 0 /bin/server\nRss:  7 kB\n"),
        ("proc/net/tcp", "head\n 0: 0100007F:0016 00000000:0000 0A 0:0 0:0 0 0 0 33447 1\n"),
        (
            "proc/net/unix",
            "head\n0: 2 0 10000 0001 01 9001 /run/my socket\n0: 2 0 0 0001 03 9002\n",
        ),
        ("proc/10/fdinfo/3", "pos:\t42\nflags:\t0102001\nmnt_id:\t29\n"),
    ]);
    tree.process(10, 1, "server");
    tree.file("data/log (deleted)", "");
    tree.link("proc/10/exe", "/usr/bin/server");
    tree.link("proc/10/cwd", "/home/mary");
    tree.link("proc/10/fd/0", "/dev/null");
    tree.link("proc/10/fd/3", tree.path().join("data/log (deleted)"));
    tree.link("proc/10/fd/4", "socket:[33447]");
    tree.link("proc/10/fd/5", "socket:[33447]");
    tree.link("proc/10/fd/6", "socket:[9001]");
    tree.link("proc/10/fd/7", "socket:[123]");
    tree
}

#[test]
fn every_attribute_is_read() {
    let tree = server();
    let system = tree.system();
    let snapshot = system.snapshot(Attributes::ALL).unwrap();
    let facts = snapshot.get(10).unwrap();
    assert_eq!(facts.to_string(), "10 (server) sleeping");
    assert_eq!((facts.state(), facts.parent()), (State::Sleeping, Some(1)));
    let start = UNIX_EPOCH + Duration::from_millis(1_700_000_001_100);
    assert_eq!(facts.create_time(), start);
    let identities = facts.identities.unwrap();
    assert_eq!((identities.users.real, identities.groups.effective), (1000, 101));
    assert_eq!(facts.username.as_deref().unwrap(), "mary");
    assert_eq!(facts.terminal.as_ref().unwrap().as_deref(), Some(Path::new("/dev/pts/1")));
    assert_eq!(facts.exe.as_ref().unwrap().as_deref(), Some(Path::new("/usr/bin/server")));
    assert_eq!(facts.cwd.as_ref().unwrap().as_deref(), Some(Path::new("/home/mary")));
    assert_eq!(facts.arguments.as_ref().unwrap().to_line(), "/usr/bin/server -x");
    assert_eq!(facts.environment.as_ref().unwrap().get("EMPTY"), Some(OsStr::new("")));
    assert_eq!(facts.memory.unwrap().resident / 414, facts.memory.unwrap().virtual_size / 765);
    let detail = facts.memory_detail.unwrap();
    assert_eq!([detail.proportional, detail.unique, detail.swapped], [10240, 4096, 1024]);
    assert_eq!(facts.memory_maps.as_ref().unwrap()[0].resident, 7 * 1024);
    assert_eq!(facts.io.unwrap().write_bytes, 6);
    assert_eq!((facts.switches.unwrap().voluntary, facts.affinity.as_ref().unwrap().len()), (5, 4));
    let files = facts.limits.as_ref().unwrap().get(Resource::OpenFiles).unwrap();
    assert_eq!(files, Limit { soft: Some(1024), hard: None });
    assert_eq!(facts.cgroups.as_ref().unwrap()[0].path, Path::new("/user.slice"));
    // No file says it.
    assert!(matches!(facts.io_priority, Err(Missing::Os(_))));
}

#[test]
fn descriptors_are_followed() {
    let tree = server();
    let facts = tree.system().process(10).unwrap().facts(Attributes::ALL).unwrap();
    assert_eq!(facts.descriptors, Ok(6));
    let files = facts.open_files.unwrap();
    assert_eq!(files.len(), 1, "{files:?}");
    // Its name looks like the kernel's mark, but the file is there.
    assert!(files[0].path.ends_with("log (deleted)") && !files[0].deleted);
    assert_eq!((files[0].descriptor, files[0].position), (3, 42));
    assert_eq!(files[0].mode().to_string(), "a");
    let sockets = facts.connections.unwrap();
    assert_eq!(sockets.len(), 2, "a copy is no second socket: {sockets:?}");
    assert_eq!((sockets[0].state, sockets[0].descriptor), (ConnectionState::Listen, Some(4)));
    assert_eq!(sockets[1].local, Address::Unix(b"/run/my socket".to_vec()));
    let all = tree.system().connections(Kinds::ALL).unwrap();
    let owners: Vec<_> = all.iter().map(|one| (one.inode, one.pid)).collect();
    assert_eq!(owners, [(33447, Some(10)), (9001, Some(10)), (9002, None)]);
    assert_eq!(tree.system().connections(Kinds::UNIX).unwrap().len(), 2);
    let one = tree.system().process(10).unwrap().connections(Kinds::TCP).unwrap();
    assert_eq!(one.len(), 1);
}

/// Kernels before 4.14 have no rollup, and those without delay accounting a shorter line.
#[test]
fn linux_4_4() {
    let tree = Tree::new(&[("proc/20/smaps", "55-66 r--p 0 0:0 0 /a\nPss: 3 kB\nPss: 4 kB\n")]);
    tree.process(20, 1, "old");
    let process = tree.system().process(20).unwrap();
    assert_eq!(process.memory_detail().unwrap().proportional, 7 * 1024);
    // Built without them.
    let error = process.io_counters().unwrap_err();
    assert!(matches!(error, Error::Os { .. }), "{error}");
    assert!(process.exe().unwrap().is_none());
}

#[test]
fn bytes_stay_bytes() {
    let tree = Tree::new(&[]);
    let strange = OsStr::from_bytes(b"/\xff\xfe/na\nme");
    tree.process(30, 1, "x");
    tree.link("proc/30/cwd", strange);
    tree.file("proc/30/cmdline", b"\xff\0\0\xfe\0");
    tree.file("proc/30/environ", b"A\xff=\xfe\0");
    tree.file(
        "proc/30/stat",
        [b"30 (\xff) (", &b") S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n"[..]].concat(),
    );
    let process = tree.system().process(30).unwrap();
    assert_eq!(process.name().unwrap().as_bytes(), b"\xff) (");
    assert_eq!(process.cwd().unwrap().unwrap().as_os_str(), strange);
    let arguments = process.arguments().unwrap();
    let words: Vec<_> = arguments.iter().map(OsStr::as_bytes).collect();
    assert_eq!(words, [&b"\xff"[..], b"", b"\xfe"]);
    let environment = process.environment().unwrap();
    assert_eq!(environment.get(OsStr::from_bytes(b"A\xff")).unwrap().as_bytes(), b"\xfe");
}

#[test]
fn a_cut_name_comes_from_the_command_line() {
    let tree = Tree::new(&[]);
    tree.process(40, 1, "gnome-keyring-d");
    tree.file("proc/40/cmdline", "/usr/bin/gnome-keyring-daemon\0--x\0");
    tree.process(41, 1, "exactly-15-byte");
    tree.file("proc/41/cmdline", "other\0");
    let name = |pid| tree.system().process(pid).unwrap().name().unwrap();
    assert_eq!((name(40), name(41)), ("gnome-keyring-daemon".into(), "exactly-15-byte".into()));
    let short = tree.system().snapshot(Attributes::NONE).unwrap();
    assert_eq!(short.get(40).unwrap().name(), "gnome-keyring-d");
}

#[test]
fn a_zombie_has_what_is_left_of_it() {
    let tree = Tree::new(&[("proc/50/cmdline", ""), ("proc/50/statm", "0 0 0 0 0 0 0\n")]);
    tree.stat(50, 1, "dead", ('Z', 1));
    let facts = tree.system().process(50).unwrap().facts(Attributes::ALL).unwrap();
    assert_eq!((facts.state(), facts.name()), (State::Zombie, OsStr::new("dead")));
    assert_eq!(facts.arguments, Err(Missing::Zombie));
    assert_eq!(facts.exe, Err(Missing::Zombie));
    assert_eq!(facts.environment, Err(Missing::Zombie));
    assert_eq!(facts.memory_maps, Err(Missing::Zombie));
    assert_eq!(facts.memory.unwrap().resident, 0);
    assert_eq!(
        (facts.descriptors, facts.open_files, facts.connections),
        (Ok(0), Ok(vec![]), Ok(vec![]))
    );
    let error = tree.system().process(50).unwrap().exe().unwrap_err();
    assert!(matches!(error, Error::Zombie { pid: 50, .. }), "{error}");
}

/// The first thread has ended, the others run: the state says `Z`, and the process is alive.
#[test]
fn a_process_without_its_leader_is_read_through_another_thread() {
    let tree = Tree::new(&[
        ("proc/60/cmdline", ""),
        ("proc/60/task/61/cmdline", "server\0"),
        ("proc/60/task/61/environ", "A=1\0"),
    ]);
    tree.stat(60, 1, "headless", ('Z', 2));
    tree.stat(61, 1, "worker) R 1", ('S', 2));
    std::fs::create_dir_all(tree.path().join("proc/60/task/60")).unwrap();
    for thread in [60, 61] {
        let line = std::fs::read(tree.path().join(format!("proc/{thread}/stat"))).unwrap();
        tree.file(&format!("proc/60/task/{thread}/stat"), line);
    }
    tree.remove("proc/61");
    tree.link("proc/60/task/61/exe", "/usr/bin/server");
    let facts = tree.system().process(60).unwrap().facts(Attributes::ALL).unwrap();
    assert!(facts.stat.has_lost_its_leader() && !facts.stat.is_zombie());
    assert_eq!(facts.arguments.unwrap().to_line(), "server");
    assert_eq!(facts.exe.unwrap().as_deref(), Some(Path::new("/usr/bin/server")));
    let threads = facts.threads.unwrap();
    assert_eq!((threads.len(), threads[1].name.to_str()), (2, Some("worker) R 1")));
    assert_eq!(threads[1].user, Duration::from_millis(760));
}

#[test]
fn a_thread_is_no_process() {
    let tree = Tree::new(&[("proc/71/status", "Name:\tt\nTgid:\t70\nPid:\t71\n")]);
    tree.process(71, 1, "thread");
    assert!(!tree.system().pid_exists(71));
    assert!(matches!(tree.system().process(71), Err(Error::Gone { pid: 71 })));
}

#[test]
fn families() {
    let tree = Tree::new(&[]);
    for (pid, parent) in [(1, 0), (2, 1), (3, 2), (4, 3), (5, 2), (9, 1)] {
        tree.process(pid, parent, "x");
    }
    // Started before its parent: that one has the number of a parent that is gone.
    tree.process(6, 9, "orphan");
    let system = tree.system();
    let snapshot = system.snapshot(Attributes::NONE).unwrap();
    let pids =
        |found: Vec<&polyproc_info::Facts>| found.iter().map(|one| one.pid).collect::<Vec<_>>();
    assert_eq!(pids(snapshot.children(2, false)), [3, 5]);
    assert_eq!(pids(snapshot.children(2, true)), [3, 5, 4]);
    assert_eq!(pids(snapshot.children(1, true)), [2, 9, 3, 5, 4]);
    assert_eq!(pids(snapshot.parents(snapshot.get(4).unwrap())), [3, 2, 1]);
    assert!(snapshot.parent(snapshot.get(6).unwrap()).is_none());
    let process = system.process(2).unwrap();
    let children = process.children(true).unwrap();
    assert_eq!(children.iter().map(Process::pid).collect::<Vec<_>>(), [3, 5, 4]);
    let parents = system.process(4).unwrap().parents().unwrap();
    assert_eq!(parents.iter().map(Process::pid).collect::<Vec<_>>(), [3, 2, 1]);
    assert!(system.process(6).unwrap().parent().unwrap().is_none());
    assert!(system.process(1).unwrap().parent().unwrap().is_none());
}

#[test]
fn a_later_process_with_the_same_number_is_another_one() {
    let tree = Tree::new(&[]);
    tree.process(80, 1, "first");
    let process = tree.system().process(80).unwrap();
    assert!(process.is_running());
    let line = std::fs::read_to_string(tree.path().join("proc/80/stat")).unwrap();
    tree.file("proc/80/stat", line.replace(" 180 3133440", " 999 3133440"));
    assert!(!process.is_running());
    assert!(matches!(process.name(), Err(Error::Gone { pid: 80 })));
    assert!(matches!(process.children(true), Err(Error::Gone { pid: 80 })));
    assert_ne!(tree.system().process(80).unwrap(), process);
    tree.remove("proc/80");
    assert!(matches!(process.facts(Attributes::ALL), Err(Error::Gone { pid: 80 })));
}

#[test]
fn the_monitor_sees_what_changes() {
    let tree = Tree::new(&[("proc/90/io", "read_bytes: 0\nwrite_bytes: 0\n")]);
    tree.process(90, 1, "busy");
    tree.process(91, 1, "short");
    let mut monitor = Monitor::new(&tree.system(), Attributes::ALL).unwrap();
    monitor.tick().unwrap();
    assert!(monitor.rows().all(|row| row.cpu_percent == 0.0 && row.read_rate == 0.0));
    assert_eq!(monitor.rows().map(|row| row.facts.pid).collect::<Vec<_>>(), [90, 91]);
    tree.remove("proc/91");
    tree.process(92, 90, "late");
    let line = std::fs::read_to_string(tree.path().join("proc/90/stat")).unwrap();
    tree.file("proc/90/stat", line.replace(" 76 1 2 3 ", " 99 9 2 3 "));
    tree.file("proc/90/io", "read_bytes: 4096\nwrite_bytes: 0\n");
    tree.file("proc/90/statm", "1 2 3 4 5 6 7\n");
    monitor.tick().unwrap();
    let rows: Vec<_> = monitor.rows().collect();
    // A made-up file stays when it has no name any more, so 91 is still there; no process does.
    let busy = rows.iter().find(|row| row.facts.pid == 90).unwrap();
    assert!(busy.cpu_percent > 0.0 && busy.read_rate > 0.0 && busy.write_rate == 0.0);
    assert_eq!(busy.facts.memory.unwrap().resident, 2 * 4096);
    assert!(rows.iter().any(|row| row.facts.pid == 92));
    // Another program in the same process.
    let line = std::fs::read_to_string(tree.path().join("proc/90/stat")).unwrap();
    tree.file("proc/90/stat", line.replace("(busy)", "(other)"));
    tree.file("proc/90/cmdline", "other\0");
    monitor.tick().unwrap();
    let other = monitor.rows().find(|row| row.facts.pid == 90).unwrap();
    assert_eq!(other.facts.arguments.as_ref().unwrap().to_line(), "other");
}
