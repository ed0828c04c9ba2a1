//! The engine by itself, under a front that knows only bytes: what a second front can rely on.
#![expect(clippy::unwrap_used, reason = "a test program")]

use libtest_mimic::{Arguments, Trial};
use polyproc_process::{
    Command, Deadline, ExitStatus, Front, Outcome, Phase, Signal, Stage, StartError, StartMethod,
    current, take_over,
};
use polyproc_testkit::Census;
use std::process::ExitCode;

static FRONT: Front = Front { run, preload: |_| Ok(()) };

/// The call is turned around; its first byte is the code to exit with.
fn run(call: &[u8]) -> Outcome {
    let report = call.iter().rev().copied().collect();
    Outcome { report, code: call.first().copied().unwrap_or(0).into() }
}

fn main() -> ExitCode {
    // Both must not matter for a child, which runs them, too.
    let early = StartMethod::ALL.map(|method| (method, command(method).start(b"").map(drop)));
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
    for method in StartMethod::ALL {
        let trial = |name: &str, test: fn(StartMethod)| {
            Trial::test(format!("{method}::{name}"), move || {
                // The fork server and the family's own descriptors come about with the first.
                command(method).start(b"").unwrap().wait(Deadline::NEVER).unwrap();
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
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn command(method: StartMethod) -> Command {
    let mut command = Command::default();
    command.method(method);
    command
}

fn bytes_in_bytes_out(method: StartMethod) {
    let child = command(method).start(&[7, 8, 9]).unwrap();
    let ending = child.wait(Deadline::NEVER).unwrap().unwrap();
    assert_eq!((ending.status, ending.phase), (ExitStatus::Exited(7), Phase::Ended));
    assert!(ending.usage.is_some());
    assert_eq!(child.take_report(), Some(vec![9, 8, 7]));
    assert_eq!((child.take_report(), child.is_taken()), (None, true));
}

fn an_empty_report_is_none(method: StartMethod) {
    let child = command(method).start(b"").unwrap();
    child.wait(Deadline::NEVER).unwrap();
    assert_eq!((child.take_report(), child.is_taken()), (None, false));
}

#[expect(unsafe_code, reason = "what is tested")]
fn a_forked_body_runs(_: StartMethod) {
    Command::check_single_threaded().unwrap();
    let secret = 42;
    let body = || Outcome { report: vec![secret], code: 0 };
    // SAFETY: checked above: there are no other threads.
    let child = unsafe { Command::default().fork(body) }.unwrap();
    child.wait(Deadline::NEVER).unwrap();
    assert_eq!(child.take_report(), Some(vec![42]));
}

/// Wherever it has come by then: it has ended by the signal, or was done.
fn killed_at_once(method: StartMethod) {
    for _ in 0..20 {
        let child = command(method).start(&[0]).unwrap();
        child.send_signal(Signal::KILL).unwrap();
        let ending = child.wait(Deadline::NEVER).unwrap().unwrap();
        let killed = ExitStatus::Signaled { signal: Signal::KILL, core_dumped: false };
        assert!(ending.status == killed || ending.status == ExitStatus::Exited(0), "{ending:?}");
        assert!(!ending.overdue);
    }
}
