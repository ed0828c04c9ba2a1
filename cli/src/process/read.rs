//! From what `polyproc-info` says of a process to a row.

use super::{Identity, Row};
use crate::host::Host;
use crate::units;
use polyproc_info::{Arguments, Error, Facts, State};
use polyproc_sys::constants;
use std::ffi::OsString;
use std::time::Duration;

/// What is the same for all rows of one look.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scale {
    /// Since the system booted: the clock of start times.
    pub(crate) uptime: Duration,
    pub(crate) memory_total: u64,
    pub(crate) page: u64,
}

impl Scale {
    /// That of now.
    ///
    /// # Errors
    /// When `/proc/meminfo` cannot be read.
    pub(crate) fn of(host: &Host) -> Result<Self, Error> {
        let memory = host.system.virtual_memory()?;
        Ok(Self { uptime: host.uptime(), memory_total: memory.total, page: constants::page_size() })
    }
}

/// Length of a clock tick: proc(5) counts in `USER_HZ`, which is 100 on every platform of ours.
const TICK: Duration = Duration::from_millis(10);

impl Row {
    /// A row of these facts. What is a rate is left open: that takes two looks.
    pub(crate) fn of(facts: &Facts, scale: &Scale) -> Self {
        let stat = &facts.stat;
        // Neither has memory of its own.
        let has_memory = !stat.is_zombie() && !stat.is_kernel_thread();
        let memory = has_memory.then(|| stat.resident_pages * scale.page);
        let age = scale.uptime.saturating_sub(since_boot(stat.start_ticks));
        let cpu_time = facts.cpu_times().total();
        Self {
            identity: Identity { pid: facts.pid, start_ticks: stat.start_ticks },
            parent: stat.parent,
            name: facts.name().to_owned(),
            command: facts.arguments.iter().flat_map(Arguments::iter).map(OsString::from).collect(),
            executable: facts.exe.clone().ok().flatten().map(Into::into),
            directory: facts.cwd.clone().ok().flatten().map(Into::into),
            user: facts.username.as_deref().map(OsString::from).unwrap_or_default(),
            user_id: facts.identities.map_or(u32::MAX, |identities| identities.users.real),
            state: state_name(stat.state),
            terminal: facts.terminal.clone().ok().flatten().map(Into::into),
            cgroup: facts
                .cgroups
                .as_ref()
                .ok()
                .and_then(|groups| Some(groups.last()?.path.clone().into())),
            started: facts
                .create_time()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs_f64(),
            age,
            cpu: over_life(cpu_time, age),
            cpu_time,
            memory,
            memory_percent: memory.map(|memory| units::share(memory, scale.memory_total)),
            virtual_memory: has_memory.then_some(stat.virtual_size),
            shared_memory: facts
                .memory
                .as_ref()
                .ok()
                .filter(|_| has_memory)
                .map(|memory| memory.shared),
            read: facts.io.as_ref().ok().map(|io| io.read_bytes),
            written: facts.io.as_ref().ok().map(|io| io.write_bytes),
            read_rate: None,
            write_rate: None,
            threads: stat.threads,
            nice: stat.nice,
            open_files: facts.descriptors.ok().map(|count| count as u32),
            ports: ports(facts),
            is_kernel: stat.is_kernel_thread(),
            role: None,
        }
    }

    /// Shares and rates since an earlier look at the same process.
    pub(crate) fn compare(&mut self, earlier: &Self, between: Duration) {
        let seconds = between.as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let used = self.cpu_time.saturating_sub(earlier.cpu_time);
        self.cpu = Some(used.as_secs_f64() * 100.0 / seconds);
        let rate = |now: Option<u64>, then: Option<u64>| {
            now.zip(then).map(|(now, then)| units::float(now.saturating_sub(then)) / seconds)
        };
        self.read_rate = rate(self.read, earlier.read);
        self.write_rate = rate(self.written, earlier.written);
    }
}

/// As ps(1) counts it: of the time since it was started.
fn over_life(cpu_time: Duration, age: Duration) -> Option<f64> {
    (age >= TICK).then(|| cpu_time.as_secs_f64() * 100.0 / age.as_secs_f64())
}

pub(crate) fn since_boot(ticks: u64) -> Duration {
    Duration::from_millis(ticks.saturating_mul(TICK.as_millis() as u64))
}

/// Without repetition, in order.
fn ports(facts: &Facts) -> Vec<u16> {
    use polyproc_info::Address;
    let port = |address: &Address| match address {
        Address::Inet(address) => Some(address.port()),
        _ => None,
    };
    let sockets = facts.connections.iter().flatten();
    let mut ports: Vec<_> = sockets.filter_map(|socket| port(&socket.local)).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// As in `--state`.
pub(crate) fn state_name(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Sleeping => "sleeping",
        State::DiskSleep => "disk-sleep",
        State::Stopped => "stopped",
        State::TracingStop => "tracing-stop",
        State::Zombie => "zombie",
        State::Dead => "dead",
        State::WakeKill => "wake-kill",
        State::Waking => "waking",
        State::Idle => "idle",
        State::Parked => "parked",
        State::Unknown(_) => "?",
    }
}
