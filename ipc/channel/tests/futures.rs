//! Futures of ends in the hands of executors that do what they may do.
#![expect(clippy::unwrap_used, reason = "a test")]

use polyproc_channel::{Queue, Settings, Wait};
use polyproc_shm::Arena;
use polyproc_testkit::eventually;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

const LONG: Duration = Duration::from_mins(1);

/// A task of an executor that is gone: when it is woken, it drops its future.
struct Orphan(Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);

impl Wake for Orphan {
    fn wake(self: Arc<Self>) {
        let future = self.0.lock().unwrap().take();
        drop(future);
    }
}

/// Has it wait, and leaves it to whoever will wake it.
fn leave_waiting(future: impl Future<Output = ()> + Send + 'static) {
    let task = Arc::new(Orphan(Mutex::new(Some(Box::pin(future)))));
    let waker = Waker::from(Arc::clone(&task));
    let mut place = task.0.lock().unwrap();
    let future = place.as_mut().unwrap().as_mut();
    assert!(future.poll(&mut Context::from_waker(&waker)).is_pending());
}

/// The thread that wakes it is the one that would have to be waited for.
#[test]
fn the_last_holder_may_go_while_it_is_woken() {
    let arena = Arena::create().unwrap();
    let (sender, receiver) = Queue::new(&arena, Settings::items(1)).unwrap().split();
    let theirs = receiver.clone();
    leave_waiting(async move { drop(theirs.get_async().await) });
    sender.put(b"1", Wait::FOREVER).unwrap();
    let theirs = sender.clone();
    leave_waiting(async move { drop(theirs.put_async(b"2").await) });
    assert_eq!(&*receiver.get(Wait::FOREVER).unwrap(), b"1", "who was dropped has taken nothing");
    drop((sender, receiver));
    let gone = eventually(LONG, || (arena.stats().objects == 0).then_some(()));
    assert!(gone.is_some(), "{:?}", arena.stats());
}

/// It is nobody else's trouble.
#[test]
fn a_waker_that_panics_wakes_the_others() {
    struct Bad;
    impl Wake for Bad {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("a bad waker"));
        }
    }
    struct Good(Mutex<u32>);
    impl Wake for Good {
        fn wake(self: Arc<Self>) {
            *self.0.lock().unwrap() += 1;
        }
    }
    let arena = Arena::create().unwrap();
    let queue = Queue::new(&arena, Settings::UNBOUNDED).unwrap();
    let (bad, good) = (Arc::new(Bad), Arc::new(Good(Mutex::new(0))));
    for round in 1..4 {
        let (mut first, mut second) = (Box::pin(queue.get_async()), Box::pin(queue.get_async()));
        let wakers = [Waker::from(Arc::clone(&bad)), Waker::from(Arc::clone(&good))];
        assert!(first.as_mut().poll(&mut Context::from_waker(&wakers[0])).is_pending());
        assert!(second.as_mut().poll(&mut Context::from_waker(&wakers[1])).is_pending());
        queue.put(b"1", Wait::FOREVER).unwrap();
        let woken = eventually(LONG, || (*good.0.lock().unwrap() == round).then_some(()));
        assert!(woken.is_some());
        assert!(second.as_mut().poll(&mut Context::from_waker(&wakers[1])).is_ready());
    }
}
