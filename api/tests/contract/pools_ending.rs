//! What a pool does when somebody dies, breaks the rules or takes too long: the rows of the hang table.

use crate::families::await_end;
use crate::futures::block_on;
use crate::pools::{builder, pid, pool, square};
use crate::subject::command;
use crate::{LONG, Test};
use polyproc::prelude::*;
use polyproc::{ExitStatus, Phase, Task};
use polyproc_testkit::{eventually, process, run_with_deadline};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio as StdStdio;
use std::time::Duration;

pub(crate) const TESTS: &[Test] = &[
    ("a_task_that_panics", a_task_that_panics),
    ("a_task_that_dies", a_task_that_dies),
    ("a_crash_in_a_chunk_is_its_items_only", a_crash_in_a_chunk_is_its_items_only),
    ("values_that_cannot_travel", values_that_cannot_travel),
    ("a_function_that_is_not_there", a_function_that_is_not_there),
    ("a_callback_that_panics", a_callback_that_panics),
    ("callbacks_after_the_end", callbacks_after_the_end),
    ("an_initializer_that_fails", an_initializer_that_fails),
    ("an_initializer_that_never_ends", an_initializer_that_never_ends),
    ("workers_that_do_not_end", workers_that_do_not_end),
    ("a_start_that_takes_long", a_start_that_takes_long),
    ("settings_that_panic", settings_that_panic),
    ("idle_workers_are_killed", idle_workers_are_killed),
    ("a_task_that_takes_too_long", a_task_that_takes_too_long),
    ("a_task_that_holds_too_much", a_task_that_holds_too_much),
    ("a_task_is_cancelled", a_task_is_cancelled),
    ("a_task_is_tried_again", a_task_is_tried_again),
    ("a_pool_is_terminated", a_pool_is_terminated),
    ("a_pool_is_dropped_in_the_middle", a_pool_is_dropped_in_the_middle),
    ("a_pool_in_a_copy_is_refused", a_pool_in_a_copy_is_refused),
    ("copies_are_refused_with_threads", copies_are_refused_with_threads),
    ("a_parent_with_a_pool_is_killed", a_parent_with_a_pool_is_killed),
    ("a_program_ends_with_a_pool_open", a_program_ends_with_a_pool_open),
    (
        "a_program_that_waits_at_its_end_starts_no_workers",
        a_program_that_waits_at_its_end_starts_no_workers,
    ),
    ("the_fork_server_of_a_pool_is_killed", the_fork_server_of_a_pool_is_killed),
];

fn works(pool: &Pool) {
    assert!(pool.map(square, 0..100).unwrap().into_iter().eq((0..100).map(square)));
}

fn a_task_that_panics(method: StartMethod) {
    let pool = pool(method);
    let error = pool.apply(|x: u64| assert_ne!(x, 7, "seven"), 7).unwrap_err();
    let TaskError::Panicked { task, panic } = error else { panic!("{error}") };
    assert!(panic.message.contains("seven") && panic.place.is_some());
    assert!(task.pid.is_some() && task.attempts == 1);
    // No text.
    let error = pool.apply(|()| -> () { std::panic::resume_unwind(Box::new(3)) }, ()).unwrap_err();
    assert!(matches!(error, TaskError::Panicked { .. }), "{error}");
    let pids = pool.pids();
    works(&pool);
    assert!(pids.iter().all(|pid| pool.pids().contains(pid)), "a panic costs no worker");
    let error = pool.map(|x: u64| assert!(x < 500), 0..1000).unwrap_err();
    assert!(error.task().unwrap().index.unwrap() >= 500, "{error}");
    let results: Vec<_> = pool.imap(|x: u64| assert_ne!(x, 500), 0..1000).collect();
    let bad: Vec<_> = (0..).zip(&results).filter(|(_, result)| result.is_err()).collect();
    assert_eq!((results.len(), bad.len(), bad[0].0), (1000, 1, 500));
    let task = results[500].as_ref().unwrap_err().task().unwrap();
    assert!(pool.pids().contains(&task.pid.unwrap()), "{task}");
}

