//! Every kernel call that polyproc makes, behind safe functions.
//!
//! This is the only crate of the workspace that names `libc`. Each topic is one module; what it
//! promises is the same on every platform, and errors keep their `errno`.
//!
//! | module | what it does |
//! |---|---|
//! | [`exec`] | starts a program with exactly the descriptors that are meant |
//! | [`directory`] | a directory, whatever becomes of its path |
//! | [`fork`], [`fork_hooks`] | copies this process; hooks around that, in the copy and at exit |
//! | [`lifeline`] | ties a process to another: the kernel kills it when the other is gone |
//! | [`pidfd`], [`wait`] | a process that cannot be confused with another; its end and its cost |
//! | [`signal`], [`signals`], [`handler`] | signal numbers with names; which reach this process; one that only ends waits |
//! | [`socket`] | inherited socket pairs that carry messages and descriptors; parts of streams |
//! | [`stream`], [`random`] | connecting to strangers, with a deadline; bytes that nobody can guess |
//! | [`memory`], [`futex`] | memory that processes share, and sleeping on a word of it |
//! | [`poll`], [`eventfd`], [`clock`], [`moment`] | waiting for several descriptors, always with a deadline |
//! | [`image`] | which loaded program file holds an address |
//! | [`thread`], [`stack`], [`heap`] | the calling thread's number; what its stack has left; what this process's allocator holds |
//! | [`files`], [`filesystem`] | files of a held directory, read whole; how full a file system is |
//! | [`control`], [`accounts`], [`constants`] | priorities and limits of any process; names of users; the kernel's units |
//! | [`sock_diag`], [`endpoint`], [`interfaces`] | the kernel's table of sockets; one socket; network interfaces |
//! | [`cpu`], [`cgroup`], [`stat`] | how many processors there are; what memory control groups leave; what `/proc` says of a process |
//!
//! # Platforms
//!
//! Linux is built and proved. On other Unix systems (and with `--cfg polyproc_unsupported`, which
//! is how the seam is checked on Linux) the same names exist and every call fails with
//! [`std::io::ErrorKind::Unsupported`]. A topic's module holds what is the same on every platform;
//! the rest stands under its name in the platform's folder.

#[cfg(not(unix))]
compile_error!("polyproc works on Linux only so far; other Unix systems can merely compile it");

pub mod cgroup;
pub mod clock;
pub mod cpu;
pub mod endpoint;
pub mod exec;
pub mod files;
pub mod filesystem;
pub mod fork;
pub mod futex;
pub mod image;
pub mod interfaces;
pub mod signal;
pub mod socket;
pub mod stat;
pub mod wait;

pub use imp::{
    accounts, constants, control, directory, eventfd, fork_hooks, handler, heap, lifeline, memory,
    moment, pidfd, poll, random, signals, sock_diag, stack, stream, thread,
};

#[cfg(all(target_os = "linux", not(polyproc_unsupported)))]
#[path = "linux/mod.rs"]
mod imp;

#[cfg(not(all(target_os = "linux", not(polyproc_unsupported))))]
#[path = "unsupported/mod.rs"]
mod imp;
