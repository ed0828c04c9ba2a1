//! Every form of a call: at once, in time, in batches; and bounds and descriptors of queues and pipes.

use crate::queues::Odd;
use crate::sharing::leaving_nothing;
use crate::{LONG, Test, sleep_for_ever, start};
use polyproc::connection::{Connection, wait};
use polyproc::prelude::*;
use polyproc::queue::{Bounds, GetError, PutFailure, Sender};
use polyproc::{JoinableQueue, LifoQueue, PriorityQueue, pipe};
use polyproc_testkit::{Census, Rng};
use std::time::Duration;

/// For what does not come.
const SOON: Duration = Duration::from_millis(1);

pub(crate) const TESTS: &[Test] = &[
    ("batches_with_and_without_waiting", batches_with_and_without_waiting),
    ("one_of_many_that_cannot_be_decoded", one_of_many_that_cannot_be_decoded),
    ("bounds_of_every_kind", bounds_of_every_kind),
    ("ranks_with_and_without_waiting", ranks_with_and_without_waiting),
    ("bytes_of_a_pipe_with_and_without_waiting", bytes_of_a_pipe_with_and_without_waiting),
    ("a_descriptor_is_made_when_it_is_asked_for", a_descriptor_is_made_when_it_is_asked_for),
    ("descriptors_tell_of_values_and_of_deaths", descriptors_tell_of_values_and_of_deaths),
];

fn batches_with_and_without_waiting(method: StartMethod) {
    leaving_nothing(|| {
        let queue = Queue::<u32>::bounded(3).unwrap();
        assert!(matches!(queue.try_get_many(2).unwrap_err().failure, GetError::Empty));
        let late = queue.get_many_timeout(2, SOON).unwrap_err();
        assert!(matches!(late.failure, GetError::TimedOut) && late.values.is_empty());
        let full = queue.try_put_many(vec![0, 1, 2, 3, 4]).unwrap_err();
        assert!(matches!(full.failure, PutFailure::Full));
        assert_eq!((full.value, queue.len()), (vec![3, 4], 3));
        let late = queue.put_many_timeout(vec![3, 4], SOON).unwrap_err();
        assert!(matches!(late.failure, PutFailure::TimedOut));
        let rest =
            |(queue, rest): (Queue<u32>, Vec<u32>)| queue.put_many_timeout(rest, LONG).is_ok();
        let child = start(method, rest, (queue.clone(), late.value));
        assert_eq!(queue.try_get_many(2).unwrap(), [0, 1]);
        assert!(child.join().unwrap());
        assert_eq!(queue.get_many_timeout(9, LONG).unwrap(), [2, 3, 4]);
        queue.close();
        let closed = queue.put_many(vec![5, 6]).unwrap_err();
        assert!(matches!(closed.failure, PutFailure::Closed) && closed.value == [5, 6]);
        assert!(matches!(queue.get_many(9).unwrap_err().failure, GetError::Closed));
    });
}

/// What was taken beside it is not lost.
fn one_of_many_that_cannot_be_decoded(_: StartMethod) {
    leaving_nothing(|| {
        let queue = Queue::unbounded().unwrap();
        queue.put_many([1, 2, 3, 4, 5].map(Odd).to_vec()).unwrap();
        let error = queue.get_many(4).unwrap_err();
        assert!(matches!(error.failure, GetError::Decode(_)));
        assert_eq!((error.values, queue.get().unwrap()), ([1, 3].map(Odd).to_vec(), Odd(5)));
    });
}

fn bounds_of_every_kind(_: StartMethod) {
    leaving_nothing(|| {
        let bounds = Bounds::items(3).and_bytes(1000);
        let queues: [Queue<Vec<u8>>; 4] = [
            Queue::bounded_by(bounds).unwrap(),
            Queue::clone(&LifoQueue::bounded_by(bounds).unwrap()),
            Queue::clone(&PriorityQueue::bounded_by(bounds).unwrap()),
            Queue::clone(&JoinableQueue::bounded_by(bounds).unwrap()),
        ];
        for queue in queues {
            for (first, second) in [(600, 400), (5000, 0)] {
                queue.try_put(vec![1; first]).unwrap();
                assert_eq!(queue.is_full(), first > 1000);
                assert!(queue.try_put(vec![2; 500]).is_err(), "beside {first} bytes");
                assert_eq!(queue.try_put(vec![2; second]).is_ok(), first < 1000);
                assert!(queue.is_full());
                queue.try_get_many(9).unwrap();
            }
            for number in 0..3 {
                assert!(!queue.is_full());
                queue.try_put(vec![number]).unwrap();
            }
            assert!(queue.is_full() && queue.len() == 3);
            assert!(matches!(queue.try_put(Vec::new()).unwrap_err().failure, PutFailure::Full));
            queue.try_get_many(9).unwrap();
            assert!(queue.is_empty() && !queue.is_full());
        }
    });
}

