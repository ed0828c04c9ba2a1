//! A process as a type of one's own: with state, settings and a method that runs in the process.
//!
//! ```text
//! sieve to 100: 25 primes, the last is 97
//! here, the limit is still 100
//! sieve to 1000: 168 primes, the last is 997
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;
use serde::{Deserialize, Serialize};

/// The state. It travels to the process, which works on a copy of its own.
#[derive(Clone, Serialize, Deserialize)]
struct Sieve {
    limit: usize,
}

impl Sieve {
    fn new(limit: usize) -> Self {
        Self { limit: limit.max(2) }
    }
}

impl Run for Sieve {
    /// What the process gives back to whoever joins it.
    type Output = Vec<usize>;

    fn run(self) -> Vec<usize> {
        let mut is_prime = vec![true; self.limit + 1];
        for step in 2..=self.limit.isqrt() {
            for multiple in (step * step..=self.limit).step_by(step) {
                is_prime[multiple] = false;
            }
        }
        (2..=self.limit).filter(|&number| is_prime[number]).collect()
    }
}

fn show(process: &Process<Vec<usize>>) -> polyproc::Result<()> {
    let primes = process.join()?;
    let last = primes.last().copied().unwrap_or_default();
    println!("{}: {} primes, the last is {last}", process.name(), primes.len());
    Ok(())
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let sieve = Sieve::new(100);
    // The settings (name, environment and so on) are the builder's; the state is the type's.
    let process = Process::builder().name("sieve to 100").start(sieve.clone())?;
    show(&process)?;
    println!("here, the limit is still {}", sieve.limit);

    show(&Process::builder().name("sieve to 1000").start(Sieve::new(1000))?)
}