fn die(how: u32) -> u32 {
    match how {
        0 => std::process::abort(),
        1 => exit(3),
        2 => process::facts(std::process::id()).unwrap().kill(),
        3 => crash(),
        other => return other,
    }
    sleep()
}

#[expect(clippy::exit, reason = "what a task must not do")]
#[expect(clippy::disallowed_methods, reason = "what a task must not do")]
fn exit(code: i32) {
    std::process::exit(code);
}

#[expect(unsafe_code, reason = "a crash in native code")]
fn crash() {
    // SAFETY: std's own handler, which takes this for a stack overflow, is replaced by the default.
    unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
    // SAFETY: raise takes an integer; the process ends.
    unsafe { libc::raise(libc::SIGSEGV) };
}

fn sleep() -> ! {
    loop {
        std::thread::park();
    }
}

fn a_task_that_dies(method: StartMethod) {
    let pool = pool(method);
    let signaled = [(0, Signal::ABRT), (2, Signal::KILL), (3, Signal::SEGV)];
    for (how, expected) in signaled {
        let error = pool.apply(die, how).unwrap_err();
        let TaskError::Died { task, status } = error else { panic!("{error}") };
        let ExitStatus::Signaled { signal, .. } = status else { panic!("{status}") };
        assert_eq!(signal, expected);
        assert!(task.pid.is_some() && task.usage.is_some_and(|usage| usage.peak_memory > 0));
    }
    let error = pool.apply(die, 1).unwrap_err();
    assert!(matches!(error, TaskError::Died { status: ExitStatus::Exited(3), .. }), "{error}");
    works(&pool);
}

fn fragile(x: u64) -> u64 {
    if x % 1000 == 777 {
        std::process::abort();
    }
    x
}

fn a_crash_in_a_chunk_is_its_items_only(method: StartMethod) {
    let pool = pool(method);
    let results: Vec<_> = pool.calls().chunk(100).imap(fragile, 0..3000).collect();
    assert_eq!(results.len(), 3000);
    for (number, result) in (0..).zip(results) {
        match result {
            Ok(value) => assert_eq!(value, number),
            Err(error) => {
                assert_eq!(number % 1000, 777, "{error}");
                assert_eq!(error.task().unwrap().index, Some(number));
                assert!(matches!(error, TaskError::Died { .. }), "{error}");
            }
        }
    }
}

/// A value that serde refuses on one side.
#[derive(Debug, PartialEq)]
struct Stubborn {
    writes: bool,
    reads: bool,
}

impl Serialize for Stubborn {
    fn serialize<T: Serializer>(&self, to: T) -> Result<T::Ok, T::Error> {
        if self.writes {
            self.reads.serialize(to)
        } else {
            Err(serde::ser::Error::custom("not this one"))
        }
    }
}

impl<'de> Deserialize<'de> for Stubborn {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let reads = bool::deserialize(from)?;
        if reads {
            Ok(Self { writes: true, reads })
        } else {
            Err(serde::de::Error::custom("cannot be read"))
        }
    }
}

fn values_that_cannot_travel(method: StartMethod) {
    let pool = pool(method);
    let echo = |value: Stubborn| value;
    let error = pool.apply(echo, Stubborn { writes: false, reads: true }).unwrap_err();
    assert!(matches!(error, TaskError::Arguments { verb: "encoded", .. }), "{error}");
    let error = pool.apply(echo, Stubborn { writes: true, reads: false }).unwrap_err();
    assert!(matches!(error, TaskError::Arguments { verb: "decoded", .. }), "{error}");
    let make = |(writes, reads): (bool, bool)| Stubborn { writes, reads };
    let error = pool.apply(make, (false, true)).unwrap_err();
    assert!(matches!(error, TaskError::Value { verb: "encoded", .. }), "{error}");
    let error = pool.apply(make, (true, false)).unwrap_err();
    assert!(matches!(error, TaskError::Value { verb: "decoded", .. }), "{error}");
    assert!(error.to_string().contains("Stubborn"), "{error}");
    // In the middle of others.
    let make = |number: u64| Stubborn { writes: number != 50, reads: true };
    let results: Vec<_> = pool.calls().chunk(20).imap(make, 0..100).collect();
    let bad: Vec<_> = (0..).zip(&results).filter(|(_, result)| result.is_err()).collect();
    assert_eq!((bad.len(), bad[0].0), (1, 50));
    let values = (0..100).map(|number| Stubborn { writes: true, reads: number != 50 });
    let results: Vec<_> = pool.calls().chunk(1).imap(echo, values).collect();
    let bad: Vec<_> = (0..).zip(&results).filter(|(_, result)| result.is_err()).collect();
    assert_eq!((bad.len(), bad[0].0), (1, 50));
    works(&pool);
}

