//! The rows about pools.

use polyproc::prelude::*;
use polyproc::{ExitStatus, PoolError};
use polyproc_testkit::process;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Duration;

/// Longer than anything takes.
const LONG: Duration = Duration::from_mins(1);

fn pool(method: StartMethod) -> Pool {
    Pool::builder().workers(2).start_method(method).build().unwrap()
}

pub(crate) fn square(x: u64) -> u64 {
    x * x
}

pub(crate) fn works(pool: &Pool) {
    assert!(pool.map(square, 0..100).unwrap().into_iter().eq((0..100).map(square)));
}

/// Does what no task should.
fn die(how: u8) -> u8 {
    match how {
        0 => std::process::abort(),
        1 => kill(std::process::id()),
        2 => exit(),
        other => return other,
    }
    forever(how)
}

#[expect(clippy::exit, clippy::disallowed_methods, reason = "what a task must not do")]
fn exit() {
    std::process::exit(3);
}

pub(crate) fn kill(pid: u32) {
    process::facts(pid).unwrap().kill();
}

#[expect(clippy::infinite_loop, reason = "until somebody ends it")]
pub(crate) fn forever<T>(_: T) -> T {
    loop {
        std::thread::park();
    }
}

pub(crate) fn killed_in_a_task(method: StartMethod) {
    let pool = pool(method);
    let others: Vec<_> = (0..50).map(|number| pool.submit(square, number)).collect();
    for (how, expected) in [(0, Signal::ABRT), (1, Signal::KILL)] {
        let error = pool.apply(die, how).unwrap_err();
        let TaskError::Died { task, status } = error else { panic!("{error}") };
        let ExitStatus::Signaled { signal, .. } = status else { panic!("{status}") };
        assert!(signal == expected && task.pid.is_some());
    }
    for (number, other) in (0..).zip(others) {
        assert_eq!(other.get().unwrap(), square(number));
    }
    works(&pool);
}

/// A value that serde refuses to write or to read.
#[derive(Debug)]
struct Stubborn {
    writes: bool,
}

impl Serialize for Stubborn {
    fn serialize<T: Serializer>(&self, to: T) -> Result<T::Ok, T::Error> {
        if self.writes { 7_u8.serialize(to) } else { Err(serde::ser::Error::custom("no")) }
    }
}

impl<'de> Deserialize<'de> for Stubborn {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        u8::deserialize(from)?;
        Err(serde::de::Error::custom("cannot be read"))
    }
}

fn stubborn(writes: bool) -> Stubborn {
    Stubborn { writes }
}

pub(crate) fn undecodable_result(method: StartMethod) {
    let pool = pool(method);
    let error = pool.apply(stubborn, true).unwrap_err();
    assert!(matches!(error, TaskError::Value { verb: "decoded", .. }), "{error}");
    assert!(error.to_string().contains("Stubborn"), "{error}");
    works(&pool);
}

pub(crate) fn unencodable_result(method: StartMethod) {
    let pool = pool(method);
    let error = pool.apply(stubborn, false).unwrap_err();
    assert!(matches!(error, TaskError::Value { verb: "encoded", .. }), "{error}");
    works(&pool);
}

pub(crate) fn undecodable_task(method: StartMethod) {
    let pool = pool(method);
    let error = pool.apply(|_: Stubborn| (), Stubborn { writes: true }).unwrap_err();
    assert!(matches!(error, TaskError::Arguments { verb: "decoded", .. }), "{error}");
    works(&pool);
    assert!(pool.insights().total().starts <= 2, "no worker was lost");
}

pub(crate) fn panicking_callback(method: StartMethod) {
    let pool = pool(method);
    let told = pool.submit(square, 3).on_done(|result| assert_eq!(result.unwrap(), 8, "wrong"));
    let error = told.get_timeout(LONG).unwrap_err();
    assert!(matches!(error, TaskError::Callback { .. }), "{error}");
    works(&pool);
}

pub(crate) fn exit_in_a_task(method: StartMethod) {
    let pool = pool(method);
    let error = pool.apply(die, 2).unwrap_err();
    assert!(matches!(error, TaskError::Died { status: ExitStatus::Exited(3), .. }), "{error}");
    works(&pool);
}

pub(crate) fn panic_without_text(method: StartMethod) {
    let pool = pool(method);
    let error = pool.apply(|()| -> () { std::panic::panic_any(3) }, ()).unwrap_err();
    assert!(matches!(error, TaskError::Panicked { .. }), "{error}");
    works(&pool);
}

pub(crate) fn panicking_initializer(method: StartMethod) {
    let refuse = |reason: String| -> () { panic!("{reason}") };
    let builder = Pool::builder().workers(2).start_method(method);
    let pool = builder.initializer(refuse, "no database".to_owned()).build().unwrap();
    let error = pool.apply(square, 3).unwrap_err();
    assert!(matches!(error, TaskError::NoWorkers { .. }), "{error}");
    assert!(error.to_string().contains("no database"), "{error}");
    assert!(pool.insights().total().starts <= 4, "a bounded number of starts");
}

pub(crate) fn idle_workers_killed(method: StartMethod) {
    let pool = pool(method);
    works(&pool);
    pool.pids().into_iter().for_each(kill);
    works(&pool);
}

pub(crate) fn orderly_end(method: StartMethod) {
    for how in 0..3 {
        let pool = pool(method);
        pool.apply(die, how).unwrap_err();
        let task = pool.submit(forever::<u8>, 0);
        assert!(!task.wait_timeout(Duration::from_millis(10)));
        match how {
            0 => {
                assert!(matches!(pool.join(), Err(PoolError::StillOpen)));
                task.cancel();
                pool.close();
                pool.join().unwrap();
            }
            1 => {
                pool.terminate();
                pool.join().unwrap();
            }
            _ => drop(pool),
        }
        task.get().unwrap_err();
    }
}

pub(crate) fn endless_imap(method: StartMethod) {
    let pool = pool(method);
    let mut drawn = 0_u64;
    let source = (0..).inspect(|_| drawn += 1);
    let sum: u64 =
        pool.calls().window(500).imap(square, source).take(2000).map(Result::unwrap).sum();
    assert!(sum > 0 && drawn <= 2500, "{drawn}");
}

fn inner(count: u64) -> u64 {
    Pool::new(2).unwrap().map(square, 0..count).unwrap().into_iter().sum()
}

pub(crate) fn nested(method: StartMethod) {
    assert_eq!(pool(method).map(inner, [3, 4]).unwrap(), [5, 14]);
}
