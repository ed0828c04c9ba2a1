//! Every way in which a process ends, and what its parent learns.

use crate::{LONG, Test, sleep_for_ever, start};
use polyproc::prelude::*;
use polyproc::{ExitStatus, JoinError, Phase, RunState};
use polyproc_testkit::eventually;

pub(crate) const TESTS: &[Test] = &[
    ("a_panic_tells_message_place_and_stack", a_panic_tells_message_place_and_stack),
    ("any_panic_payload", any_panic_payload),
    ("exit_codes", exit_codes),
    ("signals", signals),
    ("a_crash_is_a_signal", a_crash_is_a_signal),
    ("terminate_kill_interrupt", terminate_kill_interrupt),
    ("signals_to_the_dead_do_nothing", signals_to_the_dead_do_nothing),
    ("states_from_outside", states_from_outside),
    ("what_it_cost", what_it_cost),
];

fn fail(text: String) -> u32 {
    panic!("no {text}")
}

fn a_panic_tells_message_place_and_stack(method: StartMethod) {
    let process = quiet(method, fail, "bread".into());
    let error = process.join().unwrap_err();
    let JoinError::Panicked { process: who, panic, status } = &error else { panic!("{error}") };
    assert_eq!((who.name.as_str(), who.pid), (process.name(), process.pid()));
    assert_eq!(panic.message, "no bread");
    assert!(panic.place.as_ref().unwrap().file.ends_with("endings.rs"));
    assert!(panic.backtrace.contains("fail"), "{}", panic.backtrace);
    assert_eq!(*status, ExitStatus::Exited(101));
    assert!(
        error
            .to_string()
            .starts_with(&format!("process '{}' (pid {}) panicked at ", who.name, who.pid))
    );
    assert!(error.to_string().ends_with(": no bread"), "{error}");
}

fn any_panic_payload(method: StartMethod) {
    let process = quiet(method, |()| -> u8 { std::panic::panic_any(7_u8) }, ());
    assert!(matches!(process.join(), Err(JoinError::Panicked { .. })));
}

/// Its panic message would only clutter the tests' output.
fn quiet<A, R>(method: StartMethod, function: fn(A) -> R, arguments: A) -> Process<R>
where
    A: serde::Serialize + serde::de::DeserializeOwned,
    R: serde::Serialize + serde::de::DeserializeOwned,
{
    let builder = polyproc::context(method).builder().stderr(Stdio::Null);
    builder.spawn(function, arguments).unwrap()
}

#[expect(clippy::disallowed_methods, clippy::exit, reason = "what is tested")]
fn exit(code: i32) {
    std::process::exit(code)
}

fn exit_codes(method: StartMethod) {
    for code in [0, 1, 3, 255] {
        let process = start(method, exit, code);
        let error = process.join().unwrap_err();
        assert!(matches!(error, JoinError::Exited { code: c, .. } if c == code), "{error}");
        assert_eq!(process.exit_code(), Some(code));
        assert_eq!(process.exit_status(), Some(ExitStatus::Exited(code)));
    }
}

fn signals(method: StartMethod) {
    for signal in
        [Signal::KILL, Signal::TERM, Signal::INT, Signal::USR1, Signal::from_number(40).unwrap()]
    {
        let process = start(method, sleep_for_ever, ());
        await_running(&process);
        process.send_signal(signal).unwrap();
        let error = process.join().unwrap_err();
        let JoinError::Signaled { signal: by, before_function, .. } = error else {
            panic!("{error}")
        };
        assert_eq!((by, before_function), (signal, false));
        assert_eq!(process.exit_code(), Some(-signal.number()));
    }
}

fn await_running<R>(process: &Process<R>) {
    let running = || (process.phase() == Phase::Running).then_some(());
    eventually(LONG, running).unwrap();
}

fn a_crash_is_a_signal(method: StartMethod) {
    let error = start(method, |()| -> () { std::process::abort() }, ()).join().unwrap_err();
    assert!(matches!(error, JoinError::Signaled { signal: Signal::ABRT, .. }), "{error}");
    let error = start(method, read_nothing, ()).join().unwrap_err();
    assert!(matches!(error, JoinError::Signaled { signal: Signal::SEGV, .. }), "{error}");
}

#[expect(unsafe_code, reason = "what is tested: an invalid access")]
fn read_nothing(_: ()) -> u8 {
    // SAFETY: none. It is the crash that is wanted, and volatile makes the access happen.
    unsafe { (0x10 as *const u8).read_volatile() }
}

fn terminate_kill_interrupt(method: StartMethod) {
    for signal in [Signal::TERM, Signal::KILL, Signal::INT] {
        let process = start(method, sleep_for_ever, ());
        assert!(process.is_alive());
        await_running(&process);
        match signal {
            Signal::TERM => process.terminate().unwrap(),
            Signal::KILL => process.kill().unwrap(),
            _ => process.interrupt().unwrap(),
        }
        assert_eq!(process.wait().unwrap(), ExitStatus::Signaled { signal, core_dumped: false });
        assert!(!process.is_alive());
    }
}

fn signals_to_the_dead_do_nothing(method: StartMethod) {
    let process = start(method, |()| (), ());
    process.join().unwrap();
    process.kill().unwrap();
    process.terminate().unwrap();
    assert_eq!(process.exit_code(), Some(0));
}

fn states_from_outside(method: StartMethod) {
    let process = start(method, sleep_for_ever, ());
    let await_state = |state| {
        eventually(LONG, || (process.state() == state).then_some(())).unwrap();
    };
    await_state(RunState::Sleeping);
    process.send_signal(Signal::STOP).unwrap();
    await_state(RunState::Stopped);
    assert!(process.is_alive());
    process.send_signal(Signal::CONT).unwrap();
    await_state(RunState::Sleeping);
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(process.state(), RunState::Gone);
}

fn what_it_cost(method: StartMethod) {
    fn work(megabytes: usize) -> usize {
        let memory = vec![1_u8; megabytes << 20];
        memory.iter().map(|&byte| byte as usize).sum()
    }
    let running = start(method, sleep_for_ever, ());
    assert_eq!(running.usage(), None, "not before its end");
    running.kill().unwrap();
    running.wait().unwrap();
    let process = start(method, work, 32);
    process.join().unwrap();
    let usage = process.usage().unwrap();
    assert!(usage.peak_memory >= 32 << 20, "{usage:?}");
    assert!(usage.user + usage.system > std::time::Duration::ZERO, "{usage:?}");
}
