//! Large values through pools, by value and in shared memory, and what becomes of shared objects when
//! somebody dies.

use crate::Test;
use crate::families::await_end;
use crate::pools::{builder, pool};
use crate::sharing::leaving_nothing;
use polyproc::Blob;
use polyproc::prelude::*;
use polyproc_testkit::process;

pub(crate) const TESTS: &[Test] = &[
    ("large_vectors", large_vectors),
    ("shared_arrays_are_passed_on", shared_arrays_are_passed_on),
    ("a_task_with_handles_is_tried_again", a_task_with_handles_is_tried_again),
    ("a_crash_among_items_with_handles", a_crash_among_items_with_handles),
    ("a_shared_result_outlives_its_worker", a_shared_result_outlives_its_worker),
    ("results_that_nobody_takes", results_that_nobody_takes),
    ("inputs_are_borrowed", inputs_are_borrowed),
    ("kills_among_shared_arrays", kills_among_shared_arrays),
];

const LEN: usize = 300_000;

fn large_vectors(method: StartMethod) {
    let pool = pool(method);
    let numbers: Vec<f64> = (0..LEN as u32).map(f64::from).collect();
    // Each form is the first task of its function: what its worker has to know goes ahead of it.
    let double = |numbers: Vec<f64>| numbers.iter().map(|x| 2.0 * x).collect::<Vec<f64>>();
    assert!(pool.apply(double, numbers.clone()).unwrap() == double(numbers));
    let bytes = |bytes: Vec<u8>| bytes;
    let sent = vec![7; 9 * LEN];
    for back in pool.imap(bytes, vec![sent.clone(); 5]) {
        assert!(back.unwrap() == sent);
    }
    let blob = |blob: Blob<u128>| blob;
    assert!(pool.apply(blob, Blob(vec![1; LEN])).unwrap().0 == vec![1; LEN]);
    let nested = |(number, blob): (u8, Blob<f32>)| (number + 1, Some(blob));
    let (number, blob) = pool.apply(nested, (1, Blob(vec![0.5; LEN]))).unwrap();
    assert!(number == 2 && blob.unwrap().0 == vec![0.5; LEN]);
    let texts = |text: String| text + "!";
    assert_eq!(pool.apply(texts, "a".repeat(LEN)).unwrap().len(), LEN + 1);
}

fn negate(array: SharedArray<i64>) -> SharedArray<i64> {
    array.lock().unwrap().iter_mut().for_each(|number| *number = -*number);
    array
}

fn shared_arrays_are_passed_on(method: StartMethod) {
    leaving_nothing(|| {
        let pool = pool(method);
        let arrays = (0..40).map(|number| SharedArray::from_slice(&vec![number; LEN]).unwrap());
        for (number, array) in (0..).zip(pool.imap(negate, arrays)) {
            let array = array.unwrap();
            assert_eq!((array.len(), array.lock().unwrap()[LEN - 1]), (LEN, -number));
        }
        drop(pool);
    });
}

type Tries = (Shared<Mutex<u64>>, u64);

/// Dies until it was tried three times in all, if it is the one.
fn third_time((tries, number): Tries) -> (Shared<Mutex<u64>>, u64) {
    if number == 3 {
        let mut count = tries.lock().unwrap();
        *count += 1;
        if *count < 3 {
            drop(count);
            std::process::abort();
        }
    }
    (tries, number)
}

fn a_task_with_handles_is_tried_again(method: StartMethod) {
    leaving_nothing(|| {
        let pool = pool(method);
        let tries = || Shared::new(Mutex::new(0)).unwrap();
        // Nobody here has what is passed on.
        let calls = pool.calls().retries(2);
        let (tried, _) = calls.submit(third_time, (tries(), 3)).get().unwrap();
        assert_eq!(*tried.lock().unwrap(), 3);
        let panics = |tries: Shared<Mutex<u64>>| {
            *tries.lock().unwrap() += 1;
            let count = *tries.lock().unwrap();
            assert_eq!(count, 3);
        };
        calls.submit(panics, tries()).get().unwrap();
        let all = calls.map(third_time, (0..6).map(|number| (tries(), number))).unwrap();
        let counts: Vec<_> = all.iter().map(|(tries, _)| *tries.lock().unwrap()).collect();
        assert_eq!(counts, [0, 0, 0, 3, 0, 0]);
        drop((tried, all, pool));
    });
}

