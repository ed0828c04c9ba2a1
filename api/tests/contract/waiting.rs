//! Waiting, with and without an end.

use crate::{LONG, Test, sleep_for_ever, start};
use polyproc::JoinError;
use polyproc::prelude::*;
use std::time::{Duration, Instant};

pub(crate) const TESTS: &[Test] = &[
    ("a_timeout_leaves_it_running", a_timeout_leaves_it_running),
    ("try_join_does_not_wait", try_join_does_not_wait),
    ("join_in_any_order", join_in_any_order),
    ("wait_any_finds_the_first", wait_any_finds_the_first),
    ("wait_any_knows_the_end", wait_any_knows_the_end),
    ("a_dropped_process_runs_on_and_leaves_nothing", a_dropped_process_runs_on),
    ("active_children_are_those_that_run", active_children_are_those_that_run),
    ("a_report_waits_for_its_reader", a_report_waits_for_its_reader),
];

fn a_timeout_leaves_it_running(method: StartMethod) {
    let process = start(method, sleep_for_ever, ());
    let error = process.join_timeout(Duration::from_millis(5)).unwrap_err();
    assert!(matches!(error, JoinError::TimedOut { .. }), "{error}");
    let error = process.join_deadline(Instant::now()).unwrap_err();
    assert!(matches!(error, JoinError::TimedOut { .. }), "{error}");
    assert_eq!(process.wait_timeout(Duration::ZERO).unwrap(), None);
    assert!(process.is_alive());
    assert_eq!(process.exit_code(), None);
    process.kill().unwrap();
    assert!(matches!(process.join_timeout(LONG), Err(JoinError::Signaled { .. })));
}

fn try_join_does_not_wait(method: StartMethod) {
    let process = start(method, sleep_for_ever, ());
    assert!(process.try_join().unwrap().is_none());
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(matches!(process.try_join(), Err(JoinError::Signaled { .. })));
    let process = start(method, |()| 5, ());
    process.wait().unwrap();
    assert_eq!(process.try_join().unwrap(), Some(5));
}

fn join_in_any_order(method: StartMethod) {
    let processes: Vec<_> =
        (0..5).map(|number: u32| start(method, |n: u32| n + 1, number)).collect();
    for (number, process) in processes.iter().enumerate().rev() {
        assert_eq!(process.join().unwrap(), number as u32 + 1);
    }
}

fn wait_any_finds_the_first(method: StartMethod) {
    let processes = [start(method, sleep_for_ever, ()), start(method, |()| (), ())];
    assert_eq!(polyproc::wait_any(&processes).unwrap(), 1);
    let waited = polyproc::wait_any_timeout(&processes[..1], Duration::from_millis(2));
    assert_eq!(waited.unwrap(), None);
    processes[0].kill().unwrap();
    assert_eq!(polyproc::wait_any(&processes[..1]).unwrap(), 0);
    processes[0].wait().unwrap();
    processes[1].join().unwrap();
    let none: [Handle; 0] = [];
    assert!(polyproc::wait_any(&none).is_err());
}

fn wait_any_knows_the_end(method: StartMethod) {
    for _ in 0..100 {
        let processes = [start(method, |()| 3, ())];
        assert_eq!(polyproc::wait_any(&processes).unwrap(), 0);
        assert!(!processes[0].is_alive() && processes[0].usage().is_some());
        assert_eq!(processes[0].try_join().unwrap(), Some(3));
    }
}

/// The census after the test finds what is left.
fn a_dropped_process_runs_on(method: StartMethod) {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let builder = polyproc::context(method).builder().stdout(Stdio::To(writer.into()));
    drop(builder.spawn(|()| println!("done"), ()).unwrap());
    let mut text = String::new();
    std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
    assert_eq!(text, "done\n");
    start(method, |()| (), ()).join().unwrap();
}

fn active_children_are_those_that_run(method: StartMethod) {
    let process = start(method, sleep_for_ever, ());
    let ended = start(method, |()| (), ());
    ended.join().unwrap();
    let active = polyproc::active_children();
    assert_eq!(active.len(), 1);
    assert_eq!((active[0].pid(), active[0].name()), (process.pid(), process.name()));
    active[0].kill().unwrap();
    active[0].wait().unwrap();
    assert!(polyproc::active_children().is_empty());
}

fn a_report_waits_for_its_reader(method: StartMethod) {
    let process = start(method, |len: usize| "x".repeat(len), 50 << 20);
    process.wait().unwrap();
    assert_eq!(process.join().unwrap().len(), 50 << 20);
}
