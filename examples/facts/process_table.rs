//! The process table of the whole machine, with everything that can be said of each process.
//!
//! ```text
//! … processes, … of them hidden from us
//!     PID   PARENT USER …
//! ⋮
//! this program:
//!   name: process_table
//!   program: …
//!   working directory: …
//!   command line: …
//!   parent: …
//!   parents: …
//!   state: running
//!   user: …
//!   started: … seconds ago
//!   terminal: …
//!   processor time: … user, … system
//!   memory: … bytes resident, … virtual, … its own
//!   open files: …
//!   sockets: …
//!   threads: …
//!   environment: … variables, PATH is set: true
//!   limits: … open files
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::info::{Arguments, Attributes, Facts, Resource, Snapshot, System};
use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::SystemTime;

fn main() -> polyproc::Result<()> {
    // One pass over all processes: only the files that these attributes need are read.
    let all = System::new().snapshot(Attributes::ALL)?;
    println!("{} processes, {} of them hidden from us", all.processes.len(), all.hidden.len());
    let mut table = io::stdout().lock();
    writeln!(
        table,
        "{:>7} {:>8} {:12} {:>6} {:>11} {:>5} {:12} COMMAND",
        "PID", "PARENT", "USER", "CPU(s)", "MEMORY(KiB)", "FILES", "STATE"
    )?;
    for process in &all.processes {
        // `println!` would panic when nobody reads on: `| head`.
        writeln!(table, "{}", row(process))?;
    }
    if let Some(own) = all.get(std::process::id()) {
        println!("this program:");
        describe(own, &all);
    }
    Ok(())
}

/// What is not there (somebody else's, or gone with a zombie's memory) is a dash.
fn or_dash<T: Display, E>(fact: Result<T, E>) -> String {
    fact.map_or_else(|_| "-".to_owned(), |value| value.to_string())
}

fn row(process: &Facts) -> String {
    let user = or_dash(process.username.as_ref().map(|name| name.display()));
    let memory = or_dash(process.memory.map(|memory| memory.resident / 1024));
    let files = or_dash(process.descriptors);
    // Kernel threads have no command line.
    let words = process.arguments.as_ref().map_or_else(|_| String::new(), Arguments::to_line);
    let command = if words.is_empty() { format!("[{}]", process.name().display()) } else { words };
    format!(
        "{:>7} {:>8} {user:12} {:>6} {memory:>11} {files:>5} {:12} {command:.60}",
        process.pid,
        process.parent().unwrap_or(0),
        process.cpu_times().total().as_secs(),
        process.state(),
    )
    .replace(char::is_control, "?")
}

fn describe(own: &Facts, all: &Snapshot) {
    let path =
        |path: &Option<PathBuf>| path.as_deref().unwrap_or("none".as_ref()).display().to_string();
    println!("  name: {}", own.name().display());
    println!("  program: {}", or_dash(own.exe.as_ref().map(path)));
    println!("  working directory: {}", or_dash(own.cwd.as_ref().map(path)));
    println!("  command line: {}", or_dash(own.arguments.as_ref()));
    println!("  parent: {}", all.parent(own).map_or("none".to_owned(), ToString::to_string));
    println!("  parents: {}", all.parents(own).len());
    println!("  state: {}", own.state());
    println!("  user: {}", or_dash(own.username.as_ref().map(|name| name.display())));
    let age = SystemTime::now().duration_since(own.create_time()).unwrap_or_default();
    println!("  started: {:.2} seconds ago", age.as_secs_f64());
    println!("  terminal: {}", or_dash(own.terminal.as_ref().map(path)));
    let times = own.cpu_times();
    println!("  processor time: {:?} user, {:?} system", times.user, times.system);
    if let (Ok(memory), Ok(detail)) = (own.memory, own.memory_detail) {
        let (resident, size, unique) = (memory.resident, memory.virtual_size, detail.unique);
        println!("  memory: {resident} bytes resident, {size} virtual, {unique} its own");
    }
    println!("  open files: {}", or_dash(own.open_files.as_ref().map(Vec::len)));
    println!("  sockets: {}", or_dash(own.connections.as_ref().map(Vec::len)));
    println!("  threads: {}", or_dash(own.threads.as_ref().map(Vec::len)));
    if let Ok(environment) = &own.environment {
        let (count, path) = (environment.iter().count(), environment.get("PATH").is_some());
        println!("  environment: {count} variables, PATH is set: {path}");
    }
    if let Ok(limits) = &own.limits
        && let Some(files) = limits.get(Resource::OpenFiles)
    {
        println!("  limits: {files} open files");
    }
}
