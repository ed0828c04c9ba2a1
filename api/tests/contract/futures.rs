//! The waits of queues and pipes as futures.

use crate::sharing::leaving_nothing;
use crate::{LONG, Test, sleep_for_ever, start};
use polyproc::pipe;
use polyproc::prelude::*;
use polyproc::queue::{GetError, PutFailure, Receiver, Sender};
use polyproc_testkit::eventually;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

pub(crate) const TESTS: &[Test] = &[
    ("values_through_futures_both_ways", values_through_futures_both_ways),
    ("a_future_waits_for_room", a_future_waits_for_room),
    ("many_futures_share_a_queue", many_futures_share_a_queue),
    ("a_dropped_future_has_taken_nothing", a_dropped_future_has_taken_nothing),
    ("closing_ends_futures", closing_ends_futures),
    ("a_killed_sender_ends_a_future", a_killed_sender_ends_a_future),
    ("a_killed_receiver_ends_a_future", a_killed_receiver_ends_a_future),
    ("a_killed_producer_does_not_end_the_others", a_killed_producer_does_not_end_the_others),
    ("futures_in_tokio", futures_in_tokio),
];

/// Wakes a thread, and counts how often.
struct Unpark {
    thread: std::thread::Thread,
    wakes: AtomicUsize,
}

impl Unpark {
    fn here() -> Arc<Self> {
        Arc::new(Self { thread: std::thread::current(), wakes: AtomicUsize::new(0) })
    }

    fn wakes(&self) -> usize {
        self.wakes.load(Ordering::SeqCst)
    }
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// The smallest executor: this thread polls when it is woken, and only then.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Unpark::here());
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => {
                let since = Instant::now();
                std::thread::park_timeout(LONG);
                assert!(since.elapsed() < LONG, "nobody wakes the future");
            }
        }
    }
}

