//! A handle on its way in a message.

use crate::alloc::Locked;
use crate::arena::{Ended, Inner};
use crate::error::Error;
use crate::handle::Handle;
use crate::layout::{self, Block, PARCELS, add_one, kept_by};
use polyproc_sync::{Owner, crash_point};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How many bytes a handle takes in a message.
pub const PARCEL_BYTES: usize = 24;

/// No arena has this number: see `random` in `arena.rs`.
const NO_FAMILY: u64 = 0;
/// How long settling what a process left may wait for somebody else. What is not given back then stays until
/// this process ends.
const PATIENCE: Duration = Duration::from_secs(2);

/// What stands in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) family: u64,
    pub(crate) block: u32,
    pub(crate) generation: u32,
    pub(crate) place: u32,
    pub(crate) stamp: u32,
}

impl Ticket {
    fn write(&self) -> [u8; PARCEL_BYTES] {
        let mut bytes = [0; PARCEL_BYTES];
        bytes[..8].copy_from_slice(&self.family.to_le_bytes());
        let numbers = [self.block, self.generation, self.place, self.stamp];
        for (place, number) in bytes[8..].chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; PARCEL_BYTES] = bytes.try_into().ok()?;
        let number = |at: usize| {
            let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_le_bytes(bytes))
        };
        Some(Self {
            family: u64::from_le_bytes(bytes[..8].try_into().ok()?),
            block: number(8)?,
            generation: number(12)?,
            place: number(16)?,
            stamp: number(20)?,
        })
    }
}

/// A handle on its way. Dropped, it gives the handle back if nobody has received it by then; only in
/// the process that made it, and not in a forked copy.
pub struct Parcel {
    arena: Arc<Inner>,
    ticket: Ticket,
    maker: Owner,
}

impl Parcel {
    pub(crate) fn new(arena: Arc<Inner>, ticket: Ticket) -> Self {
        Self { arena, ticket, maker: Owner::me() }
    }

    /// The bytes for a message; the parcel goes on to hold the block until somebody receives them.
    pub fn ticket(&self) -> [u8; PARCEL_BYTES] {
        self.ticket.write()
    }

    /// How many bytes this process has let go with it: none of an object that it still holds.
    pub fn freight(&self) -> usize {
        let block = self.arena.blocks().get(self.ticket.block as usize);
        let me = self.arena.me();
        let is_held = |block: &Block| me.is_ok_and(|me| block.is_held_by(me));
        let gone = block.filter(|block| !is_held(block));
        gone.map_or(0, |block| block.len.load(Ordering::Relaxed) as usize)
    }

    /// From now on `receiver` answers for it: its death gives it back, and not this process's.
    pub fn hand_over(&self, receiver: Owner) {
        self.arena.lock().hand_over(&self.ticket, receiver);
    }

    /// The bytes for the message. The block is held until somebody receives them or gives them back,
    /// or until this process dies.
    pub fn into_bytes(self) -> [u8; PARCEL_BYTES] {
        self.into_ticket().write()
    }

    fn into_ticket(mut self) -> Ticket {
        let ticket = self.ticket;
        // Now dropping it does nothing.
        self.ticket.family = NO_FAMILY;
        ticket
    }

    /// The bytes for a message that lies in `keeper`, such as a queue: they hold the block also when
    /// this process dies, until they are received, given back, or `keeper` is freed.
    pub fn into_bytes_kept_by(self, keeper: &Handle) -> [u8; PARCEL_BYTES] {
        self.arena.lock().keep(&self.ticket, keeper);
        self.into_bytes()
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        if self.maker == Owner::me() && self.arena.find(&self.ticket).is_some() {
            self.arena.lock().give_back(&self.ticket);
        }
    }
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Parcel").field(&self.ticket).finish()
    }
}

impl Inner {
    pub(crate) fn give_back(&self, bytes: &[u8]) {
        if let Some(ticket) = Ticket::read(bytes).filter(|ticket| ticket.family == self.family) {
            self.lock().give_back(&ticket);
        }
    }

