//! How many instructions a small task costs from its submission to its outcome, parent and worker
//! together, as callgrind counts them: the same on every machine, busy or not, so that a regression shows.
//!
//! valgrind 3.19 does not know the system calls for pidfds, so no worker can be started under it. What it
//! runs is a rehearsal: the same dispatcher, rings and worker, in one thread.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use polyproc_pool::{Bytes, Delivery, Handler, Notice, Rehearsal, Server, Sink, Verdict};
use std::process::{Command, ExitCode};
use std::sync::Arc;

/// A way to hand in tasks.
struct Figure {
    name: &'static str,
    /// So many are submitted before their outcomes are waited for.
    batch: u64,
    /// So many bytes is each.
    size: usize,
    /// So many instructions each of them took when that was written down.
    recorded: i64,
}

const FIGURES: [Figure; 3] = [
    Figure { name: "one after the other", batch: 1, size: 9, recorded: 3163 },
    Figure { name: "256 at a time", batch: 256, size: 9, recorded: 2249 },
    Figure { name: "256 at a time, 1 KiB each", batch: 256, size: 1024, recorded: 3521 },
];
/// The last word on a compiler's choices is not ours: so many percent.
const TOLERANCE: i64 = 10;
/// The difference of two runs is what the tasks cost: not the program's start.
const TASKS: [i64; 2] = [2560, 12_800];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match &words[..] {
        [] => compare(),
        [word, figure, tasks] if word == "rehearse" => rehearse(figure, tasks),
        _ => Err("unexpected arguments: there are none".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Counts all figures; an error if one is far from what is recorded.
fn compare() -> Result<(), String> {
    let mut is_off = false;
    println!("{:<28}{:>14}{:>10}{:>9}", "small tasks", "instructions", "recorded", "change");
    for (place, figure) in FIGURES.iter().enumerate() {
        let [few, many] = TASKS;
        let each = (count(place, many)? - count(place, few)?) / (many - few);
        let Figure { name, recorded, .. } = figure;
        let change = 100 * (each - recorded) / recorded;
        is_off |= change.abs() > TOLERANCE;
        println!("{name:<28}{each:>14}{recorded:>10}{change:>+7} %");
    }
    let off = format!("more than {TOLERANCE} % off: find out why, or record the new figures");
    if is_off { Err(off) } else { Ok(()) }
}

/// The instructions of a whole run.
fn count(place: usize, tasks: i64) -> Result<i64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["rehearse", &place.to_string(), &tasks.to_string()])
        .output()
        .map_err(|error| format!("valgrind (Debian: valgrind) cannot be run: {error}"))?;
    let said = String::from_utf8_lossy(&run.stderr);
    let number =
        said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    number.filter(|_| run.status.success()).ok_or_else(|| format!("valgrind failed:\n{said}"))
}

/// What is counted.
fn rehearse(place: &str, tasks: &str) -> Result<(), String> {
    let figure = place.parse().ok().and_then(|place: usize| FIGURES.get(place));
    let figure = figure.ok_or("there is no such figure")?;
    let tasks: u64 = tasks.parse().ok().ok_or("that is no number of tasks")?;
    let task = Bytes::copy(&vec![7; figure.size]);
    let sink = Arc::new(Nowhere) as Arc<dyn Sink>;
    let mut rehearsal = Rehearsal::new(Echo).map_err(|error| error.to_string())?;
    for _ in 0..tasks / figure.batch {
        rehearsal.run(figure.batch, &task, &sink).map_err(|error| error.to_string())?;
    }
    Ok(())
}

struct Echo;

impl Server for Echo {
    fn define(&mut self, _definition: &[u8]) -> Handler {
        Box::new(|task, output| {
            output.bytes.extend_from_slice(task);
            Verdict::Value
        })
    }

    fn leave(&mut self) {}
}

struct Nowhere;

impl Sink for Nowhere {
    fn deliver(&self, deliveries: &mut Vec<Delivery>, _notices: &mut Vec<Notice>) {
        deliveries.clear();
    }
}
