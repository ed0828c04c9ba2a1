//! What a queue does with blocks that are on their way in its messages: looks into them without
//! taking them, and asks who is left to take them.
#![expect(unsafe_code, reason = "bytes become words here")]

use crate::arena::{Arena, Inner};
use crate::error::Error;
use crate::handle::Handle;
use crate::layout::{Block, kept_by};
use crate::parcel::PARCEL_BYTES;
use polyproc_sync::Kind;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many words of 8 bytes a handle takes in a message.
pub const PARCEL_WORDS: usize = PARCEL_BYTES / 8;

/// The bytes of a parcel as words: family, generation and block, stamp and place.
#[inline]
pub fn ticket_words(ticket: [u8; PARCEL_BYTES]) -> [u64; PARCEL_WORDS] {
    bytemuck::cast::<_, [[u8; 8]; PARCEL_WORDS]>(ticket).map(u64::from_le_bytes)
}

/// The bytes of the words.
#[inline]
pub fn ticket_bytes(words: [u64; PARCEL_WORDS]) -> [u8; PARCEL_BYTES] {
    bytemuck::cast(words.map(u64::to_le_bytes))
}

impl Arena {
    /// [`Arena::allocate`] without the zeros: a block that was used before holds what was in it, and
    /// large ones come much faster.
    ///
    /// # Errors
    /// As [`Arena::allocate`].
    pub fn allocate_unzeroed(&self, len: usize, kind: Kind) -> Result<Handle, Error> {
        Handle::allocate_unzeroed(&self.inner, len, kind, 0)
    }

    /// Whether the object with this [`Handle::id`] is there, held by whomever.
    #[inline]
    pub fn is_there(&self, id: u64) -> bool {
        self.inner.block(id).is_some()
    }

    /// The same, but what is only held by the dead is given back first. Asks the system about every
    /// holder.
    pub fn is_held(&self, id: u64) -> bool {
        let Some(block) = self.inner.block(id) else {
            return false;
        };
        if block.parcels.load(Ordering::Relaxed) != 0 || self.inner.has_dead_holder(block) {
            self.reclaim();
        }
        self.is_there(id)
    }
}

impl Handle {
    /// The object's bytes as words that several processes read and write. A last part of less than 8
    /// bytes is left out.
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: the handle keeps the block, whose bytes lie in the mapping that it keeps as well.
        unsafe { words(self.start(), self.len()) }
    }

    /// The words of a block whose parcel this one keeps (see [`crate::Parcel::into_bytes_kept_by`]),
    /// without taking it; `ticket` is [`ticket_words`] of the parcel's bytes. None when it does not keep it, or not any more.
    ///
    /// Nothing holds the block for the caller: when it is received or given back meanwhile, the words
    /// are somebody else's.
    #[inline]
    pub fn kept_words(&self, ticket: [u64; PARCEL_WORDS]) -> Option<&[AtomicU64]> {
        let ([_, id, place], arena) = (ticket, self.arena());
        let parcel = arena.parcels().get(place as u32 as usize)?;
        let is_kept = parcel.content() == Some((id as u32, (place >> 32) as u32))
            && parcel.owner.load(Ordering::Relaxed) == kept_by(self.index(), self.generation());
        let block = arena.block(id).filter(|_| is_kept)?;
        let (start, len) = arena.data(block)?;
        // SAFETY: within the mapping, which this handle keeps.
        Some(unsafe { words(start, len) })
    }
}

/// # Safety
/// `len` bytes from `start`, which is a multiple of 64, are mapped for as long as the slice is there.
unsafe fn words<'a>(start: NonNull<u8>, len: usize) -> &'a [AtomicU64] {
    // SAFETY: mapped and aligned by the caller's word; any bits are a word, and atomics may be shared.
    unsafe { std::slice::from_raw_parts(start.cast::<AtomicU64>().as_ptr(), len / 8) }
}

impl Inner {
    /// The block that has this number now.
    fn block(&self, id: u64) -> Option<&Block> {
        let block = self.blocks().get(id as u32 as usize)?;
        (block.is_live() && block.generation() == (id >> 32) as u32).then_some(block)
    }

    fn has_dead_holder(&self, block: &Block) -> bool {
        let mut members = self.members().iter().enumerate();
        members.any(|(place, member)| block.is_held_by(place) && member.dead().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_block_is_read_until_it_is_taken() {
        let arena = Arena::with_size(8 << 20).unwrap();
        let queue = arena.allocate(64, Kind::Channel).unwrap();
        let body = arena.allocate_unzeroed(100, Kind::Bytes).unwrap();
        let id = body.id();
        body.words()[11].store(7, Ordering::Relaxed);
        let parcel = body.send().unwrap();
        let bytes = parcel.ticket();
        let ticket = ticket_words(bytes);
        assert_eq!(ticket_bytes(ticket), bytes);
        assert!(queue.kept_words(ticket).is_none(), "posted, but not kept");
        drop((parcel.into_bytes_kept_by(&queue), body));
        assert!(arena.is_there(id) && arena.is_held(id));
        let words = queue.kept_words(ticket).unwrap();
        assert_eq!((words.len(), words[11].load(Ordering::Relaxed)), (12, 7));
        drop(arena.receive(&bytes).unwrap());
        assert!(queue.kept_words(ticket).is_none() && !arena.is_there(id));
    }
}
