//! The engine by itself, under a front that knows only bytes: what a second front can rely on.
#![expect(clippy::unwrap_used, reason = "a test program")]

use libtest_mimic::{Arguments, Trial};
use polyproc_process::{
    Call, Command, Deadline, ExitStatus, Front, Outcome, Payload, Phase, Signal, Stage, StartError,
    StartMethod, arena, current, receive, take_over,
};
use polyproc_sync::Kind;
use polyproc_testkit::Census;
use std::fs::File;
use std::io::{Read, Write};
use std::process::ExitCode;

static FRONT: Front = Front { run, preload: |_| Ok(()) };

/// The call is turned around, with its handles; its first byte is the code to exit with. What its
/// descriptors lead to is told that.
fn run(call: Call) -> Outcome {
    for descriptor in call.descriptors {
        File::from(descriptor).write_all(&call.message.body).unwrap();
    }
    let handles = receive(&call.message).unwrap();
    let parcels = handles.iter().rev().map(|handle| handle.send().unwrap()).collect();
    let code = call.message.body.first().copied().unwrap_or(0).into();
    let body = call.message.body.iter().rev().copied().collect();
    Outcome { report: Payload { body, parcels }, code }
}

fn main() -> ExitCode {
    // Both must not matter for a child, which runs them, too.
    let early =
        StartMethod::ALL.map(|method| (method, command(method).start(Vec::new()).map(drop)));
    let founder = current().map(|current| current.name);
    take_over(&FRONT, Stage::Main);

    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let mut trials = vec![Trial::test("nothing_starts_before_take_over", move || {
        for (method, result) in early {
            assert!(matches!(result, Err(StartError::NotInitialized)), "{method}: {result:?}");
        }
        assert_eq!(founder.unwrap(), "MainProcess");
        Ok(())
    })];
    trials.push(Trial::test("joined_threads_are_no_reason_to_refuse_a_fork", || {
        joined_threads_are_no_reason_to_refuse_a_fork();
        Ok(())
    }));
    for method in StartMethod::ALL {
        let trial = |name: &str, test: fn(StartMethod)| {
            Trial::test(format!("{method}::{name}"), move || {
                // The fork server and the family's own descriptors come about with the first.
                command(method).start(Vec::new()).unwrap().wait(Deadline::NEVER).unwrap();
                arena().unwrap();
                let before = Census::take();
                test(method);
                before.assert_same();
                Ok(())
            })
        };
        trials.push(trial("bytes_in_bytes_out", bytes_in_bytes_out));
        trials.push(trial("an_empty_report_is_none", an_empty_report_is_none));
        trials.push(trial("a_forked_body_runs", a_forked_body_runs));
        trials.push(trial("killed_at_once", killed_at_once));
        trials.push(trial("descriptors_travel_with_the_call", descriptors_travel_with_the_call));
        trials.push(trial("handles_go_there_and_back", handles_go_there_and_back));
        trials.push(trial("a_death_gives_handles_back", a_death_gives_handles_back));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn command(method: StartMethod) -> Command {
    let mut command = Command::default();
    command.method(method);
    command
}

/// They have left, and may still be on their way out of the kernel's count.
fn joined_threads_are_no_reason_to_refuse_a_fork() {
    for _ in 0..3000 {
        std::thread::spawn(|| ()).join().unwrap();
        Command::check_single_threaded().unwrap();
    }
}

fn bytes_in_bytes_out(method: StartMethod) {
    let child = command(method).start(vec![7, 8, 9]).unwrap();
    let ending = child.wait(Deadline::NEVER).unwrap().unwrap();
    assert_eq!((ending.status, ending.phase), (ExitStatus::Exited(7), Phase::Ended));
    assert!(ending.usage.is_some());
    assert_eq!(*child.take_report().unwrap().body, [9, 8, 7]);
    assert!(child.take_report().is_none() && child.is_taken());
}

fn an_empty_report_is_none(method: StartMethod) {
    let child = command(method).start(Vec::new()).unwrap();
    child.wait(Deadline::NEVER).unwrap();
    assert!(child.take_report().is_none() && !child.is_taken());
}

#[expect(unsafe_code, reason = "what is tested")]
fn a_forked_body_runs(_: StartMethod) {
    Command::check_single_threaded().unwrap();
    let secret = 42;
    let body = || Outcome { report: vec![secret].into(), code: 0 };
    // SAFETY: checked above: there are no other threads.
    let child = unsafe { Command::default().fork(body) }.unwrap();
    child.wait(Deadline::NEVER).unwrap();
    assert_eq!(*child.take_report().unwrap().body, [42]);
}

/// Wherever it has come by then: it has ended by the signal, or was done.
fn killed_at_once(method: StartMethod) {
    for _ in 0..20 {
        let child = command(method).start(vec![0]).unwrap();
        child.send_signal(Signal::KILL).unwrap();
        let ending = child.wait(Deadline::NEVER).unwrap().unwrap();
        let killed = ExitStatus::Signaled { signal: Signal::KILL, core_dumped: false };
        assert!(ending.status == killed || ending.status == ExitStatus::Exited(0), "{ending:?}");
        assert!(!ending.overdue);
    }
}

/// Beside a small call and a large one, which has a descriptor of its own.
fn descriptors_travel_with_the_call(method: StartMethod) {
    for len in [1, 100_000] {
        let mut command = command(method);
        let pipes: Vec<_> =
            (0..Command::MOST_DESCRIPTORS).map(|_| std::io::pipe().unwrap()).collect();
        let mut readers = Vec::new();
        for (reader, writer) in pipes {
            command.descriptor(writer.into());
            readers.push(reader);
        }
        let call = vec![0; len];
        let child = command.start(call.clone()).unwrap();
        // Now the child has the only copies: end-of-file comes with its end.
        drop(command);
        for mut reader in readers {
            let mut told = Vec::new();
            reader.read_to_end(&mut told).unwrap();
            assert!(told == call);
        }
        child.wait(Deadline::NEVER).unwrap();
    }
    let mut command = command(method);
    for _ in 0..=Command::MOST_DESCRIPTORS {
        command.descriptor(File::open("/dev/null").unwrap().into());
    }
    let refused = command.start(Vec::new());
    assert!(matches!(refused, Err(StartError::Descriptors { given: 7, most: 6 })), "{refused:?}");
}

/// How many objects and handles in messages there are.
fn held() -> (u64, usize) {
    let stats = arena().unwrap().stats();
    (stats.objects, stats.parcels)
}

fn handles_go_there_and_back(method: StartMethod) {
    let before = held();
    let handles = [1, 2].map(|len| arena().unwrap().allocate(len, Kind::Bytes).unwrap());
    let parcels = || handles.iter().map(|handle| handle.send().unwrap()).collect();
    let child = command(method).start(Payload { body: vec![0], parcels: parcels() }).unwrap();
    child.wait(Deadline::NEVER).unwrap();
    let back = receive(&child.take_report().unwrap()).unwrap();
    assert_eq!(back.iter().map(polyproc_shm::Handle::len).collect::<Vec<_>>(), [2, 1]);
    drop(child);
    // A report that nobody reads.
    let child = command(method).start(Payload { body: vec![0], parcels: parcels() }).unwrap();
    child.wait(Deadline::NEVER).unwrap();
    assert_eq!(held(), (before.0 + 2, before.1 + 2));
    drop((child, handles, back));
    assert_eq!(held(), before);
}

/// Wherever it has come by then.
fn a_death_gives_handles_back(method: StartMethod) {
    let before = held();
    for _ in 0..20 {
        let handle = arena().unwrap().allocate(10, Kind::Bytes).unwrap();
        let parcels = vec![handle.send().unwrap(), handle.send().unwrap()];
        let child = command(method).start(Payload { body: vec![0], parcels }).unwrap();
        child.send_signal(Signal::KILL).unwrap();
        child.wait(Deadline::NEVER).unwrap();
    }
    assert_eq!(held(), before);
    // Nor does one that does not start leave anything.
    let mut refused = command(method);
    refused.env("=".into(), Some("1".into()));
    let handle = arena().unwrap().allocate(10, Kind::Bytes).unwrap();
    let parcels = vec![handle.send().unwrap()];
    assert!(refused.start(Payload { body: Vec::new(), parcels }).is_err());
    drop(handle);
    assert_eq!(held(), before);
}
