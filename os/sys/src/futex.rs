//! Sleeping on a word of shared memory until somebody wakes it.

pub use crate::imp::futex::{wait, wake};

/// Why a wait on a word ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// Somebody woke it, or the word did not hold the expected value: look at the word again.
    Look,
    /// The deadline passed.
    TimedOut,
    /// A signal handler ran in this thread: look again, and at what the signal changed.
    Interrupted,
}
