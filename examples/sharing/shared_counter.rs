//! A number and an array that several processes change: with a lock nothing is lost, without one
//! whatever two do at the same time counts once; an atomic number needs no lock.
//!
//! ```text
//! with a lock: 80000 of 80000
//! atomic: 80000 of 80000
//! without: … of 80000
//! squares: [0, 1, 4, 9, 16, 25, 36, 49]
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;
use polyproc::sync::OwnerDied;
use std::sync::atomic::{AtomicU32, Ordering};

const PROCESSES: usize = 4;
const TIMES: u32 = 20_000;

/// The same number three times: a [`Value`] has its lock with it, a [`RawArray`] has none.
type Counts = (Value<u32>, Shared<AtomicU32>, RawArray<u32>);

fn count((locked, atomic, raw): Counts) {
    for _ in 0..TIMES {
        locked.update(|number| *number += 1);
        atomic.fetch_add(1, Ordering::Relaxed);
        // Somebody else may have written between these two.
        let old = raw.get(0).unwrap_or_default();
        raw.set(0, old + 1);
    }
}

/// One lock for the whole array, held for as long as the guard is there.
fn square((squares, which): (SharedArray<u64>, usize)) {
    let mut squares = squares.lock().unwrap_or_else(OwnerDied::recover);
    for index in (which..squares.len()).step_by(PROCESSES) {
        squares[index] = (index * index) as u64;
    }
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let counts: Counts = (Value::new(0)?, Shared::new(AtomicU32::new(0))?, RawArray::zeroed(1)?);
    let mut counters = Vec::new();
    for _ in 0..PROCESSES {
        counters.push(polyproc::spawn(count, counts.clone())?);
    }
    for counter in counters {
        counter.join()?;
    }
    let all = PROCESSES as u32 * TIMES;
    let (locked, atomic, raw) = counts;
    println!("with a lock: {} of {all}", locked.get());
    println!("atomic: {} of {all}", atomic.load(Ordering::Relaxed));
    println!("without: {} of {all}", raw.get(0).unwrap_or_default());

    let squares = SharedArray::zeroed(8)?;
    for which in 0..PROCESSES {
        polyproc::spawn(square, (squares.clone(), which))?.join()?;
    }
    println!("squares: {:?}", squares.lock()?);
    Ok(())
}
