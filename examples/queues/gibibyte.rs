//! One GiB through a pipe without a copy: the sender writes each MiB to where the receiver reads it, and
//! the memory of those that were read is used again.
//!
//! ```text
//! 1024 MiB received, all as sent, read in place
//! shared memory in use at the end: less than 128 MiB
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::needless_pass_by_value, reason = "arguments move into the process")]
#![expect(clippy::unwrap_used, reason = "a panic in a process is what its `join` returns")]

use polyproc::pipe;
use polyproc::prelude::*;

const MIB: usize = 1 << 20;

fn send(writer: PipeEnd<()>) {
    for number in 0..1024_u32 {
        let mut draft = writer.draft(MIB).unwrap();
        draft.fill(number as u8);
        writer.send_draft(draft).unwrap();
    }
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let (reader, writer) = pipe::one_way()?;
    let sender = polyproc::spawn(send, writer)?;
    let (mut received, mut good) = (0, true);
    while let Ok(bytes) = reader.recv_bytes() {
        let expected = received as u8;
        good &= bytes.is_in_place() && bytes.len() == MIB;
        good &= bytes.iter().step_by(4096).all(|&byte| byte == expected);
        received += 1;
    }
    sender.join()?;
    let (all, how) = if good { ("all as sent", "read in place") } else { ("not as sent", "") };
    println!("{received} MiB received, {all}, {how}");
    let stats = polyproc::arena_stats()?;
    let used = stats.object_bytes + stats.warm_bytes;
    let less = if used < 128 << 20 { "less than" } else { "more than" };
    println!("shared memory in use at the end: {less} 128 MiB");
    Ok(())
}
