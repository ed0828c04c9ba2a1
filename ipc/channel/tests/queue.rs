//! What a queue does, in one process.

#![expect(clippy::unwrap_used, reason = "a test")]

use polyproc_channel::{
    Deadline, Message, Order, PipeEnd, PutReason, Queue, RecvInto, Settings, TakeError, Wait,
};
use polyproc_shm::{Arena, Handle, Parcel, Value};
use polyproc_sys::poll;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

fn arena() -> Arena {
    Arena::with_size(256 << 20).unwrap()
}

/// Long enough to be a hang.
fn hang() -> Wait {
    Wait::timeout(Duration::from_mins(1))
}

fn soon() -> Wait {
    Wait::timeout(Duration::from_millis(2))
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index * 7 + len) as u8).collect()
}

const ORDERS: [Order; 3] = [Order::Fifo, Order::Lifo, Order::Priority];

#[test]
fn messages_of_all_lengths_come_out_whole() {
    for order in ORDERS {
        let arena = arena();
        let queue = Queue::new(&arena, Settings::UNBOUNDED.ordered(order)).unwrap();
        for len in (0..300).chain([4096, 16_383, 16_384, 16_385, 100_000, 3 << 20]) {
            let bytes = pattern(len);
            queue.put(bytes.as_slice(), hang()).unwrap();
            let received = queue.get(hang()).unwrap();
            assert_eq!(*received, *bytes, "{order:?} {len}");
            assert_eq!(
                received.is_in_place(),
                len > 16 << 10 || (order != Order::Fifo && len > 160)
            );
            assert_eq!(received.into_vec(), bytes);
        }
        assert!(matches!(queue.try_get(), Err(TakeError::Empty)));
    }
}

