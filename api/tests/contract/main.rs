//! What holds for every process, by every start method: one body of tests, run for each.
//!
//! The harness runs on the main thread and starts none, so that `fork` is allowed here.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::needless_pass_by_value,
    reason = "a test program"
)]

mod connections;
mod endings;
mod families;
mod faults;
mod futures;
mod pool_calls;
mod pools;
mod pools_ending;
mod pools_large;
mod queue_forms;
mod queues;
mod regressions;
mod settings;
mod sharing;
mod subject;
mod values;
mod waiting;

use libtest_mimic::{Arguments, Failed, Trial};
use polyproc::prelude::*;
use polyproc_testkit::{Census, eventually};
use std::process::ExitCode;
use std::time::Duration;

/// Longer than anything here takes, on any machine: only a hang gets there.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// A test for one start method.
pub(crate) type Test = (&'static str, fn(StartMethod));

fn main() -> ExitCode {
    subject::before_init();
    polyproc::init();
    if let Some(name) = std::env::var_os("CONTRACT_SUBJECT") {
        return subject::run(&name.to_string_lossy());
    }
    polyproc_testkit::heed_interrupts();
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let tests = [
        values::TESTS,
        endings::TESTS,
        waiting::TESTS,
        settings::TESTS,
        families::TESTS,
        sharing::TESTS,
        queues::TESTS,
        queue_forms::TESTS,
        futures::TESTS,
        pools::TESTS,
        pool_calls::TESTS,
        pools_ending::TESTS,
        pools_large::TESTS,
        connections::TESTS,
        faults::TESTS,
        regressions::TESTS,
    ];
    let trials = StartMethod::ALL
        .into_iter()
        .flat_map(|method| tests.concat().into_iter().map(move |test| trial(method, test)))
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(method: StartMethod, (name, test): Test) -> Trial {
    Trial::test(format!("{method}::{name}"), move || {
        // Threads of the test before may be on their way out, and the fork server, the reaper and the family's own
        // descriptors come about when needed.
        let first = || polyproc::context(method).spawn(sleep_for_ever, ()).ok();
        let process = eventually(LONG, first).unwrap_or_else(|| start(method, sleep_for_ever, ()));
        let handle = process.handle().clone();
        drop(process);
        handle.kill()?;
        handle.wait()?;
        drop(handle);
        // As is the arena.
        polyproc::arena_stats()?;
        let before = Census::take();
        polyproc::set_start_method(method);
        test(method);
        drop(polyproc::active_children());
        match before.lasting_leaks(Census::PATIENCE).as_slice() {
            [] => Ok(()),
            leaks => Err(Failed::from(format!("left behind: {leaks:#?}"))),
        }
    })
}

/// Starts a process by one method.
pub(crate) fn start<A, R>(method: StartMethod, function: fn(A) -> R, arguments: A) -> Process<R>
where
    A: serde::Serialize + serde::de::DeserializeOwned,
    R: serde::Serialize + serde::de::DeserializeOwned,
{
    polyproc::context(method).spawn(function, arguments).unwrap()
}

#[expect(clippy::infinite_loop, reason = "the type of a function that returns is wanted")]
/// A child's function that ends only when somebody ends it.
pub(crate) fn sleep_for_ever(_: ()) {
    loop {
        std::thread::park();
    }
}
