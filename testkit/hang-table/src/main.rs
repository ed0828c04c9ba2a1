//! Runs every row of the hang table (`features.md D, the hang table`) by every start method, each in a process of
//! its own and under a deadline, and prints how long each took.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test program"
)]

mod locks;
mod pools;
mod programs;
mod queues;

use polyproc::StartMethod;
use polyproc_testkit::try_run;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// A row that takes longer hangs.
const DEADLINE: Duration = Duration::from_mins(4);

/// A row of the table: panics when it is not as it must be.
struct Row {
    number: u32,
    scenario: &'static str,
    run: fn(StartMethod),
}

const ROWS: &[Row] = &[
    Row { number: 1, scenario: "worker killed in a task", run: pools::killed_in_a_task },
    Row { number: 2, scenario: "result that cannot be decoded", run: pools::undecodable_result },
    Row { number: 3, scenario: "a callback panics", run: pools::panicking_callback },
    Row { number: 4, scenario: "exit() in a task", run: pools::exit_in_a_task },
    Row { number: 5, scenario: "panic without a text", run: pools::panic_without_text },
    Row { number: 6, scenario: "result that cannot be encoded", run: pools::unencodable_result },
    Row { number: 7, scenario: "task that cannot be decoded", run: pools::undecodable_task },
    Row { number: 8, scenario: "initializer panics", run: pools::panicking_initializer },
    Row { number: 9, scenario: "all idle workers killed", run: pools::idle_workers_killed },
    Row { number: 10, scenario: "orderly end after any of these", run: pools::orderly_end },
    Row { number: 11, scenario: "parent killed", run: programs::parent_killed },
    Row { number: 12, scenario: "holders and waiters killed", run: locks::users_killed },
    Row { number: 13, scenario: "users of a queue killed", run: queues::users_killed },
    Row { number: 14, scenario: "100 MB in a queue, and joined", run: queues::joined_before_read },
    Row { number: 15, scenario: "imap over an endless iterator", run: pools::endless_imap },
    Row { number: 16, scenario: "Ctrl-C during any wait", run: programs::interrupted },
    Row { number: 17, scenario: "fork while threads hold locks", run: programs::fork_with_threads },
    Row { number: 18, scenario: "pools in workers of pools", run: pools::nested },
    Row { number: 19, scenario: "exit with everything open", run: programs::exit_with_all_open },
    Row { number: 20, scenario: "fork server killed", run: programs::server_killed },
];

/// How many rows the table has.
const ALL: u32 = 20;

fn main() -> ExitCode {
    polyproc::init();
    polyproc_testkit::heed_interrupts();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => table(),
        ["--row", number, method] => {
            let method = method_of(method);
            polyproc::set_start_method(method);
            let row = ROWS.iter().find(|row| row.number.to_string() == *number).unwrap();
            (row.run)(method);
            ExitCode::SUCCESS
        }
        ["--subject", name, method] => {
            polyproc::set_start_method(method_of(method));
            programs::subject(name);
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("error: no arguments are taken");
            ExitCode::FAILURE
        }
    }
}

fn method_of(name: &str) -> StartMethod {
    StartMethod::ALL.into_iter().find(|method| method.to_string() == name).unwrap()
}

fn table() -> ExitCode {
    let methods = StartMethod::ALL;
    println!("{:>3} {:<34} {}", "#", "scenario", methods.map(|m| format!("{m:>11}")).join(" "));
    let mut failures = Vec::new();
    for row in ROWS {
        let times = methods.map(|method| {
            run(row, method).unwrap_or_else(|why| {
                failures.push(format!("row {} by {method}: {why}", row.number));
                "FAILED".into()
            })
        });
        println!(
            "{:>3} {:<34} {}",
            row.number,
            row.scenario,
            times.map(|t| format!("{t:>11}")).join(" ")
        );
    }
    for number in 1..=ALL {
        if ROWS.iter().all(|row| row.number != number) {
            failures.push(format!("row {number} is missing"));
        }
    }
    for failure in &failures {
        eprintln!("{failure}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The time that a row took.
fn run(row: &Row, method: StartMethod) -> Result<String, String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--row", &row.number.to_string(), &method.to_string()]);
    let since = Instant::now();
    let output = try_run(command, DEADLINE).map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(format!("{} ms", since.elapsed().as_millis()))
    } else {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(format!("{}\n{text}", output.status))
    }
}
