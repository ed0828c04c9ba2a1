//! For tests: processes without ceremony (feature `testing`).
//!
//! With this feature, tests, benches and doctests start processes without `init()`: a child takes
//! over while the test program is loaded, before the test harness.

use crate::error::JoinError;
use crate::{Builder, OnParentDeath};
use std::time::Duration;

/// Runs a test in a process of its own, so that it may crash, exit or hang without harm to others. That process
/// has no threads but the test's, so [`fork`](crate::fork) is possible in it, as it is not beside a test harness.
///
/// ```
/// polyproc::testing::isolated(std::time::Duration::from_secs(60), |()| {
///     let answer = 42;
///     assert_eq!(polyproc::fork(|| answer).unwrap().join().unwrap(), 42);
/// });
/// ```
///
/// # Panics
/// When `test` panics (with its message and backtrace), ends its process, or still runs after
/// `limit`; then it is killed.
#[expect(clippy::panic, reason = "a failing test panics")]
#[track_caller]
pub fn isolated(limit: Duration, test: fn(())) {
    let builder = Builder::new().name("isolated test").on_parent_death(OnParentDeath::Kill);
    let process = match builder.spawn(test, ()) {
        Ok(process) => process,
        Err(error) => panic!("{error}"),
    };
    match process.join_timeout(limit) {
        Ok(()) => {}
        Err(error @ JoinError::TimedOut { .. }) => {
            drop(process.kill());
            drop(process.wait());
            panic!("{error}");
        }
        Err(JoinError::Panicked { panic, process, .. }) => {
            panic!("{process} panicked {panic}\n{}", panic.backtrace)
        }
        Err(error) => panic!("{error}"),
    }
}
