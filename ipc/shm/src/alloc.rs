//! Allocating and freeing blocks. Every function here runs under the arena's lock, except the last.
//!
//! One store of a block's state allocates or frees it; all else is written before or can be rebuilt.

use crate::arena::Inner;
use crate::class::{self, PAGE, PAGED};
use crate::error::Error;
use crate::layout::{Block, COLD, LIVE, add, add_one, keeper, sub, sub_one};
use polyproc_sync::{Kind, Outcome, Wait, crash_point};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Warm free memory beyond this goes back to the system.
const MOST_WARM: u64 = 128 << 20;
/// Blocks from this size on can go back.
const LEAST_PUNCHED: u64 = PAGED;

/// The arena's lock, held.
pub(crate) struct Locked<'a>(pub(crate) &'a Inner);

impl Inner {
    /// Takes the arena's lock. If its holder died, first makes derived things true again.
    pub(crate) fn lock(&self) -> Locked<'_> {
        let outcome = self.header().lock.acquire(Wait::FOREVER);
        self.locked(outcome)
    }

    /// The same, but not for longer than that.
    pub(crate) fn lock_within(&self, patience: Duration) -> Option<Locked<'_>> {
        let outcome = self.header().lock.acquire(Wait::timeout(patience));
        outcome.is_acquired().then(|| self.locked(outcome))
    }

    fn locked(&self, outcome: Outcome) -> Locked<'_> {
        let locked = Locked(self);
        if outcome == Outcome::OwnerDied {
            locked.rebuild();
            self.header().lock.recover();
        }
        locked
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.0.header().lock.release_own();
    }
}

/// A block that was just allocated.
pub(crate) struct New {
    pub(crate) index: u32,
    pub(crate) generation: u32,
    /// Whether it has bytes of an earlier use.
    pub(crate) dirty: bool,
}