#[test]
fn orders() {
    let arena = arena();
    let put = |order: Order, messages: &[(&'static [u8], i64)]| {
        let queue = Queue::new(&arena, Settings::UNBOUNDED.ordered(order)).unwrap();
        for &(bytes, priority) in messages {
            queue.put(Message::from(bytes).with_priority(priority), hang()).unwrap();
        }
        let taken = queue.get_many(99, None).unwrap();
        taken.into_iter().map(|one| String::from_utf8(one.into_vec()).unwrap()).collect::<Vec<_>>()
    };
    let messages: [(&[u8], i64); 5] = [(b"a", 3), (b"b", -2), (b"c", 3), (b"d", 0), (b"e", -2)];
    assert_eq!(put(Order::Fifo, &messages), ["a", "b", "c", "d", "e"]);
    assert_eq!(put(Order::Lifo, &messages), ["e", "d", "c", "b", "a"]);
    assert_eq!(put(Order::Priority, &messages), ["b", "e", "d", "a", "c"]);
}

#[test]
fn keys_are_compared_byte_by_byte() {
    let arena = arena();
    let queue = Queue::new(&arena, Settings::UNBOUNDED.ordered(Order::Priority)).unwrap();
    for key in ["b", "a\0", "", "ab", "a"] {
        queue.put(Message::from(key.as_bytes()).with_key(key.as_bytes()), hang()).unwrap();
    }
    let keys = queue.get_many(9, None).unwrap();
    assert_eq!(
        keys.iter().map(|key| &**key).collect::<Vec<_>>(),
        [b"", &b"a"[..], b"a\0", b"ab", b"b"]
    );
    let long = [0; 49];
    let error = queue.put(Message::from(b"x").with_key(&long), hang()).unwrap_err();
    assert!(matches!(error.reason, PutReason::KeyTooLong));
}

#[test]
fn a_bounded_queue_is_full_and_says_so_with_the_message() {
    for order in ORDERS {
        let arena = arena();
        let queue = Queue::new(&arena, Settings::items(2).ordered(order)).unwrap();
        assert!(queue.is_empty() && !queue.is_full());
        queue.try_put(b"1").unwrap();
        queue.try_put(b"2").unwrap();
        assert!(queue.is_full() && queue.len() == 2);
        let error = queue.try_put(b"3").unwrap_err();
        assert!(matches!(error.reason, PutReason::Full));
        assert_eq!(error.message.bytes(), b"3");
        assert!(matches!(queue.put(b"3", soon()).unwrap_err().reason, PutReason::TimedOut));
        queue.get(hang()).unwrap();
        queue.try_put(error.message).unwrap();
        assert_eq!(queue.len(), 2);
    }
}

#[test]
fn a_bound_in_bytes() {
    for order in ORDERS {
        let arena = arena();
        let queue = Queue::new(&arena, Settings::UNBOUNDED.bytes(1000).ordered(order)).unwrap();
        let none = Queue::new(&arena, Settings::UNBOUNDED.bytes(0).ordered(order)).unwrap();
        assert!(!none.is_full() && none.try_put(b"alone").is_ok() && none.is_full());
        assert!(!queue.is_full());
        queue.try_put(pattern(5000)).unwrap();
        assert!(queue.is_full());
        assert!(queue.try_put(b"").is_err(), "one longer than the bound goes alone");
        assert_eq!(queue.get(hang()).unwrap().len(), 5000);
        for _ in 0..10 {
            assert!(!queue.is_full());
            queue.try_put(pattern(100)).unwrap();
        }
        assert!(queue.is_full());
        assert!(matches!(queue.try_put(b"x").unwrap_err().reason, PutReason::Full));
        queue.get(hang()).unwrap();
        queue.try_put(b"x").unwrap();
    }
}

#[test]
fn closing_lets_what_is_there_be_taken() {
    for order in ORDERS {
        let arena = arena();
        let queue = Queue::new(&arena, Settings::UNBOUNDED.ordered(order)).unwrap();
        queue.put(b"last", hang()).unwrap();
        assert!(queue.close() && !queue.close() && queue.is_closed());
        let error = queue.put(b"later", hang()).unwrap_err();
        assert!(matches!(error.reason, PutReason::Closed));
        assert_eq!(error.message.bytes(), b"later");
        assert_eq!(&*queue.get(hang()).unwrap(), b"last");
        assert!(matches!(queue.get(hang()), Err(TakeError::Closed)));
        assert!(matches!(queue.poll(hang()), Err(TakeError::Closed)));
    }
}

#[test]
fn handles_travel_in_messages_and_unread_ones_are_given_back() {
    for order in ORDERS {
        let arena = arena();
        let queue = Queue::new(&arena, Settings::UNBOUNDED.ordered(order)).unwrap();
        let value = Value::new(&arena, 5_u64).unwrap();
        for count in [1, 3, 4, 7, 600, 1000] {
            let parcels = (0..count).map(|_| value.handle().send().unwrap()).collect();
            queue.put(Message::from(pattern(100)).with_parcels(parcels), hang()).unwrap();
            let mut received = queue.get(hang()).unwrap();
            assert_eq!((received.handles.len(), received.to_vec()), (count, pattern(100)));
            let same: Value<u64> = Value::from_handle(received.handles.remove(0)).unwrap();
            same.set(count as u64);
            assert_eq!(value.get(), count as u64);
        }
        for len in [10, 50_000] {
            for count in [1, 700] {
                let parcels = (0..count).map(|_| value.handle().send().unwrap()).collect();
                queue.put(Message::from(pattern(len)).with_parcels(parcels), hang()).unwrap();
            }
        }
        drop((queue, value));
        let stats = arena.stats();
        assert_eq!((stats.objects, stats.parcels), (0, 0), "{order:?}");
    }
}

#[test]
fn a_message_that_is_not_put_keeps_its_handles() {
    let arena = arena();
    let queue = Queue::new(&arena, Settings::items(1)).unwrap();
    let value = Value::new(&arena, 5_u64).unwrap();
    queue.put(b"1", hang()).unwrap();
    for len in [10, 50_000] {
        let message =
            Message::from(pattern(len)).with_parcels(vec![value.handle().send().unwrap()]);
        let message = queue.try_put(message).unwrap_err().message;
        assert_eq!((message.parcels.len(), message.bytes()), (1, &*pattern(len)));
        drop(queue.get(hang()).unwrap());
        queue.try_put(message).unwrap();
    }
    drop((queue, value));
    assert_eq!(arena.stats().objects, 0);
}

#[test]
fn a_gibibyte_is_given_back() {
    for (order, len, count) in [
        (Order::Fifo, 1 << 20, 1024),
        (Order::Fifo, 4000, 60_000),
        (Order::Priority, 100_000, 1000),
    ] {
        let arena = Arena::create().unwrap();
        let queue = Queue::new(&arena, Settings::UNBOUNDED.ordered(order)).unwrap();
        let bytes = pattern(len);
        for _ in 0..count {
            queue.put(bytes.as_slice(), hang()).unwrap();
        }
        let full = arena.stats();
        assert!(full.object_bytes >= (len * count) as u64);
        for _ in 0..count {
            assert_eq!(queue.get(hang()).unwrap().len(), len);
        }
        let empty = arena.stats();
        assert!(empty.object_bytes < 2 << 20, "{order:?} {empty:?}");
        assert!(empty.warm_bytes <= 129 << 20, "{order:?} {empty:?}");
        // The system has it back as well, all but what is kept warm and the arena's own tables.
        let resident =
            File::from(arena.fd().try_clone_to_owned().unwrap()).metadata().unwrap().blocks() * 512;
        assert!(resident <= empty.warm_bytes + (16 << 20), "{order:?} {resident} {empty:?}");
    }
}

#[test]
fn many_are_put_and_taken_at_once() {
    let arena = arena();
    let queue = Queue::new(&arena, Settings::items(10)).unwrap();
    let mut messages: Vec<_> = (0..25_u8).map(|n| Message::from(vec![n])).collect();
    assert!(matches!(queue.put_many(&mut messages, None), Err(PutReason::Full)));
    assert_eq!((messages.len(), queue.len()), (15, 10));
    std::thread::scope(|scope| {
        scope.spawn(|| queue.put_many(&mut messages, Some(hang())).unwrap());
        let mut seen = Vec::new();
        while seen.len() < 25 {
            seen.extend(queue.get_many(4, Some(hang())).unwrap().iter().map(|one| one[0]));
        }
        assert!(seen.iter().copied().eq(0..25));
    });
    assert!(messages.is_empty());
}

#[test]
fn an_end_that_is_gone_is_noticed_while_waiting() {
    let arena = arena();
    let queue = Queue::new(&arena, Settings::items(1)).unwrap();
    let (sender, receiver) = queue.split();
    let other = sender.clone();
    sender.put(b"1", hang()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(&*receiver.get(hang()).unwrap(), b"1");
            assert!(matches!(receiver.get(hang()), Err(TakeError::NoSender)));
        });
        std::thread::yield_now();
        drop((sender, other));
    });
    let queue = Queue::new(&arena, Settings::items(1)).unwrap();
    let (sender, receiver) = queue.split();
    sender.put(b"1", hang()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let error = sender.put(b"2", hang()).unwrap_err();
            assert!(matches!(error.reason, PutReason::NoReceiver));
        });
        std::thread::yield_now();
        drop(receiver);
    });
}

