//! A made-up machine: a folder with the files that a kernel would have. Everything about it is known,
//! so what is printed about it is, too.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Removed when dropped.
pub(crate) struct Machine(PathBuf);

/// A process of it.
struct Made<'a> {
    pid: u32,
    parent: u32,
    name: &'a [u8],
    state: char,
    user: u32,
    /// In ticks of 10 ms.
    cpu: u64,
    pages: u64,
    threads: u32,
    flags: u32,
    arguments: &'a [u8],
}

const KERNEL_THREAD: u32 = 0x20_0000;

const FILES: &[(&str, &str)] = &[
    (
        "proc/stat",
        "cpu  4000 0 1000 95000 0 0 0 0 0 0\ncpu0 2000 0 500 47500 0 0 0 0 0 0\n\
         cpu1 2000 0 500 47500 0 0 0 0 0 0\nctxt 123456\nbtime 1700000000\nprocesses 4321\n\
         procs_running 1\nprocs_blocked 0\n",
    ),
    ("proc/uptime", "1000.00 1900.00\n"),
    ("proc/loadavg", "0.25 0.50 0.75 1/99 4321\n"),
    ("proc/sys/kernel/hostname", "anvil\n"),
    ("proc/sys/kernel/osrelease", "6.1.0-test\n"),
    (
        "proc/meminfo",
        "MemTotal: 8388608 kB\nMemFree: 4194304 kB\nMemAvailable: 6291456 kB\nBuffers: 1024 kB\n\
         Cached: 2048 kB\nSwapTotal: 1048576 kB\nSwapFree: 786432 kB\nShmem: 512 kB\nSlab: 256 kB\n",
    ),
    ("proc/vmstat", "pswpin 10\npswpout 20\n"),
    ("proc/cpuinfo", "processor\t: 0\nmodel name\t: Anvil 9000\ncpu MHz\t\t: 2000.0\n"),
    ("proc/filesystems", "nodev\tproc\n\text4\n"),
    ("proc/mounts", "/dev/sda1 / ext4 rw 0 0\nproc /proc proc rw 0 0\n"),
    ("proc/self/mounts", "/dev/sda1 / ext4 rw 0 0\nproc /proc proc rw 0 0\n"),
    ("proc/self/cgroup", "0::/\n"),
    ("proc/diskstats", "   8       0 sda 100 0 2048 50 200 0 4096 60 0 100 110\n"),
    ("proc/net/dev", "Inter-|\n face |\n  eth0: 1048576 100 0 0 0 0 0 0 2097152 200 1 0 0 0 0 0\n"),
    (
        "proc/net/tcp",
        "head\n   0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 1000 0 501 1\n   \
         1: 0100007F:1F90 0100007F:C350 01 0:0 0:0 0 1000 0 502 1\n   \
         2: 0100007F:C350 0100007F:1F90 01 0:0 0:0 0 1000 0 503 1\n",
    ),
    ("proc/net/udp", "head\n   0: 00000000:0035 00000000:0000 07 0:0 0:0 0 0 0 504 2\n"),
    ("proc/net/unix", "head\n0: 2 0 10000 0001 01 601 /run/web socket\n"),
    ("etc/passwd", "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n"),
];

const PROCESSES: &[Made<'_>] = &[
    Made { pid: 1, name: b"init", cpu: 500, pages: 3000, arguments: b"/sbin/init\0", ..MADE },
    Made { pid: 2, name: b"kthreadd", flags: KERNEL_THREAD, ..MADE },
    Made { pid: 9, parent: 2, name: b"kworker/0:1 x)", state: 'I', flags: KERNEL_THREAD, ..MADE },
    Made { pid: 40, parent: 1, name: b"sh", user: 1000, pages: 500, arguments: b"-sh\0", ..MADE },
    Made {
        pid: 50,
        parent: 40,
        name: b"web) server",
        state: 'R',
        user: 1000,
        cpu: 25_000,
        pages: 100_000,
        threads: 2,
        arguments: b"/usr/bin/web server\0--port\08080\0",
        ..MADE
    },
    Made { pid: 51, parent: 50, name: b"worker", state: 'Z', user: 1000, cpu: 7, ..MADE },
    Made {
        pid: 60,
        parent: 40,
        name: b"odd\xff\x1b[2J",
        state: 'T',
        user: 4242,
        pages: 300,
        arguments: b"./odd\xff\x1b[2J\0\xfe\0\0",
        ..MADE
    },
    Made { pid: 70, parent: 1, name: b"named", pages: 2000, arguments: b"named\0", ..MADE },
];

