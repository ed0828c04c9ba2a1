//! Our ways.
#![expect(clippy::expect_used, reason = "a bench that cannot send has nothing to say")]

use crate::way::Way;
use polyproc_channel::{PipeEnd, Queue, Received, Settings, Wait};
use polyproc_shm::{Arena, Error};
use std::hint::black_box;

const HELD: &str = "both ends are held";

/// As many messages as crossbeam's bounded channel gets.
pub(crate) const ITEMS: u32 = 1024;

/// Long messages would be read in place.
fn own_copy(received: Received) -> usize {
    if received.is_in_place() {
        black_box(&received.into_vec()).len()
    } else {
        black_box(&received).len()
    }
}

/// A bounded queue; received bytes are copied.
pub(crate) struct OurQueue(Queue);

impl OurQueue {
    pub(crate) fn new(arena: &Arena) -> Result<Self, Error> {
        Queue::new(arena, Settings::items(ITEMS).bytes(8 << 20)).map(Self)
    }
}

impl Way for OurQueue {
    fn send(&self, bytes: &[u8]) {
        self.0.put(bytes, Wait::FOREVER).expect(HELD);
    }

    fn receive(&self) -> usize {
        let received = self.0.get(Wait::FOREVER).expect(HELD);
        own_copy(received)
    }
}

/// A pipe; received bytes are copied.
pub(crate) struct OurPipe {
    reader: PipeEnd,
    writer: PipeEnd,
}

impl OurPipe {
    pub(crate) fn new(arena: &Arena) -> Result<Self, Error> {
        let (reader, writer) = PipeEnd::one_way(arena)?;
        Ok(Self { reader, writer })
    }
}

impl Way for OurPipe {
    fn send(&self, bytes: &[u8]) {
        self.writer.send(bytes, Wait::FOREVER).expect(HELD);
    }

    fn receive(&self) -> usize {
        let received = self.reader.recv(Wait::FOREVER).expect(HELD);
        own_copy(received)
    }
}

/// A pipe whose messages are made where they are read.
pub(crate) struct InPlace(pub(crate) OurPipe);

impl Way for InPlace {
    fn send(&self, bytes: &[u8]) {
        let mut draft = self.0.writer.draft(bytes.len()).expect(HELD);
        draft.fill(bytes[0]);
        self.0.writer.send(draft, Wait::FOREVER).expect(HELD);
    }

    fn receive(&self) -> usize {
        black_box(&self.0.reader.recv(Wait::FOREVER).expect(HELD)).len()
    }
}
