//! A process by name: asking about it, changing it, ending it.
//!
//! # Design
//!
//! A [`Process`] is two numbers, no resource: any number of them can be kept. Each question opens the
//! process's directory, checks that it is of the same process, and reads from there. So an answer is
//! never about a later process with the same number, which psutil's read-only questions do not
//! promise. For many attributes, or many processes, ask once: [`Process::facts`],
//! [`System::snapshot`].

use crate::attributes::Attributes;
use crate::error::{Error, Fact, Result};
use crate::facts::{Facts, IoPriority};
use crate::parse::cgroup::Membership;
use crate::parse::files::OpenFile;
use crate::parse::limits::{Limit, Resource};
use crate::parse::memory::{MappedFile, Memory, MemoryDetail, MemoryMap};
use crate::parse::process::{CpuTimes, State, Thread};
use crate::parse::sockets::{Connection, Kinds};
use crate::parse::status::{Identities, IoCounters, Switches};
use crate::parse::words::{Arguments, Environment};
use crate::reader::Reader;
use crate::system::System;
use polyproc_sys::control;
use polyproc_sys::pidfd::PidFd;
use polyproc_sys::signal::Signal;
use std::ffi::{OsStr, OsString};
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;
use std::{fmt, io};

/// One process, and never another one that gets its number later.
///
/// ```
/// use polyproc_info::Process;
///
/// let process = Process::current()?;
/// println!("{} has {} threads", process.name()?.display(), process.num_threads()?);
/// println!("{} bytes in memory", process.memory()?.resident);
/// assert!(process.is_running());
/// # Ok::<(), polyproc_info::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Process {
    pid: u32,
    start_ticks: u64,
    system: System,
}

impl PartialEq for Process {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Process {}

impl Hash for Process {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

/// `process 12`.
impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)
    }
}

impl Process {
    /// The process of this system that has the number `pid` now.
    ///
    /// # Errors
    /// [`Error::Gone`] when there is none, [`Error::Denied`] when nothing of it may be seen.
    pub fn new(pid: u32) -> Result<Self> {
        Self::at(&System::new(), pid)
    }

    /// This process itself.
    ///
    /// # Errors
    /// When `/proc` cannot be read, or is that of another pid namespace.
    pub fn current() -> Result<Self> {
        Self::new(std::process::id())
    }

    pub(crate) fn at(system: &System, pid: u32) -> Result<Self> {
        let mut reader = Reader::without_boot_time(system)?;
        let facts = reader.read(pid, Attributes::NONE)?;
        if !reader.is_process(pid) {
            return Err(Error::Gone { pid });
        }
        Ok(Self::of(system, &facts))
    }

