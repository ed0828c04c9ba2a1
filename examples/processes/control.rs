//! Watching a process and ending it: `is_alive`, `join_timeout`, `terminate`, `kill`, `exit_code`.
//!
//! ```text
//! before: alive true, exit code None
//! not yet: process 'sleeper' (pid …) still runs after …
//! after terminate: alive false, exit code Some(-15)
//! join says: process 'sleeper' (pid …) was ended by SIGTERM…
//! after kill: alive false, exit code Some(-9)
//! a signal to a process that has ended does nothing: true
//! a value: exit code Some(0), joined Some(5)
//! it used some memory: true
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::disallowed_methods, reason = "sleeping stands for work here")]

use polyproc::prelude::*;
use std::thread;
use std::time::Duration;

fn sleep((): ()) {
    thread::sleep(Duration::from_mins(1));
}

fn show(when: &str, process: &Handle) {
    println!("{when}: alive {}, exit code {:?}", process.is_alive(), process.exit_code());
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let process = Process::builder().name("sleeper").spawn(sleep, ())?;
    show("before", &process);

    // Time that is over is an error of its own; the process goes on, and may be joined again.
    if let Err(error) = process.join_timeout(Duration::from_millis(20)) {
        println!("not yet: {error}");
    }

    // `SIGTERM` asks it to end, and may be caught. As in Python, the exit code of a process that a
    // signal ended is the negative number of the signal.
    process.terminate()?;
    process.wait()?;
    show("after terminate", &process);
    if let Err(error) = process.join() {
        println!("join says: {error}");
    }

    // `SIGKILL` cannot be caught.
    let process = polyproc::spawn(sleep, ())?;
    process.kill()?;
    process.wait()?;
    show("after kill", &process);
    // Its pid may be another process's by now, but the handle knows better.
    println!("a signal to a process that has ended does nothing: {}", process.kill().is_ok());

    let process = polyproc::spawn(|x: i32| x + 2, 3)?;
    process.wait()?;
    println!("a value: exit code {:?}, joined {:?}", process.exit_code(), process.try_join()?);
    let peak = process.usage().map_or(0, |usage| usage.peak_memory);
    println!("it used some memory: {}", peak > 0);
    Ok(())
}