impl Locked<'_> {
    /// A block for `member`.
    pub(crate) fn allocate(
        &self,
        len: u64,
        kind: Kind,
        tag: u64,
        member: usize,
    ) -> Result<New, Error> {
        let full = || Error::Full { asked: len, size: self.0.size };
        let class = class::of(len).ok_or_else(full)?;
        let index = match self.pop(class) {
            Some(index) => index,
            None => self.grow(class).ok_or_else(full)?,
        };
        crash_point!("alloc.popped");
        let block = &self.0.block_table()[index as usize];
        let state = block.state();
        block.len.store(len, Ordering::Relaxed);
        block.tag.store(tag, Ordering::Relaxed);
        block.kind.store(kind as u32, Ordering::Relaxed);
        for byte in &block.name {
            byte.store(0, Ordering::Relaxed);
        }
        for word in &block.holders {
            word.store(0, Ordering::Relaxed);
        }
        self.hold(block, member);
        crash_point!("alloc.written");
        // A1: from here on it lives.
        block.state.store(state & !(LIVE | COLD) | LIVE, Ordering::Release);
        crash_point!("alloc.live");
        let header = self.0.header();
        add(&header.live, 1);
        add(&header.live_bytes, len);
        if state & COLD == 0 {
            sub(&header.warm, block.size.load(Ordering::Relaxed));
        }
        Ok(New { index, generation: block.generation(), dirty: state & COLD == 0 })
    }

    fn pop(&self, class: usize) -> Option<u32> {
        let lists = &self.0.header().free[class];
        let head = [&lists.warm, &lists.cold]
            .into_iter()
            .find(|head| head.load(Ordering::Relaxed) != 0)?;
        let index = head.load(Ordering::Relaxed).checked_sub(1)?;
        let block = self.0.blocks().get(index as usize)?;
        head.store(block.next.load(Ordering::Relaxed), Ordering::Relaxed);
        Some(index)
    }

    /// A block that has never been.
    fn grow(&self, class: usize) -> Option<u32> {
        let header = self.0.header();
        let (size, index) = (class::size(class), self.0.blocks().len() as u32);
        let end = header.end.load(Ordering::Relaxed).max(self.0.data_at());
        let align = if size >= PAGED { PAGE } else { class::ALIGN };
        let offset = end.next_multiple_of(align);
        let new_end = offset.checked_add(size).filter(|&end| end <= self.0.size)?;
        if index >= self.0.most_blocks() {
            return None;
        }
        let block = &self.0.block_table()[index as usize];
        block.offset.store(offset, Ordering::Relaxed);
        block.size.store(size, Ordering::Relaxed);
        block.state.store(COLD, Ordering::Relaxed);
        block.parcels.store(0, Ordering::Relaxed);
        block.keeps.store(0, Ordering::Relaxed);
        crash_point!("alloc.growing");
        header.blocks.store(index + 1, Ordering::Release);
        crash_point!("alloc.grown");
        header.end.store(new_end, Ordering::Relaxed);
        Some(index)
    }

    /// Frees the block if nobody holds it any more, and what it keeps.
    pub(crate) fn free_if_unheld(&self, index: u32) -> bool {
        let Some(block) = self.0.blocks().get(index as usize) else {
            return false;
        };
        if !block.is_live() || !block.is_unheld() {
            return false;
        }
        let generation = block.generation();
        // A1, A4: from here on it is free, and no old handle means it.
        let free = u64::from(generation.wrapping_add(1)) << 32;
        block.state.store(free, Ordering::Release);
        crash_point!("free.free");
        let header = self.0.header();
        sub(&header.live, 1);
        sub(&header.live_bytes, block.len.load(Ordering::Relaxed));
        add(&header.warm, block.size.load(Ordering::Relaxed));
        if header.warm.load(Ordering::Relaxed) > MOST_WARM {
            self.chill(block);
        }
        self.push(index, block);
        crash_point!("free.pushed");
        if block.keeps.load(Ordering::Relaxed) != 0 {
            self.give_back_kept(index, generation);
        }
        true
    }

    fn push(&self, index: u32, block: &Block) {
        let class = class::of(block.size.load(Ordering::Relaxed));
        let Some(lists) = class.map(|class| &self.0.header().free[class]) else {
            return;
        };
        let head = if block.state() & COLD == 0 { &lists.warm } else { &lists.cold };
        block.next.store(head.load(Ordering::Relaxed), Ordering::Relaxed);
        head.store(index + 1, Ordering::Relaxed);
    }

    /// Gives the pages of a free block back to the system.
    fn chill(&self, block: &Block) {
        let size = block.size.load(Ordering::Relaxed);
        let offset = block.offset.load(Ordering::Relaxed);
        if size < LEAST_PUNCHED || block.state() & (LIVE | COLD) != 0 {
            return;
        }
        if polyproc_sys::memory::punch_hole(&self.0.file, offset, size).is_ok() {
            crash_point!("free.punched");
            block.state.fetch_or(COLD, Ordering::Relaxed);
            sub(&self.0.header().warm, size);
        }
    }

    /// Gives all warm free memory back to the system.
    pub(crate) fn chill_all(&self) {
        for block in self.0.blocks() {
            self.chill(block);
        }
    }

    /// Gives back the parcels that a freed block kept.
    fn give_back_kept(&self, index: u32, generation: u32) {
        self.0.blocks()[index as usize].keeps.store(0, Ordering::Relaxed);
        self.give_back_where(|owner| keeper(owner) == Some((index, generation)));
    }

    /// Sets a member's bit.
    pub(crate) fn hold(&self, block: &Block, member: usize) {
        if !block.is_held_by(member) {
            block.hold(member);
            crash_point!("bit.set");
            add_one(&self.0.members()[member].holds);
        }
    }

    /// Clears a member's bit.
    pub(crate) fn let_go(&self, block: &Block, member: usize) {
        if block.is_held_by(member) {
            block.let_go(member);
            crash_point!("bit.cleared");
            sub_one(&self.0.members()[member].holds);
        }
    }

    /// Somebody died in here. Throws away all that is derived and makes it anew from what is true.
    fn rebuild(&self) {
        let header = self.0.header();
        for head in header.free.iter().flat_map(|lists| [&lists.warm, &lists.cold]) {
            head.store(0, Ordering::Relaxed);
        }
        let (mut end, mut warm, mut live, mut live_bytes) = (self.0.data_at(), 0, 0, 0);
        for (index, block) in self.0.blocks().iter().enumerate() {
            block.parcels.store(0, Ordering::Relaxed);
            block.keeps.store(0, Ordering::Relaxed);
            let size = block.size.load(Ordering::Relaxed);
            end = end.max(block.offset.load(Ordering::Relaxed).saturating_add(size));
            if block.is_live() {
                live += 1;
                live_bytes += block.len.load(Ordering::Relaxed);
                continue;
            }
            if block.state() & COLD == 0 {
                warm += size;
            }
            self.push(index as u32, block);
        }
        header.end.store(end, Ordering::Relaxed);
        header.warm.store(warm, Ordering::Relaxed);
        header.live.store(live, Ordering::Relaxed);
        header.live_bytes.store(live_bytes, Ordering::Relaxed);
        add(&header.rebuilds, 1);
        self.recount_parcels();
        self.recount_holds();
        self.free_unheld();
    }

    fn recount_holds(&self) {
        for (place, member) in self.0.members().iter().enumerate() {
            if member.owner.load(Ordering::Relaxed) == 0 {
                continue;
            }
            let held = |block: &&Block| block.is_held_by(place);
            let count = self.0.blocks().iter().filter(held).count();
            member.holds.store(count as u32, Ordering::Relaxed);
        }
    }

    fn recount_parcels(&self) {
        let blocks = self.0.blocks();
        let live = |index: u32| blocks.get(index as usize).filter(|block| block.is_live());
        for parcel in self.0.used_parcels() {
            let Some((index, _)) = parcel.content() else {
                continue;
            };
            // A keeper that is gone: somebody died between freeing it and giving back what it kept.
            let keeper = keeper(parcel.owner.load(Ordering::Relaxed)).map(|(index, generation)| {
                live(index).filter(|block| block.generation() == generation).map(|_| index as usize)
            });
            let Some(block) = live(index).filter(|_| keeper != Some(None)) else {
                parcel.empty();
                continue;
            };
            add_one(&block.parcels);
            if let Some(Some(keeper)) = keeper {
                add_one(&blocks[keeper].keeps);
            }
        }
    }

    /// Somebody died between letting go of a block and freeing it.
    fn free_unheld(&self) {
        for index in 0..self.0.blocks().len() as u32 {
            self.free_if_unheld(index);
        }
    }

    /// One parcel less names the block; frees it if that was the last to hold it.
    pub(crate) fn parcel_gone(&self, index: u32) -> bool {
        if let Some(block) = self.0.blocks().get(index as usize) {
            sub_one(&block.parcels);
        }
        self.free_if_unheld(index)
    }
}
