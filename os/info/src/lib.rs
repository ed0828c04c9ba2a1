//! What a machine's processes, processors, memory, disks and networks are doing; and ending
//! processes without ever hitting another one.
//!
//! ```
//! use polyproc_info::{Attributes, System};
//!
//! let system = System::new();
//! let snapshot = system.snapshot(Attributes::USERNAME | Attributes::MEMORY)?;
//! for process in &snapshot.processes {
//!     println!("{:>7} {:20} {}", process.pid, process.name().display(), process.state());
//! }
//! # Ok::<(), polyproc_info::Error>(())
//! ```
//!
//! In a program that uses polyproc this crate is `polyproc::info`, and needs no dependency of its own.
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | one process: asking, changing, ending, waiting | [`Process`], [`wait_all`] |
//! | many attributes at once, all processes at once | [`Process::facts`], [`System::snapshot`], [`Attributes`], [`Facts`] |
//! | again and again, as `top` does | [`Monitor`], [`CpuMeter`], [`ProcessorMeter`], [`DiskMeter`], [`NetworkMeter`] |
//! | processors, memory, disks, networks, sensors, users | [`System`] |
//! | the limits of a container | [`System::limits`] |
//! | what this process itself has allocated | [`heap()`], [`heap_trim`] |
//! | who listens, who talks to whom | [`System::connections`], [`Process::connections`] |
//! | why something is not there | [`Error`], [`Missing`] |
//!
//! # What is promised
//!
//! - An answer is about the process that was asked for, never about a later one with its number. A
//!   process is named by number and start ([`Process::identity`]); signals go through a descriptor.
//! - A process that ends while it is looked at is [`Error::Gone`], and left out of lists. One that has
//!   ended and was not waited for is a zombie: it is in lists, and what is gone with its memory is
//!   [`Missing::Zombie`]. What may not be seen is [`Missing::Denied`]; all else is there.
//! - Bytes stay bytes: names, paths, arguments and environments are whatever programs made them.
//! - Parsers take any bytes without a panic. [`System::at`] looks at another root.
//!
//! The page [`psutil`] of this documentation says where each of psutil's names is. How it is fast, and
//! where psutil is wrong, is in `docs/design/0030-facts.md`.
#![forbid(unsafe_code)]

mod attributes;
mod connections;
mod endpoints;
mod error;
mod facts;
mod monitor;
mod parse;
mod process;
#[cfg(doc)]
pub mod psutil;
mod reader;
mod rising;
mod snapshot;
mod system;
mod wait;

pub use attributes::Attributes;
pub use error::{Error, Fact, Missing, Result};
pub use facts::{Facts, IoPriority};
pub use monitor::{Monitor, Row};
pub use parse::cgroup::Membership;
pub use parse::cpu::{CpuStats, ProcessorTimes};
pub use parse::disk::{DiskCounters, Partition};
pub use parse::files::{OpenFile, OpenMode};
pub use parse::limits::{Limit, Limits, Resource};
pub use parse::memory::{MappedFile, Memory, MemoryDetail, MemoryMap};
pub use parse::network::NetworkCounters;
pub use parse::process::{CpuTimes, Stat, State, Thread};
pub use parse::sockets::{Connection, ConnectionState, Family, Kinds, Transport};
pub use parse::status::{Identities, Ids, IoCounters, Switches};
pub use parse::users::User;
pub use parse::words::{Arguments, Environment};
pub use process::Process;
pub use snapshot::Snapshot;
pub use system::System;
pub use system::cgroup::CgroupLimits;
pub use system::cpu::{Frequency, ProcessorMeter, Usage};
pub use system::disk::{DiskMeter, DiskUsage};
pub use system::memory::{SwapMemory, VirtualMemory};
pub use system::network::{Duplex, InterfaceAddress, InterfaceState, NetworkMeter};
pub use system::sensors::{Battery, Fan, PowerState, Temperature};
pub use wait::{CpuMeter, End, Waited, wait_all};

use polyproc_sys::heap;

pub use polyproc_sys::cpu::CpuCount;
pub use polyproc_sys::endpoint::Address;
pub use polyproc_sys::signal::Signal;
pub use polyproc_sys::wait::Status as EndStatus;

/// The numbers of all processes that can be seen, in ascending order.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn pids() -> Result<Vec<u32>> {
    System::new().pids()
}

/// Whether there is a process with that number.
pub fn pid_exists(pid: u32) -> bool {
    System::new().pid_exists(pid)
}

/// All processes that can be seen, by number.
///
/// # Errors
/// When `/proc` cannot be read.
#[doc(alias = "process_iter")]
pub fn processes() -> Result<Vec<Process>> {
    System::new().processes()
}

/// What the calling process's C allocator holds: Rust's usual allocator is that one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heap {
    /// Bytes in use in the heap.
    pub used: u64,
    /// Bytes in large blocks that have mappings of their own.
    pub mapped: u64,
}

/// What this process has allocated and not freed. `None` with a C library that does not tell (musl,
/// glibc before 2.33).
///
/// ```
/// let before = polyproc_info::heap();
/// let block = std::hint::black_box(vec![0_u8; 64 << 20]);
/// if let (Some(before), Some(now)) = (before, polyproc_info::heap()) {
///     assert!(now.used + now.mapped > before.used + before.mapped);
/// }
/// # drop(block);
/// ```
pub fn heap() -> Option<Heap> {
    heap::usage().map(|(used, mapped)| Heap { used, mapped })
}

/// Gives memory that this process has freed back to the system, as far as whole pages are free; says
/// whether there was any. Of other C libraries than glibc nothing is asked.
pub fn heap_trim() -> bool {
    heap::trim()
}

/// `part` of `whole` in percent, 0 of nothing.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
    let (part, whole_number) = (part as f64, whole as f64);
    if whole == 0 { 0.0 } else { part / whole_number * 100.0 }
}
