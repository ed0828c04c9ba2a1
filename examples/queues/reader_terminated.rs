//! A reader that waits in `get` is terminated. The queue does not mind: whoever reads next gets what is
//! put next.
//!
//! ```text
//! the reader waits
//! process 'reader' (pid …) was ended by SIGTERM
//! 42 for the next reader
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;

fn read((queue, ready): (Queue<u32>, Shared<Event>)) -> u32 {
    ready.set();
    queue.get().unwrap_or_default()
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let queue = Queue::unbounded()?;
    let ready = Shared::new(Event::new())?;
    let reader = Process::builder().name("reader").spawn(read, (queue.clone(), ready.clone()))?;
    ready.wait();
    println!("the reader waits");
    reader.terminate()?;
    if let Err(error) = reader.join() {
        println!("{error}");
    }
    queue.put(42)?;
    println!("{} for the next reader", queue.get()?);
    Ok(())
}