#[test]
fn ends_travel() {
    let arena = arena();
    let send = |handles: Vec<&Handle>| {
        handles.into_iter().map(|handle| handle.send().unwrap()).collect::<Vec<_>>()
    };
    let receive = |parcels: Vec<Parcel>| {
        let tickets: Vec<_> = parcels.into_iter().map(Parcel::into_bytes).collect();
        tickets.iter().map(|ticket| arena.receive(ticket).unwrap()).collect::<Vec<_>>()
    };
    let travel = |handles| receive(send(handles));
    let queue = Queue::joinable(&arena, Settings::UNBOUNDED).unwrap();
    let same = Queue::from_handles(&arena, travel(queue.handles())).unwrap();
    queue.put(b"hello", hang()).unwrap();
    assert_eq!(&*same.get(hang()).unwrap(), b"hello");
    assert!(queue.task_done() && !queue.task_done());
    let wrong = polyproc_channel::Sender::from_handles(&arena, travel(queue.handles()));
    assert!(wrong.is_err());
    let (here, there) = PipeEnd::duplex(&arena).unwrap();
    let (handles, kinds) = there.handles();
    let parcels = send(handles);
    drop(there);
    assert!(!here.poll(soon()), "on its way the end is held");
    let there = PipeEnd::from_handles(&arena, receive(parcels), kinds).unwrap();
    there.send(b"back", hang()).unwrap();
    assert!(here.poll(hang()));
    assert_eq!(&*here.recv(hang()).unwrap(), b"back");
    drop((here, there, queue, same));
    assert_eq!(arena.stats().objects, 0);
}

