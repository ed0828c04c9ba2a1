//! Starting, watching and ending processes. Bytes in, bytes out: what a call and its report mean is
//! the business of a front (the Rust API, later the Python one).
//!
//! | module | what it does |
//! |---|---|
//! | [`Command`] (`command`) | what to start, and how; hands over to `start/` |
//! | `start/` | one file for each start method, and the fork server's own loop |
//! | [`Child`] (`handle`) | a started process as its parent sees it: waiting, signals, the end |
//! | [`take_over`], [`Front`] (`child`) | a started process from inside: from its birth to its exit |
//! | `birth`, `wire` | what a child is told at birth, and the messages between the two; pure |
//! | `member`, `roster` | this process as a member of its family; the table of all members |
//! | `farewell`, `reaper` | what happens to children when a process ends, or forgets them |
//!
//! The life of a process, who writes what where, and what a kill at each step leaves is drawn in
//! `docs/design/0001-processes.md`.

mod birth;
mod child;
mod command;
mod environment;
mod error;
mod farewell;
mod handle;
mod member;
mod reaper;
mod roster;
mod start;
mod wire;

pub use child::{Front, Outcome, Stage, report_early, take_over};
pub use command::{Command, OnParentDeath, Output, StartMethod};
pub use error::{PreloadError, StartError};
pub use handle::{Child, Ending, ExitStatus, Phase};
pub use member::{
    Current, Parent, active_children, current, family, parent, set_executable, set_preload,
    set_start_method, start_method,
};
pub use roster::Listing;

pub use polyproc_sys::clock::Deadline;
pub use polyproc_sys::cpu::{self, CpuCount};
pub use polyproc_sys::image;
pub use polyproc_sys::poll;
pub use polyproc_sys::signal::Signal;
pub use polyproc_sys::stat::RunState;
pub use polyproc_sys::wait::Usage;
