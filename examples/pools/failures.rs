//! Tasks that panic, exit and crash: each is its own caller's error, and nobody else notices.
//!
//! ```text
//! 1: a task (worker pid …) panicked at …failures.rs:…: three is too many
//! 2: a task (worker pid …) ended its worker: exit code 7 …
//! 3: a task (worker pid …) ended its worker: SIGABRT…
//! 4: 100
//! the pool goes on: [0, 1, 4, 9]
//! item 5 of a map: task 5 (worker pid …) ended its worker: SIGABRT…
//! the others: [0, 1, 2, 3, 4, 6, 7]
//! tried three times: a task (worker pid …) in its attempt 3 ended its worker: SIGABRT…
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;

#[expect(clippy::panic, clippy::exit, clippy::disallowed_methods, reason = "what goes wrong")]
fn fail(how: u32) -> u32 {
    match how {
        1 => panic!("three is too many"),
        2 => std::process::exit(7),
        3 => std::process::abort(),
        _ => 100,
    }
}

fn fragile(x: u32) -> u32 {
    if x == 5 {
        std::process::abort();
    }
    x
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    // What panics print is not wanted here.
    let pool = Pool::builder().workers(2).stderr(|_| Stdio::Null).build()?;
    for how in 1..=4 {
        match pool.apply(fail, how) {
            Ok(value) => println!("{how}: {value}"),
            Err(error) => println!("{how}: {error}"),
        }
    }
    println!("the pool goes on: {:?}", pool.map(|x: u32| x * x, 0..4)?);

    // One by one, each item has its own result.
    let mut others = Vec::new();
    for (item, result) in (0..).zip(pool.imap(fragile, 0..8)) {
        match result {
            Ok(value) => others.push(value),
            Err(error) => println!("item {item} of a map: {error}"),
        }
    }
    println!("the others: {others:?}");

    if let Err(error) = pool.calls().retries(2).submit(fail, 3).get() {
        println!("tried three times: {error}");
    }
    Ok(())
}
