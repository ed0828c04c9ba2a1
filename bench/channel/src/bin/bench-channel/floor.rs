//! The least that the machine does for such jobs: no row can be better.
#![expect(unsafe_code, reason = "copies to and from bare shared memory")]
#![expect(clippy::expect_used, reason = "a bench that cannot send has nothing to say")]

use crate::way::Way;
use polyproc_shm::{Arena, Error, Handle};
use polyproc_sync::{Deadline, Kind};
use polyproc_sys::futex;
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A ring of slots from one process to one other, both looking without a pause: nobody can sleep, die
/// or close it.
///
/// A slot is a word with the number of its message, beside which the bytes begin.
pub(crate) struct BareRing {
    memory: Handle,
    slots: u64,
    /// Bytes of a message; 0 when they are made and read in place.
    copied: usize,
    /// The words of a slot.
    stride: usize,
    /// The number of this process's next message, which goes on where the race before ended.
    next: Cell<Option<u64>>,
    /// How far the receiver was when this process last looked.
    seen: Cell<u64>,
    received: RefCell<Vec<u8>>,
}

/// The words before the slots: how far the receiver is.
const HEAD: usize = 8;

impl BareRing {
    /// Not more than stays in the caches.
    pub(crate) fn new(arena: &Arena, len: usize, in_place: bool) -> Result<Self, Error> {
        let slots = (2 << 20 >> len.ilog2()).min(1024);
        let stride = (8 + len).next_multiple_of(64) / 8;
        let memory = arena.allocate((HEAD + slots * stride) * 8, Kind::Bytes)?;
        Ok(Self {
            memory,
            slots: slots as u64,
            copied: if in_place { 0 } else { len },
            stride,
            next: Cell::new(None),
            seen: Cell::new(0),
            received: RefCell::new(vec![0; len]),
        })
    }

    fn head(&self) -> &AtomicU64 {
        &self.memory.words()[0]
    }

    fn slot(&self, count: u64) -> (&AtomicU64, *mut u8) {
        let index = HEAD + (count % self.slots) as usize * self.stride;
        let words = &self.memory.words()[index..index + self.stride];
        (&words[0], words[1..].as_ptr().cast_mut().cast())
    }

    fn next(&self) -> u64 {
        let next = self.next.get().unwrap_or_else(|| self.head().load(Ordering::Acquire));
        self.next.set(Some(next + 1));
        next
    }

    fn spin(is_over: impl Fn() -> bool) {
        while !is_over() {
            std::hint::spin_loop();
        }
    }
}

impl Way for BareRing {
    fn send(&self, bytes: &[u8]) {
        let count = self.next();
        Self::spin(|| {
            let has_room = count < self.seen.get() + self.slots;
            if !has_room {
                self.seen.set(self.head().load(Ordering::Acquire));
            }
            has_room
        });
        let (word, place) = self.slot(count);
        if self.copied == 0 {
            // SAFETY: the slot has room for that, and its reader is done with it.
            unsafe { place.write_bytes(bytes[0], bytes.len()) };
        } else {
            // SAFETY: as above.
            unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        }
        word.store(count + 1, Ordering::Release);
    }

    fn receive(&self) -> usize {
        let count = self.next();
        let (word, place) = self.slot(count);
        Self::spin(|| word.load(Ordering::Acquire) == count + 1);
        let mut received = self.received.borrow_mut();
        // SAFETY: the slot has so many bytes, and its writer waits until the head has passed.
        unsafe { received.as_mut_ptr().copy_from_nonoverlapping(place, self.copied) };
        self.head().store(count + 1, Ordering::Release);
        std::hint::black_box(&mut *received).len()
    }
}

/// The least that can wake: a word and a futex.
pub(crate) struct BareFutex(AtomicU32);

impl BareFutex {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }
}

/// The message is that there is one.
impl Way for BareFutex {
    fn send(&self, _: &[u8]) {
        if self.0.swap(1, Ordering::AcqRel) == 2 {
            futex::wake(&self.0, 1);
        }
    }

    fn receive(&self) -> usize {
        while self.0.compare_exchange(1, 0, Ordering::AcqRel, Ordering::Acquire).is_err() {
            _ = self.0.compare_exchange(0, 2, Ordering::AcqRel, Ordering::Acquire);
            _ = futex::wait(&self.0, 2, Deadline::NEVER).expect("a word that is there");
        }
        64
    }
}
