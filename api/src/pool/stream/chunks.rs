//! The chunks of a stream from their submission until their results are taken.

use crate::pool::task;
use polyproc_pool::{Bytes, Outcome};
use polyproc_shm::Parcel;
use std::collections::VecDeque;

/// A chunk that is under way.
#[derive(Debug, Default)]
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
enum State {
    UnderWay,
    /// It has all its values, and its turn has not come.
    Waits(Bytes),
    Gone,
}

#[derive(Debug)]
struct Place {
    chunk: Chunk,
    state: State,
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
            if let State::Waits(bytes) = place.state {
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
        self.places.push_back(Place { chunk, state: State::UnderWay });
        self.first + self.places.len() as u64 - 1
    }

    fn place(&mut self, number: u64) -> Option<&mut Place> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.places.get_mut(place).filter(|place| matches!(place.state, State::UnderWay))
    }

    /// A chunk that is under way.
    pub(super) fn get(&mut self, number: u64) -> Option<&Chunk> {
        self.place(number).map(|place| &place.chunk)
    }

    /// The chunk has arrived.
    pub(super) fn remove(&mut self, number: u64) -> Option<Chunk> {
        let place = self.place(number)?;
        place.state = State::Gone;
        let chunk = std::mem::take(&mut place.chunk);
        self.count -= 1;
        self.bytes -= chunk.size;
        self.tidy();
        Some(chunk)
    }

    /// The chunk has arrived, and waits for its turn.
    pub(super) fn keep(&mut self, number: u64, bytes: Bytes) {
        if let Some(place) = self.place(number) {
            place.state = State::Waits(bytes);
            let size = place.chunk.size;
            self.bytes -= size;
            self.count -= 1;
        }
    }

    /// The chunk whose turn it is, if it has arrived.
    pub(super) fn take_first(&mut self) -> Option<(Chunk, Bytes)> {
        let first = self.places.pop_front_if(|first| matches!(first.state, State::Waits(_)))?;
        self.first += 1;
        self.tidy();
        let State::Waits(bytes) = first.state else { return None };
        Some((first.chunk, bytes))
    }

    fn tidy(&mut self) {
        while self.places.pop_front_if(|first| matches!(first.state, State::Gone)).is_some() {
            self.first += 1;
        }
    }

    pub(super) fn numbers(&self) -> Vec<u64> {
        let numbered = (self.first..).zip(&self.places);
        let under_way = numbered.filter(|(_, place)| matches!(place.state, State::UnderWay));
        under_way.map(|(number, _)| number).collect()
    }
}