    /// The process that a row of a snapshot of `system` is about.
    pub fn of(system: &System, facts: &Facts) -> Self {
        Self { pid: facts.pid, start_ticks: facts.stat.start_ticks, system: system.clone() }
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What names it for good: number, and start in clock ticks since boot. Setting the clock
    /// changes neither.
    pub fn identity(&self) -> (u32, u64) {
        (self.pid, self.start_ticks)
    }

    /// These attributes, read at once.
    ///
    /// # Errors
    /// [`Error::Gone`]; why a single attribute is not there stands in its place.
    #[doc(alias("as_dict", "oneshot"))]
    pub fn facts(&self, attributes: Attributes) -> Result<Facts> {
        self.read(&mut Reader::new(&self.system)?, attributes)
    }

    fn ask(&self, attributes: Attributes) -> Result<Facts> {
        self.read(&mut Reader::without_boot_time(&self.system)?, attributes)
    }

    pub(crate) fn read(&self, reader: &mut Reader, attributes: Attributes) -> Result<Facts> {
        let facts = reader.read(self.pid, attributes)?;
        let is_same = facts.stat.start_ticks == self.start_ticks;
        if is_same { Ok(facts) } else { Err(Error::Gone { pid: self.pid }) }
    }

    fn value<T>(&self, fact: Fact<T>, what: &'static str) -> Result<T> {
        fact.map_err(|missing| missing.about(self.pid, what))
    }

    /// Whether it is there: a zombie is, too.
    pub fn is_running(&self) -> bool {
        match self.ask(Attributes::NONE) {
            Ok(_) | Err(Error::Denied { .. }) => true,
            Err(_) => false,
        }
    }

    /// The parent now; none for the first process. When the parent ends, another process takes its
    /// place.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn parent(&self) -> Result<Option<Self>> {
        let facts = self.ask(Attributes::NONE)?;
        let Some(parent) = facts.parent() else {
            return Ok(None);
        };
        match Self::at(&self.system, parent) {
            // Whoever started later only has the number of a parent that is gone.
            Ok(parent) => Ok((parent.start_ticks <= self.start_ticks).then_some(parent)),
            Err(Error::Gone { .. } | Error::Denied { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The parent, its parent, and so on.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn parents(&self) -> Result<Vec<Self>> {
        let mut line: Vec<Self> = Vec::new();
        let mut next = self.parent()?;
        while let Some(parent) = next {
            if parent == *self || line.contains(&parent) {
                break;
            }
            next = parent.parent().ok().flatten();
            line.push(parent);
        }
        Ok(line)
    }

    /// The children, by number; with `recursive` theirs, too, the nearer first. Processes that may
    /// not be seen are left out.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn children(&self, recursive: bool) -> Result<Vec<Self>> {
        let mut reader = Reader::without_boot_time(&self.system)?;
        self.read(&mut reader, Attributes::NONE)?;
        let snapshot = crate::Snapshot::take(&mut reader, Attributes::NONE)?;
        let children = snapshot.children(self.pid, recursive).into_iter();
        Ok(children.map(|facts| Self::of(&self.system, facts)).collect())
    }

    /// For what takes effect through the number alone: asks right before whether it is still its own.
    /// Should the process end, be reaped, and its number go round to a new one within that single
    /// call, it would hit that one: the kernel has no such call that takes a descriptor.
    fn change(&self, what: &'static str, call: impl FnOnce(u32) -> io::Result<()>) -> Result<()> {
        self.system.must_be_live(what)?;
        drop(self.hold(what)?);
        call(self.pid).map_err(|error| Error::of_process(self.pid, what, &error))
    }

    /// The process by descriptor, which never means another one.
    pub(crate) fn hold(&self, what: &'static str) -> Result<PidFd> {
        self.system.must_be_live(what)?;
        if self.pid == 0 {
            return Err(Error::Gone { pid: 0 });
        }
        let held = PidFd::open(self.pid);
        let held = held.map_err(|error| Error::of_process(self.pid, what, &error))?;
        // The descriptor means whoever has the number now: only this tells that it is the same.
        if self.is_running() { Ok(held) } else { Err(Error::Gone { pid: self.pid }) }
    }

    /// Sends a signal: to this process, or to none. To a zombie it does nothing.
    ///
    /// # Errors
    /// [`Error::Gone`]; [`Error::Denied`] when it belongs to somebody else.
    pub fn send_signal(&self, signal: Signal) -> Result<()> {
        let sent = self.hold("signal")?.send_signal(signal);
        sent.map_err(|error| Error::of_process(self.pid, "signal", &error))
    }

    /// Asks it to end (`SIGTERM`).
    ///
    /// # Errors
    /// As [`Process::send_signal`].
    pub fn terminate(&self) -> Result<()> {
        self.send_signal(Signal::TERM)
    }

    /// Ends it (`SIGKILL`).
    ///
    /// # Errors
    /// As [`Process::send_signal`].
    pub fn kill(&self) -> Result<()> {
        self.send_signal(Signal::KILL)
    }

    /// Stops it until [`Process::resume`] (`SIGSTOP`). It stops when it runs next, so perhaps a little after
    /// this returns.
    ///
    /// # Errors
    /// As [`Process::send_signal`].
    pub fn suspend(&self) -> Result<()> {
        self.send_signal(Signal::STOP)
    }

    /// Has it go on (`SIGCONT`).
    ///
    /// # Errors
    /// As [`Process::send_signal`].
    pub fn resume(&self) -> Result<()> {
        self.send_signal(Signal::CONT)
    }

    /// Makes it nicer (19) or greedier (-20).
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Denied`].
    pub fn set_nice(&self, nice: i32) -> Result<()> {
        self.change("nice value", |pid| control::set_nice(pid, nice))
    }

    /// Sets the order in which its reads and writes are served.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Denied`] (real time is for the superuser).
    #[doc(alias = "ionice")]
    pub fn set_io_priority(&self, priority: IoPriority) -> Result<()> {
        self.change("io priority", |pid| control::set_io_priority(pid, priority.word()))
    }

    /// Binds its first thread (and what that starts from now on) to these processors.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Denied`], [`Error::Os`] when none of them exists.
    #[doc(alias = "cpu_affinity")]
    pub fn set_affinity(&self, processors: &[usize]) -> Result<()> {
        self.change("affinity", |pid| control::set_affinity(pid, processors))
    }

    /// Lets its first thread run on every processor again that its control group allows.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Denied`].
    pub fn clear_affinity(&self) -> Result<()> {
        /// More than any kernel knows; it takes those that are there.
        const ALL: usize = 1 << 14;
        self.set_affinity(&(0..ALL).collect::<Vec<_>>())
    }

    /// Limits what it may use of a resource.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Denied`], [`Error::Os`] when the soft limit is above the hard one.
    #[doc(alias = "rlimit")]
    pub fn set_limit(&self, resource: Resource, limit: Limit) -> Result<()> {
        let number = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
        let both = (number(limit.soft), number(limit.hard));
        self.change("limit", |pid| control::set_limit(pid, resource.number(), both))
    }

    /// What it may use of a resource. Of other users' processes, too.
    ///
    /// # Errors
    /// [`Error::Gone`]; [`Error::Os`] when the kernel does not know this resource.
    #[doc(alias = "rlimit")]
    pub fn limit(&self, resource: Resource) -> Result<Limit> {
        let limits = self.value(self.ask(Attributes::LIMITS)?.limits, "limits")?;
        limits.get(resource).ok_or_else(|| Error::malformed(format!("limits of {self}")))
    }

    /// The processors that it may run on.
    ///
    /// # Errors
    /// [`Error::Gone`].
    #[doc(alias = "cpu_affinity")]
    pub fn affinity(&self) -> Result<Vec<usize>> {
        self.value(self.ask(Attributes::AFFINITY)?.affinity, "affinity")
    }

    /// Its name: at most 15 bytes of it are the kernel's, the rest comes from the command line.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn name(&self) -> Result<OsString> {
        Ok(self.ask(Attributes::NAME)?.name().to_owned())
    }

    /// What it is doing.
    ///
    /// # Errors
    /// [`Error::Gone`].
    #[doc(alias = "status")]
    pub fn state(&self) -> Result<State> {
        Ok(self.ask(Attributes::NONE)?.state())
    }

    /// The parent's number.
    ///
    /// # Errors
    /// [`Error::Gone`].
    #[doc(alias = "ppid")]
    pub fn parent_pid(&self) -> Result<Option<u32>> {
        Ok(self.ask(Attributes::NONE)?.parent())
    }

    /// When it started.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn create_time(&self) -> Result<SystemTime> {
        Ok(self.facts(Attributes::NONE)?.create_time())
    }

