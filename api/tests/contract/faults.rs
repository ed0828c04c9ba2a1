//! Hard places: limits, wrong programs, missing streams, rains of signals.

use crate::subject::{command, command_under};
use crate::{LONG, Test, sleep_for_ever, start};
use polyproc::prelude::*;
use polyproc::{JoinError, StartError};
use polyproc_testkit::run_with_deadline;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio as StdStdio;
use std::time::Duration;

pub(crate) const TESTS: &[Test] = &[
    ("forking_with_threads_is_refused", forking_with_threads_is_refused),
    ("a_fork_may_capture", a_fork_may_capture),
    ("a_copy_leaves_its_parents_children_alone", a_copy_leaves_its_parents_children_alone),
    ("a_missing_program", a_missing_program),
    ("a_wrong_program", a_wrong_program),
    ("a_program_that_never_comes_to_init", a_program_that_never_comes_to_init),
    ("out_of_processes", out_of_processes),
    ("out_of_descriptors", out_of_descriptors),
    ("out_of_descriptors_for_pools", out_of_descriptors_for_pools),
    ("without_streams", without_streams),
    ("with_sigchld_ignored", with_sigchld_ignored),
    ("in_a_storm_of_signals", in_a_storm_of_signals),
    ("from_a_gigabyte", from_a_gigabyte),
    ("two_hundred_at_once", two_hundred_at_once),
    ("from_many_threads", from_many_threads),
];

fn forking_with_threads_is_refused(_: StartMethod) {
    let (bell, ringer) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || ringer.recv());
        let error = polyproc::fork(|| ()).unwrap_err();
        assert!(matches!(error, SpawnError::Start(StartError::Threads { others: 1 })), "{error}");
        let error = polyproc::context(StartMethod::Fork).spawn(|()| (), ()).unwrap_err();
        assert!(error.to_string().contains("1 other thread"), "{error}");
        drop(bell);
    });
}

fn a_fork_may_capture(_: StartMethod) {
    let mut number = 20;
    let process = polyproc::fork(|| {
        number += 22;
        number
    });
    assert_eq!(process.unwrap().join().unwrap(), 42);
    assert_eq!(number, 20, "what the copy changes stays its own");
}

fn a_copy_leaves_its_parents_children_alone(method: StartMethod) {
    let running = start(method, sleep_for_ever, ());
    let ended = start(method, |()| 5, ());
    ended.wait().unwrap();
    let copy = polyproc::fork(|| {
        let not_ours = matches!(running.join(), Err(JoinError::NotOurs { .. }));
        let is_seen = running.is_alive() && !ended.is_alive() && ended.try_join().is_err();
        (not_ours, is_seen, polyproc::active_children().len())
    });
    assert_eq!(copy.unwrap().join().unwrap(), (true, true, 0));
    assert!(running.is_alive());
    assert_eq!(ended.join().unwrap(), 5);
    running.kill().unwrap();
    running.wait().unwrap();
}

/// Runs `test` with `program` executed instead of this program, under a fork server of its own.
fn with_executable(program: &str, test: impl FnOnce()) {
    polyproc::set_executable(Some(program.into()));
    test();
    polyproc::set_executable(None);
}

fn a_missing_program(method: StartMethod) {
    if method == StartMethod::Spawn {
        with_executable("/no/such/program", || {
            let error = polyproc::context(method).spawn(|()| (), ()).unwrap_err();
            assert!(matches!(error, SpawnError::Start(StartError::Exec { .. })), "{error}");
            assert!(error.to_string().contains("(/no/such/program)"), "{error}");
        });
    }
}

fn a_wrong_program(method: StartMethod) {
    if method == StartMethod::Spawn {
        with_executable("/bin/false", || {
            let error = start(method, |()| (), ()).join().unwrap_err();
            assert!(matches!(error, JoinError::NotStarted { .. }), "{error}");
            assert!(error.to_string().contains("exited with code 1 before"), "{error}");
        });
    }
}

