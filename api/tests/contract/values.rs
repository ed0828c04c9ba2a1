//! Arguments and results.

use crate::{LONG, Test, start};
use polyproc::JoinError;
use polyproc::prelude::*;
use polyproc::queue::GetError;
use polyproc_testkit::{Rng, eventually, process};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const TESTS: &[Test] = &[
    ("a_value_comes_back", a_value_comes_back),
    ("any_function_will_do", any_function_will_do),
    ("a_type_with_run", a_type_with_run),
    ("large_arguments_and_results", large_arguments_and_results),
    ("large_arguments_are_held_once", large_arguments_are_held_once),
    ("large_values_of_the_killed_are_freed", large_values_of_the_killed_are_freed),
    ("vectors_of_numbers_travel_anywhere_in_a_value", vectors_of_numbers),
    ("an_error_of_ours_may_be_a_result", an_error_of_ours),
    ("a_result_is_given_once", a_result_is_given_once),
    ("what_cannot_be_encoded_is_named", what_cannot_be_encoded_is_named),
    ("memory_is_the_childs_own", memory_is_the_childs_own),
];

fn a_value_comes_back(method: StartMethod) {
    let process = start(method, |x: u64| x * x, 9);
    assert_eq!(process.join().unwrap(), 81);
    assert_eq!((process.exit_code(), process.is_alive()), (Some(0), false));
    assert_eq!(process.start_method(), method);
}

fn identity<T>(value: T) -> T {
    value
}

fn any_function_will_do(method: StartMethod) {
    assert_eq!(start(method, identity::<String>, "x".into()).join().unwrap(), "x");
    assert_eq!(start(method, str_len, "four".into()).join().unwrap(), 4);
    let map = BTreeMap::from([(1, vec![Some('a'), None])]);
    assert_eq!(
        start(
            method,
            |(map, n): (BTreeMap<u8, Vec<Option<char>>>, i8)| (n, map),
            (map.clone(), -1)
        )
        .join()
        .unwrap(),
        (-1, map)
    );
    start(method, |()| (), ()).join().unwrap();
    // A function that is not this crate's.
    assert_eq!(start(method, i32::abs, -3).join().unwrap(), 3);
}

fn str_len(text: String) -> usize {
    text.len()
}

#[derive(Serialize, Deserialize)]
struct Adder {
    left: u32,
    right: u32,
}

impl Run for Adder {
    type Output = u32;

    fn run(self) -> u32 {
        self.left + self.right
    }
}

fn a_type_with_run(method: StartMethod) {
    let process = polyproc::context(method).start(Adder { left: 2, right: 3 }).unwrap();
    assert_eq!(process.join().unwrap(), 5);
}

/// Larger than any socket's buffer, both ways: nobody may wait for the other to read.
fn large_arguments_and_results(method: StartMethod) {
    let text = "polyproc ".repeat(3_000_000);
    let process = start(method, |text: String| text.to_uppercase(), text.clone());
    process.wait().unwrap();
    assert!(process.join().unwrap() == text.to_uppercase());
}

/// Whether a large message lies in the memory of a process.
fn holds_a_message(pid: u32) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"));
    maps.is_ok_and(|maps| maps.contains("polyproc-message"))
}

fn large_arguments_are_held_once(method: StartMethod) {
    let look = |bytes: Vec<u8>| (bytes.len(), holds_a_message(std::process::id()));
    assert_eq!(start(method, look, vec![1; 4 << 20]).join().unwrap(), (4 << 20, false));
}

