//! What the machine is doing: each processor's use, memory, disks, networks.
//!
//! ```text
//! … processors, … cores, … of them for this program
//! load: …, …, …
//! up for … seconds
//! all processors: …% busy, …% idle
//! processor 0: …% busy, …% user, …% system
//! ⋮
//! memory: … of … bytes available (…% used)
//! swap: … of … bytes used
//! this container may use: memory …, processors …, processes …
//! ⋮
//! network …: …
//! ⋮
//! listening: …
//! somebody is logged in: …
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::info::{ConnectionState, Kinds, Result, System};
use std::fmt::Display;
use std::time::{Duration, SystemTime};

fn main() -> Result<()> {
    let system = System::new();
    let count = system.cpu_count();
    println!(
        "{} processors, {} cores, {} of them for this program",
        count.logical, count.physical, count.usable
    );
    let [one, five, fifteen] = system.load_average()?;
    println!("load: {one}, {five}, {fifteen}");
    let up = SystemTime::now().duration_since(system.boot_time()?).unwrap_or_default();
    println!("up for {} seconds", up.as_secs());

    // What they do for a fifth of a second. `ProcessorMeter` does the same without waiting.
    let (all, each) = system.cpu_usage(Duration::from_millis(200))?;
    println!("all processors: {:.0}% busy, {:.0}% idle", all.busy, all.idle);
    for (number, usage) in each {
        println!(
            "processor {number}: {:.0}% busy, {:.0}% user, {:.0}% system",
            usage.busy, usage.user, usage.system
        );
    }

    let memory = system.virtual_memory()?;
    println!(
        "memory: {} of {} bytes available ({:.0}% used)",
        memory.available, memory.total, memory.percent
    );
    let swap = system.swap_memory()?;
    println!("swap: {} of {} bytes used", swap.used, swap.total);
    let limits = system.limits()?;
    println!(
        "this container may use: memory {}, processors {}, processes {}",
        or_all(limits.memory),
        or_all(limits.processors),
        or_all(limits.processes)
    );
    disks_and_networks(&system)?;

    let sockets = system.connections(Kinds::INET)?;
    let listening = sockets.iter().filter(|one| one.state == ConnectionState::Listen).count();
    println!("listening: {listening} of {} sockets", sockets.len());
    println!("somebody is logged in: {}", !system.users()?.is_empty());
    Ok(())
}

fn or_all(limit: Option<impl Display>) -> String {
    limit.map_or("all there is".to_owned(), |limit| limit.to_string())
}

fn disks_and_networks(system: &System) -> Result<()> {
    for partition in system.disk_partitions(false)? {
        // A file system may be one that we cannot see into.
        if let Ok(usage) = system.disk_usage(&partition.mount_point) {
            let place = partition.mount_point.display();
            println!("disk {place}: {:.0}% of {} bytes used", usage.percent, usage.total);
        }
    }
    for (name, counters) in system.disk_io_counters()? {
        println!("disk {}: {} bytes read", name.display(), counters.read_bytes);
    }
    let counters = system.net_io_counters()?;
    for (name, state) in system.net_if_states()? {
        let sent = counters.iter().find(|one| one.0 == name).map_or(0, |one| one.1.bytes_sent);
        let up = if state.is_up { "up" } else { "down" };
        println!(
            "network {}: {up}, packets of {} bytes, {sent} bytes sent",
            name.display(),
            state.mtu
        );
    }
    Ok(())
}
