//! All the ways in which a process can end, and what its parent learns.
//!
//! ```text
//! returned: exit code Some(0): Ok(7)
//! returned an error: exit code Some(0): Ok(Err("invalid digit found in string"))
//! exited: exit code Some(3): process 'exited' (pid …) exited with code 3 before its function returned
//! panicked: exit code Some(101): process 'panicked' (pid …) panicked at …exit_statuses.rs:…: no such shelf: 12
//! aborted: exit code Some(-6): process 'aborted' (pid …) was ended by SIGABRT…: abort, a stack that overflowed, or a panic under panic=abort
//! killed: exit code Some(-9): process 'killed' (pid …) was ended by SIGKILL…: killed from outside, or by the kernel for want of memory
//! of the panic, its parent has 1 line of message and a backtrace: true
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::panic, clippy::exit, clippy::disallowed_methods, reason = "what it shows")]

use polyproc::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::time::Duration;

/// Runs `function` in a process of that name, and shows its end.
fn show<R>(name: &str, function: fn(()) -> R) -> polyproc::Result<Option<JoinError>>
where
    R: Debug + Serialize + DeserializeOwned,
{
    // A panic says so on standard error, as everywhere. Here, the parent reports it.
    let builder = Process::builder().name(name).stderr(Stdio::Null);
    let process = builder.spawn(function, ())?;
    if name == "killed" {
        process.kill()?;
    }
    let result = process.join();
    print!("{name}: exit code {:?}: ", process.exit_code());
    match result {
        Ok(value) => {
            println!("Ok({value:?})");
            Ok(None)
        }
        Err(error) => {
            println!("{error}");
            Ok(Some(error))
        }
    }
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    show("returned", |()| 7)?;
    // An error that the function returns is a value like others: the process is fine.
    show("returned an error", |()| "x".parse::<u8>().map_err(|error| error.to_string()))?;
    // From anywhere, also deep inside. Exit hooks run, destructors do not.
    show("exited", |()| -> () { std::process::exit(3) })?;
    let error = show("panicked", |()| -> () { panic!("no such shelf: {}", 12) })?;
    // This is what a crash in a native library looks like: this process does not even notice.
    show("aborted", |()| -> () { std::process::abort() })?;
    show("killed", |()| std::thread::sleep(Duration::from_mins(1)))?;

    // The error is a value as well, with everything in it.
    if let Some(JoinError::Panicked { panic, .. }) = error {
        let lines = panic.message.lines().count();
        let has_backtrace = !panic.backtrace.is_empty();
        println!(
            "of the panic, its parent has {lines} line of message and a backtrace: {has_backtrace}"
        );
    }
    Ok(())
}
