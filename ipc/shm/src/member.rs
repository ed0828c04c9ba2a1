//! Who belongs to the family, and giving back what the dead held.

use crate::alloc::Locked;
use crate::arena::{Inner, NOBODY};
use crate::error::Error;
use crate::fork::Expected;
use crate::layout::{MEMBERS, Member, Parcel, add};
use polyproc_sync::{Owner, crash_point};
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

/// How long a place waits for the child that it was made for.
const EXPECTED_NS: u64 = EXPECTED_S * 1_000_000_000;
const EXPECTED_S: u64 = if cfg!(feature = "crash-points") { 1 } else { 10 };

fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(1, |now| now.as_nanos() as u64)
}

impl Member {
    /// Who has the place, if that process is gone.
    pub(crate) fn dead(&self) -> Option<u64> {
        let owner = self.owner.load(Ordering::Acquire);
        let since = self.expected_since.load(Ordering::Relaxed);
        let dead = match Owner::from_word(owner) {
            None => owner != 0,
            Some(_) if since != 0 => now_ns().saturating_sub(since) > EXPECTED_NS,
            Some(process) => !polyproc_sync::is_running(process),
        };
        dead.then_some(owner)
    }
}

impl Member {
    /// Whether it is that process's. (A place that is expected bears the parent's name.)
    fn is_named(&self, name: u64) -> bool {
        self.owner.load(Ordering::Relaxed) == name
            && self.expected_since.load(Ordering::Relaxed) == 0
    }
}

impl Inner {
    /// Takes a place in the member table.
    pub(crate) fn join(&self) -> Result<(), Error> {
        let (place, _) = self.reserve(0).ok_or(Error::NoPlace("process"))?;
        self.me.store(place as u32, Ordering::Relaxed);
        Ok(())
    }

    /// A free place, taken in the name of this process, under the lock. When all are taken, those of
    /// the dead are free first: of children that somebody else forked nobody told us the end.
    fn reserve(&self, expected_since: u64) -> Option<(usize, Locked<'_>)> {
        let attempt = || {
            let locked = self.lock();
            locked.reserve(expected_since).map(|place| (place, locked))
        };
        attempt().or_else(|| {
            self.reclaim(|_| true);
            attempt()
        })
    }

    /// This process's place.
    pub(crate) fn me(&self) -> Result<usize, Error> {
        match self.me.load(Ordering::Relaxed) {
            NOBODY => Err(Error::NotAMember),
            place => Ok(place as usize % MEMBERS),
        }
    }

    /// Gives back what dead members held, of those whose owner `which` picks; says how many members.
    pub(crate) fn reclaim(&self, which: impl Fn(Owner) -> bool) -> usize {
        let (dead, senders) = (self.dead_members(&which), self.dead_senders(&which));
        if dead.is_empty() && senders.is_empty() {
            return 0;
        }
        self.lock().bury(&dead, &senders)
    }

    /// The places of the dead, and who had them. Asking the system takes long: not under the lock.
    pub(crate) fn dead_members(&self, which: impl Fn(Owner) -> bool) -> Vec<(usize, u64)> {
        let me = self.me.load(Ordering::Relaxed) as usize;
        let picked = |member: &Member| {
            let owner = Owner::from_word(member.owner.load(Ordering::Relaxed));
            owner.is_none_or(&which)
        };
        let places = self.used_members().iter().enumerate();
        places
            .filter(|&(place, member)| place != me && picked(member))
            .filter_map(|(place, member)| Some((place, member.dead()?)))
            .collect()
    }

    /// The dead that parcels belong to and that have no place: a process that never attached may
    /// have been handed some.
    pub(crate) fn dead_senders(&self, which: impl Fn(Owner) -> bool) -> Vec<u64> {
        let mut words: Vec<_> = self.used_parcels().iter().filter_map(Parcel::sender).collect();
        words.sort_unstable();
        words.dedup();
        let is_member = |word: u64| {
            self.used_members().iter().any(|member| member.owner.load(Ordering::Relaxed) == word)
        };
        let is_dead = |word: &u64| {
            let owner = Owner::from_word(*word).filter(|owner| which(*owner));
            owner.is_some_and(|owner| !is_member(*word) && !polyproc_sync::is_running(owner))
        };
        words.retain(is_dead);
        words
    }

