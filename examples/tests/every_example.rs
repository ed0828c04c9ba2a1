//! Runs every example that `Cargo.toml` lists as a program, and compares what it prints with what
//! its source says at the top: a block of text, in which `…` stands for anything within a line, and a
//! line `⋮` for any number of lines.
//!
//! An example without such a block fails, unless it has a test file of its own. Each must come to
//! its end with exit code 0, an empty standard error and no process left behind.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failing test panics")]

mod programs;

use libtest_mimic::{Arguments, Failed, Trial};
use programs::{FOLDER, Program};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Most take a few milliseconds; machines under load have other ideas.
const DEADLINE: Duration = Duration::from_mins(2);
/// Those with a test file of their own.
const TESTED_ELSEWHERE: [&str; 1] = ["word_count"];

fn main() -> ExitCode {
    let examples = examples();
    assert!(examples.len() >= 25, "{} examples in Cargo.toml", examples.len());
    let by_themselves = examples.iter().filter(|one| !TESTED_ELSEWHERE.contains(&&*one.name));
    let mut trials: Vec<_> = by_themselves
        .cloned()
        .map(|example| Trial::test(example.name.clone(), move || check(&example)))
        .collect();
    trials.push(Trial::test("a pattern fits what it should", patterns_fit));
    trials
        .push(Trial::test("every source file is listed", move || every_file_is_listed(&examples)));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

#[derive(Clone, Debug)]
struct Example {
    name: String,
    path: String,
}

/// Those that the manifest lists.
fn examples() -> Vec<Example> {
    let manifest = std::fs::read_to_string(Path::new(FOLDER).join("Cargo.toml")).unwrap();
    let value = |table: &str, key| {
        let line = table.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim_matches([' ', '=', '"']).to_owned())
    };
    let tables = manifest.split("\n[").filter_map(|table| table.strip_prefix("[example]]"));
    tables
        .map(|table| {
            let example = value(table, "name").zip(value(table, "path"));
            let (name, path) = example.unwrap_or_else(|| panic!("no name or path in {table}"));
            Example { name, path }
        })
        .collect()
}

fn check(example: &Example) -> Result<(), Failed> {
    let source = std::fs::read_to_string(Path::new(FOLDER).join(&example.path))?;
    let expected = promised(&source).ok_or("it does not say at its top what it prints")?;
    let run = Program::new(&example.name).run(DEADLINE);
    if run.code != Some(0) || !run.stderr.is_empty() {
        return Err(format!("it ended with {:?} and says:\n{}", run.code, run.stderr).into());
    }
    let printed: Vec<_> = run.stdout.lines().collect();
    if !all_fit(&expected, &printed) {
        let expected = expected.join("\n");
        return Err(
            format!("it says that it prints\n{expected}\nbut it prints\n{}", run.stdout).into()
        );
    }
    Ok(())
}

/// The lines of the first block of text in the comment at the top.
fn promised(source: &str) -> Option<Vec<&str>> {
    let comment = source.lines().map_while(|line| line.strip_prefix("//!"));
    let mut lines = comment.map(|line| line.strip_prefix(' ').unwrap_or(line));
    lines.find(|line| *line == "```text")?;
    Some(lines.take_while(|line| *line != "```").collect())
}

/// Whether the lines are those of the pattern, in which `⋮` stands for any number of them.
fn all_fit(expected: &[&str], printed: &[&str]) -> bool {
    match (expected, printed) {
        ([], printed) => printed.is_empty(),
        (["⋮", rest @ ..], _) => (0..=printed.len()).any(|at| all_fit(rest, &printed[at..])),
        ([pattern, patterns @ ..], [line, lines @ ..]) => {
            fits(pattern, line) && all_fit(patterns, lines)
        }
        (_, []) => false,
    }
}

/// Whether `line` is `pattern`, in which `…` stands for anything.
fn fits(pattern: &str, line: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('…') else {
        return pattern == line;
    };
    let Some(line) = line.strip_prefix(start) else {
        return false;
    };
    line.char_indices().map(|(at, _)| at).chain([line.len()]).any(|at| fits(rest, &line[at..]))
}

fn patterns_fit() -> Result<(), Failed> {
    let cases = [
        ("abc", "abc", true),
        ("abc", "abcd", false),
        ("a…c", "abbc", true),
        ("a…c", "abbd", false),
        ("…, …", "1, 2", true),
        ("a…", "a", true),
        ("…é…", "né", true),
    ];
    for (pattern, line, expected) in cases {
        if fits(pattern, line) != expected {
            return Err(format!("{pattern} and {line}").into());
        }
    }
    let lines = ["a", "b", "b", "c"];
    for (expected, fits) in
        [(&["a", "⋮", "c"][..], true), (&["⋮"], true), (&["a", "⋮", "b"], false)]
    {
        if all_fit(expected, &lines) != fits {
            return Err(format!("{expected:?}").into());
        }
    }
    Ok(())
}

/// Examples are not found by themselves: one that nobody lists would never be built.
fn every_file_is_listed(examples: &[Example]) -> Result<(), Failed> {
    for folder in ["processes", "sharing", "queues", "connections", "pools", "facts"] {
        for entry in std::fs::read_dir(Path::new(FOLDER).join(folder))? {
            let path = format!("{folder}/{}", entry?.file_name().to_string_lossy());
            if !examples.iter().any(|example| example.path == path) {
                return Err(format!("{path} is not in Cargo.toml").into());
            }
        }
    }
    Ok(())
}