#[test]
fn a_pipe_ends() {
    let arena = arena();
    let (reader, writer) = PipeEnd::one_way(&arena).unwrap();
    assert!(reader.send(b"x", hang()).is_err() && writer.recv(hang()).is_err());
    let mut draft = writer.draft(100_000).unwrap();
    draft.fill(7);
    writer.send(draft, hang()).unwrap();
    writer.send(b"short", hang()).unwrap();
    drop(writer);
    assert!(reader.poll(hang()));
    let Err(RecvInto::TooLong(long)) = reader.recv_into(&mut [0; 10], hang()) else {
        panic!("it does not fit");
    };
    assert!(long.is_in_place() && long.iter().all(|&byte| byte == 7));
    let mut bytes = [0; 10];
    assert_eq!(reader.recv_into(&mut bytes, hang()).unwrap().0, 5);
    assert_eq!(&bytes[..5], b"short");
    assert!(reader.poll(hang()), "the end of file can be received");
    assert!(matches!(reader.recv(hang()), Err(TakeError::NoSender)));
    let (here, there) = PipeEnd::duplex(&arena).unwrap();
    let clone = there.clone();
    there.close();
    assert!(here.recv(hang()).is_err() && here.send(b"x", hang()).is_err());
    drop(clone);
}

#[test]
fn a_descriptor_is_readable_while_there_is_something() {
    let arena = arena();
    let queue = Queue::new(&arena, Settings::UNBOUNDED).unwrap();
    let fd = queue.descriptor().unwrap();
    let readable = |wait: Duration| poll::readable([Some(fd)], Deadline::after(wait)).unwrap()[0];
    assert!(!readable(Duration::from_millis(5)));
    for _ in 0..20 {
        queue.put(b"1", hang()).unwrap();
        queue.put(b"2", hang()).unwrap();
        assert!(readable(Duration::from_mins(1)));
        queue.get(hang()).unwrap();
        assert!(readable(Duration::ZERO), "another one is there");
        queue.get(hang()).unwrap();
        assert!(!readable(Duration::from_millis(1)));
    }
    queue.close();
    assert!(readable(Duration::from_mins(1)), "the end");
    drop(queue);
    let (here, there) = PipeEnd::duplex(&arena).unwrap();
    let fd = here.descriptor().unwrap();
    drop(there);
    assert!(poll::readable([Some(fd)], Deadline::after(Duration::from_mins(1))).unwrap()[0]);
    drop(here);
    assert_eq!(arena.stats().objects, 0);
}

#[test]
fn threads_put_and_take_everything_once() {
    let cases = [(Order::Fifo, 3), (Order::Fifo, 1000), (Order::Lifo, 5), (Order::Priority, 50)];
    for (order, items) in cases {
        let arena = arena();
        let queue = Queue::new(&arena, Settings::items(items).ordered(order)).unwrap();
        let (sender, receiver) = queue.split();
        let each = 3000_u64;
        let produce = |sender: polyproc_channel::Sender, first: u64| {
            for number in first..first + each {
                sender.put(&number.to_ne_bytes(), hang()).unwrap();
            }
        };
        let consume = || {
            let mut numbers = Vec::new();
            while let Ok(message) = receiver.get(hang()) {
                numbers.push(u64::from_ne_bytes(message[..].try_into().unwrap()));
            }
            numbers
        };
        let mut all: Vec<_> = std::thread::scope(|scope| {
            for producer in 0..3 {
                let sender = sender.clone();
                scope.spawn(move || produce(sender, producer * each));
            }
            drop(sender);
            let consumers: Vec<_> = (0..3).map(|_| scope.spawn(consume)).collect();
            consumers.into_iter().flat_map(|consumer| consumer.join().unwrap()).collect()
        });
        all.sort_unstable();
        assert!(all.into_iter().eq(0..3 * each), "{order:?}");
    }
}

#[test]
fn closing_ends_a_put_that_waits_for_room() {
    let arena = arena();
    let queue = Queue::new(&arena, Settings::items(1)).unwrap();
    queue.put(b"1", hang()).unwrap();
    std::thread::scope(|scope| {
        let put = scope.spawn(|| queue.put(b"2", hang()).map_err(|error| error.reason));
        // Before it sleeps or after, by chance.
        std::thread::park_timeout(Duration::from_millis(2));
        queue.close();
        assert!(matches!(put.join().unwrap(), Err(PutReason::Closed)));
    });
    assert_eq!(&*queue.get(hang()).unwrap(), b"1", "what was put is there");
}
