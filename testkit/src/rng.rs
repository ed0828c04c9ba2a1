//! Randomness that can be repeated.

use std::time::{SystemTime, UNIX_EPOCH};

/// A small deterministic generator (`SplitMix64`). When the test that holds it fails, it prints the
/// seed that repeats the run.
#[derive(Debug)]
pub struct Rng {
    seed: u64,
    state: u64,
}

impl Rng {
    /// The variable that fixes the seed of [`Rng::from_environment`].
    pub const SEED_VARIABLE: &'static str = "POLYPROC_SEED";

    /// The sequence that belongs to `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// The seed in [`Rng::SEED_VARIABLE`], or another one each time.
    pub fn from_environment() -> Self {
        let given = std::env::var(Self::SEED_VARIABLE).ok();
        Self::new(given.and_then(|seed| seed.parse().ok()).unwrap_or_else(fresh_seed))
    }

    /// What [`Rng::new`] takes to get this sequence again.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 up to but not including `end`; 0 when `end` is 0. The bias is far below what
    /// a test could notice.
    pub const fn below(&mut self, end: u64) -> u64 {
        ((self.bits() as u128 * end as u128) >> 64) as u64
    }

    /// True once in `n` times.
    pub const fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of `choices`.
    ///
    /// # Panics
    /// When there are none.
    pub const fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }
}

impl Drop for Rng {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "part of the failed test's output")]
            {
                let (name, seed) = (Self::SEED_VARIABLE, self.seed);
                eprintln!("the random numbers were those of {name}={seed}");
            }
        }
    }
}

/// `SplitMix64` spreads whatever little the clock and the pid differ by.
fn fresh_seed() -> u64 {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = clock.map_or(0, |since| since.as_nanos() as u64);
    Rng::new(nanos ^ (u64::from(std::process::id()) << 48)).bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_published_sequence() {
        // The first outputs for the seed 1234567 in the reference implementation's test.
        let mut rng = Rng::new(1_234_567);
        assert_eq!(rng.bits(), 6_457_827_717_110_365_317);
        assert_eq!(rng.bits(), 3_203_168_211_198_807_973);
        assert_eq!(rng.seed(), 1_234_567);
    }

    #[test]
    fn stays_below_its_end() {
        let mut rng = Rng::from_environment();
        let mut seen = [false; 5];
        for _ in 0..1000 {
            seen[rng.below(5) as usize] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(rng.below(0), 0);
        assert!(rng.one_in(1));
        assert_eq!(*rng.pick(&["only"]), "only");
    }
}
