//! What becomes of a family when one of its members ends, in whatever way.

use crate::subject::command;
use crate::{LONG, Test, sleep_for_ever};
use polyproc::prelude::*;
use polyproc_testkit::{eventually, process, run_with_deadline};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio as StdStdio};

pub(crate) const TESTS: &[Test] = &[
    ("a_killed_parent_takes_its_family_along", a_killed_parent_takes_its_family_along),
    ("a_killed_child_takes_its_children_along", a_killed_child_takes_its_children_along),
    ("a_survivor_survives", a_survivor_survives),
    ("main_waits_for_children_and_ends_daemons", main_waits_for_children_and_ends_daemons),
    ("a_panicking_main_ends_its_daemons", a_panicking_main_ends_its_daemons),
    ("a_killed_fork_server_is_replaced", a_killed_fork_server_is_replaced),
    ("preloaded_values_are_shared", preloaded_values_are_shared),
    ("a_preload_that_fails_says_so", a_preload_that_fails_says_so),
];

pub(crate) fn await_end(pid: u32) {
    let ended = || process::facts(pid).is_none_or(|facts| facts.is_zombie()).then_some(());
    assert!(eventually(LONG, ended).is_some(), "still there: {:?}", process::facts(pid));
}

fn pids(lines: &str) -> Vec<u32> {
    lines.lines().filter_map(|line| line.parse().ok()).filter(|&pid| pid != 0).collect()
}

fn a_killed_parent_takes_its_family_along(method: StartMethod) {
    let mut subject = command("tree", method).stdout(StdStdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(subject.stdout.take().unwrap());
    let mut text = String::new();
    while !(text.contains("ready") && pids(&text).len() >= 5) {
        assert_ne!(output.read_line(&mut text).unwrap(), 0, "{text}");
    }
    subject.kill().unwrap();
    subject.wait().unwrap();
    for pid in pids(&text) {
        await_end(pid);
    }
    // Nobody holds its output open either.
    output.read_to_string(&mut text).unwrap();
}

fn a_killed_child_takes_its_children_along(method: StartMethod) {
    let (reader, writer) = std::io::pipe().unwrap();
    let parent = |()| {
        println!("{}", polyproc::spawn(sleep_for_ever, ()).unwrap().pid());
        sleep_for_ever(());
    };
    let builder = polyproc::context(method).builder().stdout(Stdio::To(writer.into()));
    let process = builder.spawn(parent, ()).unwrap();
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line).unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    await_end(pids(&line)[0]);
}

fn a_survivor_survives(method: StartMethod) {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let builder = polyproc::context(method).builder().stdout(Stdio::To(writer.into()));
    let process = builder.spawn(start_survivor, ()).unwrap();
    process.join().unwrap_err();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "survived: true\n");
}

fn parent_gone(parent: &polyproc::Parent) {
    let gone = || (!parent.is_alive()).then_some(());
    eventually(LONG, gone).unwrap();
}

/// Starts a process that outlives this one, which then ends without saying goodbye.
fn start_survivor(_: ()) {
    let outlive = |()| {
        let parent = polyproc::parent().unwrap();
        parent_gone(&parent);
        println!("survived: true");
    };
    let builder = Process::builder().on_parent_death(OnParentDeath::Survive);
    let survivor = builder.spawn(outlive, ()).unwrap();
    assert!(survivor.is_alive());
    std::process::abort();
}

fn main_waits_for_children_and_ends_daemons(method: StartMethod) {
    let output = run(command("farewell", method));
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("main ends\n") && text.contains("the other has ended\n"), "{text}");
    await_end(pids(&text)[0]);
}

fn a_panicking_main_ends_its_daemons(method: StartMethod) {
    let output = run(command("panicking main", method));
    assert_eq!(output.status.code(), Some(101), "{output:?}");
    await_end(pids(&String::from_utf8(output.stdout).unwrap())[0]);
}

fn run(command: Command) -> Output {
    run_with_deadline(command, LONG)
}

fn a_killed_fork_server_is_replaced(method: StartMethod) {
    if method == StartMethod::ForkServer {
        let output = run(command("killed server", method));
        assert!(output.status.success(), "{output:?}");
    }
}

fn preloaded_values_are_shared(method: StartMethod) {
    if method == StartMethod::ForkServer {
        let output = run(command("preload", method));
        assert!(output.status.success(), "{output:?}");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "loaded once: true\nthe fork server runs already (pid NNNN): preload before the first \
             process starts\n"
                .replace("NNNN", &"N".repeat(pid_width(&output)))
        );
    }
}

fn pid_width(output: &Output) -> usize {
    String::from_utf8_lossy(&output.stdout).matches('N').count()
}

fn a_preload_that_fails_says_so(method: StartMethod) {
    if method == StartMethod::ForkServer {
        let output = run(command("bad preload", method));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let expected = "cannot start a process: the fork server ended before it made the process: \
                        a preloaded function panicked at ";
        assert!(text.starts_with(expected) && text.ends_with("no model\n"), "{output:?}");
    }
}
