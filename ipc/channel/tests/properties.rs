//! Queues against a model, and against memory that somebody else writes to.

#![expect(clippy::unwrap_used, reason = "a test")]

use polyproc_channel::{Deadline, Message, Order, PutReason, Queue, Settings, TakeError, Wait};
use polyproc_shm::{Arena, Value};
use polyproc_sys::memory::Mapping;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[derive(Clone, Debug)]
enum Step {
    /// Bytes, handles, priority.
    Put(usize, usize, i64),
    PutMany(Vec<usize>),
    Get,
    GetMany(usize),
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let len = prop_oneof![4 => 0_usize..200, 2 => 0_usize..6000, 1 => 16_000_usize..40_000];
    let put = (len.clone(), prop_oneof![6 => 0_usize..2, 1 => 0_usize..12], -3_i64..3);
    let step = prop_oneof![
        80 => put.prop_map(|(len, handles, priority)| Step::Put(len, handles, priority)),
        20 => prop::collection::vec(len, 0..9).prop_map(Step::PutMany),
        80 => Just(Step::Get),
        20 => (1_usize..9).prop_map(Step::GetMany),
        1 => Just(Step::Close),
    ];
    prop::collection::vec(step, 0..120)
}

fn settings() -> impl Strategy<Value = Settings> {
    let order = prop_oneof![Just(Order::Fifo), Just(Order::Lifo), Just(Order::Priority)];
    let items = prop::option::of(1_u32..100);
    let bytes = prop::option::of(1_u64..100_000);
    (order, items, bytes).prop_map(|(order, items, bytes)| Settings { order, items, bytes, tag: 0 })
}

/// What a queue is, in a few lines.
struct Model {
    settings: Settings,
    messages: VecDeque<(i64, Vec<u8>)>,
    closed: bool,
}

impl Model {
    fn put(&mut self, priority: i64, bytes: &[u8]) -> Result<(), &'static str> {
        let (items, all) =
            (self.messages.len(), self.messages.iter().map(|one| one.1.len()).sum::<usize>());
        let full = self.settings.items.is_some_and(|most| items >= most as usize)
            || self
                .settings
                .bytes
                .is_some_and(|most| items != 0 && (all + bytes.len()) as u64 > most);
        match (self.closed, full) {
            (true, _) => Err("closed"),
            (_, true) => Err("full"),
            _ => {
                self.messages.push_back((priority, bytes.to_vec()));
                Ok(())
            }
        }
    }

    fn get(&mut self) -> Option<Vec<u8>> {
        let next = match self.settings.order {
            Order::Fifo => 0,
            Order::Lifo => self.messages.len().checked_sub(1)?,
            Order::Priority => {
                let places = self.messages.iter().enumerate();
                places.min_by_key(|(place, one)| (one.0, *place))?.0
            }
        };
        self.messages.remove(next).map(|one| one.1)
    }
}

fn name(reason: &PutReason) -> &'static str {
    match reason {
        PutReason::Full => "full",
        PutReason::Closed => "closed",
        _ => "something else",
    }
}

fn pattern(number: usize, len: usize) -> Vec<u8> {
    (0..len).map(|index| (index * 31 + number) as u8).collect()
}

