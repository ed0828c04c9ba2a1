//! All processes again and again, as `top` shows them: by descriptors that are kept open, a read
//! costs a third.
//!
//! Each process has its `stat` (and `statm`, `io` where asked for) kept open. A kept file goes on
//! meaning the same process, and fails when that is gone; so a number with a new owner is seen as a
//! new process. What hardly ever changes (user, command line, …) is read when a process is first
//! seen, and again when its name changes, which an `exec` does.
//!
//! Where descriptors are scarce (half of the soft limit is used at most) the rest is opened and
//! closed each time.

use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::facts::Facts;
use crate::parse::memory::Memory;
use crate::parse::process::Stat;
use crate::parse::status::IoCounters;
use crate::reader::{Name, Reader};
use crate::system::System;
use crate::wait::share;
use polyproc_sys::{constants, control, files};
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// `RLIMIT_NOFILE`.
const OPEN_FILES: u32 = 7;

/// Watches all processes.
///
/// ```
/// use polyproc_info::{Attributes, Monitor, System};
///
/// let mut monitor = Monitor::new(&System::new(), Attributes::MEMORY)?;
/// monitor.tick()?;
/// for row in monitor.rows() {
///     println!("{} {:.1}%", row.facts, row.cpu_percent);
/// }
/// # Ok::<(), polyproc_info::Error>(())
/// ```
#[derive(Debug)]
pub struct Monitor {
    reader: Reader,
    attributes: Attributes,
    /// By number.
    watched: Vec<Watched>,
    hidden: Vec<u32>,
    last: Option<Instant>,
    page: u64,
    buffer: Vec<u8>,
    /// How many descriptors may still be kept.
    spare: usize,
}

/// A process, and what it has done since the tick before.
#[derive(Clone, Debug)]
pub struct Row {
    /// As it is now. What was not asked for of the [`Monitor`] is missing.
    pub facts: Facts,
    /// What part of a processor's time it has used since the tick before; 0 the first time. More
    /// than 100 is more than one processor.
    pub cpu_percent: f64,
    /// Bytes read from disks a second; 0 unless [`Attributes::IO`] was asked for.
    pub read_rate: f64,
    /// Bytes written to disks a second.
    pub write_rate: f64,
}

#[derive(Debug)]
struct Watched {
    row: Row,
    kept: Kept,
}

/// The files of a process that are kept open: all that are asked for, or none.
#[derive(Debug, Default)]
struct Kept {
    stat: Option<OwnedFd>,
    memory: Option<OwnedFd>,
    io: Option<OwnedFd>,
}

impl Kept {
    /// How many descriptors that are.
    fn count(&self) -> usize {
        [&self.stat, &self.memory, &self.io].into_iter().flatten().count()
    }
}

impl Monitor {
    /// Watches all processes of `system`. Nothing is read before the first [`Monitor::tick`].
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn new(system: &System, attributes: Attributes) -> Result<Self> {
        let limit = control::limit(std::process::id(), OPEN_FILES).map_or(1024, |limit| limit.0);
        Ok(Self {
            reader: Reader::new(system)?,
            attributes,
            watched: Vec::new(),
            hidden: Vec::new(),
            last: None,
            page: constants::page_size(),
            buffer: Vec::with_capacity(4096),
            spare: usize::try_from(limit / 2).unwrap_or(usize::MAX),
        })
    }

