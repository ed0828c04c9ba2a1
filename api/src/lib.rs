//! Process parallelism that cannot hang.
//!
//! A process runs a function, with typed arguments and a typed result, isolated from its parent by
//! the system: it may crash, leak, call native code or be killed, and its parent learns exactly
//! that.
//!
//! ```no_run
//! fn square(x: u64) -> u64 {
//!     x * x
//! }
//!
//! #[polyproc::main]
//! fn main() -> polyproc::Result<()> {
//!     let process = polyproc::spawn(square, 9)?;
//!     println!("{} (pid {})", process.name(), process.pid());
//!     println!("9 * 9 = {}", process.join()?);
//!     Ok(())
//! }
//! ```
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | starting a process | [`spawn`], [`start`] with a type of one's own, [`fork`] with a closure |
//! | settings | [`Process::builder`], [`Context`], [`set_start_method`] |
//! | waiting, signals, exit status, cost | [`Process`] and [`Handle`]; several at once: [`wait_any`] |
//! | many tasks over a few processes | [`Pool`], [`Task`], [`PoolBuilder`] |
//! | what went wrong | [`JoinError`], [`SpawnError`]; for `?` in `main`: [`Error`] |
//! | sharing memory, locks, events | [`Shared`], [`Value`], [`SharedArray`], [`mod@sync`]; by name: [`SharedMemory`] |
//! | passing values between processes | [`Queue`], [`mod@queue`], [`mod@pipe`]; structs of numbers in them as a run: [`Blob`] |
//! | who is who | [`current()`], [`parent()`], [`active_children`], [`family`] |
//! | loading once, sharing with all | [`preload`] |
//! | how many at once | [`cpu_count`] |
//! | talking to other programs, over sockets | [`connection`] |
//! | the machine's processes, processors, memory, disks, networks | [`info`] |
//! | tests | `polyproc::testing` (feature `testing`) |
//!
//! # Start methods
//!
//! | method | how | what the child has |
//! |---|---|---|
//! | [`ForkServer`](StartMethod::ForkServer) (default) | a copy of the program, executed once and with a single thread, forks on request | statics as a fresh program has them, plus what [`preload`] loaded |
//! | [`Spawn`](StartMethod::Spawn) | the program is executed again | statics as a fresh program has them |
//! | [`Fork`](StartMethod::Fork) | this process is copied | everything, as it is at that moment |
//!
//! With the first two, a child is a fresh run of the program that comes as far as [`init`] and then
//! runs its function instead of the rest of `main`. The function, whichever it is, is found by its
//! place in the program file; arguments and results travel by serde.
//!
//! With all of them, the child has its parent's working directory, environment, standard output and
//! standard error of the moment of the start, and an empty standard input.
//!
//! # Death
//!
//! A process may be killed at any instruction. Whoever waits for it is told; nothing is left of it.
//! When a process ends in good order (by returning from `main`, also after a panic there, or by
//! `exit`), it waits for its children, but ends the [daemonic](Builder::daemon) ones. When it ends in any other way (`SIGKILL` included), the kernel
//! kills its children, and theirs, within milliseconds: also while they are in a long native call,
//! and while they are stopped.
//!
//! A panic in a child is also printed on its standard error, as everywhere.
//!
//! # Sharing memory
//!
//! A program, its children and theirs share one memory. [`Shared`], [`Value`], [`SharedArray`] and the others are handles of objects in it: a
//! clone is the same object, and so is what comes out of a message into which one was put, be it an argument, a result, or a part of one.
//! An object is there for as long as a process holds it or a message carries it; what a process held that is killed is given back by the others.
//! Any type that serde can take may have handles in it, but only polyproc's messages can carry them: writing one as JSON, say, is an error.
//!
//! Locks ([`mod@sync`]) know who holds them. When that process dies, the next to take the lock gets it together with the news.
//!
//! # `panic = "abort"`
//!
//! Works, with one difference: a panic anywhere in a child, also in a second thread, ends the whole
//! child with `SIGABRT`. It is still a [`JoinError::Panicked`] with message, place and backtrace.
//!
//! # Features
//!
//! - `async`: the waits of queues and pipes (`get_async`, `put_async`, `recv_async`, `send_async`), of processes
//!   (`process.await`, `join_async`, `wait_async`) and of events (`wait_async`) as futures, for any executor
//!   and without one as a dependency: see [`mod@queue`]. [`Task`]s of pools are futures without it.
//! - `auto-init`: children take over before `main`, so that no `init` is needed. For libraries that
//!   start processes on behalf of programs that do not know it.
//! - `testing`: the same, and the module `testing`. For tests, benches and doctests.
//!
//! # Platforms
//!
//! Linux 5.10 or newer on x86-64 and aarch64. On others the crate compiles, and starting a process
//! is an error.

