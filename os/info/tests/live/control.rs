//! Changing and ending live processes.

use crate::actor::Actor;
use polyproc_info::{
    Attributes, End, EndStatus, Error, IoPriority, Limit, Process, Resource, Signal, State,
    wait_all,
};
use polyproc_testkit::eventually;
use std::process::Command;
use std::time::Duration;

crate::trials![
    priorities_and_limits_are_set,
    a_process_stops_goes_on_and_ends,
    waiting_ends_with_the_process_or_the_time,
    waiting_for_a_stranger,
    waiting_for_several,
    a_process_that_is_gone_takes_no_signal,
    families_are_found,
    an_interval_ends_with_the_process,
];

const PATIENCE: Duration = Duration::from_mins(1);

fn priorities_and_limits_are_set() {
    let actor = Actor::play("plain");
    let process = actor.process();
    process.set_nice(7).unwrap();
    assert_eq!(process.nice().unwrap(), 7);
    process.set_io_priority(IoPriority::BestEffort(6)).unwrap();
    assert_eq!(process.io_priority().unwrap(), IoPriority::BestEffort(6));
    process.set_io_priority(IoPriority::Idle).unwrap();
    assert_eq!(process.io_priority().unwrap().to_string(), "idle");
    let all = process.affinity().unwrap();
    process.set_affinity(&all[..1]).unwrap();
    assert_eq!(process.affinity().unwrap(), all[..1]);
    // At least those that it had: whoever started us may have been bound.
    process.clear_affinity().unwrap();
    let cleared = process.affinity().unwrap();
    assert!(all.iter().all(|processor| cleared.contains(processor)), "{cleared:?}");
    let limit = Limit { soft: Some(50), hard: Some(60) };
    process.set_limit(Resource::OpenFiles, limit).unwrap();
    assert_eq!(process.limit(Resource::OpenFiles).unwrap(), limit);
    let wrong = Limit { soft: Some(60), hard: Some(50) };
    assert!(matches!(process.set_limit(Resource::OpenFiles, wrong), Err(Error::Os { .. })));
    assert!(matches!(process.set_affinity(&[4000]), Err(Error::Os { .. })));
}

fn a_process_stops_goes_on_and_ends() {
    let actor = Actor::play("plain");
    let process = actor.process();
    let comes_to =
        |state| eventually(PATIENCE, || (process.state().unwrap() == state).then_some(()));
    process.suspend().unwrap();
    comes_to(State::Stopped).unwrap();
    process.resume().unwrap();
    comes_to(State::Sleeping).unwrap();
    process.terminate().unwrap();
    comes_to(State::Zombie).unwrap();
    // To a zombie a signal does nothing.
    process.kill().unwrap();
    let end = process.wait(None).unwrap().unwrap();
    assert_eq!(end.code(), Some(-Signal::TERM.number()));
    assert_eq!(end.to_string(), "SIGTERM");
}

fn waiting_ends_with_the_process_or_the_time() {
    let mut actor = Actor::play("exit 7");
    let process = actor.process();
    assert_eq!(process.wait(Some(Duration::ZERO)).unwrap(), None);
    assert_eq!(process.wait(Some(Duration::from_millis(30))).unwrap(), None);
    actor.release();
    assert_eq!(process.wait(Some(PATIENCE)).unwrap(), Some(End::Known(EndStatus::Exited(7))));
    // It is gone now, and nobody knows.
    assert_eq!(process.wait(None).unwrap(), Some(End::Unknown));
    let own = Process::current().unwrap();
    assert!(own.wait(None).is_err() && wait_all(&[own], None, |_, _| {}).is_err());
}

/// Somebody else's child: its end is seen, and on new kernels also how.
fn waiting_for_a_stranger() {
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec 2>/dev/null; sleep 1000 & echo ready; echo $!; wait $!; echo reaped"]);
    let mut shell = Actor::start(command);
    let pid = shell.line().parse().unwrap();
    let process = Process::new(pid).unwrap();
    assert_eq!(process.parent().unwrap(), Some(shell.process()));
    process.kill().unwrap();
    let end = process.wait(Some(PATIENCE)).unwrap().unwrap();
    let killed = EndStatus::Signaled { signal: Signal::KILL, core_dumped: false };
    assert!(matches!(end, End::Unknown) || end == End::Known(killed), "{end:?}");
    assert!(shell.rest().contains("reaped"), "the parent alone has reaped it");
}

fn waiting_for_several() {
    let mut actors: Vec<_> = (0..4).map(|_| Actor::play("exit 7")).collect();
    let processes: Vec<_> = actors.iter().map(Actor::process).collect();
    processes[1].kill().unwrap();
    actors[3].release();
    let mut ends = Vec::new();
    let mut waited =
        wait_all(&processes[1..2], Some(PATIENCE), |one, end| ends.push((one.pid(), end.code())))
            .unwrap();
    assert_eq!((waited.gone.len(), waited.alive.len()), (1, 0));
    let twice = [&processes[2..], &processes[2..]].concat();
    let is_done = || {
        waited = wait_all(&twice, Some(Duration::from_millis(20)), |one, end| {
            ends.push((one.pid(), end.code()));
        })
        .unwrap();
        (ends.len() == 2).then_some(())
    };
    eventually(PATIENCE, is_done).unwrap();
    assert_eq!(waited.alive, [processes[2].clone()]);
    assert_eq!(ends, [(processes[1].pid(), Some(-9)), (processes[3].pid(), Some(7))]);
}

fn a_process_that_is_gone_takes_no_signal() {
    let mut actor = Actor::play("plain");
    let process = actor.process();
    actor.release();
    actor.reap();
    for result in [process.kill(), process.terminate(), process.set_nice(0), process.suspend()] {
        assert!(matches!(result, Err(Error::Gone { .. })), "{result:?}");
    }
    assert!(process.facts(Attributes::ALL).is_err() && process.children(true).is_err());
    assert!(process.to_string().contains(&process.pid().to_string()));
}

fn families_are_found() {
    let mut command = Command::new("sh");
    command.args(["-c", "sh -c 'sleep 1000 & echo ready; wait' & wait"]);
    let shell = Actor::start(command);
    let process = shell.process();
    let children = process.children(true).unwrap();
    assert_eq!((process.children(false).unwrap().len(), children.len()), (1, 2), "{children:?}");
    let sleep = children.last().unwrap();
    let is_sleep = || (sleep.name().unwrap() == "sleep").then_some(());
    eventually(PATIENCE, is_sleep).unwrap();
    assert!(sleep.parents().unwrap().starts_with(&[children[0].clone(), process.clone()]));
    assert_eq!(process.parent().unwrap(), Some(Process::current().unwrap()));
}

fn an_interval_ends_with_the_process() {
    let mut actor = Actor::play("plain");
    let process = actor.process();
    assert!(process.cpu_percent(Duration::from_millis(50)).unwrap() >= 0.0);
    actor.release();
    // With a zombie's last times, or with nobody's.
    drop(process.cpu_percent(Duration::from_hours(1)));
    actor.reap();
}
