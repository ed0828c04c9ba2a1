//! The kinds of functions that a pool takes, and a `map` that nobody waits for yet.

use crate::futures::block_on;
use crate::pools::{builder, pid, pool, square};
use crate::{LONG, Test};
use polyproc::prelude::*;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

pub(crate) const TESTS: &[Test] = &[
    ("a_state_in_every_form", a_state_in_every_form),
    ("an_object_goes_to_each_worker_once", an_object_goes_to_each_worker_once),
    ("many_objects_one_after_the_other", many_objects_one_after_the_other),
    ("an_object_outlives_workers", an_object_outlives_workers),
    ("an_object_that_cannot_travel", an_object_that_cannot_travel),
    ("a_map_is_asked", a_map_is_asked),
    ("a_map_is_cancelled", a_map_is_cancelled),
    ("a_map_is_a_future", a_map_is_a_future),
    ("many_polls_leave_one_waker", many_polls_leave_one_waker),
    ("a_map_calls_back", a_map_calls_back),
];

fn add(total: &mut u64, x: u64) -> u64 {
    *total += x;
    *total
}

fn a_state_in_every_form(method: StartMethod) {
    let pool = builder(method).workers(1).initializer(|start: u64| start, 100).build().unwrap();
    let calls = || pool.calls().with_state();
    assert_eq!(calls().submit(add, 1).get().unwrap(), 101);
    assert_eq!(calls().map(add, [1, 1]).unwrap(), [102, 103]);
    assert_eq!(calls().map_async(add, [7]).get().unwrap(), [110]);
    assert_eq!(calls().imap(add, [1]).next().unwrap().unwrap(), 111);
    assert_eq!(calls().imap_unordered(add, [1]).next().unwrap().unwrap(), 112);
}

static DECODED: AtomicU64 = AtomicU64::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Counts what a worker does with it.
#[derive(Serialize)]
struct Table(HashMap<u64, u64>);

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        DECODED.fetch_add(1, Ordering::Relaxed);
        HashMap::deserialize(from).map(Self)
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

fn table() -> Table {
    Table((0..1000).map(|key| (key, key * 10)).collect())
}

fn look_up(table: &Table, key: u64) -> (u64, u64) {
    (table.0[&key], DECODED.load(Ordering::Relaxed))
}

fn an_object_goes_to_each_worker_once(method: StartMethod) {
    let pool = pool(method);
    let calls = pool.calls().chunk(10).sharing(&table());
    // A copy of this process has seen ours dropped.
    let is_copy = method == StartMethod::Fork;
    let inherited = if is_copy { DROPPED.load(Ordering::Relaxed) } else { 0 };
    for _ in 0..3 {
        let found = calls.map(look_up, 0..1000).unwrap();
        assert!((0..1000).zip(found).all(|(key, found)| found == (key * 10, 1)));
    }
    // What is under way keeps it.
    let late = calls.imap(look_up, 0..5);
    drop(calls);
    assert_eq!(late.map(|found| found.unwrap().0).collect::<Vec<_>>(), [0, 10, 20, 30, 40]);
    // Each worker that has it is told with its next task; then nothing is left of it.
    let counts = |_: u64| [&DECODED, &DROPPED].map(|count| count.load(Ordering::Relaxed));
    for [decoded, dropped] in pool.calls().chunk(1).map(counts, 0..200).unwrap() {
        assert_eq!(decoded + inherited, dropped);
    }
}

fn many_objects_one_after_the_other(method: StartMethod) {
    let pool = pool(method);
    for number in 0..300_u64 {
        let words = vec![number.to_string(); 100];
        let calls = pool.calls().sharing(&words);
        let task = calls.submit(|words, place: usize| words[place].clone(), 99);
        drop(calls);
        assert_eq!(task.get().unwrap(), number.to_string());
    }
    assert_eq!(pool.apply(square, 3).unwrap(), 9);
}

#[derive(Serialize, Deserialize)]
struct Fatal(u64);

fn share_or_die(fatal: &Fatal, x: u64) -> u64 {
    if x == fatal.0 {
        std::process::abort();
    }
    x + fatal.0
}

fn an_object_outlives_workers(method: StartMethod) {
    let pool = pool(method);
    let results: Vec<_> =
        pool.calls().sharing(&Fatal(50)).chunk(1).imap(share_or_die, 0..100).collect();
    for (number, result) in (0..).zip(results) {
        match result {
            Ok(value) => assert_eq!(value, number + 50),
            Err(error) => {
                assert!(number == 50 && matches!(error, TaskError::Died { .. }), "{error}");
            }
        }
    }
}

