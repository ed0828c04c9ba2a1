//! Everything about the machine.

use crate::values::{address, or_error, seconds, since_1970, text};
use polyproc_info::{
    Address, DiskCounters, DiskMeter, Duplex, Frequency, NetworkCounters, NetworkMeter,
    ProcessorTimes, System,
};
use serde_json::{Value, json};

pub(crate) fn all(system: &System) -> Value {
    let count = system.cpu_count();
    json!({
        "cpu_count": [count.logical, count.physical],
        "cpu_times": or_error(system.cpu_times(), times),
        "cpu_times_each": or_error(system.cpu_times_each(), |all| {
            all.into_iter().map(|one| times(one.1)).collect()
        }),
        "cpu_stats": or_error(system.cpu_stats(), |all| {
            json!([all.context_switches, all.interrupts, all.soft_interrupts])
        }),
        "cpu_freq": system.cpu_frequency().into_iter().map(frequency).collect::<Value>(),
        "cpu_freq_mean": system.cpu_frequency_mean().map(frequency),
        "load": or_error(system.load_average(), |load| json!(load)),
        "boot_time": or_error(system.boot_time(), |time| json!(since_1970(time))),
        "virtual_memory": or_error(system.virtual_memory(), |all| json!([
            all.total, all.available, all.percent, all.used, all.free, all.active, all.inactive,
            all.buffers, all.cached, all.shared, all.slab,
        ])),
        "swap_memory": or_error(system.swap_memory(), |all| json!([
            all.total, all.used, all.free, all.percent, all.swapped_in, all.swapped_out,
        ])),
        "disk_usage": or_error(system.disk_usage("/"), |all| {
            json!([all.total, all.used, all.free, all.percent])
        }),
        "disk_partitions": partitions(system, false),
        "disk_partitions_all": partitions(system, true),
        "disk_io": or_error(system.disk_io_counters(), |all| {
            all.into_iter().map(|one| json!([text(one.0), disk(one.1)])).collect()
        }),
        "disk_io_total": or_error(system.disk_io_total(), disk),
        "net_io": or_error(system.net_io_counters(), |all| {
            all.into_iter().map(|one| json!([text(one.0), network(one.1)])).collect()
        }),
        "net_io_total": or_error(system.net_io_total(), network),
        "net_if_addrs": addresses(system),
        "net_if_stats": states(system),
        "users": or_error(system.users(), |all| all.into_iter().map(|user| json!([
            text(user.name), user.terminal.map(text), text(user.host), since_1970(user.since), user.pid,
        ])).collect()),
        "temperatures": system.temperatures().len(),
        "fans": system.fans().len(),
        "battery": system.battery().map(|battery| battery.percent),
    })
}

fn times(all: ProcessorTimes) -> Value {
    let all = [
        all.user,
        all.nice,
        all.system,
        all.idle,
        all.io_wait,
        all.irq,
        all.soft_irq,
        all.steal,
        all.guest,
        all.guest_nice,
    ];
    json!(all.map(seconds))
}

fn frequency(one: Frequency) -> Value {
    json!([one.current, one.min, one.max])
}

fn disk(all: DiskCounters) -> Value {
    let milliseconds = |time: std::time::Duration| time.as_millis() as u64;
    json!([
        all.reads,
        all.writes,
        all.read_bytes,
        all.write_bytes,
        milliseconds(all.read_time),
        milliseconds(all.write_time),
        all.merged_reads,
        all.merged_writes,
        milliseconds(all.busy_time),
    ])
}

fn network(all: NetworkCounters) -> Value {
    json!([
        all.bytes_sent,
        all.bytes_received,
        all.packets_sent,
        all.packets_received,
        all.errors_in,
        all.errors_out,
        all.dropped_in,
        all.dropped_out,
    ])
}

/// Counters that never go down, of one root.
pub(crate) struct Meters {
    disks: DiskMeter,
    interfaces: NetworkMeter,
}

impl Meters {
    pub(crate) fn new(root: &str) -> Self {
        let system = System::at(root);
        Self { disks: DiskMeter::new(&system), interfaces: NetworkMeter::new(&system) }
    }

    pub(crate) fn answer(&mut self) -> Value {
        json!({
            "disk_io": or_error(self.disks.counters(), |(_, each)| {
                each.into_iter().map(|one| json!([text(one.0), disk(one.1)])).collect()
            }),
            "net_io": or_error(self.interfaces.counters(), |(total, each)| json!([
                network(total),
                each.into_iter().map(|one| json!([text(one.0), network(one.1)])).collect::<Value>(),
            ])),
        })
    }
}

fn partitions(system: &System, all: bool) -> Value {
    or_error(system.disk_partitions(all), |partitions| {
        let row = |one: polyproc_info::Partition| {
            json!([
                text(one.device),
                text(one.mount_point),
                text(one.file_system),
                text(one.options)
            ])
        };
        partitions.into_iter().map(row).collect()
    })
}

/// Interface, family, address, netmask, broadcast, other end: texts, as psutil has them.
fn addresses(system: &System) -> Value {
    or_error(system.net_if_addresses(), |all| {
        let row = |one: polyproc_info::InterfaceAddress| {
            let family = match &one.address {
                Address::Inet(address) if address.is_ipv4() => 2,
                Address::Inet(_) => 10,
                _ => 17,
            };
            json!([
                text(one.interface),
                family,
                address(&one.address),
                address(&one.netmask),
                address(&one.broadcast),
                address(&one.peer),
                one.scope,
            ])
        };
        all.into_iter().map(row).collect()
    })
}

fn states(system: &System) -> Value {
    or_error(system.net_if_states(), |all| {
        let row = |(name, state): (std::ffi::OsString, polyproc_info::InterfaceState)| {
            let duplex = match state.duplex {
                Duplex::Full => 2,
                Duplex::Half => 1,
                Duplex::Unknown => 0,
            };
            json!([text(name), state.is_up, duplex, state.speed, state.mtu, state.flags])
        };
        all.into_iter().map(row).collect()
    })
}
