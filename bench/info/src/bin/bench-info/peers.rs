//! The same questions to procfs and sysinfo, each used as its documentation advises.

use procfs::process::{FDTarget, Process, all_processes};
use std::collections::HashMap;
use std::hint::black_box;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind, Users};

/// What the light list has.
pub(crate) fn procfs_light() {
    for process in all_processes().into_iter().flatten().flatten() {
        black_box(light(&process));
    }
}

fn light(process: &Process) -> impl Sized {
    (
        process.stat().ok(),
        process.status().map(|status| status.ruid).ok(),
        process.statm().ok(),
        process.cmdline().ok(),
        process.exe().ok(),
        process.cwd().ok(),
    )
}

/// And environment, descriptors, threads and sockets. The crate has no way to ask for the position
/// in an open file.
pub(crate) fn procfs_full() {
    let mut sockets = HashMap::new();
    let tables = [procfs::net::tcp(), procfs::net::tcp6()];
    sockets.extend(
        tables.into_iter().flatten().flatten().map(|entry| (entry.inode, entry.local_address)),
    );
    let tables = [procfs::net::udp(), procfs::net::udp6()];
    sockets.extend(
        tables.into_iter().flatten().flatten().map(|entry| (entry.inode, entry.local_address)),
    );
    let unix: HashMap<_, _> =
        procfs::net::unix().into_iter().flatten().map(|entry| (entry.inode, entry.path)).collect();
    for process in all_processes().into_iter().flatten().flatten() {
        black_box(light(&process));
        black_box(process.environ().ok());
        for fd in process.fd().into_iter().flatten().flatten() {
            if let FDTarget::Socket(inode) = &fd.target {
                black_box((sockets.get(inode), unix.get(inode)));
            }
            black_box(fd);
        }
        for thread in process.tasks().into_iter().flatten().flatten() {
            black_box(thread.stat().ok());
        }
    }
}

/// All that it knows of processes but their disk use, and names of users.
pub(crate) fn sysinfo_fresh() {
    let Ok(mut system) = System::new() else { return };
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, everything());
    drop(black_box((Users::new_with_refreshed_list(), system)));
}

fn everything() -> ProcessRefreshKind {
    ProcessRefreshKind::everything().without_disk_usage().without_tasks()
}

/// As a monitor uses it: the same value refreshed.
pub(crate) struct Sysinfo(Option<System>);

impl Sysinfo {
    pub(crate) fn new() -> Self {
        let mut first = Self(System::new().ok());
        first.tick();
        first
    }

    pub(crate) fn tick(&mut self) {
        let what = ProcessRefreshKind::nothing()
            .with_cpu()
            .with_memory()
            .without_tasks()
            .with_user(UpdateKind::Never);
        if let Some(system) = &mut self.0 {
            system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
        }
    }
}
