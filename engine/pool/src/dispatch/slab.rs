//! Where tasks lie from their submission to their fate. Queues hold their keys: a task is large to be
//! moved from one to the next.

use std::num::NonZeroU32;

/// The key of a task: one more than its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(NonZeroU32);

impl Key {
    fn place(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// Values at places that are used again.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<Key>,
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    #[inline]
    pub(super) fn insert(&mut self, value: T) -> Key {
        if let Some(key) = self.free.pop() {
            self.places[key.place()] = Some(value);
            return key;
        }
        self.places.push(Some(value));
        Key(NonZeroU32::MIN.saturating_add(self.places.len() as u32 - 1))
    }

    #[expect(clippy::expect_used, reason = "a key is in one place, and given up with its value")]
    #[inline]
    pub(super) fn remove(&mut self, key: Key) -> T {
        self.free.push(key);
        self.places[key.place()].take().expect("a value under its key")
    }

    #[expect(clippy::expect_used, reason = "as above")]
    pub(super) fn get(&self, key: Key) -> &T {
        self.places[key.place()].as_ref().expect("a value under its key")
    }

    #[expect(clippy::expect_used, reason = "as above")]
    pub(super) fn get_mut(&mut self, key: Key) -> &mut T {
        self.places[key.place()].as_mut().expect("a value under its key")
    }
}