const MADE: Made<'static> = Made {
    pid: 0,
    parent: 0,
    name: b"",
    state: 'S',
    user: 0,
    cpu: 0,
    pages: 0,
    threads: 1,
    flags: 0,
    arguments: b"",
};

impl Machine {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("polyproc-machine-{}-{number}", std::process::id());
        let machine = Self(std::env::temp_dir().join(name));
        for (path, text) in FILES {
            machine.file(path, text);
        }
        for process in PROCESSES {
            machine.process(process);
        }
        machine.details();
        machine
    }

    pub(crate) fn root(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn file(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn link(&self, path: &str, target: impl AsRef<Path>) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    fn process(&self, made: &Made<'_>) {
        let Made { pid, parent, name, state, user, cpu, pages, threads, flags, arguments } = made;
        let rest = format!(
            ") {state} {parent} {pid} {pid} 34817 -1 {flags} 101 0 7 0 {cpu} 0 0 0 20 0 {threads} 0 \
             {} {} {pages} 18446744073709551615 1 1 1 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n",
            1000 * u64::from(*pid),
            pages * 8192,
        );
        let stat = [format!("{pid} (").as_bytes(), name, rest.as_bytes()].concat();
        self.file(&format!("proc/{pid}/stat"), stat);
        let status = format!(
            "Name:\tx\nTgid:\t{pid}\nPid:\t{pid}\nUid:\t{user}\t{user}\t{user}\t{user}\n\
             Gid:\t{user}\t{user}\t{user}\t{user}\nCpus_allowed_list:\t0-1\n\
             voluntary_ctxt_switches:\t11\nnonvoluntary_ctxt_switches:\t12\n"
        );
        self.file(&format!("proc/{pid}/status"), status);
        self.file(&format!("proc/{pid}/cmdline"), arguments);
        self.file(&format!("proc/{pid}/statm"), format!("{} {pages} 10 5 0 20 0\n", pages * 2));
        self.file(
            &format!("proc/{pid}/io"),
            "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 8192\nwrite_bytes: 4096\n",
        );
        self.file(&format!("proc/{pid}/cgroup"), "0::/user.slice\n");
        fs::create_dir_all(self.0.join(format!("proc/{pid}/fd"))).unwrap();
    }

    /// Files, sockets, threads and so on of one of them.
    fn details(&self) {
        let own = |path: &str| format!("proc/50/{path}");
        self.link(&own("exe"), "/usr/bin/web server");
        self.link(&own("cwd"), "/srv");
        self.file("data/log", "");
        self.link(&own("fd/3"), self.0.join("data/log"));
        self.file(&own("fdinfo/3"), "pos:\t42\nflags:\t0102001\n");
        for (descriptor, inode) in [(4, 501), (5, 502), (7, 601)] {
            self.link(&own(&format!("fd/{descriptor}")), format!("socket:[{inode}]"));
        }
        self.link("proc/60/fd/3", "socket:[503]");
        self.link("proc/70/fd/3", "socket:[504]");
        self.file(&own("environ"), OsStr::from_bytes(b"PATH=/bin\0ODD=\xff\0EMPTY=\0").as_bytes());
        self.file(
            &own("limits"),
            "Limit   Soft Limit  Hard Limit  Units\n\
             Max open files            1024                 unlimited            files     \n\
             Max processes             unlimited            unlimited            processes \n",
        );
        self.file(
            &own("smaps_rollup"),
            "55-66 ---p 0 00:00 0 [rollup]\nPss:  300 kB\nPrivate_Dirty:  200 kB\nSwap:  8 kB\n",
        );
        self.file(
            &own("smaps"),
            "1000-3000 r-xp 00000000 00:00 1 /usr/bin/web server\nSize: 8 kB\nRss: 8 kB\nPss: 8 kB\n\
             3000-4000 rw-p 00000000 00:00 1 /usr/bin/web server\nSize: 4 kB\nRss: 4 kB\nPss: 4 kB\n\
             5000-9000 rw-p 00000000 00:00 0 \nSize: 16 kB\nRss: 16 kB\nPss: 16 kB\nPrivate_Dirty: 16 kB\n",
        );
        for (id, name, ticks) in [(50, "web) server", 20_000), (57, "Thread-1 (task)", 5000)] {
            let line = format!(
                "{id} ({name}) S 40 50 50 0 -1 0 0 0 0 0 {ticks} 10 0 0 20 0 2 0 50000 0 0 0 0 0 0 0 0 \
                 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n"
            );
            self.file(&own(&format!("task/{id}/stat")), line);
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // A folder that stays in the temporary directory is no reason to fail.
        drop(fs::remove_dir_all(&self.0));
    }
}
