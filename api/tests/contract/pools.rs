//! What a pool gives when everybody lives.

use crate::futures::block_on;
use crate::sharing::leaving_nothing;
use crate::{LONG, Test};
use polyproc::prelude::*;
use polyproc::{PoolBuilder, PoolError, worker_id};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) const TESTS: &[Test] = &[
    ("a_pool_has_few_workers_and_keeps_them", a_pool_has_few_workers_and_keeps_them),
    ("map_keeps_the_order", map_keeps_the_order),
    ("several_arguments_are_a_tuple", several_arguments_are_a_tuple),
    ("imap_takes_an_endless_iterator", imap_takes_an_endless_iterator),
    ("imap_unordered_gives_all", imap_unordered_gives_all),
    ("a_map_goes_on_alone", a_map_goes_on_alone),
    ("many_submissions", many_submissions),
    ("large_values", large_values),
    ("callbacks_are_called", callbacks_are_called),
    ("a_task_is_a_future", a_task_is_a_future),
    ("a_worker_has_a_state", a_worker_has_a_state),
    ("workers_say_goodbye", workers_say_goodbye),
    ("workers_are_replaced", workers_are_replaced),
    ("a_pool_in_a_worker", a_pool_in_a_worker),
    ("a_pool_for_many_threads", a_pool_for_many_threads),
    ("resized", resized),
    ("handles_travel_with_tasks", handles_travel_with_tasks),
    ("handles_in_results_that_nobody_takes", handles_in_results_that_nobody_takes),
    ("environments_of_workers", environments_of_workers),
    ("workers_are_bound_to_processors", workers_are_bound_to_processors),
    ("insights_tell_what_was_done", insights_tell_what_was_done),
    ("progress_is_told", progress_is_told),
];

pub(crate) fn builder(method: StartMethod) -> PoolBuilder {
    Pool::builder().workers(2).start_method(method)
}

pub(crate) fn pool(method: StartMethod) -> Pool {
    builder(method).build().unwrap()
}

pub(crate) fn square(x: u64) -> u64 {
    x * x
}

pub(crate) fn pid(_: u64) -> u32 {
    std::process::id()
}

fn a_pool_has_few_workers_and_keeps_them(method: StartMethod) {
    let pool = pool(method);
    assert!(pool.pids().is_empty(), "none before there is a task");
    let mut seen: HashSet<u32> =
        pool.calls().chunk(1).map(pid, 0..300).unwrap().into_iter().collect();
    // One of them may have been quick enough to do everything before.
    seen.insert(pool.apply(pid, 0).unwrap());
    assert!((1..=2).contains(&seen.len()) && !seen.contains(&std::process::id()), "{seen:?}");
    assert!(seen.iter().all(|pid| pool.pids().contains(pid)), "{seen:?}");
}

fn map_keeps_the_order(method: StartMethod) {
    let pool = pool(method);
    for count in [0, 1, 2, 7, 1000, 100_000] {
        let squares = pool.map(square, 0..count).unwrap();
        assert!(squares.into_iter().eq((0..count).map(square)), "{count}");
    }
    let words: Vec<String> = (0..3000).map(|number| format!("word {number}")).collect();
    let upper = pool.calls().chunk(7).map(|word: String| word.to_uppercase(), words.clone());
    assert!(upper.unwrap().into_iter().eq(words.iter().map(|word| word.to_uppercase())));
}

fn several_arguments_are_a_tuple(method: StartMethod) {
    let pool = pool(method);
    let sums = pool.map(|(a, b): (u32, i64)| i64::from(a) + b, [(1, -1), (2, 5)]).unwrap();
    assert_eq!(sums, [0, 7]);
}

fn imap_takes_an_endless_iterator(method: StartMethod) {
    let pool = pool(method);
    let drawn = AtomicU64::new(0);
    let source = (0..).inspect(|_| _ = drawn.fetch_add(1, Ordering::Relaxed));
    let squares = pool.calls().window(1000).imap(square, source);
    let first: Vec<u64> = squares.take(5000).map(Result::unwrap).collect();
    assert!(first.into_iter().eq((0..5000).map(square)));
    let drawn = drawn.load(Ordering::Relaxed);
    assert!(drawn <= 6000, "no more items than the window holds are drawn ahead: {drawn}");
}