fn ranks_with_and_without_waiting(_: StartMethod) {
    leaving_nothing(|| {
        let queue = PriorityQueue::<i8>::bounded(2).unwrap();
        queue.put_with_priority_timeout(5, 5, LONG).unwrap();
        queue.try_put_with_priority(-1, -1).unwrap();
        let late = queue.put_with_priority_timeout(0, 0, SOON).unwrap_err();
        assert!(matches!(late.failure, PutFailure::TimedOut) && late.value == 0);
        assert_eq!((queue.get().unwrap(), queue.get().unwrap()), (-1, 5));
        queue.put_with_key_timeout(2, b"b", LONG).unwrap();
        queue.try_put_with_key(1, b"a").unwrap();
        assert!(matches!(queue.try_put_with_key(3, b"c").unwrap_err().failure, PutFailure::Full));
        let late = queue.put_with_key_timeout(3, b"c", SOON).unwrap_err();
        assert!(matches!(late.failure, PutFailure::TimedOut));
        assert_eq!((queue.get().unwrap(), queue.get().unwrap()), (1, 2));
    });
}

fn bytes_of_a_pipe_with_and_without_waiting(_: StartMethod) {
    leaving_nothing(|| {
        let (reader, writer) = pipe::one_way::<()>().unwrap();
        let mut place = [0; 4];
        assert!(matches!(reader.try_recv_bytes(), Err(GetError::Empty)));
        assert!(matches!(reader.recv_bytes_timeout(SOON), Err(GetError::TimedOut)));
        assert!(reader.recv_bytes_into_timeout(&mut place, SOON).is_err());
        writer.try_send_bytes(&vec![1; 9 << 20]).unwrap();
        assert!(matches!(writer.try_send_bytes(b"more"), Err(PutFailure::Full)));
        assert!(matches!(writer.send_bytes_timeout(b"more", SOON), Err(PutFailure::TimedOut)));
        assert_eq!(reader.recv_bytes_timeout(LONG).unwrap().len(), 9 << 20);
        writer.send_bytes_timeout(b"more", LONG).unwrap();
        assert_eq!(reader.recv_bytes_into_timeout(&mut place, LONG).unwrap(), 4);
        assert_eq!(&place, b"more");
        drop(writer);
        assert!(matches!(reader.try_recv_bytes(), Err(GetError::Disconnected)));
    });
}

fn a_descriptor_is_made_when_it_is_asked_for(_: StartMethod) {
    leaving_nothing(|| {
        let before = Census::take();
        let queues: Vec<_> = (0..50).map(|_| Queue::<u8>::unbounded().unwrap()).collect();
        let (reader, writer) = pipe::duplex::<u8>().unwrap();
        queues[0].put(1).unwrap();
        writer.send(1).unwrap();
        assert_eq!(before.leaks(), []);
        let fds = [queues[0].descriptor().unwrap(), reader.descriptor().unwrap()];
        assert_eq!(before.leaks().len(), 2);
        assert_eq!(wait(&[&fds[0]], Some(LONG)).unwrap(), [0]);
        assert_eq!(wait(&[&fds[1]], Some(LONG)).unwrap(), [0]);
    });
}

fn count_for_ever((queue, pipe): (Sender<u32>, PipeEnd<u32>)) {
    for number in 0.. {
        if queue.put(number).is_err() || pipe.send(number).is_err() {
            sleep_for_ever(());
        }
    }
}

/// Beside a socket, with nothing but descriptors to wait for: every value of a producer that is killed, and
/// then its end, of which nobody tells but the system.
fn descriptors_tell_of_values_and_of_deaths(method: StartMethod) {
    let mut random = Rng::from_environment();
    leaving_nothing(|| (0..8).for_each(|_| kill_at(method, random.below(200) as u32)));
}

fn kill_at(method: StartMethod, last: u32) {
    let (_silent, socket) = Connection::<u32>::pair().unwrap();
    let (sender, receiver) = Queue::<u32>::bounded(10).unwrap().split();
    let (reader, writer) = pipe::one_way::<u32>().unwrap();
    let child = start(method, count_for_ever, (sender, writer));
    let fds = [receiver.descriptor().unwrap(), reader.descriptor().unwrap()];
    let mut sources = [Source::new(|| receiver.try_get()), Source::new(|| reader.try_recv())];
    while sources.iter().any(|source| !source.is_over) {
        // What has ended stays ready.
        let open = |place: usize| fds[if sources[place].is_over { 1 - place } else { place }];
        let ready = wait(&[&open(0), &open(1), &socket], Some(LONG)).unwrap();
        assert!(!ready.is_empty() && !ready.contains(&2), "{ready:?}");
        for source in &mut sources {
            source.drain();
        }
        if sources.iter().any(|source| source.count > last) {
            child.kill().unwrap();
        }
    }
    let [of_queue, of_pipe] = sources.map(|source| source.count);
    assert!(of_queue > last && of_queue.abs_diff(of_pipe) <= 1, "{of_queue} {of_pipe}");
    child.join().unwrap_err();
}

/// What is taken from without waiting.
struct Source<'a> {
    take: Box<dyn Fn() -> Result<u32, GetError> + 'a>,
    count: u32,
    is_over: bool,
}

impl<'a> Source<'a> {
    fn new(take: impl Fn() -> Result<u32, GetError> + 'a) -> Self {
        Self { take: Box::new(take), count: 0, is_over: false }
    }

    /// Takes what is there.
    fn drain(&mut self) {
        let end = loop {
            match (self.take)() {
                Ok(number) => assert_eq!(number, self.count, "in order, and none is lost"),
                Err(error) => break error,
            }
            self.count += 1;
        };
        // Out of time: the lock of the killed one is about to be repaired.
        let goes_on = matches!(end, GetError::Empty | GetError::TimedOut);
        assert!(goes_on || matches!(end, GetError::Disconnected), "{end}");
        self.is_over = !goes_on;
    }
}
