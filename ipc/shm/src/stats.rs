//! What the arena holds, for onlookers.

use crate::arena::Arena;
use crate::layout::{Block, MEMBERS};
use polyproc_sync::{Kind, Owner, Report};
use std::sync::atomic::Ordering;

/// What the arena holds, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArenaStats {
    /// Of the whole arena: address space, not memory.
    pub size: u64,
    /// How much of it has ever been used.
    pub used: u64,
    /// How many objects live.
    pub objects: u64,
    /// How many bytes they were asked for.
    pub object_bytes: u64,
    /// Bytes of free blocks whose pages may be resident.
    pub warm_bytes: u64,
    /// Handles on their way in messages.
    pub parcels: usize,
    /// How often the books were made anew after a death.
    pub rebuilds: u64,
    /// Objects that were freed because all their holders had died.
    pub reclaimed: u64,
    /// Who belongs to the family.
    pub members: Vec<MemberInfo>,
}

/// One process of the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberInfo {
    /// Which process; its parent while the child is expected.
    pub owner: Owner,
    /// Whether the place is kept for a child that is about to take it.
    pub expected: bool,
    /// How many objects it holds.
    pub objects: usize,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// As [`crate::Handle::id`].
    pub id: u64,
    /// What it is.
    pub kind: Kind,
    /// Its name, empty if none was given.
    pub name: String,
    /// How many bytes it has.
    pub len: u64,
    /// Where it lies.
    pub offset: u64,
    /// Who holds it.
    pub holders: Vec<Owner>,
    /// How many messages carry it.
    pub parcels: u32,
    /// Whether it is taken, by whom, and who waits, if it is something to wait for.
    pub report: Option<Report>,
}

impl Arena {
    /// What the arena holds. Gives back what the dead held first.
    pub fn stats(&self) -> ArenaStats {
        self.reclaim();
        let header = self.inner.header();
        let load = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed);
        let parcels = self.inner.used_parcels().iter();
        ArenaStats {
            size: self.inner.size,
            used: load(&header.end),
            objects: load(&header.live),
            object_bytes: load(&header.live_bytes),
            warm_bytes: load(&header.warm),
            parcels: parcels.filter(|parcel| parcel.content().is_some()).count(),
            rebuilds: load(&header.rebuilds),
            reclaimed: load(&header.reclaimed),
            members: self.members(),
        }
    }

    /// Gives free memory that is still resident back to the system.
    pub fn trim(&self) {
        self.inner.lock().chill_all();
    }

    fn members(&self) -> Vec<MemberInfo> {
        let count = |place| {
            let held = |block: &&Block| block.is_live() && block.is_held_by(place);
            self.inner.blocks().iter().filter(held).count()
        };
        let places = self.inner.members().iter().enumerate();
        places
            .filter_map(|(place, member)| {
                Some(MemberInfo {
                    owner: Owner::from_word(member.owner.load(Ordering::Relaxed))?,
                    expected: member.expected_since.load(Ordering::Relaxed) != 0,
                    objects: count(place),
                })
            })
            .collect()
    }

    /// All objects, as a reader without the lock sees them: a neighbour of the truth while others are
    /// at work.
    pub fn objects(&self) -> Vec<ObjectInfo> {
        let blocks = self.inner.blocks().iter().enumerate();
        blocks
            .filter(|(_, block)| block.is_live())
            .map(|(index, block)| self.object(index, block))
            .collect()
    }

    fn object(&self, index: usize, block: &Block) -> ObjectInfo {
        let holders = (0..MEMBERS).filter(|&place| block.is_held_by(place));
        let owner = |place: usize| {
            Owner::from_word(self.inner.members()[place].owner.load(Ordering::Relaxed))
        };
        ObjectInfo {
            id: u64::from(block.generation()) << 32 | index as u64,
            kind: Kind::from_number(block.kind.load(Ordering::Relaxed)),
            name: block.name(),
            len: block.len.load(Ordering::Relaxed),
            offset: block.offset.load(Ordering::Relaxed),
            holders: holders.filter_map(owner).collect(),
            parcels: block.parcels.load(Ordering::Relaxed),
            report: self.inner.report(block),
        }
    }
}

impl Block {
    pub(crate) fn name(&self) -> String {
        let bytes: Vec<u8> = self
            .name
            .iter()
            .map(|byte| byte.load(Ordering::Relaxed))
            .take_while(|&byte| byte != 0)
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