/// A function in a library that was opened at run time is in no fresh copy of the program.
fn a_function_that_is_not_there(method: StartMethod) {
    let pool = pool(method);
    let error = pool.apply(
        |map: HashMap<u32, Stubborn>| map.len(),
        HashMap::from([(1, Stubborn { writes: true, reads: false })]),
    );
    assert!(matches!(error, Err(TaskError::Arguments { .. })));
    works(&pool);
}

fn a_callback_that_panics(method: StartMethod) {
    let pool = pool(method);
    let told = pool.submit(square, 3).on_done(|result| assert_eq!(result.unwrap(), 8, "wrong"));
    let error = told.get_timeout(LONG).unwrap_err();
    let TaskError::Callback { panic } = error else { panic!("{error}") };
    assert!(panic.message.contains("wrong"));
    works(&pool);
}

/// The pool's own thread may have ended before.
fn callbacks_after_the_end(method: StartMethod) {
    let end: [fn(&Pool); 3] = [Pool::close, Pool::terminate, |pool| {
        pool.close();
        pool.join().unwrap();
    }];
    for end in end {
        let pool = pool(method);
        let tasks = [1, 2].map(|number| pool.submit(square, number));
        tasks.iter().for_each(Task::wait);
        end(&pool);
        for (number, task) in (1..).zip(tasks) {
            let told = task.on_done(move |result| assert_eq!(result.unwrap(), square(number)));
            told.get_timeout(LONG).unwrap();
            await_ends_of(&pool);
        }
    }
}

fn await_ends_of(pool: &Pool) {
    assert!(eventually(LONG, || pool.pids().is_empty().then_some(())).is_some());
}

fn refuse(reason: String) -> u64 {
    panic!("{reason}");
}

fn an_initializer_that_fails(method: StartMethod) {
    let pool = builder(method).initializer(refuse, "no database".to_owned()).build().unwrap();
    for _ in 0..2 {
        let error = pool.apply(square, 3).unwrap_err();
        let TaskError::NoWorkers { reason, panic } = error else { panic!("{error}") };
        assert!(reason.contains("no database") && panic.unwrap().place.is_some(), "{reason}");
    }
    let starts = pool.insights().total().starts;
    assert!(starts <= 6, "a bounded number of starts: {starts}");
    let abort = |()| -> u64 { std::process::abort() };
    let pool = builder(method).initializer(abort, ()).build().unwrap();
    let error = pool.map(square, 0..10).unwrap_err();
    assert!(error.to_string().contains("SIGABRT"), "{error}");
}

fn never_ready((): ()) {
    sleep()
}

fn an_initializer_that_never_ends(method: StartMethod) {
    let limit = Duration::from_millis(50);
    let builder = builder(method).initializer(never_ready, ()).initializer_timeout(limit);
    let pool = builder.build().unwrap();
    let error = pool.apply(square, 3).unwrap_err();
    let TaskError::NoWorkers { reason, .. } = error else { panic!("{error}") };
    assert!(reason.contains("was not done after 50ms"), "{reason}");
    let starts = pool.insights().total().starts;
    assert!(starts <= 3, "a bounded number of starts: {starts}");
}

struct Endless;

