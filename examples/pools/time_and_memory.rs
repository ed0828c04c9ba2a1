//! Tasks under limits: time, memory, and the patience of whoever waits.
//!
//! ```text
//! time: a task (worker pid …) was ended after 100ms, its time limit…
//! memory: a task (worker pid …) was ended: its worker held more than 200 MiB, its memory limit
//! patience: the task is not done after …
//! cancelled: a task… was cancelled
//! and still: 42
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;
use std::time::Duration;

#[expect(clippy::infinite_loop, reason = "until somebody ends it")]
fn forever(_: ()) -> u32 {
    loop {
        std::thread::park();
    }
}

fn hoard(bytes: usize) -> usize {
    let hoard = vec![1_u8; bytes];
    std::hint::black_box(&hoard);
    forever(());
    hoard.len()
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let pool = Pool::builder().workers(2).memory_limit(200 << 20).build()?;

    let limited = pool.calls().timeout(Duration::from_millis(100));
    if let Err(error) = limited.submit(forever, ()).get() {
        println!("time: {error}");
    }
    if let Err(error) = pool.apply(hoard, 300 << 20) {
        println!("memory: {error}");
    }

    // Giving up to wait does not end the task, cancelling does.
    let task = pool.submit(forever, ());
    if let Err(error) = task.get_timeout(Duration::from_millis(20)) {
        println!("patience: {error}");
    }
    task.cancel();
    if let Err(error) = task.get() {
        println!("cancelled: {error}");
    }
    println!("and still: {}", pool.apply(|x: u32| 6 * x, 7)?);
    Ok(())
}
