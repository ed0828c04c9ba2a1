//! Queues and pipes between processes, and rows 13 and 14 of the hang table.

use crate::sharing::leaving_nothing;
use crate::{LONG, Test, start};
use polyproc::prelude::*;
use polyproc::queue::{GetError, PutFailure, Receiver, Sender};
use polyproc::{JoinableQueue, SimpleQueue, pipe};
use polyproc_testkit::{Rng, eventually};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const TESTS: &[Test] = &[
    ("values_through_queues_both_ways", values_through_queues_both_ways),
    ("row_13_producers_and_consumers_are_killed", row_13_producers_and_consumers_are_killed),
    ("row_14_joined_before_anyone_reads", row_14_joined_before_anyone_reads),
    ("a_bounded_queue_between_processes", a_bounded_queue_between_processes),
    ("halves_learn_that_the_others_are_gone", halves_learn_that_the_others_are_gone),
    ("a_consumer_blocked_in_get_is_killed", a_consumer_blocked_in_get_is_killed),
    ("a_pipe_both_ways", a_pipe_both_ways),
    ("a_pipe_whose_other_end_is_killed", a_pipe_whose_other_end_is_killed),
    ("queues_of_queues_and_locks", queues_of_queues_and_locks),
    ("orders_between_processes", orders_between_processes),
    ("a_join_of_tasks", a_join_of_tasks),
    ("another_type_of_queue_is_an_error", another_type_of_queue_is_an_error),
    ("what_cannot_be_decoded_is_one_error", what_cannot_be_decoded_is_one_error),
    ("unread_handles_are_given_back", unread_handles_are_given_back),
    ("bytes_in_place", bytes_in_place),
];

fn values_through_queues_both_ways(method: StartMethod) {
    leaving_nothing(|| {
        let (jobs, results) = (Queue::<u64>::unbounded().unwrap(), Queue::unbounded().unwrap());
        let work = |(jobs, results): (Queue<u64>, Queue<(u64, u64)>)| {
            for job in &jobs {
                let job = job.unwrap();
                results.put((job, job * job)).unwrap();
            }
        };
        let workers: Vec<_> =
            (0..3).map(|_| start(method, work, (jobs.clone(), results.clone()))).collect();
        jobs.put_many((0..500).collect()).unwrap();
        jobs.close();
        assert!(matches!(jobs.put(1).unwrap_err().failure, PutFailure::Closed));
        for worker in workers {
            worker.join().unwrap();
        }
        let squares: BTreeMap<_, _> = results.get_many(1000).unwrap().into_iter().collect();
        assert!(squares.into_iter().eq((0..500).map(|n| (n, n * n))));
    });
}

/// Producers put what they note before and after, consumers note what they took; hundreds of both are
/// killed at random moments.
fn row_13_producers_and_consumers_are_killed(method: StartMethod) {
    const NUMBERS: usize = 1 << 24;
    const KILLS: usize = 60;
    type Notes = (Queue<u64>, Value<u64>, RawArray<u8>, RawArray<u8>);
    let produce = |(queue, next, put, _): Notes| {
        for _ in 0..u64::MAX {
            let number = next.update(|next| {
                *next += 1;
                *next
            });
            if queue.put_timeout(number, Duration::from_millis(50)).is_ok() {
                put.set(number as usize, 1);
            }
        }
    };
    let consume = |(queue, _, _, taken): Notes| {
        for number in &queue {
            let number = number.unwrap() as usize;
            // Twice would show as 2.
            taken.set(number, taken.get(number).unwrap() + 1);
        }
    };
    let notes: Notes = (
        Queue::bounded(10).unwrap(),
        Value::new(0).unwrap(),
        RawArray::zeroed(NUMBERS).unwrap(),
        RawArray::zeroed(NUMBERS).unwrap(),
    );
    let begin = |place: usize| match place % 2 {
        0 => start::<Notes, ()>(method, produce, notes.clone()),
        _ => start::<Notes, ()>(method, consume, notes.clone()),
    };
    let mut random = Rng::from_environment();
    let mut workers: Vec<_> = (0..4).map(begin).collect();
    for _ in 0..KILLS {
        let place = random.below(4) as usize;
        std::thread::park_timeout(Duration::from_micros(random.below(4000)));
        workers[place].kill().unwrap();
        let killed = std::mem::replace(&mut workers[place], begin(place));
        assert!(killed.join().is_err());
    }
    let (queue, next, put, taken) = &notes;
    // Nobody hangs: those that are left get on.
    let before = next.get();
    assert!(eventually(LONG, || (next.get() > before + 100).then_some(())).is_some());
    for worker in workers {
        worker.kill().unwrap();
        assert!(worker.join().is_err());
    }
    queue.close();
    for number in queue {
        let number = number.unwrap();
        taken.set(number as usize, taken.get(number as usize).unwrap() + 1);
    }
    let last = next.get() as usize;
    let all = (1..=last).map(|number| (put.get(number).unwrap(), taken.get(number).unwrap()));
    let (twice, lost) = all.fold((0, 0), |(twice, lost), (put, taken)| {
        (twice + usize::from(taken > 1), lost + usize::from(put == 1 && taken == 0))
    });
    assert_eq!(twice, 0, "of {last}");
    // Each dead consumer may have been taking one.
    assert!(lost <= KILLS + 4, "{lost} of {last}");
}