impl Drop for Endless {
    fn drop(&mut self) {
        sleep()
    }
}

thread_local! {
    static LAST: Endless = const { Endless };
}

/// The process of whoever calls this does not end by itself.
fn stay() {
    LAST.with(|_| ());
}

fn stay_and_refuse((): ()) {
    stay();
    panic!("no database");
}

fn stay_at_the_end((): ()) {
    sleep()
}

fn workers_that_do_not_end(method: StartMethod) {
    let pool = builder(method).initializer(stay_and_refuse, ()).build().unwrap();
    let error = pool.apply(square, 3).unwrap_err();
    assert!(error.to_string().contains("no database"), "{error}");
    let builder = || builder(method).workers(1).exit_timeout(Duration::from_millis(50));
    let pool = builder().max_tasks_per_worker(1).build().unwrap();
    (0..3).for_each(|_| pool.apply(|()| stay(), ()).unwrap());
    let pool = builder().on_worker_exit(stay_at_the_end).build().unwrap();
    assert_eq!(pool.apply(square, 3).unwrap(), 9);
    pool.close();
    assert!(pool.join_timeout(LONG).unwrap());
}

fn a_start_that_takes_long(method: StartMethod) {
    if method == StartMethod::Fork {
        // By a thread that uses the pool: see the design page.
        return;
    }
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let slow = move |_| {
        assert!(wait.lock().unwrap().recv().is_err(), "it ends");
        Vec::new()
    };
    let pool = builder(method).env_of_worker(slow).build().unwrap();
    let task = pool.submit(square, 3);
    let error = task.get_timeout(Duration::from_millis(1)).unwrap_err();
    assert!(matches!(error, TaskError::NotDone { .. }) && !task.ready(), "{error}");
    drop(go);
    assert_eq!(task.get().unwrap(), 9);
}

fn settings_that_panic(method: StartMethod) {
    let pool = builder(method).env_of_worker(|_| panic!("no such setting")).build().unwrap();
    let error = pool.apply(square, 3).unwrap_err();
    assert!(matches!(error, TaskError::NoWorkers { .. }), "{error}");
}

fn idle_workers_are_killed(method: StartMethod) {
    let pool = pool(method);
    pool.calls().chunk(1).map(pid, 0..100).unwrap();
    for _ in 0..3 {
        let pids = pool.pids();
        for pid in &pids {
            process::facts(*pid).unwrap().kill();
        }
        works(&pool);
        // One of them may have had all the work, before the other's death was noticed.
        let all_new = || pool.pids().iter().all(|pid| !pids.contains(pid)).then_some(());
        assert!(eventually(LONG, all_new).is_some());
    }
}

fn wait_long(x: u64) -> u64 {
    if x == 1 { sleep() } else { x }
}

fn a_task_that_takes_too_long(method: StartMethod) {
    let pool = pool(method);
    let limit = Duration::from_millis(100);
    let late: Vec<_> = pool.calls().timeout(limit).imap(wait_long, [1, 1, 1]).collect();
    let is_late =
        |result: &Result<u64, TaskError>| matches!(result, Err(TaskError::TimedOut { .. }));
    assert!(late.len() == 3 && late.iter().all(is_late), "{late:?}");
    let task = pool.calls().timeout(limit).submit(wait_long, 1);
    // What has time enough goes on beside and after it.
    let results = pool.calls().timeout(LONG).imap(wait_long, [0, 2, 3, 4]);
    assert!(results.map(Result::unwrap).eq([0, 2, 3, 4]));
    assert!(is_late(&task.get()));
    let task = pool.submit(wait_long, 1);
    assert!(matches!(task.get_timeout(limit), Err(TaskError::NotDone { .. })));
    works(&pool);
}

fn hold(bytes: usize) -> u8 {
    let memory = vec![1; bytes];
    std::hint::black_box(&memory);
    if bytes > 1000 { sleep() } else { memory[0] }
}

