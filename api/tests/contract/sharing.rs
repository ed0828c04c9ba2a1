//! What the family shares: handles in messages, and what a death leaves of them.

use crate::subject::command;
use crate::{LONG, Test, sleep_for_ever, start};
use polyproc::prelude::*;
use polyproc::sync::{Abandoned, Lock, Outcome, Owner, TryLockError};
use polyproc::{JoinError, arena_stats};
use polyproc_testkit::{eventually, run_with_deadline};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) const TESTS: &[Test] = &[
    ("a_handle_in_arguments", a_handle_in_arguments),
    ("a_handle_in_a_result", a_handle_in_a_result),
    ("handles_anywhere_in_a_value", handles_anywhere_in_a_value),
    ("every_kind_of_object_travels", every_kind_of_object_travels),
    ("a_child_that_dies_before_it_reads", a_child_that_dies_before_it_reads),
    ("a_child_that_dies_with_objects", a_child_that_dies_with_objects),
    ("a_result_that_nobody_takes", a_result_that_nobody_takes),
    ("the_holder_of_a_mutex_is_killed", the_holder_of_a_mutex_is_killed),
    ("a_lock_that_another_process_releases", a_lock_that_another_process_releases),
    ("grandchildren_share_too", grandchildren_share_too),
    ("a_fork_holds_what_its_parent_holds", a_fork_holds_what_its_parent_holds),
    ("a_handle_outlives_its_sender", a_handle_outlives_its_sender),
    ("a_handle_of_another_type", a_handle_of_another_type),
    ("sharing_goes_on_without_the_fork_server", sharing_goes_on_without_the_fork_server),
    ("too_little_address_space", too_little_address_space),
    ("too_little_address_space_in_a_child", too_little_address_space_in_a_child),
    ("the_memory_limit_of_a_group", the_memory_limit_of_a_group),
];

/// Objects, and handles in messages: both have to be what they were when a test ends.
fn held() -> (u64, usize) {
    let stats = arena_stats().unwrap();
    (stats.objects, stats.parcels)
}

/// Runs a test and sees to it that nothing is left in the arena.
pub(crate) fn leaving_nothing(test: impl FnOnce()) {
    let before = held();
    test();
    let settled = eventually(LONG, || (held() == before).then_some(()));
    assert!(settled.is_some(), "left: {:?}, before: {before:?}", held());
}

fn a_handle_in_arguments(method: StartMethod) {
    leaving_nothing(|| {
        let count = Value::new(20_u32).unwrap();
        let child = start(method, |count: Value<u32>| count.update(|n| *n += 22), count.clone());
        child.join().unwrap();
        assert_eq!(count.get(), 42);
    });
}

fn a_handle_in_a_result(method: StartMethod) {
    leaving_nothing(|| {
        let made = start(method, |()| SharedArray::from_slice(&[1_u64, 2, 3]).unwrap(), ());
        assert_eq!(made.join().unwrap().to_vec().unwrap(), [1, 2, 3]);
    });
}

#[derive(Serialize, Deserialize)]
struct Job {
    name: String,
    done: Shared<Event>,
    counts: Vec<Option<Value<u64>>>,
    table: BTreeMap<String, (SharedBytes, RawArray<f32>)>,
}

impl Run for Job {
    type Output = (String, Self);

    fn run(self) -> (String, Self) {
        self.done.set();
        for (index, count) in self.counts.iter().flatten().enumerate() {
            count.set(index as u64 + 1);
        }
        for (bytes, floats) in self.table.values() {
            assert!(bytes.write(0, b"hello") && floats.set(1, 0.5));
        }
        (self.name.to_uppercase(), self)
    }
}

