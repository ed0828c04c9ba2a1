//! Loading something large once, and sharing it with all processes: copy-on-write, so it costs
//! memory once and no time per process.
//!
//! ```text
//! here it is not loaded: None
//! Process-1 finds 7 * 7 = 49, loaded by pid …
//! Process-2 finds 8 * 8 = 64, loaded by pid …
//! Process-3 finds 9 * 9 = 81, loaded by pid …
//! one process has loaded it for all: true
//! too late: …
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::process;
use std::sync::OnceLock;

struct Squares {
    table: Vec<u64>,
    loaded_by: u32,
}

/// A static is what a function in another process can find.
static SQUARES: OnceLock<Squares> = OnceLock::new();

/// Runs in the fork server, once, before it makes the first process. No threads may be left behind.
fn load() {
    let table = (0..1_000_000).map(|x| x * x).collect();
    SQUARES.get_or_init(|| Squares { table, loaded_by: process::id() });
}

fn square(of: usize) -> Option<(u64, u32)> {
    let squares = SQUARES.get()?;
    Some((*squares.table.get(of)?, squares.loaded_by))
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    polyproc::preload(load)?;
    println!("here it is not loaded: {:?}", square(3));

    let mut loaders = Vec::new();
    for number in 7..10 {
        let process = polyproc::spawn(square, number)?;
        if let Some((result, pid)) = process.join()? {
            println!(
                "{} finds {number} * {number} = {result}, loaded by pid {pid}",
                process.name()
            );
            loaders.push(pid);
        }
    }
    println!(
        "one process has loaded it for all: {}",
        loaders.windows(2).all(|two| two[0] == two[1])
    );

    // The fork server runs by now, and cannot load any more.
    if let Err(error) = polyproc::preload(load) {
        println!("too late: {error}");
    }
    Ok(())
}
