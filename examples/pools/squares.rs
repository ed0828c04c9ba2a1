//! A pool in all its forms: one task, many, all at once, one by one, with callbacks.
//!
//! ```text
//! apply: 49
//! submit and get: 64
//! a callback hears of 81
//! map: [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]
//! several arguments: [1, 8, 9]
//! imap, of endless items: 0 1 4 9 16
//! as they come: 5 results, together 30
//! in a chain: 285
//! at most two workers did it all: true
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;
use std::sync::mpsc;

fn square(x: u64) -> u64 {
    x * x
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let pool = Pool::new(2)?;

    // Waits for the result.
    println!("apply: {}", pool.apply(square, 7)?);

    // Does not wait: the handle does, when it is asked.
    let task = pool.submit(square, 8);
    println!("submit and get: {}", task.get()?);

    // The pool's own thread calls back.
    let (sender, receiver) = mpsc::channel();
    let told = pool.submit(square, 9).on_done(move |result| {
        drop(sender.send(result));
    });
    if let Ok(result) = receiver.recv() {
        println!("a callback hears of {}", result?);
    }
    told.get()?;

    println!("map: {:?}", pool.map(square, 0..10)?);
    let powers =
        pool.map(|(base, exponent): (u64, u32)| base.pow(exponent), [(1, 5), (2, 3), (3, 2)])?;
    println!("several arguments: {powers:?}");

    // Items are drawn as results are taken.
    let first: Vec<String> = pool
        .imap(square, 0..)
        .take(5)
        .map(|result| Ok(result?.to_string()))
        .collect::<polyproc::Result<_>>()?;
    println!("imap, of endless items: {}", first.join(" "));
    let results: Vec<u64> = pool.imap_unordered(square, 0..5).collect::<Result<_, _>>()?;
    println!("as they come: {} results, together {}", results.len(), results.iter().sum::<u64>());
    let sum: u64 = (0..10).pool_map(&pool, square).sum::<Result<_, _>>()?;
    println!("in a chain: {sum}");

    println!("at most two workers did it all: {}", pool.pids().len() <= 2);
    pool.close();
    pool.join()?;
    Ok(())
}
