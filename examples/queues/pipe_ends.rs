//! The two ends of a one-way pipe, and what one end learns when the other is gone: in good order, or
//! killed.
//!
//! ```text
//! received 1, 2, 3
//! then: nobody is left to send, and everything sent was received
//! the writer was killed: nobody is left to send, and everything sent was received
//! nobody reads: nobody is left to receive
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::needless_pass_by_value, reason = "arguments move into the process")]
#![expect(clippy::unwrap_used, reason = "a panic in a process is what its `join` returns")]

use polyproc::pipe;
use polyproc::prelude::*;

fn count(writer: PipeEnd<u32>) {
    for number in 1..=3 {
        writer.send(number).unwrap();
    }
}

fn wait_for_ever(_writer: PipeEnd<u32>) {
    for _ in 0.. {
        std::thread::park();
    }
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    // `spawn` takes the end as its argument, so only the child has it from then on.
    let (reader, writer) = pipe::one_way()?;
    let child = polyproc::spawn(count, writer)?;
    println!("received {}, {}, {}", reader.recv()?, reader.recv()?, reader.recv()?);
    if let Err(error) = reader.recv() {
        println!("then: {error}");
    }
    child.join()?;

    let (reader, writer) = pipe::one_way()?;
    let child = polyproc::spawn(wait_for_ever, writer)?;
    child.kill()?;
    if let Err(error) = reader.recv() {
        println!("the writer was killed: {error}");
    }

    let (reader, writer) = pipe::one_way()?;
    drop(reader);
    if let Err(error) = writer.send(1) {
        println!("nobody reads: {error}");
    }
    Ok(())
}