fn row_14_joined_before_anyone_reads(method: StartMethod) {
    leaving_nothing(|| {
        let queue = Queue::<String>::unbounded().unwrap();
        let put = |queue: Queue<String>| {
            for letter in ('A'..='z').cycle().take(100) {
                queue.put(letter.to_string().repeat(1 << 20)).unwrap();
            }
        };
        start(method, put, queue.clone()).join().unwrap();
        assert_eq!(queue.len(), 100);
        for letter in ('A'..='z').cycle().take(100) {
            assert!(queue.get().unwrap() == letter.to_string().repeat(1 << 20));
        }
    });
}

fn a_bounded_queue_between_processes(method: StartMethod) {
    leaving_nothing(|| {
        let queue = Queue::bounded(2).unwrap();
        queue.put("one".to_owned()).unwrap();
        queue.put("two".to_owned()).unwrap();
        assert!(queue.is_full());
        let error = queue.try_put("three".to_owned()).unwrap_err();
        assert!(matches!(error.failure, PutFailure::Full));
        assert_eq!(error.value, "three");
        let error = queue.put_timeout(error.value, Duration::from_millis(5)).unwrap_err();
        assert!(matches!(error.failure, PutFailure::TimedOut));
        let take = |queue: Queue<String>| queue.get().unwrap() + &queue.get().unwrap();
        let child = start(method, take, queue.clone());
        queue.put_timeout(error.value, LONG).unwrap();
        assert_eq!(child.join().unwrap(), "onetwo");
        assert_eq!(queue.get().unwrap(), "three");
        assert!(queue.is_empty() && matches!(queue.try_get(), Err(GetError::Empty)));
        let short = queue.get_timeout(Duration::from_millis(5));
        assert!(matches!(short, Err(GetError::TimedOut)));
    });
}

fn halves_learn_that_the_others_are_gone(method: StartMethod) {
    leaving_nothing(|| {
        let (sender, receiver) = Queue::<u32>::unbounded().unwrap().split();
        let child = start(
            method,
            |sender: Sender<u32>| {
                sender.put(1).unwrap();
                sender.put(2).unwrap();
            },
            sender,
        );
        let numbers: Vec<u32> = receiver.iter().map(Result::unwrap).collect();
        assert_eq!(numbers, [1, 2], "and then the end");
        child.join().unwrap();
        // A fork inherits both halves, so its parent's is not the only one that must go.
        let (sender, receiver) = Queue::<u32>::bounded(1).unwrap().split();
        let child = start(method, |receiver: Receiver<u32>| receiver.get().unwrap(), receiver);
        sender.put(7).unwrap();
        assert_eq!(child.join().unwrap(), 7);
        let error = eventually(LONG, || sender.try_put(8).err()).unwrap();
        let is_known =
            |failure: &PutFailure| matches!(failure, PutFailure::Disconnected | PutFailure::Full);
        assert!(is_known(&error.failure), "{error}");
        let error = sender.put(9).unwrap_err();
        assert!(matches!(error.failure, PutFailure::Disconnected), "{error}");
    });
}

fn a_consumer_blocked_in_get_is_killed(method: StartMethod) {
    leaving_nothing(|| {
        let queue = Queue::<u32>::unbounded().unwrap();
        let ready = Shared::new(Event::new()).unwrap();
        let wait = |(queue, ready): (Queue<u32>, Shared<Event>)| {
            ready.set();
            queue.get().unwrap()
        };
        let child = start(method, wait, (queue.clone(), ready.clone()));
        ready.wait();
        child.terminate().unwrap();
        assert!(child.join().is_err());
        queue.put(5).unwrap();
        assert_eq!(queue.get().unwrap(), 5);
    });
}

