//! Kills processes at random and at every named point, and checks that the others go on.
//!
//! Worker processes do everything that `polyproc-sync`, `polyproc-shm` and `polyproc-channel` can do, all at once on the
//! same objects; workers are killed and replaced; the rest must neither hang nor see anything torn.
//!
//! `cargo xtask chaos sync --rounds 5000`, `chaos arena` and `chaos channel` run long; the tests run the
//! same code for a moment. Only for programs with one thread: it forks.

pub mod arena;
pub mod channel;
pub mod process;
pub mod run;
pub mod sync;

use polyproc_testkit::Rng;

/// What workers do until they are told to stop or killed.
pub trait Workload {
    /// One random operation. What is wrong, if anything.
    ///
    /// # Errors
    /// What was seen that must not be.
    fn step(&mut self, random: &mut Rng) -> Result<(), &'static str>;

    /// In the parent: a worker has ended, by whatever cause.
    fn ended(&self, _pid: u32) {}
}
