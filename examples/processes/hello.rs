//! A function runs in a process of its own, with arguments and a result.
//!
//! ```text
//! this is MainProcess, pid …
//! Process-1 runs as pid …
//! 6 * 7 = 42, computed by another process
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

/// Any function will do whose arguments and result serde can turn into bytes and back. Several
/// arguments are a tuple.
fn multiply((left, right): (u64, u64)) -> (u64, u32) {
    (left * right, std::process::id())
}

// A process that was just started is a fresh run of this program. The attribute is where it learns
// that it is to run `multiply`, and it never gets to the body of `main`.
#[polyproc::main]
fn main() -> polyproc::Result<()> {
    println!("this is MainProcess, pid {}", std::process::id());

    // The process runs from here on, beside this one.
    let process = polyproc::spawn(multiply, (6, 7))?;
    println!("{} runs as pid {}", process.name(), process.pid());

    // `join` waits for its end. Had it crashed, this would be an error that says how.
    let (product, pid) = process.join()?;
    let whose = if pid == std::process::id() { "this" } else { "another" };
    println!("6 * 7 = {product}, computed by {whose} process");
    Ok(())
}
