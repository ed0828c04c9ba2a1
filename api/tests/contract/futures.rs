//! The waits of queues, pipes, processes and events as futures, and events beside descriptors.

use crate::sharing::leaving_nothing;
use crate::{LONG, Test, sleep_for_ever, start};
use polyproc::connection::{Connection, Waitable, wait};
use polyproc::prelude::*;
use polyproc::queue::{GetError, PutFailure, Receiver, Sender};
use polyproc::{ExitStatus, JoinError, pipe};
use polyproc_testkit::eventually;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as ThreadMutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

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
    ("the_end_of_a_process_is_awaited", the_end_of_a_process_is_awaited),
    ("many_processes_are_awaited_at_once", many_processes_are_awaited_at_once),
    ("a_dropped_future_leaves_the_process_alone", a_dropped_future_leaves_the_process_alone),
    ("a_waker_may_drop_a_process", a_waker_may_drop_a_process),
    ("processes_in_tokio", processes_in_tokio),
    ("an_event_of_another_process_is_awaited", an_event_of_another_process_is_awaited),
    ("a_killed_setter_does_not_end_the_others", a_killed_setter_does_not_end_the_others),
    ("an_event_beside_connections_and_processes", an_event_beside_connections_and_processes),
    ("two_processes_poll_one_event", two_processes_poll_one_event),
    ("a_slow_waker_is_no_reason_not_to_fork", a_slow_waker_is_no_reason_not_to_fork),
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
fn assert_waits<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) {
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

fn the_end_of_a_process_is_awaited(method: StartMethod) {
    assert_eq!(block_on(start(method, |x: u64| x * 2, 21).into_future()).unwrap(), 42);
    let process = start::<_, ()>(method, |()| panic!("on purpose"), ());
    let ended = block_on(async { (process.wait_async().await, (&process).await) });
    assert_eq!(ended.0.unwrap(), ExitStatus::Exited(101));
    assert!(matches!(ended.1, Err(JoinError::Panicked { .. })));
    // What woke us is no reason not to fork.
    for number in 0..20 {
        assert_eq!(block_on(start(method, |n: u32| n, number).into_future()).unwrap(), number);
    }
    let process = start(method, sleep_for_ever, ());
    let waker = Waker::from(Unpark::here());
    let mut joining = Box::pin(process.join_async());
    assert_waits(joining.as_mut(), &waker);
    process.kill().unwrap();
    assert!(matches!(block_on(joining), Err(JoinError::Signaled { .. })));
    assert!(matches!(block_on(process.join_async()), Err(JoinError::Signaled { .. })));
}

fn many_processes_are_awaited_at_once(method: StartMethod) {
    let processes: Vec<_> = (0..20_u64).map(|n| start(method, |n: u64| n * n, n)).collect();
    let joins = processes.iter().map(IntoFuture::into_future).collect();
    let mut squares: Vec<_> = block_on(all(joins)).into_iter().map(Result::unwrap).collect();
    squares.sort_unstable();
    assert!(squares.into_iter().eq((0..20).map(|n| n * n)));
}

fn a_dropped_future_leaves_the_process_alone(method: StartMethod) {
    let process = start(method, sleep_for_ever, ());
    let unpark = Unpark::here();
    let waker = Waker::from(Arc::clone(&unpark));
    for _ in 0..200 {
        let mut joining = Box::pin(process.join_async());
        assert_waits(joining.as_mut(), &waker);
        assert_waits(joining.as_mut(), &waker);
    }
    assert_eq!(Arc::strong_count(&unpark), 2, "nobody keeps another");
    assert!(process.is_alive());
    process.kill().unwrap();
    assert_eq!(block_on(process.wait_async()).unwrap().code(), Some(-9));
    assert_eq!(unpark.wakes(), 0);
}

type Joining = Pin<Box<dyn Future<Output = Result<(), JoinError>> + Send>>;

/// Drops the future that it is to wake, on the thread that wakes it.
struct Dropping(ThreadMutex<Option<Joining>>);

impl Wake for Dropping {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().unwrap().take());
        panic!("and is not to be the end of that thread");
    }
}

