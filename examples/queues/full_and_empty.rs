//! A bounded queue that is full says so, at once or after a time, and gives the value back; one that is
//! empty says so as well. What `len` says is exact.
//!
//! ```text
//! 2 of 2: full
//! at once: the queue is full, and "third" is still ours
//! after 20 ms: the queue stayed full
//! taken: first, second
//! at once: the queue is empty
//! after 20 ms: the queue stayed empty
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(20);

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let queue = Queue::bounded(2)?;
    queue.put("first".to_owned())?;
    queue.put("second".to_owned())?;
    println!("{} of 2: {}", queue.len(), if queue.is_full() { "full" } else { "not full" });
    if let Err(error) = queue.try_put("third".to_owned()) {
        println!("at once: {error}, and {:?} is still ours", error.value);
        if let Err(error) = queue.put_timeout(error.value, SHORT) {
            println!("after 20 ms: {error}");
        }
    }
    println!("taken: {}, {}", queue.get()?, queue.get()?);
    if let Err(error) = queue.try_get() {
        println!("at once: {error}");
    }
    if let Err(error) = queue.get_timeout(SHORT) {
        println!("after 20 ms: {error}");
    }
    Ok(())
}