fn run(settings: Settings, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let arena = Arena::with_size(64 << 20).unwrap();
    let queue = Queue::new(&arena, settings).unwrap();
    let value = Value::new(&arena, 1_u8).unwrap();
    let mut model = Model { settings, messages: VecDeque::new(), closed: false };
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Put(len, handles, priority) => {
                let bytes = pattern(number, len);
                let parcels = (0..handles).map(|_| value.handle().send().unwrap()).collect();
                let message = Message::from(&*bytes).with_priority(priority).with_parcels(parcels);
                let put = queue.try_put(message).map_err(|error| name(&error.reason));
                prop_assert_eq!(put, model.put(priority, &bytes));
            }
            Step::PutMany(lens) => {
                let bytes: Vec<_> = lens.iter().map(|&len| pattern(number, len)).collect();
                let mut messages: Vec<_> =
                    bytes.iter().map(|bytes| Message::from(&**bytes).with_priority(0)).collect();
                let put = queue.put_many(&mut messages, None).map_err(|reason| name(&reason));
                let expected = bytes.iter().try_for_each(|bytes| model.put(0, bytes));
                prop_assert_eq!(put, expected);
            }
            Step::Get => match queue.try_get() {
                Ok(received) => prop_assert_eq!(Some(received.to_vec()), model.get()),
                Err(TakeError::Empty) => prop_assert!(!model.closed && model.messages.is_empty()),
                Err(TakeError::Closed) => prop_assert!(model.closed && model.messages.is_empty()),
                Err(other) => prop_assert!(false, "{other}"),
            },
            Step::GetMany(most) => {
                let taken = queue.get_many(most, None).unwrap_or_default();
                for one in &taken {
                    prop_assert_eq!(Some(one.to_vec()), model.get());
                }
                prop_assert!(taken.len() == most || model.messages.is_empty());
            }
            Step::Close => {
                prop_assert_eq!(queue.close(), !model.closed);
                model.closed = true;
            }
        }
        prop_assert_eq!(queue.len(), model.messages.len());
    }
    drop((queue, value));
    let stats = arena.stats();
    prop_assert_eq!((stats.objects, stats.parcels), (0, 0));
    Ok(())
}

/// Everything that a queue can be asked; none of it may hang, panic or ask for much memory. What the
/// answers are does not matter.
fn use_all(queue: &Queue) -> usize {
    let soon = || Some(Wait::until(Deadline::now()));
    let mut messages: Vec<_> = (0..3).map(|n| Message::from(pattern(n, 100))).collect();
    let mut good = usize::from(queue.put_many(&mut messages, soon()).is_ok());
    for _ in 0..6 {
        if let Ok(received) = queue.try_get() {
            assert!(received.len() <= 1 << 20);
            good += 1;
        }
        good += usize::from(queue.put(pattern(1, 5000), Wait::until(Deadline::now())).is_ok());
    }
    good += usize::from(queue.poll(Wait::until(Deadline::now())).is_ok());
    good += queue.get_many(100, None).map_or(0, |all| all.len());
    good += queue.len() + usize::from(queue.is_full()) + usize::from(queue.task_done());
    good += usize::from(queue.join(Wait::timeout(Duration::from_millis(1))).is_ok());
    good + usize::from(queue.close()) + usize::from(queue.try_get().is_ok())
}

/// Bits to flip: in which block, which word of it, which bits.
fn flips() -> impl Strategy<Value = Vec<(usize, usize, u64)>> {
    let bits = prop_oneof![(0_u32..64).prop_map(|bit| 1 << bit), any::<u64>()];
    let word = prop_oneof![3 => 0_usize..64, 1 => 0_usize..100_000];
    prop::collection::vec((0_usize..8, word, bits), 1..12)
}

fn spoil(settings: Settings, flips: Vec<(usize, usize, u64)>) {
    let arena = Arena::with_size(64 << 20).unwrap();
    let queue = Queue::joinable(&arena, settings).unwrap();
    let value = Value::new(&arena, 1_u8).unwrap();
    for (number, len) in [10, 100, 9000, 20_000, 64].into_iter().enumerate() {
        let parcels = vec![value.handle().send().unwrap()];
        drop(queue.try_put(Message::from(pattern(number, len)).with_parcels(parcels)));
    }
    let file = std::fs::File::from(arena.fd().try_clone_to_owned().unwrap());
    let map = Mapping::shared(&file, 64 << 20).unwrap();
    // The queue's own blocks, its segments or chunks, and what its messages carry.
    let objects = arena.objects();
    for (object, word, bits) in flips {
        let object = &objects[object % objects.len()];
        let (first, len) = (object.offset as usize / 8, object.len as usize / 8);
        map.words()[first + word % len.max(1)].fetch_xor(bits, Ordering::Relaxed);
    }
    use_all(&queue);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_queue_is_what_the_model_is(settings in settings(), steps in steps()) {
        run(settings, steps)?;
    }

    #[test]
    fn any_flipped_bits_are_survived(settings in settings(), flips in flips()) {
        spoil(settings, flips);
    }
}