fn a_pipe_both_ways(method: StartMethod) {
    leaving_nothing(|| {
        let (here, there) = pipe::duplex::<u64>().unwrap();
        let answer = |there: PipeEnd<u64>| {
            while let Ok(number @ 1..) = there.recv() {
                there.send(number + 1).unwrap();
            }
        };
        let child = start(method, answer, there);
        for number in 1..200 {
            here.send(number).unwrap();
            assert_eq!(here.recv().unwrap(), number + 1);
        }
        assert!(!here.poll(Duration::from_millis(2)));
        here.send(0).unwrap();
        child.join().unwrap();
        assert!(here.poll(LONG), "the end of file");
        assert!(matches!(here.recv(), Err(GetError::Disconnected)));
        assert!(matches!(here.send(1).unwrap_err().failure, PutFailure::Disconnected));
    });
}

fn a_pipe_whose_other_end_is_killed(method: StartMethod) {
    leaving_nothing(|| {
        let (reader, writer) = pipe::one_way::<String>().unwrap();
        let child = start(
            method,
            |writer: PipeEnd<String>| {
                writer.send("last words".into()).unwrap();
                crate::sleep_for_ever(());
            },
            writer,
        );
        assert_eq!(reader.recv().unwrap(), "last words");
        assert!(matches!(reader.try_recv(), Err(GetError::Empty)), "it lives");
        child.kill().unwrap();
        // Nobody has joined it yet.
        assert!(matches!(reader.recv(), Err(GetError::Disconnected)));
        assert!(child.join().is_err());
        // It may not even have read its arguments.
        for _ in 0..5 {
            let (reader, writer) = pipe::one_way::<String>().unwrap();
            let child = start(method, |_: PipeEnd<String>| crate::sleep_for_ever(()), writer);
            child.kill().unwrap();
            assert!(matches!(reader.recv(), Err(GetError::Disconnected)));
            assert!(child.join().is_err());
        }
    });
}

#[derive(Serialize, Deserialize)]
struct Order {
    amount: u32,
    /// Where the answer goes.
    reply: Queue<u32>,
    total: Shared<Mutex<u64>>,
}

fn queues_of_queues_and_locks(method: StartMethod) {
    leaving_nothing(|| {
        let orders = Queue::<Order>::unbounded().unwrap();
        let serve = |orders: Queue<Order>| {
            for order in &orders {
                let order = order.unwrap();
                *order.total.lock().unwrap() += u64::from(order.amount);
                order.reply.put(order.amount * 2).unwrap();
            }
        };
        let server = start(method, serve, orders.clone());
        let total = Shared::new(Mutex::new(0)).unwrap();
        for amount in 1..=5 {
            let reply = Queue::bounded(1).unwrap();
            let order = Order { amount, reply: reply.clone(), total: total.clone() };
            orders.put(order).unwrap();
            assert_eq!(reply.get().unwrap(), amount * 2);
        }
        orders.close();
        server.join().unwrap();
        assert_eq!(*total.lock().unwrap(), 15);
    });
}

fn orders_between_processes(method: StartMethod) {
    leaving_nothing(|| {
        let (stack, urgent) = (LifoQueue::bounded(9).unwrap(), PriorityQueue::unbounded().unwrap());
        let simple = SimpleQueue::<u8>::new().unwrap();
        let fill =
            |(stack, urgent, simple): (LifoQueue<u8>, PriorityQueue<u8>, SimpleQueue<u8>)| {
                for number in 0..4 {
                    stack.put(number).unwrap();
                    urgent.put_with_priority(number, i64::from(number % 2)).unwrap();
                    simple.put(number).unwrap();
                }
            };
        start(method, fill, (stack.clone(), urgent.clone(), simple.clone())).join().unwrap();
        assert_eq!(stack.get_many(9).unwrap(), [3, 2, 1, 0]);
        assert_eq!(urgent.get_many(9).unwrap(), [0, 2, 1, 3]);
        assert_eq!(simple.get_many(9).unwrap(), [0, 1, 2, 3]);
        urgent.put_with_key(1, b"pear").unwrap();
        urgent.put_with_key(2, b"apple").unwrap();
        assert_eq!(urgent.get_many(9).unwrap(), [2, 1]);
    });
}

