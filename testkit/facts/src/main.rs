//! Answers questions about this machine's processes and the machine itself, one JSON value a line,
//! in the form that psutil gives its answers: `compare.py` asks both and compares.
//!
//! A question is a line: `process PID`, `system`, `connections KIND`, `pids`, `exists PID`, `rising ROOT`
//! (counters of the system below a root, remembered from one question to the next). Bytes are written
//! in hexadecimal.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it answers there")]

mod process;
mod system;
mod values;

use polyproc_info::{Kinds, System};
use serde_json::{Value, json};
use std::io::{BufRead, Write};
use system::Meters;

fn main() -> std::io::Result<()> {
    let system = System::new();
    let mut meters = None;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let answer = match line.strip_prefix("rising ") {
            Some(root) => meters.get_or_insert_with(|| Meters::new(root)).answer(),
            None => answer(&system, &line),
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn answer(system: &System, question: &str) -> Value {
    let (word, rest) = question.split_once(' ').unwrap_or((question, ""));
    let pid = || rest.parse().unwrap_or(0);
    match word {
        "process" => process::all(pid()),
        "exists" => json!(system.pid_exists(pid())),
        "pids" => values::or_error(system.pids(), |pids| json!(pids)),
        "system" => system::all(system),
        "connections" => {
            let kinds = Kinds::from_name(rest).unwrap_or(Kinds::INET);
            values::or_error(system.connections(kinds), |all| values::connections(&all))
        }
        _ => json!({ "error": "what?" }),
    }
}
