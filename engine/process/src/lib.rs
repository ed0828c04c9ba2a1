//! Starting, watching and ending processes. Bytes and handles in, bytes and handles out: what a call and its report mean is
//! the business of a front (the Rust API, later the Python one).
//!
//! From the bottom up:
//!
//! | module | what it does |
//! |---|---|
//! | `policy`, `front`, `environment` | what a start can choose; who runs the calls; a child's environment |
//! | `wire`, `roster`, `birth`, `marker` | messages; the table of all members; what a child is told; how it is known |
//! | [`Child`] (`handle`), `server`, `reaper` | a child, and the fork server, as others see them; children that nobody, or a future, waits for |
//! | `awaited` | a child's end as a future |
//! | `member`, `farewell` | this process in its family; what becomes of its children at its end |
//! | [`arena`] (`memory`) | what this process shares with its family |
//! | `child` | a new process from inside: from its arrival to its exit |
//! | [`Command`] (`command`), `start/` | settings; one file for each start method, and the fork server's own loop |
//! | [`ObservedFamily`] (`observer`), `board` | a family as any process of the same user can see it; what its pools do |
//! | [`take_over`] | where an executed child finds out that it is one |
//!
//! The life of a process, who writes what where, and what a kill at each step leaves is drawn in
//! `docs/design/0001-processes.md`.

mod awaited;
mod birth;
mod board;
mod child;
mod command;
mod environment;
mod error;
mod farewell;
mod front;
mod handle;
mod marker;
mod member;
mod memory;
mod observer;
mod policy;
mod reaper;
mod roster;
mod server;
mod start;
mod take_over;
mod wire;

pub use board::{PoolCounts, PoolListing, PoolPost, SeatPost, Work, WorkerListing};
pub use child::report_early;
pub use command::{Command, Stdio};
pub use error::{PreloadError, StartError};
pub use front::{Call, Front, Outcome, Stage};
pub use handle::{Child, Ending, ExitStatus};
pub use member::{
    Current, OwnThread, Parent, active_children, current, detach, family, parent, set_executable,
    set_preload, set_start_method, start_method,
};
pub use memory::{arena, receive};
pub use observer::ObservedFamily;
pub use policy::{OnParentDeath, StartMethod};
pub use roster::{Listing, Phase};
pub use take_over::take_over;

pub use polyproc_shm::{Delivery, Payload};
pub use polyproc_sys::clock::Deadline;
pub use polyproc_sys::cpu::{self, CpuCount};
pub use polyproc_sys::image;
pub use polyproc_sys::poll;
pub use polyproc_sys::signal::Signal;
pub use polyproc_sys::stat::RunState;
pub use polyproc_sys::wait::Usage;