fn a_join_of_tasks(method: StartMethod) {
    leaving_nothing(|| {
        let queue = JoinableQueue::<u32>::unbounded().unwrap();
        queue.put_many((0..20).collect()).unwrap();
        let work = |queue: JoinableQueue<u32>| {
            while queue.get_timeout(Duration::from_millis(200)).is_ok() {
                queue.task_done();
            }
        };
        let workers = [start(method, work, queue.clone()), start(method, work, queue.clone())];
        assert_eq!(queue.join(), 0);
        assert_eq!(queue.unfinished(), 0);
        for worker in workers {
            worker.join().unwrap();
        }
        // Whoever dies over a task is not waited for.
        queue.put(1).unwrap();
        let child = start(
            method,
            |queue: JoinableQueue<u32>| {
                if queue.get().is_ok() {
                    std::process::abort();
                }
            },
            queue.clone(),
        );
        assert!(child.join().is_err());
        assert_eq!(queue.join_timeout(LONG), Ok(1));
    });
}

/// Serialised as a queue of numbers, read as a queue of texts: in one place of a message that both sides
/// know by another name.
#[derive(Serialize, Deserialize)]
enum Either {
    Numbers(Queue<u64>),
}

fn another_type_of_queue_is_an_error(method: StartMethod) {
    leaving_nothing(|| {
        let numbers = Queue::<u64>::unbounded().unwrap();
        let same = start(method, |either: Either| either, Either::Numbers(numbers.clone()));
        let Either::Numbers(same) = same.join().unwrap();
        same.put(7).unwrap();
        assert_eq!(numbers.get().unwrap(), 7);
        let texts = Queue::<Wrong>::unbounded().unwrap();
        texts.put(Wrong(numbers)).unwrap();
        let error = texts.get().map(drop).unwrap_err();
        assert!(error.to_string().contains("is not a"), "{error}");
    });
}

/// Writes a queue of numbers, and reads one of texts.
struct Wrong(Queue<u64>);

impl Serialize for Wrong {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Wrong {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Queue::<String>::deserialize(from)?;
        Err(serde::de::Error::custom("it was taken for a queue of texts"))
    }
}

/// Written as it is, and read only if it is odd.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Odd(pub(crate) u8);

impl Serialize for Odd {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Odd {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match u8::deserialize(from)? {
            odd if odd % 2 == 1 => Ok(Self(odd)),
            _ => Err(serde::de::Error::custom("even")),
        }
    }
}

fn what_cannot_be_decoded_is_one_error(_method: StartMethod) {
    leaving_nothing(|| {
        let queue = Queue::unbounded().unwrap();
        for number in [1, 2, 3] {
            queue.put(Odd(number)).unwrap();
        }
        assert_eq!(queue.get().unwrap().0, 1);
        assert!(matches!(queue.get(), Err(GetError::Decode(_))));
        assert_eq!(queue.get().unwrap().0, 3);
    });
}

fn unread_handles_are_given_back(method: StartMethod) {
    leaving_nothing(|| {
        let queue = Queue::<Vec<Value<u64>>>::unbounded().unwrap();
        let fill = |queue: Queue<Vec<Value<u64>>>| {
            for count in 0..20 {
                let values = (0..count).map(|n| Value::new(n).unwrap()).collect();
                queue.put(values).unwrap();
            }
        };
        start(method, fill, queue.clone()).join().unwrap();
        for count in 0..10 {
            let values = queue.get().unwrap();
            assert!(values.iter().map(Value::get).eq(0..count));
        }
    });
}

fn bytes_in_place(method: StartMethod) {
    leaving_nothing(|| {
        let (reader, writer) = pipe::one_way::<()>().unwrap();
        let send = |writer: PipeEnd<()>| {
            let mut draft = writer.draft(1 << 20).unwrap();
            draft.fill(7);
            writer.send_draft(draft).unwrap();
            writer.send_bytes(b"short").unwrap();
        };
        let child = start(method, send, writer);
        let long = reader.recv_bytes().unwrap();
        assert!(long.is_in_place() && long.len() == 1 << 20 && long.iter().all(|&byte| byte == 7));
        let mut place = [0; 5];
        assert_eq!(reader.recv_bytes_into(&mut place).unwrap(), 5);
        assert_eq!(&place, b"short");
        child.join().unwrap();
    });
}
