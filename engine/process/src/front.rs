//! What stands above the engine: how a front's calls are run, and since when children may be.

use polyproc_shm::{Delivery, Payload};
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

/// What a front does with a call inside a child. The engine knows no more of calls than this.
#[derive(Debug)]
pub struct Front {
    /// Runs a call.
    pub run: fn(Call) -> Outcome,
    /// Runs a call before the fork server serves; an error ends the server with its text.
    pub preload: fn(&[u8]) -> Result<(), String>,
}

/// What a child gets from its parent's front.
#[derive(Debug, Default)]
pub struct Call {
    /// Bytes, and tickets for the handles that travel with them: see [`crate::receive`].
    pub message: Delivery,
    /// Copies of the descriptors that [`crate::Command::descriptor`] named, in that order.
    pub descriptors: Vec<OwnedFd>,
}

/// What came of a call.
#[derive(Debug, Default)]
pub struct Outcome {
    /// For the parent's front.
    pub report: Payload,
    /// The code to exit with.
    pub code: i32,
}

/// Where in the life of the program a child takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// While the program is loaded, before `main`.
    Load = 1,
    /// In `main`.
    Main = 2,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Load => "load",
            Self::Main => "main",
        })
    }
}

static FRONT: OnceLock<&'static Front> = OnceLock::new();
/// The latest stage at which this program has offered to take over; 0 for none.
static STAGE: AtomicU8 = AtomicU8::new(0);

pub(crate) fn front() -> Option<&'static Front> {
    FRONT.get().copied()
}

pub(crate) fn stage() -> Option<Stage> {
    [Stage::Load, Stage::Main].into_iter().find(|s| *s as u8 == STAGE.load(Ordering::Relaxed))
}

/// Notes that this program offers to take over at `stage`, under this front.
pub(crate) fn register(front: &'static Front, stage: Stage) {
    let first = FRONT.get_or_init(|| front);
    assert!(std::ptr::eq(*first, front), "two fronts of polyproc in one program");
    STAGE.fetch_max(stage as u8, Ordering::Relaxed);
}