/// They are killed at random moments, so with any part of either message done.
fn large_values_of_the_killed_are_freed(method: StartMethod) {
    let mut random = Rng::from_environment();
    for round in 0..40 {
        let process = start(method, identity::<Vec<u8>>, vec![round; 2 << 20]);
        std::thread::park_timeout(Duration::from_micros(random.below(5000)));
        process.kill().unwrap();
        match process.join() {
            Ok(bytes) => assert!(bytes == vec![round; 2 << 20]),
            Err(error) => assert!(matches!(error, JoinError::Signaled { .. }), "{error}"),
        }
    }
    let here = std::process::id();
    let is_free = || {
        let members = process::descendants(&process::all(), here);
        let mut pids = members.iter().map(|member| member.pid).chain([here]);
        (!pids.any(holds_a_message)).then_some(())
    };
    eventually(LONG, is_free).unwrap();
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Frame {
    number: u16,
    pixels: Vec<u8>,
    depths: Option<Vec<f64>>,
    rows: Vec<Vec<i32>>,
    mask: Vec<bool>,
    name: String,
}

/// As arguments, through a queue, through a pipe, and as results; alone and inside of a value.
fn vectors_of_numbers(method: StartMethod) {
    let frame = Frame {
        number: 7,
        pixels: (0..300_000).map(|place| place as u8).collect(),
        depths: Some(vec![-0.5; 100_000]),
        rows: vec![vec![], vec![i32::MIN, 1]],
        mask: vec![true, false],
        name: "behind".into(),
    };
    let (here, there) = polyproc::pipe::duplex::<Vec<f64>>().unwrap();
    let queue = Queue::<Frame>::unbounded().unwrap();
    let process = start(
        method,
        |(frame, queue, there): (Frame, Queue<Frame>, PipeEnd<Vec<f64>>)| {
            there.send(frame.depths.clone().unwrap()).unwrap();
            queue.put(frame.clone()).unwrap();
            (frame.pixels.clone(), frame)
        },
        (frame.clone(), queue.clone(), there),
    );
    assert!(here.recv().unwrap() == vec![-0.5; 100_000]);
    assert!(queue.get().unwrap() == frame);
    assert!(process.join().unwrap() == (frame.pixels.clone(), frame));
}

fn an_error_of_ours(method: StartMethod) {
    let queue = Queue::<u8>::unbounded().unwrap();
    queue.close();
    let process =
        start(method, |queue: Queue<u8>| -> polyproc::Result<u8> { Ok(queue.get()?) }, queue);
    let error = process.join().unwrap().unwrap_err();
    assert!(matches!(error, polyproc::Error::Get(GetError::Closed)), "{error}");
    let reads = |()| -> polyproc::Result<String> {
        Ok(String::from_utf8(vec![0xff]).map_err(std::io::Error::other)?)
    };
    let process = start(method, reads, ());
    let polyproc::Error::Elsewhere(error) = process.join().unwrap().unwrap_err() else {
        panic!("no such error")
    };
    assert_eq!((error.process.pid, &*error.process.name), (process.pid(), process.name()));
    assert!(error.text.contains("utf-8"), "{error}");
}

fn a_result_is_given_once(method: StartMethod) {
    let process = start(method, |()| 1, ());
    assert_eq!(process.join().unwrap(), 1);
    assert!(matches!(process.join(), Err(JoinError::Taken { .. })));
    assert!(matches!(process.try_join(), Err(JoinError::Taken { .. })));
    assert_eq!(process.exit_code(), Some(0), "the rest stays");
}

#[derive(Debug, Serialize, Deserialize)]
struct Open {
    #[serde(flatten)]
    rest: BTreeMap<String, u32>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(u32),
    Text(String),
}

fn what_cannot_be_encoded_is_named(method: StartMethod) {
    if method != StartMethod::Fork {
        let error = polyproc::context(method).spawn(drop::<Open>, Open { rest: BTreeMap::new() });
        let error = error.unwrap_err();
        assert!(matches!(error, SpawnError::Encode(_)), "{error}");
        assert!(error.to_string().contains("flatten"), "{error}");
        let error = start(method, drop::<Either>, Either::Text("x".into())).join().unwrap_err();
        assert!(matches!(error, JoinError::Arguments { .. }), "{error}");
    }
    let error = start(method, |()| Open { rest: BTreeMap::new() }, ()).join().unwrap_err();
    assert!(matches!(error, JoinError::Value { verb: "encoded", .. }), "{error}");
    let error = start(method, |()| Either::Number(1), ()).join().unwrap_err();
    assert!(matches!(error, JoinError::Value { verb: "decoded", .. }), "{error}");
}

fn memory_is_the_childs_own(method: StartMethod) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let process = start(method, |()| COUNT.fetch_add(1, Ordering::Relaxed), ());
    assert_eq!(process.join().unwrap(), 1);
    assert_eq!(COUNT.load(Ordering::Relaxed), 1);
}
