//! Processes that come and go while they are looked at: whatever the moment, no error leaks out.

use polyproc_info::{Attributes, Error, Kinds, Monitor, Process, System};
use polyproc_testkit::eventually;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

crate::trials![lists_in_a_storm_of_forks, questions_in_a_storm_of_forks];

/// How long each part goes on: some hundred processes live and die in that time.
const DURATION: Duration = Duration::from_secs(2);

/// Runs `look` again and again while two threads start processes that end at once, and are left as
/// zombies for a while; at least until it says that it has seen enough.
fn in_a_storm(mut look: impl FnMut() -> bool) {
    let is_over = AtomicBool::new(false);
    let blow = || {
        while !is_over.load(Ordering::Relaxed) {
            let start = |_| Command::new("true").stdin(Stdio::null()).spawn().unwrap();
            let zombies: Vec<_> = (0..20).map(start).collect();
            for mut child in zombies {
                drop(child.wait());
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(blow);
        scope.spawn(blow);
        let started = Instant::now();
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            while !look() || started.elapsed() < DURATION {}
        }));
        is_over.store(true, Ordering::Relaxed);
        looked.unwrap();
    });
}

fn lists_in_a_storm_of_forks() {
    let system = System::new();
    let mut monitor = Monitor::new(&system, Attributes::TABLE | Attributes::IO).unwrap();
    // One of them is a zombie all the time.
    let mut child = Command::new("true").spawn().unwrap();
    let zombie = Process::new(child.id()).unwrap();
    let is_zombie = || zombie.facts(Attributes::NONE).unwrap().stat.is_zombie().then_some(());
    eventually(Duration::from_mins(1), is_zombie).unwrap();
    in_a_storm(|| {
        let snapshot = system.snapshot(Attributes::ALL).unwrap();
        assert!(snapshot.hidden.is_empty() || !crate::actor::is_superuser());
        let myself = std::process::id();
        assert!(
            snapshot.get(myself).is_some(),
            "{myself} is not among {:?}; it is listed now: {}; alone: {:?}",
            snapshot.processes.iter().map(|facts| facts.pid).collect::<Vec<_>>(),
            system.pids().unwrap().contains(&myself),
            Process::current().and_then(|process| process.facts(Attributes::ALL)).map(drop),
        );
        monitor.tick().unwrap();
        assert!(monitor.rows().any(|row| row.facts.pid == std::process::id()));
        system.connections(Kinds::ALL).unwrap();
        assert!(snapshot.get(zombie.pid()).unwrap().stat.is_zombie());
        true
    });
    child.wait().unwrap();
}

/// What each question may answer about a process that is about to end.
fn questions_in_a_storm_of_forks() {
    let system = System::new();
    let is_fine = |error: &Error| {
        matches!(error, Error::Gone { .. } | Error::Zombie { .. } | Error::Denied { .. })
    };
    let mut answers = 0;
    in_a_storm(|| {
        for pid in system.pids().unwrap().into_iter().rev().take(5) {
            let Ok(process) = Process::new(pid) else { continue };
            let results = [
                process.name().map(drop),
                process.exe().map(drop),
                process.environment().map(drop),
                process.memory_maps().map(drop),
                process.open_files().map(drop),
                process.connections(Kinds::ALL).map(drop),
                process.connections(Kinds::INET).map(drop),
                process.threads().map(drop),
                process.io_counters().map(drop),
                process.io_priority().map(drop),
                process.parents().map(drop),
                process.children(true).map(drop),
                process.cgroups().map(drop),
            ];
            for error in results.iter().filter_map(|result| result.as_ref().err()) {
                assert!(is_fine(error), "{error}");
            }
            answers += results.iter().filter(|result| result.is_ok()).count();
        }
        answers > 0
    });
}