fn a_waker_may_drop_a_process(method: StartMethod) {
    let process = start(method, sleep_for_ever, ());
    let handle = process.handle().clone();
    let other = start(method, sleep_for_ever, ());
    let dropping = Arc::new(Dropping(ThreadMutex::new(None)));
    let mut joining = process.into_future();
    assert_waits(joining.as_mut(), &Waker::from(Arc::clone(&dropping)));
    *dropping.0.lock().unwrap() = Some(joining);
    handle.kill().unwrap();
    let dropped = eventually(LONG, || dropping.0.lock().unwrap().is_none().then_some(()));
    assert!(dropped.is_some());
    let mut joining = Box::pin(other.join_async());
    assert_waits(joining.as_mut(), &Waker::from(Unpark::here()));
    other.kill().unwrap();
    assert!(block_on(joining).is_err(), "the thread goes on");
}

/// Also: a timeout by the executor's own means, after which the process is joined.
fn processes_in_tokio(method: StartMethod) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let processes: Vec<_> = (0..8_u64).map(|n| start(method, |n: u64| n + 1, n)).collect();
    let slow = start(method, sleep_for_ever, ());
    let sum = runtime.block_on(async move {
        let early = tokio::time::timeout(Duration::from_millis(2), slow.join_async()).await;
        assert!(early.is_err());
        slow.kill().unwrap();
        assert!(tokio::spawn(slow.into_future()).await.unwrap().is_err());
        let tasks: Vec<_> =
            processes.into_iter().map(|one| tokio::spawn(one.into_future())).collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap().unwrap();
        }
        sum
    });
    assert_eq!(sum, 36);
}

/// Started before there is a thread: with one, nothing is forked.
fn set_when_asked((go, event): (Shared<Event>, Shared<Event>)) {
    go.wait();
    event.set();
}

fn an_event_of_another_process_is_awaited(method: StartMethod) {
    leaving_nothing(|| {
        let (ping, pong) = (Shared::new(Event::new()).unwrap(), Shared::new(Event::new()).unwrap());
        let answer = |(ping, pong): (Shared<Event>, Shared<Event>)| {
            for _ in 0..200 {
                ping.wait();
                ping.clear();
                pong.set();
            }
        };
        let child = start(method, answer, (ping.clone(), pong.clone()));
        let go = Shared::new(Event::new()).unwrap();
        let setter = start(method, set_when_asked, (go.clone(), pong.clone()));
        block_on(async {
            for _ in 0..200 {
                ping.set();
                pong.wait_async().await.unwrap();
                pong.clear();
            }
            child.join_async().await.unwrap();
            ping.set();
            ping.wait_async().await.unwrap();
        });
        let waker = Waker::from(Unpark::here());
        let mut futures: Vec<_> = (0..100).map(|_| Box::pin(pong.wait_async())).collect();
        for future in &mut futures {
            assert_waits(future.as_mut(), &waker);
        }
        assert_waits(futures[0].as_mut(), &waker);
        // The rest is dropped where it is.
        let first = futures.swap_remove(0);
        drop(futures);
        go.set();
        block_on(first).unwrap();
        start(method, |()| (), ()).join().unwrap();
        setter.join().unwrap();
    });
}

fn a_killed_setter_does_not_end_the_others(method: StartMethod) {
    leaving_nothing(|| {
        let event = Shared::new(Event::new()).unwrap();
        let toggle = |event: Shared<Event>| {
            for _ in 0..u64::MAX {
                event.set();
                event.clear();
            }
        };
        for _ in 0..5 {
            let child = start::<_, ()>(method, toggle, event.clone());
            let go = Shared::new(Event::new()).unwrap();
            let setter = start(method, set_when_asked, (go.clone(), event.clone()));
            let descriptor = event.descriptor().unwrap();
            for _ in 0..20 {
                block_on(event.wait_async()).unwrap();
            }
            child.kill().unwrap();
            assert!(block_on(child.join_async()).is_err());
            event.clear();
            go.set();
            assert_eq!(wait(&[&descriptor], Some(LONG)).unwrap(), [0]);
            block_on(event.wait_async()).unwrap();
            setter.join().unwrap();
        }
    });
}