fn handles_anywhere_in_a_value(method: StartMethod) {
    leaving_nothing(|| {
        let done = Shared::new(Event::new()).unwrap();
        let counts: Vec<_> = (0..3).map(|_| Value::new(0_u64).unwrap()).collect();
        let bytes = SharedBytes::zeroed(5).unwrap();
        let job = Job {
            name: "job".into(),
            done: done.clone(),
            counts: vec![Some(counts[0].clone()), None, Some(counts[2].clone())],
            table: BTreeMap::from([("one".into(), (bytes.clone(), RawArray::zeroed(2).unwrap()))]),
        };
        let (name, back) = polyproc::context(method).start(job).unwrap().join().unwrap();
        assert_eq!((name.as_str(), done.is_set()), ("JOB", true));
        assert_eq!(counts.iter().map(Value::get).collect::<Vec<_>>(), [1, 0, 2]);
        let mut text = [0; 5];
        assert!(bytes.read(0, &mut text) && &text == b"hello");
        assert_eq!(back.table["one"].1.get(1), Some(0.5));
    });
}

type Everything = (
    (Shared<Mutex<[u32; 4]>>, Shared<RwLock<f64>>, Shared<Condvar>, Shared<Barrier>),
    (Shared<Once>, Shared<Semaphore>, Shared<Event>, Shared<AtomicU64>),
    (Shared<Lock>, Shared<polyproc::sync::RLock>, Shared<polyproc::sync::BoundedSemaphore>),
    Shared<[AtomicU64; 3]>,
);

fn use_everything((locks, events, raw, numbers): Everything) {
    *locks.0.lock().unwrap() = [1, 2, 3, 4];
    *locks.1.write().unwrap() += 0.5;
    locks.2.notify_all();
    assert!(locks.3.wait().unwrap().is_leader());
    events.0.call_once(|| ());
    drop(events.1.acquire());
    events.2.set();
    events.3.fetch_add(1, Ordering::Relaxed);
    assert_eq!(raw.0.try_acquire(), Outcome::Done);
    assert_eq!(raw.1.try_acquire(), Outcome::Done);
    assert!(raw.1.release().is_ok());
    assert!(raw.2.release(1).is_err());
    numbers[2].store(9, Ordering::Relaxed);
}

fn every_kind_of_object_travels(method: StartMethod) {
    use polyproc::sync::{BoundedSemaphore, RLock};
    leaving_nothing(|| {
        let locks = (
            Shared::new(Mutex::new([0; 4])).unwrap(),
            Shared::new(RwLock::new(1.0)).unwrap(),
            Shared::new(Condvar::new()).unwrap(),
            Shared::new(Barrier::new(1)).unwrap(),
        );
        let events = (
            Shared::new(Once::new()).unwrap(),
            Shared::new(Semaphore::new(1)).unwrap(),
            Shared::new(Event::new()).unwrap(),
            Shared::new(AtomicU64::new(6)).unwrap(),
        );
        let raw = (
            Shared::new(Lock::new()).unwrap(),
            Shared::new(RLock::new()).unwrap(),
            Shared::new(BoundedSemaphore::new(1)).unwrap(),
        );
        let numbers = Shared::new([const { AtomicU64::new(0) }; 3]).unwrap();
        let all: Everything = (locks, events, raw, numbers);
        start(method, use_everything, all.clone()).join().unwrap();
        let (locks, events, _, numbers) = &all;
        assert_eq!((*locks.0.lock().unwrap(), *locks.1.read().unwrap()), ([1, 2, 3, 4], 1.5));
        assert!(events.0.is_completed() && events.2.is_set());
        assert_eq!(events.3.load(Ordering::Relaxed), 7);
        assert_eq!(numbers[2].load(Ordering::Relaxed), 9);
    });
}

fn a_child_that_dies_before_it_reads(method: StartMethod) {
    leaving_nothing(|| {
        for _ in 0..20 {
            let value = Value::new(1_u8).unwrap();
            let child = start(
                method,
                |(value, _): (Value<u8>, Value<u8>)| value.get(),
                (value.clone(), value),
            );
            child.kill().unwrap();
            child.wait().unwrap();
        }
    });
}

/// It has objects of its own, is about to send them, or has sent them.
fn a_child_that_dies_with_objects(method: StartMethod) {
    leaving_nothing(|| {
        for number in 0..10_u64 {
            let begun = Shared::new(Event::new()).unwrap();
            let body = |begun: Shared<Event>| {
                let made: Vec<_> = (0..200).map(|n| Value::new(n).unwrap()).collect();
                begun.set();
                made
            };
            let child: Process<Vec<Value<i32>>> = start(method, body, begun.clone());
            begun.wait();
            for _ in 0..number * 2_000 {
                std::hint::spin_loop();
            }
            child.kill().unwrap();
            child.wait().unwrap();
        }
    });
}

