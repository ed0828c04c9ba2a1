//! The row about locks and what else processes wait on.

use crate::pools::{forever, kill};
use polyproc::prelude::*;
use polyproc::sync::{OwnerDied, Report};
use polyproc_testkit::eventually;
use std::time::Duration;

const LONG: Duration = Duration::from_mins(1);

pub(crate) fn users_killed(_: StartMethod) {
    lock_holder_killed();
    permit_holder_killed();
    event_waiter_killed();
    condition_waiter_killed();
    semaphore_waiter_killed();
    barrier_waiter_killed();
    missing_party_killed();
}

/// Two processes that wait; one of them is killed in its wait, the other is returned.
fn one_of_two<T: serde::Serialize + serde::de::DeserializeOwned + Clone + 'static>(
    wait: fn(T),
    object: &T,
    report: impl Fn() -> Report,
) -> Process<()> {
    let waiters = [(); 2].map(|()| polyproc::spawn(wait, object.clone()).unwrap());
    let all_wait = || (report().waiters == 2).then_some(());
    assert!(eventually(LONG, all_wait).is_some(), "{:?}", report());
    let [victim, other] = waiters;
    victim.kill().unwrap();
    victim.join().unwrap_err();
    other
}

#[expect(clippy::needless_pass_by_value, reason = "the form of a process's function")]
fn take_and_die(lock: Shared<Mutex<u32>>) {
    let _guard = lock.lock().unwrap();
    kill(std::process::id());
    forever(());
}

fn lock_holder_killed() {
    let lock = Shared::new(Mutex::new(1)).unwrap();
    polyproc::spawn(take_and_die, lock.clone()).unwrap().join().unwrap_err();
    let guard = lock.lock().map(drop).map_err(OwnerDied::recover);
    assert!(guard.is_err(), "the fact is reported");
    drop(guard);
    drop(lock.lock().unwrap());
}

fn permit_holder_killed() {
    let rooms = Shared::new(Semaphore::new(1)).unwrap();
    let die = |rooms: Shared<Semaphore>| {
        let _permit = rooms.acquire();
        kill(std::process::id());
        forever(());
    };
    polyproc::spawn(die, rooms.clone()).unwrap().join().unwrap_err();
    drop(rooms.acquire());
    assert_eq!(rooms.reclaimed(), 1, "the fact is reported");
}

fn event_waiter_killed() {
    let event = Shared::new(Event::new()).unwrap();
    let wait = |event: Shared<Event>| event.wait();
    let other = one_of_two(wait, &event, || event.report());
    event.set();
    other.join().unwrap();
}

fn condition_waiter_killed() {
    let ready = Shared::new(Mutex::new(0_u8)).unwrap();
    let changed = Shared::new(Condvar::new()).unwrap();
    let wait = |(ready, changed): (Shared<Mutex<u8>>, Shared<Condvar>)| {
        drop(changed.wait_while(ready.lock().unwrap(), |ready| *ready == 0).unwrap());
    };
    let other = one_of_two(wait, &(ready.clone(), changed.clone()), || changed.report());
    *ready.lock().unwrap() = 1;
    changed.notify_all();
    other.join().unwrap();
}

fn semaphore_waiter_killed() {
    let rooms = Shared::new(Semaphore::new(1)).unwrap();
    let permit = rooms.acquire();
    let wait = |rooms: Shared<Semaphore>| drop(rooms.acquire());
    let other = one_of_two(wait, &rooms, || rooms.report());
    drop(permit);
    other.join().unwrap();
}

/// It has arrived: the others need not wait for it again.
fn barrier_waiter_killed() {
    let barrier = Shared::new(Barrier::new(3)).unwrap();
    let wait = |barrier: Shared<Barrier>| _ = barrier.wait().unwrap();
    let other = one_of_two(wait, &barrier, || barrier.report());
    barrier.wait().unwrap();
    other.join().unwrap();
}

fn missing_party_killed() {
    let barrier = Shared::new(Barrier::new(2)).unwrap();
    let die = |barrier: Shared<Barrier>| {
        assert!(barrier.enroll());
        kill(std::process::id());
        forever(());
    };
    polyproc::spawn(die, barrier.clone()).unwrap().join().unwrap_err();
    barrier.wait().unwrap_err();
}
