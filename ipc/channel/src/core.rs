//! What lies in the block of a channel. All words are atomics; all zeros is an empty channel.
#![expect(unsafe_code, reason = "says that it may lie in shared memory")]

use crate::record::{TICKET_WORDS, Ticket, load, read_ticket, store, write_ticket};
use crate::sides::{Line, Sides};
use polyproc_sync::Shareable;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// In which order messages are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As they were put.
    #[default]
    Fifo,
    /// The last one first.
    Lifo,
    /// The lowest priority or key first, equal ones as they were put.
    Priority,
}

/// How much a channel may hold, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// In which order messages are taken.
    pub order: Order,
    /// The most messages.
    pub items: Option<u32>,
    /// The most bytes of messages; one message has room in an empty channel however long it is.
    pub bytes: Option<u64>,
    /// What its messages are, by a number that its users agree on; nobody here looks at it.
    pub tag: u64,
}

impl Settings {
    /// First in, first out, without a bound.
    pub const UNBOUNDED: Self = Self { order: Order::Fifo, items: None, bytes: None, tag: 0 };

    /// First in, first out, at most so many messages (at least one).
    pub const fn items(items: u32) -> Self {
        Self { items: Some(items), ..Self::UNBOUNDED }
    }

    /// The same bounds, with another order.
    #[must_use]
    pub const fn ordered(self, order: Order) -> Self {
        Self { order, ..self }
    }

    /// The same, with another tag.
    #[must_use]
    pub const fn tagged(self, tag: u64) -> Self {
        Self { tag, ..self }
    }

    /// The same, and at most so many bytes.
    #[must_use]
    pub const fn bytes(self, bytes: u64) -> Self {
        Self { bytes: Some(bytes), ..self }
    }
}

/// A ticket in shared memory.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Slip([AtomicU64; TICKET_WORDS]);

impl Slip {
    #[inline]
    pub(crate) fn get(&self) -> Ticket {
        read_ticket(&self.0)
    }

    /// Whether both are the same: no two parcels have stood in one place with one stamp.
    #[inline]
    pub(crate) fn is(&self, other: &Self) -> bool {
        let [.., last] = &self.0;
        let [.., others] = &other.0;
        load(last) == load(others)
    }

    #[inline]
    pub(crate) fn set(&self, ticket: Ticket) {
        write_ticket(&self.0, ticket);
    }
}

/// What belongs to a cursor's value beside it.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Place {
    /// The segment.
    pub(crate) segment: Slip,
    /// Bytes of all messages so far, wrapping.
    bytes: AtomicU64,
}

impl Place {
    #[inline]
    pub(crate) fn set(&self, segment: Ticket, bytes: u64) {
        self.segment.set(segment);
        store(&self.bytes, bytes);
    }

    #[inline]
    pub(crate) fn bytes(&self) -> u64 {
        load(&self.bytes)
    }
}

/// The two places of a side: that of count *n* is number *n* & 1.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Places([Place; 2]);

impl Places {
    #[inline]
    pub(crate) fn of(&self, count: u32) -> &Place {
        &self.0[(count & 1) as usize]
    }
}

/// The most chunks of a table: each is as long as all before it together.
pub(crate) const CHUNKS: usize = 24;

/// The entries of a channel that is not first in, first out.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Table {
    pub(crate) chunks: [Slip; CHUNKS],
    /// How many messages were ever put: the next one's number.
    pub(crate) sequence: AtomicU64,
    /// The entry that is being filled or emptied, plus one.
    pub(crate) pending: AtomicU32,
    reserved: AtomicU32,
}

/// A channel.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Core {
    /// First of all, for onlookers.
    pub(crate) sides: Sides,
    pub(crate) put_places: Line<Places>,
    pub(crate) take_places: Line<Places>,
    order: AtomicU32,
    most_items: AtomicU32,
    most_bytes: AtomicU64,
    tag: AtomicU64,
    /// The ids of the blocks that stand for the ends.
    pub(crate) ends: [AtomicU64; 2],
    pub(crate) table: Table,
}

// SAFETY: made of atomics and of what is shareable itself; no pointers, no drop.
unsafe impl Shareable for Core {}

impl Core {
    pub(crate) fn new(settings: Settings, ends: [u64; 2]) -> Self {
        Self {
            sides: Sides::default(),
            put_places: Line::default(),
            take_places: Line::default(),
            order: AtomicU32::new(settings.order as u32),
            most_items: AtomicU32::new(settings.items.unwrap_or(u32::MAX).max(1)),
            most_bytes: AtomicU64::new(settings.bytes.unwrap_or(u64::MAX)),
            tag: AtomicU64::new(settings.tag),
            ends: ends.map(AtomicU64::new),
            table: Table::default(),
        }
    }

    pub(crate) fn order(&self) -> Order {
        match self.order.load(std::sync::atomic::Ordering::Relaxed) {
            1 => Order::Lifo,
            2 => Order::Priority,
            _ => Order::Fifo,
        }
    }

    pub(crate) fn most_items(&self) -> u32 {
        let most = self.most_items.load(std::sync::atomic::Ordering::Relaxed);
        most.clamp(1, crate::position::MOST_ITEMS)
    }

    pub(crate) fn tag(&self) -> u64 {
        load(&self.tag)
    }

    pub(crate) fn most_bytes(&self) -> u64 {
        load(&self.most_bytes)
    }
}

/// A block that stands for one end of a channel: who holds it has the end.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct End {
    /// The id of the channel's block.
    pub(crate) core: AtomicU64,
    /// Which end.
    pub(crate) role: AtomicU32,
    pub(crate) reserved: AtomicU32,
}

// SAFETY: made of atomics.
unsafe impl Shareable for End {}
