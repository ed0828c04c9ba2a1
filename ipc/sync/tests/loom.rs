//! All interleavings of a few steps of each algorithm, by loom's model checker.
//!
//! `cargo xtask loom` runs them. A thread stands for a process; a lost wake-up shows as a deadlock.
#![cfg(loom)]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;
use polyproc_sync::raw::{
    Arrival, Barrier, Condition, Event, HeldSemaphore, Lock, Once, RLock, RwLock, Semaphore,
};
use polyproc_sync::{Host, Outcome, Wait};

/// Not atomic on purpose: what is protected must not need it.
fn add_one(count: &AtomicU32) {
    let seen = count.load(Ordering::Relaxed);
    count.store(seen + 1, Ordering::Relaxed);
}

#[test]
fn a_lock_excludes_and_wakes() {
    loom::model(|| {
        let shared = Arc::new((Lock::<Host>::new(), AtomicU32::new(0)));
        let others: Vec<_> = (2..4)
            .map(|pid| {
                let shared = shared.clone();
                thread::spawn(move || {
                    Host::be(pid);
                    assert_eq!(shared.0.acquire(Wait::FOREVER), Outcome::Done);
                    add_one(&shared.1);
                    assert!(shared.0.release());
                })
            })
            .collect();
        // A third: who was woken has to keep the mark for who was not.
        assert_eq!(shared.0.acquire(Wait::FOREVER), Outcome::Done);
        add_one(&shared.1);
        assert!(shared.0.release());
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(shared.1.load(Ordering::Relaxed), 3);
        assert!(!shared.0.is_locked());
    });
}

#[test]
fn a_dead_holder_is_inherited_by_exactly_one() {
    loom::model(|| {
        let shared = Arc::new((Lock::<Host>::new(), AtomicU32::new(0)));
        let holder = {
            let shared = shared.clone();
            thread::spawn(move || {
                Host::be(2);
                assert!(shared.0.acquire(Wait::FOREVER).is_acquired());
                Host::die();
            })
        };
        let taker = {
            let shared = shared.clone();
            thread::spawn(move || {
                Host::be(3);
                if shared.0.acquire(Wait::FOREVER) == Outcome::OwnerDied {
                    add_one(&shared.1);
                    shared.0.recover();
                }
                assert!(shared.0.release());
            })
        };
        holder.join().unwrap();
        taker.join().unwrap();
        // Before the holder, or after it and told so.
        let told = shared.1.load(Ordering::Relaxed) == 1;
        assert_eq!(shared.0.is_locked(), !told);
    });
}

#[test]
fn an_event_wakes_all() {
    loom::model(|| {
        let event = Arc::new(Event::<Host>::new());
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let event = event.clone();
                thread::spawn(move || assert_eq!(event.wait(Wait::FOREVER), Outcome::Done))
            })
            .collect();
        event.set();
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
}

#[test]
fn a_watcher_of_an_event_misses_no_change() {
    loom::model(|| {
        let event = Arc::new(Event::<Host>::new());
        let watcher = {
            let event = event.clone();
            thread::spawn(move || {
                let mut seen = 0;
                while seen != 2 {
                    event.await_turn(seen, Wait::FOREVER, &|| false);
                    seen = event.turn();
                }
            })
        };
        let waiter = {
            let event = event.clone();
            thread::spawn(move || assert_eq!(event.wait(Wait::FOREVER), Outcome::Done))
        };
        event.set();
        waiter.join().unwrap();
        event.clear();
        watcher.join().unwrap();
    });
}

#[test]
fn a_watcher_hears_that_it_is_over() {
    loom::model(|| {
        let shared = Arc::new((Event::<Host>::new(), AtomicU32::new(0)));
        let watcher = {
            let shared = shared.clone();
            thread::spawn(move || {
                let is_over = || shared.1.load(Ordering::Acquire) == 1;
                shared.0.await_turn(0, Wait::FOREVER, &is_over);
            })
        };
        shared.1.store(1, Ordering::Release);
        shared.0.nudge();
        watcher.join().unwrap();
    });
}

#[test]
fn two_releases_reach_two_sleepers() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::<Host>::new(0));
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let semaphore = semaphore.clone();
                thread::spawn(move || assert_eq!(semaphore.acquire(Wait::FOREVER), Outcome::Done))
            })
            .collect();
        assert!(semaphore.release(1));
        assert!(semaphore.release(1));
        for taker in takers {
            taker.join().unwrap();
        }
        assert_eq!(semaphore.permits(), 0);
    });
}

#[test]
fn a_notification_under_the_lock_is_not_lost() {
    loom::model(|| {
        let shared = Arc::new((Lock::<Host>::new(), Condition::<Host>::new(), AtomicU32::new(0)));
        let waiter = {
            let shared = shared.clone();
            thread::spawn(move || {
                Host::be(2);
                assert_eq!(shared.0.acquire(Wait::FOREVER), Outcome::Done);
                while shared.2.load(Ordering::Relaxed) == 0 {
                    assert_eq!(shared.1.wait(&shared.0, Wait::FOREVER).1, Outcome::Done);
                }
                assert!(shared.0.release());
            })
        };
        assert_eq!(shared.0.acquire(Wait::FOREVER), Outcome::Done);
        shared.2.store(1, Ordering::Relaxed);
        shared.1.notify(1);
        assert!(shared.0.release());
        waiter.join().unwrap();
    });
}

