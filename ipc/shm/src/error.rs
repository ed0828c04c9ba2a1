//! What can go wrong with shared memory.

use std::io;

/// What can go wrong with shared memory.
///
/// # Design
/// One type for the crate: callers either pass it on or look for one of two cases, a family's memory
/// that is full and a handle that means nothing here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The memory could not be made or mapped.
    #[error(
        "cannot map {size} bytes of shared memory (limits: RLIMIT_AS, RLIMIT_FSIZE, POLYPROC_ARENA_SIZE): {source}"
    )]
    Map {
        /// The smallest size that was tried.
        size: u64,
        /// What the kernel said.
        source: io::Error,
    },
    /// This process's family has no arena.
    #[error("this process's family has no shared memory: {0}")]
    NoArena(String),
    /// The descriptor does not hold an arena of this version.
    #[error("the descriptor does not hold an arena of this version of polyproc")]
    NotAnArena,
    /// No room left.
    #[error("no room for {asked} bytes in an arena of {size} bytes (set POLYPROC_ARENA_SIZE)")]
    Full {
        /// What was to be allocated.
        asked: u64,
        /// How large the arena is.
        size: u64,
    },
    /// Using that much would have the system kill processes for want of memory.
    #[error(
        "no memory for {asked} bytes: the control group of this process (container, cgroup) may use \
         {limit} bytes, and {free} are left"
    )]
    Memory {
        /// What was to be allocated.
        asked: u64,
        /// What the group may use.
        limit: u64,
        /// What is left of that.
        free: u64,
    },
    /// More processes, or more handles in messages, than the arena has places for.
    #[error("the arena has no place for another {0}")]
    NoPlace(&'static str),
    /// The value of `POLYPROC_ARENA_SIZE` is no size.
    #[error("POLYPROC_ARENA_SIZE is {0:?}: expected bytes, or a number with K, M or G")]
    BadSize(String),
    /// A handle of another family, or bytes that never were a handle.
    #[error(
        "the handle belongs to another family of processes (a program, its children, their \
         children): other programs reach shared memory by name, with `SharedMemory`"
    )]
    Foreign,
    /// The object is gone, or the handle in the message was received already.
    #[error(
        "the object behind the handle is gone: the process that sent the message ended before it \
         was read, or it was read before"
    )]
    Gone,
    /// The object is of another type or length.
    #[error("the object behind the handle is not a {0}")]
    WrongType(&'static str),
    /// This process is no member: it was forked when all places were taken.
    #[error("this process is not a member of the arena")]
    NotAMember,
    /// A named block could not be opened, made or removed.
    #[error("shared memory {name:?}: {source}")]
    Named {
        /// Which.
        name: String,
        /// What the kernel said.
        source: io::Error,
    },
}