fn a_crash_among_items_with_handles(method: StartMethod) {
    leaving_nothing(|| {
        let pool = pool(method);
        let items = (0..6).map(|number| (Shared::new(Mutex::new(0)).unwrap(), number));
        let mut results: Vec<_> = pool.calls().chunk(6).imap(third_time, items).collect();
        let error = results.remove(3).unwrap_err();
        assert!(matches!(error, TaskError::Died { .. }), "{error}");
        for result in results {
            let (same, _) = result.unwrap();
            assert_eq!(*same.lock().unwrap(), 0);
        }
        drop(pool);
    });
}

fn a_shared_result_outlives_its_worker(method: StartMethod) {
    leaving_nothing(|| {
        let pool = builder(method).workers(1).build().unwrap();
        let make = |number: u64| SharedArray::from_slice(&[number; 100]).unwrap();
        let tasks = [1, 2, 3].map(|number| pool.submit(make, number));
        tasks.iter().for_each(polyproc::Task::wait);
        for pid in pool.pids() {
            process::facts(pid).unwrap().kill();
            await_end(pid);
        }
        // The pool learns of that death before it has another worker.
        assert_eq!(pool.apply(|x: u64| x, 5).unwrap(), 5);
        let [one, two, _] = &tasks;
        assert_eq!(one.get().unwrap().lock().unwrap()[99], 1);
        assert_eq!(two.get().unwrap().lock().unwrap()[99], 2);
        drop((tasks, pool));
    });
}

/// An array, or a panic.
fn make_or_panic(number: u64) -> SharedArray<u64> {
    assert_ne!(number % 3, 0);
    SharedArray::from_slice(&[number; 100]).unwrap()
}

fn results_that_nobody_takes(method: StartMethod) {
    leaving_nothing(|| {
        let pool = pool(method);
        let mut some = pool.calls().chunk(10).imap_unordered(make_or_panic, 1..100);
        assert!(some.next().unwrap().is_ok());
        drop(some);
        let all = pool.calls().chunk(10).map_async(make_or_panic, 1..100);
        assert!(all.wait_timeout(crate::LONG));
        drop((all, pool));
    });
}

fn inputs_are_borrowed(method: StartMethod) {
    let pool = pool(method);
    let numbers: Vec<f64> = (0..LEN as u32).map(f64::from).collect();
    let sum = |part: Vec<f64>| part.iter().sum::<f64>();
    let sums = pool.map_ref(sum, numbers.chunks(LEN / 3)).unwrap();
    let expected: Vec<f64> = numbers.chunks(LEN / 3).map(|part| part.iter().sum()).collect();
    assert!(sums == expected);
    assert_eq!(pool.apply_ref(sum, &numbers).unwrap().to_bits(), sum(numbers).to_bits());
    let words = ["a", "abort", "bc", "d"];
    let len = |word: String| if word == "abort" { std::process::abort() } else { word.len() };
    assert_eq!(pool.submit_ref(len, words[2]).get().unwrap(), 2);
    let error = pool.calls().chunk(4).map_ref(len, words).unwrap_err();
    assert_eq!(error.task().unwrap().index, Some(1), "{error}");
    let structs = [(1_u8, "x".to_owned()), (2, "y".to_owned())];
    let swap = |(number, text): (u8, String)| (text, number);
    assert_eq!(pool.map_ref(swap, &structs).unwrap()[1], ("y".to_owned(), 2));
}

/// In an array of its own, whoever died while reading this one.
fn plus_one(array: SharedArray<i64>) -> SharedArray<i64> {
    let numbers = array.lock().unwrap_or_else(polyproc::sync::OwnerDied::into_guard);
    let sums: Vec<_> = numbers.iter().map(|number| number + 1).collect();
    SharedArray::from_slice(&sums).unwrap()
}

/// Whoever is killed when, every array arrives, and all memory comes back.
fn kills_among_shared_arrays(method: StartMethod) {
    leaving_nothing(|| {
        let pool = pool(method);
        let arrays = (0..300).map(|number| SharedArray::from_slice(&[number; 2000]).unwrap());
        let results = pool.calls().retries(50).imap(plus_one, arrays);
        for (number, array) in (0..).zip(results) {
            if number % 9 == 0 {
                let pids = pool.pids();
                let process =
                    pids.get(number as usize / 9 % 2).and_then(|pid| process::facts(*pid));
                process.inspect(process::Facts::kill);
            }
            assert_eq!(array.unwrap().lock().unwrap()[1999], number + 1);
        }
        drop(pool);
    });
}