fn imap_unordered_gives_all(method: StartMethod) {
    let pool = pool(method);
    let mut all: Vec<u64> = pool.imap_unordered(square, 0..10_000).map(Result::unwrap).collect();
    all.sort_unstable();
    assert!(all.into_iter().eq((0..10_000).map(square)));
    let chained: u64 = (0..100).pool_map(&pool, square).map(Result::unwrap).sum();
    assert_eq!(chained, 328_350);
}

fn a_map_goes_on_alone(method: StartMethod) {
    let pool = pool(method);
    let first = pool.map_async(square, 0..1000);
    let second = pool.map_async(square, 0..10);
    assert!(first.wait_timeout(LONG));
    assert!(first.ready());
    assert!(first.get().unwrap().into_iter().eq((0..1000).map(square)));
    assert_eq!(second.get_timeout(LONG).unwrap().unwrap()[9], 81);
}

fn many_submissions(method: StartMethod) {
    let pool = pool(method);
    let tasks: Vec<_> = (0..20_000).map(|number| pool.submit(square, number)).collect();
    for (number, task) in (0..).zip(tasks) {
        assert_eq!(task.get().unwrap(), square(number));
    }
    let task = pool.submit(square, 3);
    task.wait();
    assert!(task.ready() && task.successful() == Some(true));
    assert_eq!(task.get().unwrap(), 9);
    assert!(matches!(task.get(), Err(TaskError::Taken)));
}

fn large_values(method: StartMethod) {
    let pool = pool(method);
    let reverse = |mut bytes: Vec<u8>| {
        bytes.reverse();
        bytes
    };
    let inputs: Vec<Vec<u8>> = (1..6_u8).map(|n| vec![n; usize::from(n) << 21]).collect();
    assert!(pool.map(reverse, inputs.clone()).unwrap() == inputs);
    let text = "x".repeat(5_000_000);
    assert_eq!(pool.apply(|text: String| text.len(), text).unwrap(), 5_000_000);
}

fn callbacks_are_called(method: StartMethod) {
    let pool = pool(method);
    let (sender, receiver) = std::sync::mpsc::channel();
    let told: Vec<_> = (0..20)
        .map(|number| {
            let sender = sender.clone();
            pool.submit(square, number).on_done(move |result| sender.send(result.unwrap()).unwrap())
        })
        .collect();
    drop(sender);
    let mut results: Vec<u64> = receiver.iter().collect();
    results.sort_unstable();
    assert!(results.into_iter().eq((0..20).map(square)));
    for told in told {
        told.get().unwrap();
    }
    // On a task that is done, too.
    let task = pool.submit(square, 2);
    task.wait();
    let (sender, receiver) = std::sync::mpsc::channel();
    let told = task.on_done(move |result| sender.send(result.unwrap()).unwrap());
    assert_eq!(receiver.recv_timeout(LONG).unwrap(), 4);
    told.get().unwrap();
}

fn a_task_is_a_future(method: StartMethod) {
    let pool = pool(method);
    let both = async { (pool.submit(square, 5).await, pool.submit(square, 6).await) };
    let results = block_on(both);
    assert_eq!((results.0.unwrap(), results.1.unwrap()), (25, 36));
}

#[derive(Debug)]
struct Counter {
    label: String,
    count: u64,
}

fn counter(label: String) -> Counter {
    Counter { label, count: 0 }
}

fn next(counter: &mut Counter, step: u64) -> (String, u64, Option<usize>) {
    counter.count += step;
    (counter.label.clone(), counter.count, worker_id())
}

fn a_worker_has_a_state(method: StartMethod) {
    let pool = builder(method).workers(1).initializer(counter, "a".to_owned()).build().unwrap();
    let all = pool.map_with(next, [1, 1, 5]).unwrap();
    let expected = [1, 2, 7].map(|count| ("a".to_owned(), count, Some(0)));
    assert_eq!(all, expected);
    assert_eq!(pool.submit_with(next, 3).get().unwrap().1, 10);
    assert_eq!(worker_id(), None, "this process is no worker");
}