/// All of them, at the same time.
async fn all<F: Future + Unpin>(mut futures: Vec<F>) -> Vec<F::Output> {
    let mut outputs = Vec::new();
    poll_fn(|context| {
        futures.retain_mut(|future| match Pin::new(future).poll(context) {
            Poll::Ready(output) => {
                outputs.push(output);
                false
            }
            Poll::Pending => true,
        });
        if futures.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs
}

/// Polls it for the first time: it waits.
fn assert_waits<F: Future>(future: Pin<&mut F>, waker: &Waker) {
    assert!(future.poll(&mut Context::from_waker(waker)).is_pending());
}

async fn answer(there: PipeEnd<u64>, queue: Queue<u64>) {
    while let Ok(number @ 1..) = there.recv_async().await {
        queue.put_async(number + 1).await.unwrap();
        there.send_async(number * 2).await.unwrap();
    }
}

fn values_through_futures_both_ways(method: StartMethod) {
    leaving_nothing(|| {
        let (here, there) = pipe::duplex::<u64>().unwrap();
        let queue = Queue::<u64>::unbounded().unwrap();
        let serve = |(there, queue)| block_on(answer(there, queue));
        let child = start(method, serve, (there, queue.clone()));
        block_on(async {
            for number in 1..200 {
                here.send_async(number).await.unwrap();
                assert_eq!(here.recv_async().await.unwrap(), number * 2);
                assert_eq!(queue.get_async().await.unwrap(), number + 1);
            }
        });
        // Not the end of file: a forked child has this end, too.
        here.send(0).unwrap();
        child.join().unwrap();
    });
}

fn a_future_waits_for_room(method: StartMethod) {
    leaving_nothing(|| {
        let (start_taking, started) = pipe::one_way::<()>().map(|(r, w)| (w, r)).unwrap();
        let queue = Queue::<String>::bounded(1).unwrap();
        let take = |(started, queue): (PipeEnd<()>, Queue<String>)| {
            started.recv().unwrap();
            (0..100).map(|_| queue.get().unwrap().len()).sum::<usize>()
        };
        let child = start(method, take, (started, queue.clone()));
        let waker = Waker::from(Unpark::here());
        block_on(queue.put_async("first".into())).unwrap();
        let mut second = Box::pin(queue.put_async("x".repeat(100_000)));
        assert_waits(second.as_mut(), &waker);
        start_taking.send(()).unwrap();
        block_on(second).unwrap();
        block_on(async {
            for _ in 2..100 {
                queue.put_async("12345".into()).await.unwrap();
            }
        });
        assert_eq!(child.join().unwrap(), 100_000 + 99 * 5);
    });
}

fn many_futures_share_a_queue(method: StartMethod) {
    leaving_nothing(|| {
        let queue = Queue::<u32>::bounded(3).unwrap();
        let put = |(queue, first): (Queue<u32>, u32)| {
            (first..first + 100).for_each(|number| queue.put(number).unwrap());
        };
        let children = [0, 100].map(|first| start(method, put, (queue.clone(), first)));
        let takes = (0..200).map(|_| Box::pin(queue.get_async())).collect();
        let mut taken: Vec<_> = block_on(all(takes)).into_iter().map(Result::unwrap).collect();
        taken.sort_unstable();
        assert!(taken.into_iter().eq(0..200), "each number once");
        for child in children {
            child.join().unwrap();
        }
    });
}

fn a_dropped_future_has_taken_nothing(_: StartMethod) {
    leaving_nothing(|| {
        let queue = Queue::<u32>::bounded(1).unwrap();
        let unpark = Unpark::here();
        let waker = Waker::from(Arc::clone(&unpark));
        for number in 0..50 {
            let mut taking = Box::pin(queue.get_async());
            assert_waits(taking.as_mut(), &waker);
            let wakes = unpark.wakes();
            queue.put(number).unwrap();
            let woken = eventually(LONG, || (unpark.wakes() > wakes).then_some(()));
            assert!(woken.is_some());
            drop(taking);
            // Nor does one that nobody has woken yet put anything.
            let mut putting = Box::pin(queue.put_async(1000));
            assert_waits(putting.as_mut(), &waker);
            drop(putting);
            assert_eq!(queue.try_get().unwrap(), number);
            let mut idle = Box::pin(queue.get_async());
            assert_waits(idle.as_mut(), &waker);
        }
        let alone = eventually(LONG, || (Arc::strong_count(&unpark) == 2).then_some(()));
        assert!(alone.is_some(), "this one and the test's waker: nobody keeps another");
    });
}

fn closing_ends_futures(_: StartMethod) {
    leaving_nothing(|| {
        let (empty, full) = (Queue::<u32>::unbounded().unwrap(), Queue::<u32>::bounded(1).unwrap());
        full.put(1).unwrap();
        let waker = Waker::from(Unpark::here());
        let (mut taking, mut putting) = (Box::pin(empty.get_async()), Box::pin(full.put_async(2)));
        assert_waits(taking.as_mut(), &waker);
        assert_waits(putting.as_mut(), &waker);
        empty.close();
        full.close();
        assert!(matches!(block_on(taking), Err(GetError::Closed)));
        let error = block_on(putting).unwrap_err();
        assert!(matches!(error.failure, PutFailure::Closed));
        assert_eq!(error.value, 2);
    });
}

fn a_killed_sender_ends_a_future(method: StartMethod) {
    leaving_nothing(|| {
        let (here, there) = pipe::duplex::<String>().unwrap();
        let (sender, receiver) = Queue::<u32>::unbounded().unwrap().split();
        let hold = |(there, sender): (PipeEnd<String>, Sender<u32>)| {
            there.send("alive".into()).unwrap();
            sender.put(1).unwrap();
            sleep_for_ever(());
        };
        let child = start(method, hold, (there, sender));
        assert_eq!(block_on(here.recv_async()).unwrap(), "alive");
        assert_eq!(block_on(receiver.get_async()).unwrap(), 1);
        let waker = Waker::from(Unpark::here());
        let (mut piped, mut queued) = (Box::pin(here.recv_async()), Box::pin(receiver.get_async()));
        assert_waits(piped.as_mut(), &waker);
        assert_waits(queued.as_mut(), &waker);
        child.kill().unwrap();
        assert!(matches!(block_on(piped), Err(GetError::Disconnected)));
        assert!(matches!(block_on(queued), Err(GetError::Disconnected)));
        assert!(child.join().is_err());
    });
}

fn a_killed_receiver_ends_a_future(method: StartMethod) {
    leaving_nothing(|| {
        let (sender, receiver) = Queue::<u32>::bounded(1).unwrap().split();
        let hold = |receiver: Receiver<u32>| {
            receiver.get().unwrap();
            sleep_for_ever(());
        };
        let child = start(method, hold, receiver);
        sender.put(1).unwrap();
        block_on(sender.put_async(2)).unwrap();
        let waker = Waker::from(Unpark::here());
        let mut putting = Box::pin(sender.put_async(3));
        assert_waits(putting.as_mut(), &waker);
        child.kill().unwrap();
        let error = block_on(putting).unwrap_err();
        assert!(matches!(error.failure, PutFailure::Disconnected));
        assert_eq!(error.value, 3);
        assert!(child.join().is_err());
    });
}

/// Takes that many numbers, 0 or the next one after `last`; says which one was the last.
async fn await_in_order(queue: &Queue<u64>, mut last: u64, count: u32) -> u64 {
    for _ in 0..count {
        let number = queue.get_async().await.unwrap();
        assert!(number == 0 || number == last + 1, "{number} after {last}");
        last = last.max(number);
    }
    last
}

fn a_killed_producer_does_not_end_the_others(method: StartMethod) {
    leaving_nothing(|| {
        let queue = Queue::<u64>::bounded(2).unwrap();
        let zeros = |queue: Queue<u64>| while queue.put(0).is_ok() {};
        let numbers = |queue: Queue<u64>| (1..u64::MAX).all(|number| queue.put(number).is_ok());
        let killed = start(method, zeros, queue.clone());
        let other = start(method, numbers, queue.clone());
        let before = block_on(await_in_order(&queue, 0, 1000));
        killed.kill().unwrap();
        let last = block_on(await_in_order(&queue, before, 2000));
        assert!(last > before, "the other one goes on");
        other.kill().unwrap();
        assert!(killed.join().is_err() && other.join().is_err());
    });
}

async fn feed(jobs: Queue<u64>) {
    for number in 0..500 {
        jobs.put_async(number).await.unwrap();
    }
    jobs.close();
}

/// On one thread, with tasks that must be `Send`.
fn futures_in_tokio(method: StartMethod) {
    leaving_nothing(|| {
        let (jobs, results) =
            (Queue::<u64>::bounded(2).unwrap(), Queue::<u64>::bounded(2).unwrap());
        let work = |(jobs, results): (Queue<u64>, Queue<u64>)| {
            for job in &jobs {
                results.put(job.unwrap() * 3).unwrap();
            }
        };
        let child = start(method, work, (jobs.clone(), results.clone()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let sum = runtime.block_on(async move {
            let feeding = tokio::spawn(feed(jobs));
            let mut sum = 0;
            for _ in 0..500 {
                sum += results.get_async().await.unwrap();
            }
            feeding.await.unwrap();
            sum
        });
        assert_eq!(sum, 3 * (0..500).sum::<u64>());
        child.join().unwrap();
    });
}