fn a_result_that_nobody_takes(method: StartMethod) {
    leaving_nothing(|| {
        let child = start(method, |()| Value::new(1_u8).unwrap(), ());
        child.wait().unwrap();
        drop(child);
        // Dropped while it runs: the reaper's.
        drop(start(method, |()| Value::new(1_u8).unwrap(), ()));
    });
}

/// A pair of numbers that have to stay equal.
type Pair = Shared<Mutex<[u64; 2]>>;

fn hold_for_ever((pair, locked): (Pair, Shared<Event>)) {
    let mut guard = pair.lock().unwrap();
    guard[0] += 1;
    locked.set();
    sleep_for_ever(());
}

fn the_holder_of_a_mutex_is_killed(method: StartMethod) {
    leaving_nothing(|| {
        let pair = Shared::new(Mutex::new([0, 0])).unwrap();
        let locked = Shared::new(Event::new()).unwrap();
        let holder = start(method, hold_for_ever, (pair.clone(), locked.clone()));
        locked.wait();
        assert!(matches!(pair.try_lock(), Err(TryLockError::WouldBlock)));
        assert_eq!(pair.report().holder.map(Owner::pid), Some(holder.pid()));
        holder.kill().unwrap();
        let died = pair.lock().unwrap_err();
        assert_eq!(died.abandoned(), Abandoned::Died);
        let mut guard = died.recover();
        assert_eq!(*guard, [1, 0]);
        guard[1] = guard[0];
        drop(guard);
        assert_eq!(*pair.lock().unwrap(), [1, 1]);
        holder.wait().unwrap();
    });
}

fn a_lock_that_another_process_releases(method: StartMethod) {
    leaving_nothing(|| {
        let lock = Shared::new(Lock::new()).unwrap();
        assert_eq!(lock.try_acquire(), Outcome::Done);
        assert!(start(method, |lock: Shared<Lock>| lock.release(), lock.clone()).join().unwrap());
        assert_eq!(lock.try_acquire(), Outcome::Done);
    });
}

fn grandchildren_share_too(method: StartMethod) {
    let child = |(method, sum): (String, Value<u64>)| {
        let method = StartMethod::ALL.into_iter().find(|m| m.to_string() == method).unwrap();
        let add = |sum: Value<u64>| sum.update(|sum| *sum += 1);
        let children: Vec<_> = (0..3).map(|_| start(method, add, sum.clone())).collect();
        for child in &children {
            child.join().unwrap();
        }
        // Made here, and handed on by two.
        start(method, |()| Value::new(7_u64).unwrap(), ()).join().unwrap()
    };
    leaving_nothing(|| {
        for inner in StartMethod::ALL {
            let sum = Value::new(0).unwrap();
            let made = start(method, child, (inner.to_string(), sum.clone())).join().unwrap();
            assert_eq!((sum.get(), made.get()), (3, 7), "{method} and then {inner}");
        }
    });
}

fn a_fork_holds_what_its_parent_holds(_: StartMethod) {
    leaving_nothing(|| {
        let number = Value::new(1_u32).unwrap();
        let go = Shared::new(Event::new()).unwrap();
        let copy = polyproc::fork(|| {
            go.wait();
            number.update(|n| *n += 1);
            number.clone()
        });
        let copy = copy.unwrap();
        go.set();
        drop(number);
        assert_eq!(copy.join().unwrap().get(), 2);
    });
}

fn a_handle_outlives_its_sender(method: StartMethod) {
    leaving_nothing(|| {
        let made = start(method, |()| Shared::new(Mutex::new(3_u8)).unwrap(), ());
        made.wait().unwrap();
        // Whatever is reclaimed of the dead, the message keeps it.
        assert!(held().1 >= 1);
        let mutex = made.join().unwrap();
        assert_eq!(*mutex.lock().unwrap(), 3);
        let reader = start(method, |mutex: Shared<Mutex<u8>>| *mutex.lock().unwrap(), mutex);
        assert_eq!(reader.join().unwrap(), 3);
    });
}