fn say_goodbye(counter: Counter) {
    std::fs::write(&counter.label, counter.count.to_string()).unwrap();
}

fn workers_say_goodbye(method: StartMethod) {
    let file = std::env::temp_dir().join(format!("polyproc-goodbye-{}", std::process::id()));
    let label = file.to_str().unwrap().to_owned();
    let builder = builder(method).workers(1).initializer(counter, label);
    let pool = builder.on_worker_exit(say_goodbye).build().unwrap();
    pool.submit_with(next, 42).get().unwrap();
    assert!(matches!(pool.join(), Err(PoolError::StillOpen)));
    pool.close();
    pool.join().unwrap();
    let said = std::fs::read_to_string(&file);
    drop(std::fs::remove_file(&file));
    assert_eq!(said.unwrap(), "42");
    assert!(matches!(pool.apply(square, 2), Err(TaskError::Closed)));
}

fn workers_are_replaced(method: StartMethod) {
    let pool = builder(method).workers(1).max_tasks_per_worker(2).build().unwrap();
    let mut pids: Vec<u32> = (0..6).map(|_| pool.apply(pid, 0).unwrap()).collect();
    pids.dedup();
    assert_eq!(pids.len(), 3);
}

fn nested(count: u64) -> u64 {
    let pool = Pool::new(2).unwrap();
    pool.map(square, 0..count).unwrap().into_iter().sum()
}

fn a_pool_in_a_worker(method: StartMethod) {
    let pool = pool(method);
    assert_eq!(pool.map(nested, [3, 4]).unwrap(), [5, 14]);
}

fn a_pool_for_many_threads(method: StartMethod) {
    let pool = pool(method);
    // Copies are refused while other threads run, so the workers come before.
    pool.calls().chunk(1).map(pid, 0..100).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let pool = &pool;
            scope.spawn(move || use_pool(pool, thread));
        }
    });
}

fn use_pool(pool: &Pool, thread: u64) {
    for number in 0..200 {
        assert_eq!(pool.apply(square, thread + number).unwrap(), square(thread + number));
    }
    assert!(pool.map(square, 0..5000).unwrap().into_iter().eq((0..5000).map(square)));
}

fn resized(method: StartMethod) {
    let pool = builder(method).workers(1).build().unwrap();
    pool.map(square, 0..100).unwrap();
    pool.resize(3).unwrap();
    assert_eq!(pool.workers(), 3);
    assert!(pool.resize(0).is_err());
    // The pool's own thread starts them; by then the work may be done.
    let three = || {
        pool.calls().chunk(1).map(nap, 0..6).unwrap();
        (pool.pids().len() == 3).then_some(())
    };
    assert!(polyproc_testkit::eventually(LONG, three).is_some());
    pool.resize(1).unwrap();
    pool.map(square, 0..100).unwrap();
    let one = || {
        pool.apply(square, 1).unwrap();
        (pool.pids().len() == 1).then_some(())
    };
    assert!(polyproc_testkit::eventually(LONG, one).is_some());
}

/// Takes a while, so that one worker cannot do it all.
fn nap(_: u64) {
    let never = std::sync::mpsc::channel::<()>();
    _ = never.1.recv_timeout(std::time::Duration::from_millis(20));
}

#[derive(Serialize, Deserialize)]
struct Order {
    total: Shared<Mutex<u64>>,
    step: u64,
}

fn add(order: Order) -> Shared<Mutex<u64>> {
    *order.total.lock().unwrap() += order.step;
    order.total
}

fn handles_travel_with_tasks(method: StartMethod) {
    leaving_nothing(|| {
        let pool = pool(method);
        let total = Shared::new(Mutex::new(0_u64)).unwrap();
        let orders = (1..=100).map(|step| Order { total: total.clone(), step });
        let same = pool.map(add, orders).unwrap();
        assert_eq!(*same[99].lock().unwrap(), 5050);
        drop(same);
        let order = Order { total: total.clone(), step: 1 };
        assert_eq!(*pool.apply(add, order).unwrap().lock().unwrap(), 5051);
        // A result that nobody takes gives its handles back.
        let task = pool.submit(add, Order { total: total.clone(), step: 1 });
        task.wait();
        drop((task, pool, total));
    });
}

