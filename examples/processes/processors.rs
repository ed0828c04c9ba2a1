//! How many processors there are, and how many of them this program may use.
//!
//! ```text
//! logical: …
//! physical: …
//! usable: …
//! so many workers are busy at once: true
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let count = polyproc::cpu_count();
    // All that the system runs; two hyper-threads of one core are two.
    println!("logical: {}", count.logical);
    // Cores; what counts for pure arithmetic.
    println!("physical: {}", count.physical);
    // Those that this process can keep busy: it may be bound to some of them, and a container may
    // have a quota of processor time. This is how many workers to start.
    println!("usable: {}", count.usable);

    let mut workers = Vec::new();
    for number in 0..count.usable as u64 {
        let sum = |n: u64| (0..1_000_000).fold(n, |sum: u64, i| sum.wrapping_mul(31) ^ i);
        workers.push(polyproc::spawn(sum, number)?);
    }
    println!("so many workers are busy at once: {}", workers.len() == count.usable);
    for worker in workers {
        worker.join()?;
    }
    Ok(())
}