    /// Makes a place for a child that is about to be forked, which holds what this process holds.
    pub(crate) fn expect_child(&self, held: impl Iterator<Item = u32>) -> u32 {
        let Some((place, locked)) = self.reserve(now_ns()) else {
            return NOBODY;
        };
        for index in held {
            if let Some(block) = self.blocks().get(index as usize) {
                locked.hold(block, place);
            }
        }
        place as u32
    }

    /// The place as the parent can name it later, if the child has not taken it yet.
    pub(crate) fn expected(&self, place: u32) -> Option<Expected> {
        let since = self.members().get(place as usize)?.expected_since.load(Ordering::Relaxed);
        (since != 0).then_some(Expected { family: self.family, place, since })
    }

    /// The place of a child that has ended without taking it (or in the middle of that).
    pub(crate) fn untaken(&self, expected: &Expected) -> Option<(usize, u64)> {
        let place = expected.place as usize;
        let is_same = self.expected(expected.place) == Some(*expected);
        is_same.then(|| (place, self.members()[place].owner.load(Ordering::Relaxed)))
    }

    /// In the child: takes the place that [`Inner::expect_child`] made.
    pub(crate) fn adopt(&self, place: u32, parent: Owner) -> bool {
        self.me.store(place, Ordering::Relaxed);
        if place == NOBODY {
            return true;
        }
        let member = &self.members()[place as usize % MEMBERS];
        let (from, to) = (parent.to_word(), Owner::me().to_word());
        let mine =
            member.owner.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        crash_point!("member.adopted");
        if mine {
            member.expected_since.store(0, Ordering::Release);
        }
        mine
    }
}

impl Drop for Inner {
    /// Nobody in this process holds anything any more: leaves the family.
    fn drop(&mut self) {
        if let Ok(place) = self.me() {
            let owner = Owner::me().to_word();
            if self.members()[place].owner.load(Ordering::Relaxed) == owner {
                self.lock().bury(&[(place, owner)], &[]);
            }
        }
    }
}

impl Locked<'_> {
    /// A free place, taken in the name of this process.
    fn reserve(&self, expected_since: u64) -> Option<usize> {
        let place =
            self.0.members().iter().position(|member| member.owner.load(Ordering::Relaxed) == 0)?;
        let (member, top) = (&self.0.members()[place], &self.0.header().member_top);
        top.store(top.load(Ordering::Relaxed).max(place as u32 + 1), Ordering::Relaxed);
        member.holds.store(0, Ordering::Relaxed);
        member.expected_since.store(expected_since, Ordering::Relaxed);
        member.owner.store(Owner::me().to_word(), Ordering::Release);
        crash_point!("member.reserved");
        Some(place)
    }

    /// Gives back what these members held, and then their places (A5); and the parcels of `senders`.
    pub(crate) fn bury(&self, dead: &[(usize, u64)], senders: &[u64]) -> usize {
        let members = self.0.members();
        let still = |&&(place, owner): &&(usize, u64)| {
            members[place].owner.load(Ordering::Relaxed) == owner
        };
        let dead: Vec<_> = dead.iter().filter(still).collect();
        for &&(place, _) in &dead {
            self.let_go_all(place);
        }
        crash_point!("reclaim.let-go");
        let is_dead = |place: &usize| dead.iter().any(|&&(left, _)| left == *place);
        let has_place = |name: u64, is_dead_one: bool| {
            let mut places = 0..self.0.used_members().len();
            places.any(|place| is_dead(&place) == is_dead_one && members[place].is_named(name))
        };
        // A process that leaves one of two places that it has goes on.
        self.give_back_where(|owner| {
            senders.contains(&owner) || (has_place(owner, true) && !has_place(owner, false))
        });
        crash_point!("reclaim.given-back");
        for &&(place, _) in &dead {
            members[place].owner.store(0, Ordering::Release);
            crash_point!("reclaim.buried");
        }
        dead.len()
    }

    /// Clears all bits of a member, and frees what nobody else holds.
    fn let_go_all(&self, place: usize) {
        let left = &self.0.members()[place].holds;
        for (index, block) in self.0.blocks().iter().enumerate() {
            if left.load(Ordering::Relaxed) == 0 {
                return;
            }
            if !block.is_held_by(place) {
                continue;
            }
            self.let_go(block, place);
            crash_point!("reclaim.cleared");
            if self.free_if_unheld(index as u32) {
                add(&self.0.header().reclaimed, 1);
            }
        }
    }
}