    /// The processor time it has used.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn cpu_times(&self) -> Result<CpuTimes> {
        Ok(self.ask(Attributes::NONE)?.cpu_times())
    }

    /// The processor that it last ran on.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn cpu_num(&self) -> Result<u32> {
        Ok(self.ask(Attributes::NONE)?.stat.processor)
    }

    /// From -20 (greedy) to 19 (nice).
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn nice(&self) -> Result<i32> {
        Ok(self.ask(Attributes::NONE)?.stat.nice)
    }

    /// How many threads it has.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn num_threads(&self) -> Result<u32> {
        Ok(self.ask(Attributes::NONE)?.stat.threads)
    }

    /// Resident memory as a part of the machine's, from 0 to 100. Of other amounts
    /// [`VirtualMemory::percent_of`](crate::VirtualMemory::percent_of).
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn memory_percent(&self) -> Result<f64> {
        Ok(self.system.virtual_memory()?.percent_of(self.memory()?.resident))
    }

    /// Its mappings, added up by file, by path ([`MappedFile::of`]).
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Zombie`], [`Error::Denied`].
    pub fn mapped_files(&self) -> Result<Vec<MappedFile>> {
        Ok(MappedFile::of(&self.memory_maps()?))
    }

    /// Its sockets of these kinds: one row for each socket, with its lowest descriptor.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Denied`].
    #[doc(alias = "net_connections")]
    pub fn connections(&self, kinds: Kinds) -> Result<Vec<Connection>> {
        if let Some(quick) = crate::endpoints::of_process(self, kinds)? {
            return Ok(quick);
        }
        let facts = self.ask(Attributes::CONNECTIONS)?;
        let mut all = self.value(facts.connections, "connections")?;
        all.retain(|one| kinds.contains(one.kind()));
        Ok(all)
    }

    pub(crate) fn system(&self) -> &System {
        &self.system
    }
}