fn handles_in_results_that_nobody_takes(method: StartMethod) {
    leaving_nothing(|| {
        let pool = pool(method);
        let total = Shared::new(Mutex::new(0_u64)).unwrap();
        let orders = || (0..20).map(|step| Order { total: total.clone(), step });
        let all = pool.map_async(add, orders().collect::<Vec<_>>());
        assert!(all.wait_timeout(LONG));
        drop(all);
        // The second comes long before the first, and waits for its turn.
        let slow_first = |order: Order| {
            let pause = std::time::Duration::from_millis(if order.step == 0 { 30 } else { 0 });
            std::thread::park_timeout(pause);
            order.total
        };
        let mut results = pool.calls().chunk(1).imap(slow_first, orders());
        drop(results.next().unwrap().unwrap());
        drop(results);
        pool.close();
        pool.join().unwrap();
    });
}

fn environments_of_workers(method: StartMethod) {
    let builder = builder(method).workers(1).env("POOL_A", "one").threads_per_worker(3);
    let builder = builder.env_of_worker(|id| vec![("POOL_ID".into(), id.to_string())]);
    let pool = builder.name("environment").build().unwrap();
    let read = |name: String| std::env::var(name).ok();
    let names = ["POOL_A", "POOL_ID", "OMP_NUM_THREADS"].map(str::to_owned);
    let values = pool.map(read, names).unwrap();
    assert_eq!(values.map(Option::unwrap), ["one", "0", "3"]);
    let name = pool.apply(|()| polyproc::current().unwrap().name, ()).unwrap();
    assert_eq!(name, "environment-1");
}

fn workers_are_bound_to_processors(method: StartMethod) {
    let affinity = || polyproc::info::Process::current().unwrap().affinity().unwrap();
    let pool = builder(method).pin_to_processors().build().unwrap();
    let bound = |_: u8| {
        nap(0);
        let threads = std::thread::spawn(|| std::thread::available_parallelism().unwrap().get());
        let affinity = polyproc::info::Process::current().unwrap().affinity().unwrap();
        (worker_id().unwrap(), affinity, threads.join().unwrap())
    };
    let allowed = affinity();
    for (id, processors, of_a_thread) in pool.calls().chunk(1).map(bound, 0..10).unwrap() {
        assert_eq!((processors, of_a_thread), (vec![allowed[id % allowed.len()]], 1));
    }
    assert_eq!(affinity(), allowed, "not this process");
}

trait MapAll<T> {
    fn map<R>(self, change: impl FnMut(T) -> R) -> Vec<R>;
}

impl<T> MapAll<T> for Vec<T> {
    fn map<R>(self, change: impl FnMut(T) -> R) -> Vec<R> {
        self.into_iter().map(change).collect()
    }
}

fn insights_tell_what_was_done(method: StartMethod) {
    let pool = pool(method);
    pool.calls().chunk(1).map(nap, 0..10).unwrap();
    let insights = pool.insights();
    let total = insights.total();
    assert_eq!(total.tasks, 10);
    assert!(total.work_time.as_millis() >= 200 && total.bytes_in > 0, "{insights}");
    assert_eq!(insights.facts().slowest.len(), 5);
    assert!(insights.to_string().contains("slowest tasks: "));
    // Of workers that live.
    assert!(total.peak_memory.unwrap() > 1 << 20, "{insights}");
    let pids = pool.pids();
    assert!(insights.facts().slowest.iter().all(|task| pids.contains(&task.pid)), "{insights}");
    assert!(insights.to_json().starts_with("{\"workers\":[{\"pid\":"));
}

fn progress_is_told(method: StartMethod) {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let hook = move |done, total| told.lock().unwrap().push((done, total));
    let pool = builder(method).on_progress(hook).build().unwrap();
    pool.calls().chunk(10).map(square, 0..1000).unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen.is_sorted());
    assert_eq!(seen.last(), Some(&(1000, Some(1000))));
}
