//! Kills processes at random and at every named point, and checks that the others go on.
//!
//! Worker processes do everything that `polyproc-sync` and `polyproc-shm` can do, all at once on the
//! same objects; workers are killed and replaced; the rest must neither hang nor see anything torn.
//!
//! `cargo run -p polyproc-chaos -- sync 5000` and `-- arena 5000` run long; the tests run the same
//! code for a moment. Only for programs with one thread: it forks.

pub mod arena;
pub mod process;
pub mod run;
pub mod sync;

/// What workers do until they are told to stop or killed.
pub trait Workload {
    /// One random operation. What is wrong, if anything.
    ///
    /// # Errors
    /// What was seen that must not be.
    fn step(&mut self, random: &mut Random) -> Result<(), &'static str>;
}

/// Numbers that look random and can be had again from the same seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit.max(1)
    }
}
