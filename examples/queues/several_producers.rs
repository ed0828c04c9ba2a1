//! Several producers and several consumers. Nobody counts who has ended: the consumers' loops end when
//! the last sender is gone, however it went.
//!
//! ```text
//! 4 producers, 3 consumers: 400 numbers, together 79800
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::needless_pass_by_value, reason = "arguments move into the process")]
#![expect(clippy::unwrap_used, reason = "a panic in a process is what its `join` returns")]

use polyproc::prelude::*;
use polyproc::queue::{Receiver, Sender};

const PRODUCERS: u64 = 4;
const EACH: u64 = 100;

fn produce((sender, producer): (Sender<u64>, u64)) {
    let numbers = producer * EACH..(producer + 1) * EACH;
    // One call, one wake-up.
    sender.put_many(numbers.collect()).unwrap();
}

fn consume(receiver: Receiver<u64>) -> (u64, u64) {
    let mut sum = (0, 0);
    for number in receiver.iter().map_while(Result::ok) {
        sum = (sum.0 + 1, sum.1 + number);
    }
    sum
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let (sender, receiver) = Queue::bounded(50)?.split();
    let mut producers = Vec::new();
    for producer in 0..PRODUCERS {
        producers.push(polyproc::spawn(produce, (sender.clone(), producer))?);
    }
    // This process holds a sender, too: without this the end would never come.
    drop(sender);
    let mut consumers = Vec::new();
    for _ in 0..3 {
        consumers.push(polyproc::spawn(consume, receiver.clone())?);
    }
    for producer in producers {
        producer.join()?;
    }
    let (mut count, mut sum) = (0, 0);
    for consumer in &consumers {
        let part = consumer.join()?;
        (count, sum) = (count + part.0, sum + part.1);
    }
    println!(
        "{PRODUCERS} producers, {} consumers: {count} numbers, together {sum}",
        consumers.len()
    );
    Ok(())
}