/// Writes as one type and reads as another.
#[derive(Serialize, Deserialize)]
#[serde(into = "Value<u32>")]
struct Liar(Value<u64>);

impl Clone for Liar {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl From<Liar> for Value<u32> {
    fn from(_: Liar) -> Self {
        Self::new(1).unwrap()
    }
}

fn a_handle_of_another_type(method: StartMethod) {
    if method != StartMethod::Fork {
        leaving_nothing(|| {
            let child = start(method, drop::<Liar>, Liar(Value::new(1).unwrap()));
            let error = child.join().unwrap_err();
            assert!(matches!(error, JoinError::Arguments { .. }), "{error}");
            assert!(error.to_string().contains("is not a"), "{error}");
        });
    }
}

fn sharing_goes_on_without_the_fork_server(method: StartMethod) {
    if method == StartMethod::ForkServer {
        let output = run_with_deadline(command("sharing without server", method), LONG);
        assert!(output.status.success(), "{output:?}");
    }
}

/// A limit on the address space makes the arena smaller, and at last says so.
fn too_little_address_space(method: StartMethod) {
    for (limit, enough) in [(8_u64 << 30, true), (48 << 20, false)] {
        let limit = format!("--as={limit}");
        let subject =
            crate::subject::command_under(&["prlimit", &limit], "sharing in little space", method);
        let output = run_with_deadline(subject, LONG);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{output:?}");
        let said = if enough { "42" } else { "RLIMIT_AS" };
        assert!(text.contains(said), "{output:?}");
    }
}

#[expect(unsafe_code, reason = "std cannot set limits")]
fn little_space(value: Option<Value<u8>>) -> Result<u8, String> {
    let limit = libc::rlimit { rlim_cur: 1 << 30, rlim_max: 1 << 30 };
    // SAFETY: a live structure.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
    // Who has the arena mapped by then goes on with it.
    match value {
        Some(value) => Ok(value.get()),
        None => arena_stats().map(|_| 0).map_err(|error| error.to_string()),
    }
}

fn too_little_address_space_in_a_child(method: StartMethod) {
    leaving_nothing(|| {
        let value = Value::new(7_u8).unwrap();
        assert_eq!(start(method, little_space, Some(value)).join().unwrap(), Ok(7));
        let told = start(method, little_space, None).join().unwrap();
        // A fork has what its parent has mapped.
        match told {
            Ok(0) => assert_eq!(method, StartMethod::Fork),
            Ok(other) => panic!("{other}"),
            Err(error) => assert!(error.contains("RLIMIT_AS"), "{error}"),
        }
    });
}

/// A control group with 128 MiB of memory, if this process may make one; removed on drop.
struct LittleMemory(PathBuf);

impl LittleMemory {
    fn make() -> std::io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("polyproc-test-{}-{number}", std::process::id());
        let version_1 = "/sys/fs/cgroup/memory";
        let (folder, file) = if std::fs::exists(version_1)? {
            (version_1, "memory.limit_in_bytes")
        } else {
            ("/sys/fs/cgroup", "memory.max")
        };
        let group = Self(PathBuf::from(folder).join(name));
        std::fs::create_dir(&group.0)?;
        std::fs::write(group.0.join(file), "134217728")?;
        Ok(group)
    }
}

impl Drop for LittleMemory {
    fn drop(&mut self) {
        drop(std::fs::remove_dir(&self.0));
    }
}

fn the_memory_limit_of_a_group(method: StartMethod) {
    let group = match LittleMemory::make() {
        Ok(group) => group,
        Err(error) => return eprintln!("not tested: no control group can be made here ({error})"),
    };
    let enter = format!("echo $$ > {}/cgroup.procs && exec \"$0\"", group.0.display());
    let prefix = ["sh", "-c", &enter];
    let subject = crate::subject::command_under(&prefix, "sharing in little memory", method);
    let output = run_with_deadline(subject, LONG);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("may use 134217728 bytes"), "{output:?}");
}