mod blob;
mod builder;
mod call;
mod codec;
pub mod connection;
mod elsewhere;
mod error;
mod event;
mod function;
mod init;
mod item;
mod message;
mod panic;
pub mod pipe;
mod pool;
mod process;
pub mod queue;
mod shared;
pub mod sync;
#[cfg(feature = "testing")]
pub mod testing;

pub use blob::Blob;
pub use builder::{Builder, Context, Run, context, fork, fork_unchecked, spawn, start};
pub use codec::CodecError;
pub use elsewhere::Elsewhere;
pub use error::{Error, JoinError, Result, SpawnError, Who};
pub use init::{init, preload};
pub use item::Item;
pub use panic::{Panic, Place};
pub use pipe::PipeEnd;
pub use pool::{
    Calls, Imap, ImapUnordered, Kind, MapTask, Plain, Pool, PoolBuilder, PoolError, PoolInsights,
    PoolMap, Sharing, Task, TaskError, TaskFacts, WithState, worker_id,
};
#[cfg(feature = "async")]
pub use process::Joining;
pub use process::{Handle, Process, wait_any, wait_any_timeout};
pub use queue::{JoinableQueue, LifoQueue, PriorityQueue, Queue, SimpleQueue};
pub use shared::{
    RawArray, Shared, SharedArray, SharedBytes, SharedError, Value, arena_objects, arena_stats,
};
pub use sync::{Barrier, Condvar, Event, Mutex, Once, RwLock, Semaphore};

pub use polyproc_info as info;
pub use polyproc_macros::main;
pub use polyproc_process::{
    CpuCount, Current, ExitStatus, Listing, OnParentDeath, Parent, Phase, PreloadError, RunState,
    Signal, StartError, StartMethod, Stdio, Usage, current, family, parent, set_executable,
    set_start_method, start_method,
};
pub use polyproc_shm::{ArenaStats, ArrayGuard, MemberInfo, ObjectInfo, SharedMemory};

/// The programs in the README compile and run, too.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}

/// What most programs need.
pub mod prelude {
    pub use crate::queue::{GetError, PutFailure};
    pub use crate::{
        Barrier, Condvar, Event, Handle, JoinError, JoinableQueue, LifoQueue, Mutex, OnParentDeath,
        Once, PipeEnd, Pool, PoolMap, PriorityQueue, Process, Queue, RawArray, Run, RwLock,
        Semaphore, Shared, SharedArray, SharedBytes, SharedMemory, Signal, SimpleQueue, SpawnError,
        StartMethod, Stdio, TaskError, Value,
    };
}

/// The children of this process that run, dropped handles or not. Those that have ended are cleaned
/// up on the way.
pub fn active_children() -> Vec<Handle> {
    polyproc_process::active_children().into_iter().map(Handle::new).collect()
}

/// How many processors there are: all, cores, and those that this process may use (affinity and
/// cgroup quota), which is how many workers to start.
pub fn cpu_count() -> CpuCount {
    polyproc_process::cpu::count()
}