fn a_task_that_holds_too_much(method: StartMethod) {
    let pool = builder(method).memory_limit(300 << 20).build().unwrap();
    let error = pool.apply(hold, 400 << 20).unwrap_err();
    assert!(matches!(error, TaskError::OverMemory { .. }), "{error}");
    assert_eq!(pool.apply(hold, 1).unwrap(), 1);
}

fn a_task_is_cancelled(method: StartMethod) {
    let pool = builder(method).workers(1).build().unwrap();
    let running = pool.submit(wait_long, 1);
    let queued = pool.submit(wait_long, 2);
    let other = pool.submit(wait_long, 3);
    assert!(!running.wait_timeout(Duration::from_millis(50)));
    queued.cancel();
    assert!(matches!(queued.get(), Err(TaskError::Cancelled { .. })));
    running.cancel();
    assert!(matches!(running.get(), Err(TaskError::Cancelled { .. })));
    assert_eq!(other.get().unwrap(), 3);
}

fn third_time(path: String) -> String {
    let tries = std::fs::read(&path).unwrap_or_default();
    std::fs::write(&path, [&tries[..], b"x"].concat()).unwrap();
    match tries.len() {
        0 => std::process::abort(),
        1 => panic!("again"),
        _ => "done".into(),
    }
}

fn a_task_is_tried_again(method: StartMethod) {
    let pool = pool(method);
    let file = std::env::temp_dir().join(format!("polyproc-third-{}", std::process::id()));
    let path = file.to_str().unwrap().to_owned();
    let done = pool.calls().retries(2).submit(third_time, path).get();
    drop(std::fs::remove_file(file));
    assert_eq!(done.unwrap(), "done");
    let error = pool.calls().retries(2).submit(die, 0).get().unwrap_err();
    assert_eq!(error.task().unwrap().attempts, 3, "{error}");
    works(&pool);
}

fn a_pool_is_terminated(method: StartMethod) {
    let pool = pool(method);
    let tasks: Vec<_> = (0..10).map(|_| pool.submit(wait_long, 1)).collect();
    assert!(!tasks[0].wait_timeout(Duration::from_millis(20)));
    let pids = pool.pids();
    pool.terminate();
    for task in tasks {
        assert!(matches!(task.get(), Err(TaskError::Terminated { .. })));
    }
    assert!(pool.join_timeout(LONG).unwrap());
    pids.into_iter().for_each(await_end);
    assert!(matches!(pool.apply(square, 2), Err(TaskError::Closed)));
}

fn a_pool_is_dropped_in_the_middle(method: StartMethod) {
    let pool = builder(method).workers(3).build().unwrap();
    let task = pool.submit(wait_long, 1);
    let map = pool.map_async(wait_long, 0..100);
    let mut imap = pool.imap(square, 0..);
    assert_eq!(imap.next().unwrap().unwrap(), 0);
    drop(pool);
    assert!(matches!(task.get(), Err(TaskError::Terminated { .. })));
    assert!(matches!(map.get(), Err(TaskError::Terminated { .. })));
    assert!(imap.find(Result::is_err).is_some());
}

fn a_pool_in_a_copy_is_refused(method: StartMethod) {
    let pool = pool(method);
    works(&pool);
    let map_task = pool.map_async(wait_long, [1]);
    let copy = polyproc::fork(|| {
        assert!(matches!(block_on(pool.submit(square, 2)), Err(TaskError::NotOurs)));
        let map_task = map_task.get_timeout(Duration::ZERO);
        assert!(matches!(map_task, Ok(Err(TaskError::NotOurs))));
        let error = pool.apply(square, 2).unwrap_err().to_string();
        let map = pool.map(square, 0..3).unwrap_err().to_string();
        drop(pool);
        (error, map)
    });
    let (error, map) = copy.unwrap().join().unwrap();
    assert!(error.contains("is a copy of") && map.contains("is a copy of"), "{error}, {map}");
}

