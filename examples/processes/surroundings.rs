//! Environment, working directory and output of a process, set by its parent.
//!
//! ```text
//! GREETING is Some("hello"), HOME is None
//! it works in /
//! this process's own environment has no GREETING: true
//! its output: ["one", "two"]
//! its errors: ["three"]
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use polyproc::prelude::*;
use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

fn look((): ()) -> (Option<String>, Option<String>, Option<PathBuf>) {
    (env::var("GREETING").ok(), env::var("HOME").ok(), env::current_dir().ok())
}

fn talk((): ()) {
    println!("one");
    println!("two");
    eprintln!("three");
}

/// Reads to the end, which comes when the process has ended.
fn lines(pipe: Option<impl Read>) -> Vec<String> {
    let lines = pipe.into_iter().flat_map(|pipe| BufReader::new(pipe).lines());
    lines.map_while(Result::ok).collect()
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    // Without settings, a process has all these from its parent, as they are at the start.
    let process = Process::builder()
        .env("GREETING", "hello")
        .env_remove("HOME")
        .current_dir("/")
        .spawn(look, ())?;
    let (greeting, home, directory) = process.join()?;
    println!("GREETING is {greeting:?}, HOME is {home:?}");
    println!("it works in {}", directory.unwrap_or_default().display());
    let has_none = env::var_os("GREETING").is_none();
    println!("this process's own environment has no GREETING: {has_none}");

    let builder = Process::builder().stdout(Stdio::Piped).stderr(Stdio::Piped);
    let process = builder.spawn(talk, ())?;
    // Whoever writes much is to be read before it is joined: a full pipe stops the writer.
    println!("its output: {:?}", lines(process.take_stdout()));
    println!("its errors: {:?}", lines(process.take_stderr()));
    Ok(process.join()?)
}
