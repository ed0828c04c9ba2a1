//! What can be seen of an object from outside, without touching it.

use crate::owner::Owner;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u32)]
pub enum Kind {
    /// Memory without a lock: bytes, atomics, plain arrays.
    Bytes = 0,
    /// A mutex or lock.
    Lock = 1,
    /// A lock that its holder may take again.
    RLock = 2,
    /// A lock for one writer or many readers.
    RwLock = 3,
    /// A semaphore.
    Semaphore = 4,
    /// A semaphore that knows its holders.
    HeldSemaphore = 5,
    /// An event.
    Event = 6,
    /// A condition.
    Condition = 7,
    /// A barrier.
    Barrier = 8,
    /// Something that runs once.
    Once = 9,
    /// A value of the program's, with its lock.
    Value = 10,
    /// An array of the program's values, with one lock.
    Array = 11,
    /// A queue, pipe or connection.
    Channel = 12,
}

impl Kind {
    /// The kind with this number; unknown ones are bytes.
    pub const fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Lock,
            2 => Self::RLock,
            3 => Self::RwLock,
            4 => Self::Semaphore,
            5 => Self::HeldSemaphore,
            6 => Self::Event,
            7 => Self::Condition,
            8 => Self::Barrier,
            9 => Self::Once,
            10 => Self::Value,
            11 => Self::Array,
            12 => Self::Channel,
            _ => Self::Bytes,
        }
    }
}

/// The state of an object at one moment. Reading it changes nothing and waits for nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// What it is.
    pub kind: Kind,
    /// Which process holds it, if it is of a kind that is held, and by one.
    pub holder: Option<Owner>,
    /// Which thread of that process, once it has said so.
    pub thread: Option<u32>,
    /// How many sleep on it. Too high by those that were killed in their sleep, until the next
    /// release finds nobody.
    pub waiters: u32,
    /// Permits left, arrived parties, readers, or 1 for an event that is set.
    pub count: u32,
    /// Whether a holder left in the middle and nobody has recovered it, or the barrier is broken.
    pub abandoned: bool,
}
