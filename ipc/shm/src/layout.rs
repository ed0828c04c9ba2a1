//! What lies where in the arena. Every field is an atomic: any bits are a value, and reading what a
//! peer is writing is no data race. See `docs/design/0010-arena.md`.

use crate::class::CLASSES;
use polyproc_sync::raw::Lock;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"polyproc");
pub(crate) const VERSION: u32 = 3;

/// Places for members: as many as a block has holder bits.
pub(crate) const MEMBERS: usize = 512;
pub(crate) const WORDS: usize = MEMBERS / 64;
/// Places for handles in messages.
pub(crate) const PARCELS: usize = 1 << 16;
/// The most blocks: so that a block's number fits where a pid does.
pub(crate) const MOST_BLOCKS: u64 = 1 << 22;

pub(crate) const HEADER_AT: u64 = 0;
pub(crate) const MEMBERS_AT: u64 = 4096;
pub(crate) const PARCELS_AT: u64 = MEMBERS_AT + (MEMBERS * size_of::<Member>()) as u64;
pub(crate) const BLOCKS_AT: u64 = PARCELS_AT + (PARCELS * size_of::<Parcel>()) as u64;

#[repr(C)]
pub(crate) struct Header {
    pub(crate) magic: AtomicU64,
    pub(crate) version: AtomicU32,
    pub(crate) most_blocks: AtomicU32,
    /// Of the whole file.
    pub(crate) size: AtomicU64,
    /// A number that no other family has.
    pub(crate) family: AtomicU64,
    /// Where data starts.
    pub(crate) data_at: AtomicU64,
    /// Protects all that follows, and the tables.
    pub(crate) lock: Lock,
    /// How many records of the block table count.
    pub(crate) blocks: AtomicU32,
    /// Where to look for a free parcel first.
    pub(crate) parcel_hint: AtomicU32,
    /// No parcel at this place or after it was ever used.
    pub(crate) parcel_top: AtomicU32,
    /// No place for a member at this number or after it was ever taken.
    pub(crate) member_top: AtomicU32,
    /// Derived: the end of the last block.
    pub(crate) end: AtomicU64,
    /// Derived: bytes of free blocks whose pages may be resident.
    pub(crate) warm: AtomicU64,
    /// Derived: how many blocks live, and how many bytes they were asked for.
    pub(crate) live: AtomicU64,
    pub(crate) live_bytes: AtomicU64,
    /// How many bytes all have allocated since one last looked at the limits on memory.
    pub(crate) unchecked: AtomicU64,
    /// How often the derived part was rebuilt after a death.
    pub(crate) rebuilds: AtomicU64,
    /// How many blocks were freed because all their holders had died.
    pub(crate) reclaimed: AtomicU64,
    /// Derived: first free block of each class, plus one.
    pub(crate) free: [FreeLists; CLASSES],
}

/// The free blocks of a class, so that warm ones are used again before cold ones.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct FreeLists {
    /// They were warm when they were freed.
    pub(crate) warm: AtomicU32,
    pub(crate) cold: AtomicU32,
}

const _: () = assert!(size_of::<Header>() <= MEMBERS_AT as usize);

/// One process of the family.
#[repr(C, align(64))]
pub(crate) struct Member {
    /// Who; 0 when the place is free.
    pub(crate) owner: AtomicU64,
    /// For a child about to be forked: since when (ns of the wall clock); else 0.
    pub(crate) expected_since: AtomicU64,
    /// Derived: how many blocks have its bit.
    pub(crate) holds: AtomicU32,
}

/// A handle on its way.
#[repr(C)]
pub(crate) struct Parcel {
    /// Generation in the high half, block plus one in the low; low half 0 when the place is free.
    pub(crate) state: AtomicU64,
    /// The owner word of the process that answers for it, or [`kept_by`] a block.
    pub(crate) owner: AtomicU64,
    /// The process that has handed it over to its owner, or 0.
    pub(crate) from: AtomicU64,
}

/// One block, for good.
#[repr(C, align(32))]
pub(crate) struct Block {
    /// Generation in the high half; [`LIVE`] and [`COLD`] below.
    pub(crate) state: AtomicU64,
    pub(crate) offset: AtomicU64,
    /// Its class's size.
    pub(crate) size: AtomicU64,
    /// What was asked for.
    pub(crate) len: AtomicU64,
    /// What type lies in it.
    pub(crate) tag: AtomicU64,
    pub(crate) kind: AtomicU32,
    /// Derived: next free block of the class, plus one.
    pub(crate) next: AtomicU32,
    /// Derived: how many parcels name it.
    pub(crate) parcels: AtomicU32,
    /// Derived: how many parcels it keeps.
    pub(crate) keeps: AtomicU32,
    /// Which members hold it.
    pub(crate) holders: [AtomicU64; WORDS],
    /// For onlookers; padded with zeros.
    pub(crate) name: [AtomicU8; 40],
}

const _: () = assert!(size_of::<Block>() == 160 && size_of::<Member>() == 64);

pub(crate) const LIVE: u64 = 1;
/// Free, and all zeros: its pages are not there.
pub(crate) const COLD: u64 = 2;

/// The owner of a parcel that a block keeps. The bit is one that members' words never have.
pub(crate) fn kept_by(block: u32, generation: u32) -> u64 {
    u64::from(generation) << 32 | 1 << 31 | u64::from(block)
}

/// The keeper in an owner word, if it is one: block and generation.
pub(crate) fn keeper(owner: u64) -> Option<(u32, u32)> {
    (owner & 1 << 31 != 0).then_some(((owner & (MOST_BLOCKS - 1)) as u32, (owner >> 32) as u32))
}

impl Block {
    pub(crate) fn state(&self) -> u64 {
        self.state.load(Ordering::Relaxed)
    }

    pub(crate) fn is_live(&self) -> bool {
        self.state() & LIVE != 0
    }

    pub(crate) fn generation(&self) -> u32 {
        (self.state() >> 32) as u32
    }

    pub(crate) fn is_held_by(&self, member: usize) -> bool {
        self.word(member).load(Ordering::Relaxed) & bit(member) != 0
    }

    pub(crate) fn hold(&self, member: usize) {
        self.word(member).fetch_or(bit(member), Ordering::Relaxed);
    }

    pub(crate) fn let_go(&self, member: usize) {
        self.word(member).fetch_and(!bit(member), Ordering::Relaxed);
    }

    fn word(&self, member: usize) -> &AtomicU64 {
        &self.holders[member / 64 % WORDS]
    }

    pub(crate) fn is_unheld(&self) -> bool {
        self.parcels.load(Ordering::Relaxed) == 0
            && self.holders.iter().all(|word| word.load(Ordering::Relaxed) == 0)
    }
}

fn bit(member: usize) -> u64 {
    1 << (member % 64)
}

/// Adds to or takes from a derived number, which may be wrong until the next rebuild.
pub(crate) fn add(number: &AtomicU64, amount: u64) {
    let old = number.load(Ordering::Relaxed);
    number.store(old.saturating_add(amount), Ordering::Relaxed);
}

pub(crate) fn sub(number: &AtomicU64, amount: u64) {
    let old = number.load(Ordering::Relaxed);
    number.store(old.saturating_sub(amount), Ordering::Relaxed);
}

pub(crate) fn add_one(number: &AtomicU32) {
    let old = number.load(Ordering::Relaxed);
    number.store(old.saturating_add(1), Ordering::Relaxed);
}

pub(crate) fn sub_one(number: &AtomicU32) {
    let old = number.load(Ordering::Relaxed);
    number.store(old.saturating_sub(1), Ordering::Relaxed);
}
