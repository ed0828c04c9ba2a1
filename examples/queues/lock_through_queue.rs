//! A lock sent through a queue: two processes that know each other only by a queue share a number, and
//! the lock that protects it.
//!
//! ```text
//! 20000 of 20000
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::needless_pass_by_value, reason = "arguments move into the process")]

use polyproc::prelude::*;

const TIMES: u64 = 10_000;

type Total = Shared<Mutex<u64>>;

fn count(total: &Total) {
    for _ in 0..TIMES {
        match total.lock() {
            Ok(mut total) => *total += 1,
            Err(died) => *died.recover() += 1,
        }
    }
}

fn receive_and_count(queue: Queue<Total>) {
    if let Ok(total) = queue.get() {
        count(&total);
    }
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let queue = Queue::unbounded()?;
    let child = polyproc::spawn(receive_and_count, queue.clone())?;
    // Made after the child was.
    let total = Shared::new(Mutex::new(0))?;
    queue.put(total.clone())?;
    count(&total);
    child.join()?;
    println!("{} of {}", *total.lock()?, 2 * TIMES);
    Ok(())
}