fn an_object_that_cannot_travel(method: StartMethod) {
    let pool = pool(method);
    let lock = Shared::new(Mutex::new(0_u64)).unwrap();
    let calls = pool.calls().sharing(&lock);
    let error = calls.submit(|_, x: u64| x, 1).get().unwrap_err();
    assert!(matches!(error, TaskError::Arguments { .. }), "{error}");
    assert!(calls.map(|_, x: u64| x, [1]).is_err());
    assert_eq!(pool.apply(square, 3).unwrap(), 9);
}

fn die_at_seven(x: u64) -> u64 {
    if x == 7 {
        std::process::abort();
    }
    x
}

fn a_map_is_asked(method: StartMethod) {
    let pool = pool(method);
    let good = pool.map_async(square, 0..100);
    good.wait();
    assert!(good.ready());
    assert_eq!(good.successful(), Some(true));
    assert_eq!(good.get().unwrap()[9], 81);
    let bad = pool.calls().chunk(10).map_async(die_at_seven, 0..20);
    assert!(bad.wait_timeout(LONG), "with what the crash left undone");
    assert_eq!(bad.successful(), Some(false));
    assert!(matches!(bad.get(), Err(TaskError::Died { .. })));
    let none = pool.map_async(square, []);
    assert_eq!((none.successful(), none.get().unwrap()), (Some(true), vec![]));
}

fn a_map_is_cancelled(method: StartMethod) {
    let pool = pool(method);
    let sleep = |x: u64| {
        std::thread::park_timeout(Duration::from_hours(1));
        x
    };
    let endless = pool.calls().chunk(1).map_async(sleep, 0..10);
    assert!(!endless.wait_timeout(Duration::from_millis(20)));
    assert_eq!(endless.successful(), None);
    endless.cancel();
    assert!(matches!(endless.get(), Err(TaskError::Cancelled { .. })));
    assert_eq!(pool.apply(square, 3).unwrap(), 9);
}

fn a_map_is_a_future(method: StartMethod) {
    let pool = pool(method);
    assert_eq!(block_on(pool.map_async(square, 0..50)).unwrap()[7], 49);
    let bad = pool.calls().chunk(10).map_async(die_at_seven, 0..20);
    assert!(matches!(block_on(bad), Err(TaskError::Died { .. })));
    pool.close();
    assert!(matches!(block_on(pool.map_async(pid, 0..2)), Err(TaskError::Closed)));
}

struct Counted;

impl Wake for Counted {
    fn wake(self: Arc<Self>) {}
}

fn many_polls_leave_one_waker(method: StartMethod) {
    let pool = pool(method);
    let sleep = |()| std::thread::park_timeout(Duration::from_hours(1));
    let (mut task, mut map) = (pool.submit(sleep, ()), pool.map_async(sleep, [()]));
    let counted = Arc::new(Counted);
    let waker = Waker::from(Arc::clone(&counted));
    let mut context = Context::from_waker(&waker);
    for _ in 0..10 {
        assert!(Pin::new(&mut task).poll(&mut context).is_pending());
        assert!(Pin::new(&mut map).poll(&mut context).is_pending());
    }
    assert_eq!(Arc::strong_count(&counted), 4, "of each future one");
    task.cancel();
    map.cancel();
    assert!(task.get().is_err() && map.get().is_err());
    assert_eq!(Arc::strong_count(&counted), 2);
}

fn a_map_calls_back(method: StartMethod) {
    let pool = pool(method);
    let (sender, receiver) = mpsc::channel();
    let send = |sender: &mpsc::Sender<_>| {
        let sender = sender.clone();
        move |results| sender.send(results).unwrap()
    };
    pool.map_async(square, 0..50).on_done(send(&sender)).get().unwrap();
    assert_eq!(receiver.recv_timeout(LONG).unwrap().unwrap()[7], 49);
    let bad = pool.calls().chunk(10).map_async(die_at_seven, 0..20);
    bad.on_done(send(&sender)).get().unwrap();
    assert!(matches!(receiver.recv_timeout(LONG).unwrap(), Err(TaskError::Died { .. })));
    let done = pool.map_async(square, 0..3);
    done.wait();
    let told = done.on_done(|_| panic!("a callback"));
    assert!(matches!(told.get(), Err(TaskError::Callback { .. })));
}
