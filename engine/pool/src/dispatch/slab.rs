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

/// Values at places that are used again, with what was in them.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<T>,
    free: Vec<Key>,
}

impl<T: Default> Slab<T> {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    /// A place, for a value to be written to.
    #[inline]
    pub(super) fn add(&mut self) -> Key {
        self.free.pop().unwrap_or_else(|| {
            self.places.push(T::default());
            Key(NonZeroU32::MIN.saturating_add(self.places.len() as u32 - 1))
        })
    }

    /// The value is not needed any more. A key is in one place, and given up with its value.
    #[inline]
    pub(super) fn remove(&mut self, key: Key) {
        self.free.push(key);
    }

    #[inline]
    pub(super) fn get(&self, key: Key) -> &T {
        &self.places[key.place()]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: Key) -> &mut T {
        &mut self.places[key.place()]
    }
}