macro_rules! questions {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $constant:ident, $field:ident, $what:literal;)*) => {
        /// Attributes that may be kept from us, or be gone with a zombie's memory.
        impl Process {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// [`Error::Gone`], [`Error::Zombie`], [`Error::Denied`].
                pub fn $name(&self) -> Result<$type> {
                    self.value(self.ask(Attributes::$constant)?.$field, $what)
                }
            )*
        }
    };
}

questions! {
    /// As whom it acts.
    #[doc(alias("uids", "gids"))]
    identities: Identities = IDENTITIES, identities, "identities";
    /// The name of the (real) user who started it, or number where there is no name.
    username: Arc<OsStr> = USERNAME, username, "user";
    /// The program file; none for a kernel thread.
    exe: Option<PathBuf> = EXE, exe, "program file";
    /// The working directory.
    cwd: Option<PathBuf> = CWD, cwd, "working directory";
    /// The command line; empty for a kernel thread.
    #[doc(alias("cmdline"))]
    arguments: Arguments = ARGUMENTS, arguments, "command line";
    /// The environment at the time of the last `exec`; empty for a kernel thread.
    #[doc(alias("environ"))]
    environment: Environment = ENVIRONMENT, environment, "environment";
    /// The controlling terminal.
    terminal: Option<PathBuf> = TERMINAL, terminal, "terminal";
    /// Resident, virtual and shared memory.
    #[doc(alias("memory_info"))]
    memory: Memory = MEMORY, memory, "memory";
    /// Unique, proportional and swapped memory: takes the kernel a while.
    #[doc(alias("memory_full_info"))]
    memory_detail: MemoryDetail = MEMORY_DETAIL, memory_detail, "memory detail";
    /// Every mapping of its memory.
    memory_maps: Vec<MemoryMap> = MEMORY_MAPS, memory_maps, "memory maps";
    /// Bytes and calls that it has read and written.
    io_counters: IoCounters = IO, io, "io counters";
    /// How often it left the processor.
    num_ctx_switches: Switches = SWITCHES, switches, "context switches";
    /// How many descriptors are open.
    num_fds: usize = DESCRIPTORS, descriptors, "descriptors";
    /// Its threads.
    threads: Vec<Thread> = THREADS, threads, "threads";
    /// The regular files that it has open, deleted ones too.
    open_files: Vec<OpenFile> = OPEN_FILES, open_files, "open files";
    /// The control groups that it is in.
    cgroups: Vec<Membership> = CGROUPS, cgroups, "control groups";
    /// In which order its reads and writes are served.
    #[doc(alias("ionice"))]
    io_priority: IoPriority = IO_PRIORITY, io_priority, "io priority";
}