fn an_event_beside_connections_and_processes(method: StartMethod) {
    leaving_nothing(|| {
        let event = Shared::new(Event::new()).unwrap();
        let queue = Queue::<u32>::unbounded().unwrap();
        let (mut here, there) = Connection::<u32>::pair().unwrap();
        let child = start(method, sleep_for_ever, ());
        let (order, ordered) = pipe::one_way::<()>().map(|(take, put)| (put, take)).unwrap();
        let obey = |(ordered, event): (PipeEnd<()>, Shared<Event>)| {
            for _ in 0..20 {
                ordered.recv().unwrap();
                event.set();
            }
        };
        let setter = start(method, obey, (ordered, event.clone()));
        let set = event.descriptor().unwrap();
        let all: [&dyn Waitable; 4] = [&there, &child, &set, &queue.descriptor().unwrap()];
        assert!(wait(&all, Some(Duration::ZERO)).unwrap().is_empty());
        for _ in 0..20 {
            order.send(()).unwrap();
            assert_eq!(wait(&all, Some(LONG)).unwrap(), [2]);
            assert!(set.is_set());
            // Set once more it is what it was; cleared, it is not there any more.
            event.set();
            assert_eq!(wait(&all, None).unwrap(), [2]);
            event.clear();
            assert!(wait(&all, Some(Duration::ZERO)).unwrap().is_empty());
        }
        setter.join().unwrap();
        here.send(&1).unwrap();
        assert_eq!(wait(&all, Some(LONG)).unwrap(), [0]);
        event.set();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(wait(&all, Some(LONG)).unwrap(), [0, 1, 2]);
    });
}

fn two_processes_poll_one_event(method: StartMethod) {
    leaving_nothing(|| {
        let event = Shared::new(Event::new()).unwrap();
        let (there, here) = pipe::one_way::<bool>().map(|(take, put)| (put, take)).unwrap();
        let poll = |(event, there): (Shared<Event>, PipeEnd<bool>)| {
            let descriptor = event.descriptor().unwrap();
            there.send(descriptor.is_set()).unwrap();
            wait(&[&descriptor], None).unwrap();
            there.send(event.is_set()).unwrap();
        };
        let child = start(method, poll, (event.clone(), there));
        let descriptor = event.descriptor().unwrap();
        assert!(!here.recv().unwrap());
        event.set();
        assert!(here.recv().unwrap());
        child.join().unwrap();
        assert_eq!(wait(&[&descriptor], Some(LONG)).unwrap(), [0]);
    });
}

/// Stays in `wake` until it is let go, and a while longer.
#[derive(Default)]
struct Slow {
    is_in: AtomicBool,
    may_leave: AtomicBool,
}

impl Wake for Slow {
    fn wake(self: Arc<Self>) {
        self.is_in.store(true, Ordering::SeqCst);
        eventually(LONG, || self.may_leave.load(Ordering::SeqCst).then_some(())).unwrap();
        std::thread::park_timeout(Duration::from_millis(150));
    }
}

/// Whoever drops the last future of an event, or hears of a process's end, does not wait for such a waker;
/// who then forks does.
fn a_slow_waker_is_no_reason_not_to_fork(method: StartMethod) {
    let event = Shared::new(Event::new()).unwrap();
    let [bell, reaper] = [(); 2].map(|()| Arc::<Slow>::default());
    let mut ringing = Box::pin(event.wait_async());
    assert_waits(ringing.as_mut(), &Waker::from(Arc::clone(&bell)));
    event.set();
    eventually(LONG, || bell.is_in.load(Ordering::SeqCst).then_some(())).unwrap();
    drop(ringing);
    bell.may_leave.store(true, Ordering::SeqCst);
    start(method, |()| (), ()).join().unwrap();

    let child = start(method, sleep_for_ever, ());
    let mut joining = Box::pin(child.join_async());
    assert_waits(joining.as_mut(), &Waker::from(Arc::clone(&reaper)));
    child.kill().unwrap();
    eventually(LONG, || reaper.is_in.load(Ordering::SeqCst).then_some(())).unwrap();
    reaper.may_leave.store(true, Ordering::SeqCst);
    start(method, |()| (), ()).join().unwrap();
}