fn copies_are_refused_with_threads(_: StartMethod) {
    let pool = pool(StartMethod::Fork);
    let (bell, ringer) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let other = scope.spawn(move || ringer.recv());
        let error = pool.apply(square, 2).unwrap_err();
        assert!(error.to_string().contains("cannot fork: this process has 1 other"), "{error}");
        drop(bell);
        // The scope alone would not wait until the thread is gone.
        other.join().unwrap().unwrap_err();
    });
    works(&pool);
}

fn killed(name: &str, method: StartMethod) {
    let mut subject = command(name, method).stdout(StdStdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(subject.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("ready") {
        assert_ne!(output.read_line(&mut text).unwrap(), 0, "{text}");
    }
    subject.kill().unwrap();
    subject.wait().unwrap();
    for pid in text.lines().filter_map(|line| line.parse().ok()) {
        await_end(pid);
    }
    // Nobody holds its output open either.
    output.read_to_string(&mut text).unwrap();
}

fn a_parent_with_a_pool_is_killed(method: StartMethod) {
    killed("pool busy", method);
    killed("pool idle", method);
}

fn a_program_ends_with_a_pool_open(method: StartMethod) {
    for name in ["pool returns", "pool panics"] {
        let output = run_with_deadline(command(name, method), LONG);
        let code = if name == "pool panics" { Some(101) } else { Some(0) };
        assert_eq!(output.status.code(), code, "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().filter_map(|line| line.parse().ok()).for_each(await_end);
    }
}

/// An exit ends the workers first; a child that is no daemon has it wait then.
fn a_program_that_waits_at_its_end_starts_no_workers(method: StartMethod) {
    let output = run_with_deadline(command("pool lingers", method), LONG);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("no more workers"), "{text}");
}

/// Waits until workers are gone, and looks for others for a while.
fn look_for_workers(workers: Vec<u32>) {
    workers.into_iter().for_each(await_end);
    let came = (0..50).find_map(|_| {
        std::thread::park_timeout(Duration::from_millis(5));
        polyproc::family().into_iter().find(|member| member.name.starts_with("Pool-"))
    });
    println!("{}", came.map_or("no more workers".into(), |member| format!("{member:?} came")));
}

fn the_fork_server_of_a_pool_is_killed(method: StartMethod) {
    if method == StartMethod::ForkServer {
        let output = run_with_deadline(command("pool server", method), LONG);
        assert!(output.status.success(), "{output:?}");
    }
}

/// Waits until both workers have come to where they take tasks.
fn both_run(pool: &Pool) {
    let run = || {
        let (pids, mut family) = (pool.pids(), polyproc::family());
        family.retain(|member| pids.contains(&member.pid) && member.phase == Phase::Running);
        (family.len() == 2).then_some(())
    };
    assert!(eventually(LONG, run).is_some());
}

/// This program with a pool, to be killed or to end.
pub(crate) fn subject(name: &str) {
    let pool = Pool::new(2).unwrap();
    let idle = name == "pool idle" || name == "pool server";
    let tasks: Vec<_> = (0..4).map(|_| pool.submit(wait_long, 2 - u64::from(!idle))).collect();
    if idle {
        tasks.iter().for_each(Task::wait);
    } else {
        both_run(&pool);
    }
    for pid in pool.pids() {
        println!("{pid}");
    }
    println!("ready");
    match name {
        "pool panics" => panic!("main panics with a pool"),
        "pool lingers" => {
            drop(polyproc::spawn(look_for_workers, pool.pids()).unwrap());
            Box::leak(Box::new((pool, tasks)));
        }
        "pool returns" => _ = Box::leak(Box::new((pool, tasks))),
        "pool server" => kill_server(&pool),
        _ => sleep(),
    }
}

/// The workers go on, and new ones come by another server.
fn kill_server(pool: &Pool) {
    let server = || polyproc::family().into_iter().find(|m| m.fork_server).map(|m| m.pid);
    let first = server().unwrap();
    process::facts(first).unwrap().kill();
    await_end(first);
    works(pool);
    let error = pool.apply(die, 0).unwrap_err();
    assert!(matches!(error, TaskError::Died { .. }), "{error}");
    works(pool);
}