fn a_program_that_never_comes_to_init(method: StartMethod) {
    if method == StartMethod::Spawn {
        let script = std::env::temp_dir().join(format!("polyproc-idle-{}", std::process::id()));
        std::fs::write(&script, "#!/bin/sh\nexec sleep 1000\n").unwrap();
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        with_executable(script.to_str().unwrap(), || {
            let timeout = Duration::from_millis(30);
            let builder = polyproc::context(method).builder().start_timeout(timeout);
            let process = builder.spawn(|()| (), ()).unwrap();
            // Whoever waits gives it up.
            assert_eq!(polyproc::wait_any(&[&process]).unwrap(), 0);
            let error = process.join().unwrap_err();
            assert!(matches!(error, JoinError::NotStarted { .. }), "{error}");
            assert!(error.to_string().contains("start timeout"), "{error}");
        });
        std::fs::remove_file(script).unwrap();
    }
}

fn out_of_processes(method: StartMethod) {
    // The limit does not hold for root, so it has to be somebody else (as whom nobody else runs).
    let prefix =
        ["setpriv", "--reuid=64321", "--regid=64321", "--clear-groups", "prlimit", "--nproc=4"];
    let mut subject = command_under(&prefix, "until refused", method);
    subject.current_dir("/");
    let output = run_with_deadline(subject, LONG);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("a limit on the number of processes is reached"), "{output:?}");
    assert!(output.status.success(), "{output:?}");
}

fn out_of_descriptors(method: StartMethod) {
    // Each limit runs out at another step of a start.
    for limit in 40..48 {
        let limit = format!("--nofile={limit}");
        let subject = command_under(&["prlimit", &limit], "until refused", method);
        let output = run_with_deadline(subject, LONG);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("too many open files") && text.contains("ulimit -n"), "{output:?}");
        assert!(output.status.success(), "{output:?}");
    }
}

fn out_of_descriptors_for_pools(method: StartMethod) {
    let subject = command_under(&["prlimit", "--nofile=60"], "pools until refused", method);
    let output = run_with_deadline(subject, LONG);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("too many open files") && text.contains("ulimit -n"), "{output:?}");
}

fn without_streams(method: StartMethod) {
    let prefix = ["sh", "-c", "exec \"$0\" <&- >&- 2>&-"];
    let output = run_with_deadline(command_under(&prefix, "square", method), LONG);
    assert!(output.status.success(), "{output:?}");
}

fn with_sigchld_ignored(method: StartMethod) {
    let prefix = ["sh", "-c", "trap '' CHLD; exec \"$0\""];
    let output = run_with_deadline(command_under(&prefix, "square", method), LONG);
    assert!(output.status.success(), "{output:?}");
}

fn in_a_storm_of_signals(method: StartMethod) {
    let mut subject = command("storm", method).stdout(StdStdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(subject.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let pid = polyproc_testkit::process::facts(subject.id()).unwrap();
    let storm = || {
        pid.signal(Signal::USR1);
        subject.try_wait().unwrap()
    };
    let status = polyproc_testkit::eventually(LONG, storm).unwrap();
    assert!(status.success(), "{status}");
}

fn from_a_gigabyte(method: StartMethod) {
    let output = run_with_deadline(command("big", method), LONG);
    assert!(output.status.success(), "{output:?}");
}

fn two_hundred_at_once(method: StartMethod) {
    let processes: Vec<_> = (0..200).map(|number: u32| start(method, |n: u32| n, number)).collect();
    for (number, process) in processes.iter().enumerate() {
        assert_eq!(process.join().unwrap(), number as u32);
    }
    let idle: Vec<_> = (0..100).map(|_| start(method, sleep_for_ever, ())).collect();
    for process in &idle {
        process.kill().unwrap();
    }
    for process in &idle {
        assert!(matches!(process.join(), Err(JoinError::Signaled { signal: Signal::KILL, .. })));
    }
}

fn from_many_threads(method: StartMethod) {
    if method == StartMethod::Fork {
        return;
    }
    let work = || {
        for number in 0..10_u32 {
            assert_eq!(start(method, |n: u32| n * 2, number).join().unwrap(), number * 2);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(work);
        }
    });
}
