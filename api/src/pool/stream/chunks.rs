//! The chunks of a stream from their submission until their results are taken.

use crate::pool::task;
use polyproc_pool::{Bytes, Outcome};
use polyproc_shm::Parcel;
use std::collections::VecDeque;

/// A chunk that is under way.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The number of its first item.
    pub(super) first: u64,
    pub(super) len: usize,
    /// How many bytes it is, with those of shared objects that only go with it.
    pub(super) size: usize,
    /// What holds the handles in it until they are received.
    pub(super) _parcels: Vec<Parcel>,
}

/// How far a chunk has come.
#[derive(Debug)]
pub(super) enum Place {
    UnderWay(Chunk),
    /// It has all its values, and its turn has not come.
    Waits(Chunk, Bytes),
    Gone,
}

/// The chunks by their numbers, which follow each other.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    /// The number of the first.
    first: u64,
    places: VecDeque<Place>,
    /// How many are under way.
    count: usize,
    /// And how many bytes they are.
    pub(super) bytes: usize,
}

/// Results that nobody took.
impl Drop for Chunks {
    fn drop(&mut self) {
        for place in self.places.drain(..) {
            if let Place::Waits(_, bytes) = place {
                task::give_back(&Outcome::Value(bytes));
            }
        }
    }
}

impl Chunks {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Gives the chunk the next number.
    pub(super) fn push(&mut self, chunk: Chunk) -> u64 {
        self.count += 1;
        self.bytes += chunk.size;
        self.places.push_back(Place::UnderWay(chunk));
        self.first + self.places.len() as u64 - 1
    }

    pub(super) fn place(&mut self, number: u64) -> Option<&mut Place> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.places.get_mut(place)
    }

    /// The chunk has arrived.
    pub(super) fn remove(&mut self, number: u64) -> Option<Chunk> {
        let place = self.place(number).filter(|place| matches!(place, Place::UnderWay(_)))?;
        let Place::UnderWay(chunk) = std::mem::replace(place, Place::Gone) else { return None };
        self.count -= 1;
        self.bytes -= chunk.size;
        self.tidy();
        Some(chunk)
    }

    /// The chunk has arrived, and waits for its turn.
    pub(super) fn keep(&mut self, number: u64, bytes: Bytes) {
        let Some(place) = self.place(number) else { return };
        if let Place::UnderWay(chunk) = std::mem::replace(place, Place::Gone) {
            let size = chunk.size;
            *place = Place::Waits(chunk, bytes);
            self.bytes -= size;
            self.count -= 1;
        }
    }

    /// The chunk whose turn it is, if it has arrived.
    pub(super) fn take_first(&mut self) -> Option<(Chunk, Bytes)> {
        let first = self.places.pop_front_if(|first| matches!(first, Place::Waits(..)))?;
        self.first += 1;
        self.tidy();
        let Place::Waits(chunk, bytes) = first else { return None };
        Some((chunk, bytes))
    }

    fn tidy(&mut self) {
        while self.places.pop_front_if(|first| matches!(first, Place::Gone)).is_some() {
            self.first += 1;
        }
    }

    pub(super) fn numbers(&self) -> Vec<u64> {
        let numbered = (self.first..).zip(&self.places);
        let under_way = numbered.filter(|(_, place)| matches!(place, Place::UnderWay(_)));
        under_way.map(|(number, _)| number).collect()
    }
}