    /// Looks again: processes that have ended are dropped, new ones are there.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn tick(&mut self) -> Result<()> {
        let now = Instant::now();
        let passed = self.last.replace(now).map(|last| now.duration_since(last));
        self.refresh_known(passed.unwrap_or_default());
        self.find_new()
    }

    /// Every process, by number, as the last [`Monitor::tick`] saw it.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.watched.iter().map(|watched| &watched.row)
    }

    /// Numbers of processes of which nothing may be seen.
    pub fn hidden(&self) -> &[u32] {
        &self.hidden
    }

    fn refresh_known(&mut self, passed: Duration) {
        let mut watched = std::mem::take(&mut self.watched);
        watched.retain_mut(|one| {
            let is_there = self.refresh(one, passed).is_some();
            if !is_there {
                self.spare += one.kept.count();
            }
            is_there
        });
        self.watched = watched;
    }

    /// `None` when the process is gone.
    fn refresh(&mut self, one: &mut Watched, passed: Duration) -> Option<()> {
        let facts = &mut one.row.facts;
        let (ticks, started) = (used_ticks(&facts.stat), facts.stat.start_ticks);
        let (name, signs) = (facts.stat.name.clone(), memory_signs(&facts.stat));
        let bytes =
            content(&self.reader, &mut self.buffer, facts.pid, c"stat", one.kept.stat.as_ref())?;
        facts.stat.parse_again(bytes)?;
        if facts.stat.start_ticks != started {
            return None;
        }
        let used = used_ticks(&facts.stat).saturating_sub(ticks);
        one.row.cpu_percent = share(crate::parse::process::ticks(used), passed);
        if facts.stat.name == name {
            if memory_signs(&facts.stat) != signs {
                self.refresh_memory(one);
            }
        } else {
            // It has executed another program.
            let fresh = self.reader.read(facts.pid, self.attributes).ok()?;
            if fresh.stat.start_ticks != started {
                return None;
            }
            *facts = fresh;
        }
        self.refresh_io(one, passed);
        Some(())
    }

    fn refresh_memory(&mut self, one: &mut Watched) {
        let facts = &mut one.row.facts;
        if !self.attributes.contains(Attributes::MEMORY) || facts.stat.is_kernel_thread() {
            return;
        }
        let file = one.kept.memory.as_ref();
        let bytes = content(&self.reader, &mut self.buffer, facts.pid, c"statm", file);
        if let Some(memory) = bytes.and_then(|bytes| Memory::parse(bytes, self.page)) {
            facts.memory = Ok(memory);
        }
    }

    fn refresh_io(&mut self, one: &mut Watched, passed: Duration) {
        let facts = &mut one.row.facts;
        let Ok(before) = facts.io else { return };
        let file = one.kept.io.as_ref();
        let bytes = content(&self.reader, &mut self.buffer, facts.pid, c"io", file);
        if let Some(io) = bytes.and_then(IoCounters::parse) {
            let rate = |now: u64, before: u64| per_second(now.saturating_sub(before), passed);
            one.row.read_rate = rate(io.read_bytes, before.read_bytes);
            one.row.write_rate = rate(io.write_bytes, before.write_bytes);
            facts.io = Ok(io);
        }
    }

    fn find_new(&mut self) -> Result<()> {
        let known = self.watched.len();
        self.hidden.clear();
        for pid in self.reader.pids()? {
            let is_known =
                self.watched[..known].binary_search_by_key(&pid, |one| one.row.facts.pid).is_ok();
            if is_known {
                continue;
            }
            match self.meet(pid) {
                Ok(one) => self.watched.push(one),
                Err(Error::Gone { .. }) => {}
                Err(Error::Denied { .. }) => self.hidden.push(pid),
                Err(error) => return Err(error),
            }
        }
        self.watched.sort_by_key(|one| one.row.facts.pid);
        Ok(())
    }

    fn meet(&mut self, pid: u32) -> Result<Watched> {
        let facts = self.reader.read(pid, self.attributes)?;
        let mut kept = self.keep(&facts);
        // Opened by number a moment later: only what is in it tells whose it is.
        let bytes = content(&self.reader, &mut self.buffer, pid, c"stat", kept.stat.as_ref());
        let stat = bytes.and_then(Stat::parse).ok_or(Error::Gone { pid })?;
        if stat.start_ticks != facts.stat.start_ticks {
            kept = Kept::default();
        }
        self.spare = self.spare.saturating_sub(kept.count());
        let row = Row { facts, cpu_percent: 0.0, read_rate: 0.0, write_rate: 0.0 };
        Ok(Watched { row, kept })
    }

    /// Opens what is read at every tick, from one directory, so that all is of one process.
    fn keep(&self, facts: &Facts) -> Kept {
        let wants_memory =
            self.attributes.contains(Attributes::MEMORY) && !facts.stat.is_kernel_thread();
        let wants_io = facts.io.is_ok();
        let needed = 1 + usize::from(wants_memory) + usize::from(wants_io);
        let Ok(directory) = self.reader.directory(facts.pid) else { return Kept::default() };
        if needed > self.spare {
            return Kept::default();
        }
        let open = |wanted: bool, name| {
            wanted.then(|| files::open_at(directory.as_fd(), name).ok()).flatten()
        };
        Kept {
            stat: open(true, c"stat"),
            memory: open(wants_memory, c"statm"),
            io: open(wants_io, c"io"),
        }
    }
}

/// A file of a process: the one that is kept, or opened anew.
fn content<'b>(
    reader: &Reader,
    buffer: &'b mut Vec<u8>,
    pid: u32,
    name: &CStr,
    kept: Option<&OwnedFd>,
) -> Option<&'b [u8]> {
    let read = |file: BorrowedFd<'_>, buffer| files::read_piece(file, buffer).ok();
    if let Some(file) = kept {
        read(file.as_fd(), buffer)?;
    } else {
        let path = Name::join(&[], pid, &[b"/", name.to_bytes()].concat());
        let file = files::open_at(reader.proc(), path.as_c_str()).ok()?;
        read(file.as_fd(), buffer)?;
    }
    Some(buffer)
}

/// While none of these changes, the memory does not, but for what the kernel takes back, and that shows
/// in the third: so a process that only sleeps costs one read.
fn memory_signs(stat: &Stat) -> [u64; 5] {
    let faults = stat.minor_faults.wrapping_add(stat.major_faults);
    [faults, stat.virtual_size, stat.resident_pages, stat.user_ticks, stat.system_ticks]
}

fn used_ticks(stat: &Stat) -> u64 {
    stat.user_ticks.saturating_add(stat.system_ticks)
}

/// 0 when no time has passed.
pub(crate) fn per_second(count: u64, passed: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let count = count as f64;
    if passed.is_zero() { 0.0 } else { count / passed.as_secs_f64() }
}
