//! The protocol of the two sides, in every order in which its steps can happen: `cargo xtask loom`.
//!
//! A thread stands for a process; a lost wake-up shows as a deadlock.

use crate::position::Position;
use crate::sides::{Gone, One, Sides, Stop, Store};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;
use polyproc_sync::{Host, Wait};

const SLOTS: usize = 2;

/// A ring of numbers, not atomic on purpose: what is protected must not need it.
struct Ring {
    slots: [AtomicU32; SLOTS],
    most: u32,
    repairs: AtomicU32,
}

impl Ring {
    fn slot(&self, at: Position) -> &AtomicU32 {
        &self.slots[at.count() as usize % SLOTS]
    }
}

impl Store<Host> for Ring {
    type Message = u32;
    type Taken = u32;
    type Error = ();

    fn has_room(&self, tail: Position, head: Position, _message: &u32) -> bool {
        tail.since(head) < self.most
    }

    fn put(&self, tail: Position, message: &mut u32) -> Result<Position, ()> {
        self.slot(tail).store(*message, Ordering::Relaxed);
        Ok(tail.after(1))
    }

    fn take(&self, head: Position, into: &mut u32) -> Result<(bool, Position), ()> {
        *into = self.slot(head).load(Ordering::Relaxed);
        Ok((true, head.after(1)))
    }

    fn left(&self, _from: Position) {}

    fn repair_put(&self, _sides: &Sides) {
        self.repairs.fetch_add(1, Ordering::Relaxed);
    }

    fn repair_take(&self, _sides: &Sides) {
        self.repairs.fetch_add(1, Ordering::Relaxed);
    }
}

struct Queue {
    sides: Sides,
    ring: Ring,
}

impl Queue {
    fn new(most: u32) -> Arc<Self> {
        let slots = std::array::from_fn(|_| AtomicU32::new(0));
        let ring = Ring { slots, most, repairs: AtomicU32::new(0) };
        Arc::new(Self { sides: Sides::default(), ring })
    }

    fn put(&self, number: u32) {
        let put = self.sides.put(&self.ring, &mut [number], Some(Wait::FOREVER), None);
        assert_eq!(put, Ok(()));
    }

    fn get_unless(&self, gone: Gone<'_>) -> Result<u32, Stop<()>> {
        let mut one = One::default();
        self.sides.take(&self.ring, Some(Wait::FOREVER), gone, &mut one)?;
        Ok(one.taken)
    }

    fn get(&self) -> u32 {
        self.get_unless(None).unwrap()
    }
}

/// Runs `work` as process `pid`.
fn process<T: 'static>(
    pid: u32,
    queue: &Arc<Queue>,
    work: impl FnOnce(&Queue) -> T + 'static,
) -> thread::JoinHandle<T> {
    let queue = queue.clone();
    thread::spawn(move || {
        Host::be(pid);
        work(&queue)
    })
}

#[test]
fn what_is_put_is_taken_in_order() {
    loom::model(|| {
        let queue = Queue::new(1);
        let producer = process(2, &queue, |queue| {
            queue.put(1);
            queue.put(2);
        });
        assert_eq!((queue.get(), queue.get()), (1, 2));
        producer.join().unwrap();
        assert_eq!(queue.sides.len(), 0);
    });
}

#[test]
fn two_puts_reach_two_sleepers() {
    loom::model(|| {
        let queue = Queue::new(2);
        let consumers = [2, 3].map(|pid| process(pid, &queue, Queue::get));
        queue.put(1);
        queue.put(2);
        let taken = consumers.map(|consumer| consumer.join().unwrap());
        assert!(taken == [1, 2] || taken == [2, 1]);
    });
}

#[test]
fn two_producers_get_room_one_after_another() {
    loom::model(|| {
        let queue = Queue::new(1);
        let producers = [2, 3].map(|pid| process(pid, &queue, move |queue| queue.put(pid)));
        assert_eq!(queue.get() + queue.get(), 5);
        for producer in producers {
            producer.join().unwrap();
        }
    });
}

#[test]
fn who_only_polls_passes_the_wake_up_on() {
    loom::model(|| {
        let queue = Queue::new(1);
        let poller = process(2, &queue, |queue| {
            // Gone once it was taken: the other one then ends this wait as it drops its end.
            let taken = |_: bool| queue.sides.head().count() == 1;
            queue.sides.poll::<()>(Some(Wait::FOREVER), Some(&taken))
        });
        let consumer = process(3, &queue, |queue| {
            let number = queue.get();
            queue.sides.wake_all();
            number
        });
        queue.put(7);
        assert_eq!(consumer.join().unwrap(), 7);
        let polled = poller.join().unwrap();
        assert!(matches!(polled, Ok(()) | Err(Stop::Gone)));
    });
}

#[test]
fn closing_wakes_who_waits() {
    loom::model(|| {
        let queue = Queue::new(1);
        let consumer = process(2, &queue, |queue| queue.get_unless(None));
        queue.sides.close(&queue.ring);
        assert_eq!(consumer.join().unwrap(), Err(Stop::Closed));
    });
}

#[test]
fn what_was_put_before_the_end_is_taken() {
    loom::model(|| {
        let queue = Queue::new(1);
        let end = Arc::new(AtomicU32::new(0));
        let theirs = end.clone();
        let producer = process(2, &queue, move |queue| {
            queue.put(7);
            theirs.store(1, Ordering::Release);
            queue.sides.wake_all();
        });
        let gone = |_: bool| end.load(Ordering::Acquire) == 1;
        assert_eq!(queue.get_unless(Some(&gone)), Ok(7));
        assert_eq!(queue.get_unless(Some(&gone)), Err(Stop::Gone));
        producer.join().unwrap();
    });
}

#[test]
fn a_producer_that_died_in_the_middle_is_repaired_once_and_its_message_is_not_seen() {
    loom::model(|| {
        let queue = Queue::new(1);
        let dead = process(2, &queue, |queue| {
            assert!(queue.sides.put.0.lock.acquire(Wait::FOREVER).is_acquired());
            queue.ring.slot(queue.sides.tail()).store(666, Ordering::Relaxed);
            Host::die();
        });
        queue.put(7);
        dead.join().unwrap();
        assert_eq!(queue.get_unless(Some(&|_| true)), Ok(7));
        assert!(queue.ring.repairs.load(Ordering::Relaxed) <= 1);
    });
}
