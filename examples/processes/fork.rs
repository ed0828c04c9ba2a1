//! `fork`: a copy of this process, with all its memory. What either changes stays its own.
//!
//! ```text
//! in the copy: pid …, its parent is pid …
//! in the copy: [1, 2, 3, 4]
//! here: pid …, the copy was pid …
//! here: [1, 2, 3]
//! the copy said 10, and its parent was this process: true
//! with a second thread: cannot start a process: cannot fork: this process has 1 other thread(s)…
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::os::unix::process::parent_id;
use std::process;
use std::sync::mpsc;
use std::thread;

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let mut numbers = vec![1, 2, 3];

    // The closure may capture anything, since the copy has this process's memory. Only its result
    // is turned into bytes.
    let copy = polyproc::fork(|| {
        numbers.push(4);
        println!("in the copy: pid {}, its parent is pid {}", process::id(), parent_id());
        println!("in the copy: {numbers:?}");
        (numbers.iter().sum::<i32>(), parent_id())
    })?;
    let (sum, parent) = copy.join()?;

    println!("here: pid {}, the copy was pid {}", process::id(), copy.pid());
    println!("here: {numbers:?}");
    let is_this = parent == process::id();
    println!("the copy said {sum}, and its parent was this process: {is_this}");

    // A lock that another thread holds at that moment would stay locked in the copy for ever, since
    // the copy has no such thread. So a fork beside other threads is refused.
    let (done, wait) = mpsc::channel::<()>();
    let thread = thread::spawn(move || wait.recv());
    if let Err(error) = polyproc::fork(|| ()) {
        println!("with a second thread: {error}");
    }
    drop(done);
    drop(thread.join());
    Ok(())
}