#[test]
fn readers_and_a_writer_exclude_each_other() {
    loom::model(|| {
        let shared = Arc::new((RwLock::<Host>::new(), AtomicU32::new(0), AtomicU32::new(0)));
        let writer = {
            let shared = shared.clone();
            thread::spawn(move || {
                Host::be(2);
                assert_eq!(shared.0.acquire_write(Wait::FOREVER), Outcome::Done);
                add_one(&shared.1);
                add_one(&shared.2);
                assert!(shared.0.release_write());
            })
        };
        assert_eq!(shared.0.acquire_read(Wait::FOREVER), Outcome::Done);
        let seen = shared.1.load(Ordering::Relaxed);
        assert_eq!(seen, shared.2.load(Ordering::Relaxed));
        assert!(shared.0.release_read());
        writer.join().unwrap();
    });
}

#[test]
fn a_barrier_lets_all_pass_and_exactly_one_leads() {
    for with_action in [false, true] {
        loom::model(move || {
            let barrier = Arc::new(Barrier::<Host>::new(2));
            let meet = move |barrier: &Barrier<Host>| {
                let arrival = if with_action {
                    barrier.wait_then(Wait::FOREVER, &mut || true)
                } else {
                    barrier.wait(Wait::FOREVER)
                };
                match arrival {
                    Arrival::Passed { leader, .. } => leader,
                    other => panic!("{other:?}"),
                }
            };
            let other = {
                let barrier = barrier.clone();
                thread::spawn(move || {
                    Host::be(2);
                    meet(&barrier)
                })
            };
            let leads = meet(&barrier);
            assert_ne!(leads, other.join().unwrap());
        });
    }
}

#[test]
fn an_abort_sends_the_waiting_away() {
    loom::model(|| {
        let barrier = Arc::new(Barrier::<Host>::new(2));
        let waiter = {
            let barrier = barrier.clone();
            thread::spawn(move || barrier.wait(Wait::FOREVER))
        };
        barrier.abort();
        assert_eq!(waiter.join().unwrap(), Arrival::Broken);
    });
}

#[test]
fn a_held_semaphore_lets_in_as_many_as_it_has_permits() {
    loom::model(|| {
        let shared = Arc::new((HeldSemaphore::<Host>::new(1), AtomicU32::new(0)));
        let stay = |shared: &(HeldSemaphore<Host>, AtomicU32)| {
            assert_eq!(shared.0.acquire(Wait::FOREVER), Outcome::Done);
            add_one(&shared.1);
            assert_eq!(shared.0.release(1), Ok(()));
        };
        let other = {
            let shared = shared.clone();
            thread::spawn(move || {
                Host::be(2);
                stay(&shared);
            })
        };
        stay(&shared);
        other.join().unwrap();
        assert_eq!((shared.1.load(Ordering::Relaxed), shared.0.permits()), (2, 1));
    });
}

#[test]
fn a_dead_guest_makes_room() {
    loom::model(|| {
        let semaphore = Arc::new(HeldSemaphore::<Host>::new(1));
        let guest = {
            let semaphore = semaphore.clone();
            thread::spawn(move || {
                Host::be(2);
                assert_eq!(semaphore.acquire(Wait::FOREVER), Outcome::Done);
                Host::die();
            })
        };
        assert_eq!(semaphore.acquire(Wait::FOREVER), Outcome::Done);
        assert_eq!(semaphore.release(1), Ok(()));
        guest.join().unwrap();
        assert_eq!(semaphore.try_acquire(), Outcome::Done);
        assert_eq!(semaphore.reclaimed(), 1);
    });
}

#[test]
fn a_lock_taken_twice_is_free_after_the_second_release() {
    loom::model(|| {
        let shared = Arc::new((RLock::<Host>::new(), AtomicU32::new(0)));
        let twice = |shared: &(RLock<Host>, AtomicU32)| {
            assert_eq!(shared.0.acquire(Wait::FOREVER), Outcome::Done);
            assert_eq!(shared.0.acquire(Wait::FOREVER), Outcome::Done);
            assert_eq!(shared.0.release(), Ok(()));
            add_one(&shared.1);
            assert_eq!(shared.0.release(), Ok(()));
        };
        let other = {
            let shared = shared.clone();
            thread::spawn(move || {
                Host::be(2);
                twice(&shared);
            })
        };
        twice(&shared);
        other.join().unwrap();
        assert_eq!(shared.1.load(Ordering::Relaxed), 2);
        assert!(!shared.0.lock().is_locked());
    });
}

#[test]
fn a_dead_holders_depth_is_forgotten() {
    loom::model(|| {
        let lock = Arc::new(RLock::<Host>::new());
        let holder = {
            let lock = lock.clone();
            thread::spawn(move || {
                Host::be(2);
                assert!(lock.acquire(Wait::FOREVER).is_acquired());
                assert!(lock.acquire(Wait::FOREVER).is_acquired());
                Host::die();
            })
        };
        assert!(lock.acquire(Wait::FOREVER).is_acquired());
        assert_eq!(lock.release(), Ok(()));
        holder.join().unwrap();
        // One release was enough, also for who inherited it.
        assert!(lock.try_acquire().is_acquired());
        assert_eq!(lock.release(), Ok(()));
        assert!(!lock.lock().is_locked());
    });
}

#[test]
fn once_is_once_and_seen_by_all() {
    loom::model(|| {
        let shared = Arc::new((Once::<Host>::new(), AtomicU32::new(0)));
        let call = |shared: &(Once<Host>, AtomicU32)| {
            shared.0.call_once(|| add_one(&shared.1));
            assert_eq!(shared.1.load(Ordering::Relaxed), 1);
        };
        let others: Vec<_> = (2..4)
            .map(|pid| {
                let shared = shared.clone();
                thread::spawn(move || {
                    Host::be(pid);
                    call(&shared);
                })
            })
            .collect();
        call(&shared);
        for other in others {
            other.join().unwrap();
        }
    });
}
