//! One process, as it was at one moment.

use crate::error::{Fact, Missing};
use crate::parse::cgroup::Membership;
use crate::parse::files::OpenFile;
use crate::parse::limits::Limits;
use crate::parse::memory::{Memory, MemoryDetail, MemoryMap};
use crate::parse::process::{CpuTimes, Stat, State, TICK_MS, Thread};
use crate::parse::sockets::Connection;
use crate::parse::status::{Identities, IoCounters, Switches};
use crate::parse::words::{Arguments, Environment};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One process, as it was at one moment: what was asked for, each attribute with its value or the
/// reason why it has none.
///
/// All of it is of one process: also if that ended in between and another one got its number.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its number.
    pub pid: u32,
    /// What is always there.
    pub stat: Stat,
    /// See [`Facts::name`].
    pub(crate) long_name: Option<OsString>,
    /// When the system booted, in seconds since 1970.
    pub(crate) boot_time: u64,
    /// As whom it acts.
    pub identities: Fact<Identities>,
    /// The real user's name, or number where there is no name.
    pub username: Fact<Arc<OsStr>>,
    /// The program file; none for a kernel thread. Without the kernel's ` (deleted)`.
    pub exe: Fact<Option<PathBuf>>,
    /// The working directory; none for some kernel threads.
    pub cwd: Fact<Option<PathBuf>>,
    /// The command line; empty for a kernel thread.
    pub arguments: Fact<Arguments>,
    /// The environment at the time of the last `exec`; empty for a kernel thread.
    pub environment: Fact<Environment>,
    /// The controlling terminal (`/dev/pts/0`), if it has one.
    pub terminal: Fact<Option<PathBuf>>,
    /// Resident, virtual and shared memory; zeros for kernel threads and zombies.
    pub memory: Fact<Memory>,
    /// Unique, proportional and swapped memory.
    pub memory_detail: Fact<MemoryDetail>,
    /// Every mapping.
    pub memory_maps: Fact<Vec<MemoryMap>>,
    /// Bytes read and written.
    pub io: Fact<IoCounters>,
    /// How often it left the processor.
    pub switches: Fact<Switches>,
    /// How many descriptors are open; none for a zombie.
    pub descriptors: Fact<usize>,
    /// Regular files that are open, by descriptor.
    pub open_files: Fact<Vec<OpenFile>>,
    /// Sockets.
    pub connections: Fact<Vec<Connection>>,
    /// Threads, by number; the first is the process's first.
    pub threads: Fact<Vec<Thread>>,
    /// Limits on resources.
    pub limits: Fact<Limits>,
    /// Control groups.
    pub cgroups: Fact<Vec<Membership>>,
    /// Input and output priority.
    pub io_priority: Fact<IoPriority>,
    /// Processors that it may run on.
    pub affinity: Fact<Vec<usize>>,
}

impl Facts {
    /// Nothing but what is always there.
    pub(crate) fn new(pid: u32, stat: Stat, boot_time: u64) -> Self {
        Self {
            pid,
            stat,
            long_name: None,
            boot_time,
            identities: Err(Missing::NotAsked),
            username: Err(Missing::NotAsked),
            exe: Err(Missing::NotAsked),
            cwd: Err(Missing::NotAsked),
            arguments: Err(Missing::NotAsked),
            environment: Err(Missing::NotAsked),
            terminal: Err(Missing::NotAsked),
            memory: Err(Missing::NotAsked),
            memory_detail: Err(Missing::NotAsked),
            memory_maps: Err(Missing::NotAsked),
            io: Err(Missing::NotAsked),
            switches: Err(Missing::NotAsked),
            descriptors: Err(Missing::NotAsked),
            open_files: Err(Missing::NotAsked),
            connections: Err(Missing::NotAsked),
            threads: Err(Missing::NotAsked),
            limits: Err(Missing::NotAsked),
            cgroups: Err(Missing::NotAsked),
            io_priority: Err(Missing::NotAsked),
            affinity: Err(Missing::NotAsked),
        }
    }

    /// Its name: the kernel's 15 bytes, or the whole one if [`Attributes::NAME`](crate::Attributes::NAME) was asked for and
    /// the command line tells it.
    pub fn name(&self) -> &OsStr {
        self.long_name.as_deref().unwrap_or(&self.stat.name)
    }

    /// What tells it from any later process with the same number.
    pub fn identity(&self) -> (u32, u64) {
        (self.pid, self.stat.start_ticks)
    }

    /// What it is doing.
    pub fn state(&self) -> State {
        self.stat.state
    }

    /// The parent's number; none for the first process and the first kernel thread, and for one
    /// whose parent is in another pid namespace.
    pub fn parent(&self) -> Option<u32> {
        (self.stat.parent != 0).then_some(self.stat.parent)
    }

    /// The processor time it has used.
    pub fn cpu_times(&self) -> CpuTimes {
        self.stat.cpu_times()
    }

    /// When it started, to 10 ms. By the clock of today: setting the clock moves it.
    pub fn create_time(&self) -> SystemTime {
        let since_boot = Duration::from_millis(self.stat.start_ticks.saturating_mul(TICK_MS));
        let since_epoch = Duration::from_secs(self.boot_time).saturating_add(since_boot);
        UNIX_EPOCH.checked_add(since_epoch).unwrap_or(UNIX_EPOCH)
    }
}

/// `12 (sleep) sleeping`.
impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) {}", self.pid, self.name().display(), self.state())
    }
}

/// In which order a process's reads and writes are served (ionice(1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IoPriority {
    /// None set: follows from the nice value.
    None,
    /// Before all others; 0 (first) to 7.
    RealTime(u8),
    /// The usual; 0 (first) to 7.
    BestEffort(u8),
    /// When nobody else wants to.
    Idle,
}

impl IoPriority {
    /// From the kernel's word: class in the bits from 13 up, level in the lowest three.
    pub(crate) fn from_word(word: u16) -> Self {
        let level = (word & 7) as u8;
        match word >> 13 {
            1 => Self::RealTime(level),
            2 => Self::BestEffort(level),
            3 => Self::Idle,
            _ => Self::None,
        }
    }

    pub(crate) fn word(self) -> u16 {
        match self {
            Self::None => 0,
            Self::RealTime(level) => 1 << 13 | u16::from(level),
            Self::BestEffort(level) => 2 << 13 | u16::from(level),
            Self::Idle => 3 << 13,
        }
    }
}

/// `best effort 4`.
impl fmt::Display for IoPriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.pad("none"),
            Self::RealTime(level) => write!(f, "real time {level}"),
            Self::BestEffort(level) => write!(f, "best effort {level}"),
            Self::Idle => f.pad("idle"),
        }
    }
}
