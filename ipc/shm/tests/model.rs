//! The allocator against a model: any sequence of operations, in one process.
#![expect(unsafe_code, reason = "blocks are bare bytes")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use polyproc_shm::{Arena, Error, Handle};
use polyproc_sync::Kind;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Allocate { len: usize },
    Clone(usize),
    Drop(usize),
    Send(usize),
    Receive(usize),
    GiveBack(usize),
    Trim,
}

fn step() -> impl Strategy<Value = Step> {
    let any = any::<usize>();
    prop_oneof![
        4 => prop_oneof![0_usize..600, 0_usize..300_000].prop_map(|len| Step::Allocate { len }),
        1 => any.prop_map(Step::Clone),
        4 => any.prop_map(Step::Drop),
        2 => any.prop_map(Step::Send),
        2 => any.prop_map(Step::Receive),
        1 => any.prop_map(Step::GiveBack),
        1 => Just(Step::Trim),
    ]
}

/// What the model knows: who holds what, and which byte fills it.
#[derive(Default)]
struct Model {
    handles: Vec<(Handle, u8)>,
    messages: Vec<(Vec<u8>, u64, u8)>,
    fill: u8,
}

#[expect(clippy::mut_from_ref, reason = "bare bytes")]
fn bytes(handle: &Handle) -> &mut [u8] {
    // SAFETY: one thread, which makes no other slice at the same time.
    unsafe { std::slice::from_raw_parts_mut(handle.start().as_ptr(), handle.len()) }
}

impl Model {
    fn run(&mut self, arena: &Arena, step: Step) {
        let pick = |index: usize, len: usize| (len != 0).then(|| index % len);
        match step {
            Step::Allocate { len } => self.allocate(arena, len),
            Step::Trim => arena.trim(),
            Step::Clone(index) => {
                if let Some(index) = pick(index, self.handles.len()) {
                    self.handles.push(self.handles[index].clone());
                }
            }
            Step::Drop(index) => {
                if let Some(index) = pick(index, self.handles.len()) {
                    self.handles.swap_remove(index);
                }
            }
            Step::Send(index) => {
                if let Some(index) = pick(index, self.handles.len()) {
                    let (handle, fill) = &self.handles[index];
                    let message = handle.send().unwrap().into_bytes();
                    self.messages.push((message.to_vec(), handle.id(), *fill));
                }
            }
            Step::Receive(index) => {
                if let Some(index) = pick(index, self.messages.len()) {
                    let (message, id, fill) = self.messages.swap_remove(index);
                    let handle = arena.receive(&message).unwrap();
                    assert_eq!(handle.id(), id);
                    assert!(matches!(arena.receive(&message), Err(Error::Gone)));
                    self.handles.push((handle, fill));
                }
            }
            Step::GiveBack(index) => {
                if let Some(index) = pick(index, self.messages.len()) {
                    let (message, _, _) = self.messages.swap_remove(index);
                    arena.give_back(&message);
                    arena.give_back(&message);
                }
            }
        }
    }

    fn allocate(&mut self, arena: &Arena, len: usize) {
        match arena.allocate(len, Kind::Bytes) {
            Ok(handle) => {
                assert_eq!(handle.len(), len);
                assert!(bytes(&handle).iter().all(|&byte| byte == 0), "not zeroed");
                self.fill = self.fill.wrapping_add(1).max(1);
                bytes(&handle).fill(self.fill);
                self.handles.push((handle, self.fill));
            }
            Err(Error::Full { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Nobody has overwritten anybody, and the books are right.
    fn check(&self, arena: &Arena) {
        for (handle, fill) in &self.handles {
            assert!(bytes(handle).iter().all(|byte| byte == fill), "overwritten");
        }
        let mut live: Vec<u64> = self.handles.iter().map(|(handle, _)| handle.id()).collect();
        live.extend(self.messages.iter().map(|(_, id, _)| id));
        live.sort_unstable();
        live.dedup();
        let mut found: Vec<u64> = arena.objects().iter().map(|object| object.id).collect();
        found.sort_unstable();
        assert_eq!(live, found);
        let stats = arena.stats();
        assert_eq!(stats.objects as usize, live.len());
        assert_eq!(stats.parcels, self.messages.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_two_objects_overlap_and_none_is_lost(steps in proptest::collection::vec(step(), 1..120)) {
        let arena = Arena::with_size(16 << 20).unwrap();
        let mut model = Model::default();
        for step in steps {
            model.run(&arena, step);
        }
        model.check(&arena);
        drop(model);
    }

    #[test]
    fn any_bytes_are_no_handle(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let arena = Arena::with_size(4 << 20).unwrap();
        prop_assert!(matches!(arena.receive(&bytes), Err(Error::Foreign)));
        arena.give_back(&bytes);
    }

    /// The right family, and anything behind it.
    #[test]
    fn a_spoilt_message_is_an_error(noise in proptest::array::uniform16(any::<u8>())) {
        let arena = Arena::with_size(4 << 20).unwrap();
        let handle = arena.allocate(10, Kind::Bytes).unwrap();
        let mut message = handle.send().unwrap().into_bytes();
        for (byte, noise) in message[8..].iter_mut().zip(noise) {
            *byte ^= noise;
        }
        if noise != [0; 16] {
            prop_assert!(matches!(arena.receive(&message), Err(Error::Gone)));
        }
    }
}

#[test]
fn another_family_is_told_apart() {
    let (one, two) = (Arena::with_size(4 << 20).unwrap(), Arena::with_size(4 << 20).unwrap());
    let message = one.allocate(1, Kind::Bytes).unwrap().send().unwrap().into_bytes();
    assert!(matches!(two.receive(&message), Err(Error::Foreign)));
    assert!(one.receive(&message).is_ok());
}

#[test]
fn a_parcel_that_is_not_sent_and_one_whose_queue_is_gone_give_back() {
    let arena = Arena::with_size(4 << 20).unwrap();
    let object = arena.allocate(1, Kind::Bytes).unwrap();
    drop(object.send().unwrap());
    assert_eq!(arena.stats().parcels, 0);
    let queue = arena.allocate(1, Kind::Channel).unwrap();
    let message = object.send().unwrap().into_bytes_kept_by(&queue);
    drop(object);
    assert_eq!(arena.stats().objects, 2);
    drop(queue);
    assert_eq!((arena.stats().objects, arena.stats().parcels), (0, 0));
    assert!(matches!(arena.receive(&message), Err(Error::Gone)));
}

#[test]
fn cold_memory_goes_back_and_reads_as_zeros() {
    let arena = Arena::with_size(256 << 20).unwrap();
    let large: Vec<_> = (0..6)
        .map(|_| {
            let handle = arena.allocate(16 << 20, Kind::Bytes).unwrap();
            bytes(&handle)[5] = 1;
            handle
        })
        .collect();
    drop(large);
    assert!(arena.stats().warm_bytes <= 128 << 20);
    arena.trim();
    assert_eq!(arena.stats().warm_bytes, 0);
    let again = arena.allocate(16 << 20, Kind::Bytes).unwrap();
    assert_eq!(bytes(&again)[5], 0);
}

#[test]
fn a_full_arena_is_an_error_and_works_on() {
    let arena = Arena::with_size(4 << 20).unwrap();
    let asked = arena.allocate(64 << 20, Kind::Bytes).unwrap_err();
    assert!(asked.to_string().contains("POLYPROC_ARENA_SIZE"));
    assert!(arena.allocate(usize::MAX / 2, Kind::Bytes).is_err());
    assert!(arena.allocate(64, Kind::Bytes).is_ok());
}