    /// The parcel that the ticket means, if it is still there.
    fn find(&self, ticket: &Ticket) -> Option<&layout::Parcel> {
        self.parcels()
            .get(ticket.place as usize)
            .filter(|_| ticket.family == self.family)
            .filter(|parcel| parcel.content() == Some((ticket.block, ticket.stamp)))
    }

    /// See [`crate::Arena::settle`].
    pub(crate) fn settle(&self, ended: &Ended, sent: Vec<Parcel>, reported: Option<&[u8]>) {
        // Dropped one by one they would wait for the lock without end.
        let mut left: Vec<_> = sent.into_iter().map(Parcel::into_ticket).collect();
        left.retain(|ticket| self.find(ticket).is_some());
        left.extend(
            reported.into_iter().flat_map(|reported| self.handed_over(ended.pid, reported)),
        );
        let owner = |owner: Owner| owner.pid() == ended.pid;
        let (mut dead, senders) = (self.dead_members(owner), self.dead_senders(owner));
        dead.extend(ended.place.as_ref().and_then(|place| self.untaken(place)));
        if left.is_empty() && dead.is_empty() && senders.is_empty() {
            return;
        }
        if let Some(locked) = self.lock_within(PATIENCE) {
            for ticket in &left {
                locked.give_back(ticket);
            }
            locked.bury(&dead, &senders);
        }
    }

    /// See [`crate::Arena::arrived`].
    pub(crate) fn arrived(&self, bytes: &[u8]) {
        // It is this process's: nobody else empties it or fills it again.
        if let Some(parcel) = Ticket::read(bytes).as_ref().and_then(|ticket| self.find(ticket))
            && parcel.owner.load(Ordering::Relaxed) == Owner::me().to_word()
        {
            parcel.from.store(0, Ordering::Relaxed);
        }
    }

    /// See [`crate::Arena::give_back_handed_over`].
    pub(crate) fn give_back_handed_over(&self, pid: u32) {
        let left = self.handed_over(pid, &[]);
        if !left.is_empty()
            && let Some(locked) = self.lock_within(PATIENCE)
        {
            for ticket in &left {
                locked.give_back(ticket);
            }
        }
    }

    /// The parcels that process `pid`, which has ended, has handed over to this one, but for those in
    /// `reported`.
    fn handed_over(&self, pid: u32, reported: &[u8]) -> Vec<Ticket> {
        let me = Owner::me().to_word();
        let reported: Vec<_> = reported.chunks(PARCEL_BYTES).filter_map(Ticket::read).collect();
        let parcels = self.used_parcels().iter().enumerate();
        let handed = parcels.filter(|(_, parcel)| {
            let from = Owner::from_word(parcel.from.load(Ordering::Relaxed));
            parcel.owner.load(Ordering::Relaxed) == me
                && from.is_some_and(|from| from.pid() == pid && !polyproc_sync::is_running(from))
        });
        handed
            .filter_map(|(place, parcel)| {
                let (block, stamp) = parcel.content()?;
                let (family, place, generation) = (self.family, place as u32, 0);
                Some(Ticket { family, block, generation, place, stamp })
            })
            .filter(|ticket| {
                reported.iter().all(|one| (one.place, one.stamp) != (ticket.place, ticket.stamp))
            })
            .collect()
    }
}

impl layout::Parcel {
    /// The block in it and its stamp, if there is one.
    pub(crate) fn content(&self) -> Option<(u32, u32)> {
        let state = self.state.load(Ordering::Relaxed);
        let block = (state as u32).checked_sub(1)?;
        Some((block, (state >> 32) as u32))
    }

    /// The owner's word, if there is one and it is a process.
    pub(crate) fn sender(&self) -> Option<u64> {
        let owner = self.owner.load(Ordering::Relaxed);
        self.content().filter(|_| layout::keeper(owner).is_none()).map(|_| owner)
    }

    pub(crate) fn empty(&self) {
        let stamp = self.state.load(Ordering::Relaxed) >> 32 << 32;
        self.state.store(stamp, Ordering::Relaxed);
    }
}

impl Locked<'_> {
    /// Makes a parcel for a block that this process holds.
    pub(crate) fn post(&self, block: u32, generation: u32) -> Result<Ticket, Error> {
        let header = self.0.header();
        let hint = header.parcel_hint.load(Ordering::Relaxed) as usize % PARCELS;
        let place = (hint..PARCELS)
            .chain(0..hint)
            .find(|&place| self.0.parcels()[place].content().is_none())
            .ok_or(Error::NoPlace("handle in a message"))?;
        let top = header.parcel_top.load(Ordering::Relaxed);
        header.parcel_top.store(top.max(place as u32 + 1), Ordering::Relaxed);
        let parcel = &self.0.parcels()[place];
        let stamp = ((parcel.state.load(Ordering::Relaxed) >> 32) as u32).wrapping_add(1);
        parcel.owner.store(Owner::me().to_word(), Ordering::Relaxed);
        parcel.from.store(0, Ordering::Relaxed);
        crash_point!("parcel.owned");
        let state = u64::from(stamp) << 32 | u64::from(block + 1);
        parcel.state.store(state, Ordering::Relaxed);
        crash_point!("parcel.posted");
        if let Some(block) = self.0.blocks().get(block as usize) {
            add_one(&block.parcels);
        }
        header.parcel_hint.store(place as u32 + 1, Ordering::Relaxed);
        Ok(Ticket { family: self.0.family, block, generation, place: place as u32, stamp })
    }

    /// Has `member` hold what is in a parcel, which stays.
    pub(crate) fn hold_parcel(&self, ticket: &Ticket, member: usize) -> Result<(), Error> {
        self.0.find(ticket).ok_or(Error::Gone)?;
        let block = self
            .0
            .blocks()
            .get(ticket.block as usize)
            .filter(|block| block.is_live() && block.generation() == ticket.generation)
            .ok_or(Error::Gone)?;
        // A3: the bit before anything else lets go.
        self.hold(block, member);
        crash_point!("parcel.held");
        Ok(())
    }

    pub(crate) fn give_back(&self, ticket: &Ticket) {
        if let Some(parcel) = self.0.find(ticket) {
            parcel.empty();
            crash_point!("parcel.emptied");
            self.parcel_gone(ticket.block);
            self.look_from(ticket.place);
        }
    }

    /// Low places first, so that few pages are ever used.
    fn look_from(&self, place: u32) {
        let hint = &self.0.header().parcel_hint;
        if hint.load(Ordering::Relaxed) > place {
            hint.store(place, Ordering::Relaxed);
        }
    }

    fn keep(&self, ticket: &Ticket, keeper: &Handle) {
        let (Some(parcel), Some(block)) =
            (self.0.find(ticket), self.0.blocks().get(keeper.index() as usize))
        else {
            return;
        };
        add_one(&block.keeps);
        let owner = kept_by(keeper.index(), keeper.generation());
        parcel.owner.store(owner, Ordering::Relaxed);
        crash_point!("parcel.kept");
    }

    fn hand_over(&self, ticket: &Ticket, receiver: Owner) {
        if let Some(parcel) = self.0.find(ticket) {
            parcel.from.store(Owner::me().to_word(), Ordering::Relaxed);
            crash_point!("parcel.named");
            parcel.owner.store(receiver.to_word(), Ordering::Relaxed);
            crash_point!("parcel.handed-over");
        }
    }

    /// Gives back all parcels of certain owners.
    pub(crate) fn give_back_where(&self, owned: impl Fn(u64) -> bool) {
        for parcel in self.0.used_parcels() {
            let Some((block, _)) = parcel.content() else {
                continue;
            };
            if owned(parcel.owner.load(Ordering::Relaxed)) {
                parcel.empty();
                self.parcel_gone(block);
            }
        }
    }

    /// The last handle of a member is gone.
    pub(crate) fn drop_holding(&self, index: u32, member: usize) {
        if let Some(block) = self.0.blocks().get(index as usize) {
            self.let_go(block, member);
            crash_point!("handle.let-go");
            self.free_if_unheld(index);
        }
    }
}
