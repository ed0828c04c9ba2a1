//! Who belongs to the family, and giving back what the dead held.

use crate::alloc::Locked;
use crate::arena::{Inner, NOBODY};
use crate::error::Error;
use crate::layout::{MEMBERS, Member, add};
use polyproc_sync::{Owner, crash_point};
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

/// How long a place waits for the child that it was made for.
const EXPECTED_MS: u64 = if cfg!(feature = "crash-points") { 1_000 } else { 10_000 };

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(1, |now| now.as_millis() as u64)
}

impl Member {
    /// Who has the place, if that process is gone.
    pub(crate) fn dead(&self) -> Option<u64> {
        let owner = self.owner.load(Ordering::Acquire);
        let since = self.expected_since.load(Ordering::Relaxed);
        let dead = match Owner::from_word(owner) {
            None => owner != 0,
            Some(_) if since != 0 => now_ms().saturating_sub(since) > EXPECTED_MS,
            Some(process) => !polyproc_sync::is_running(process),
        };
        dead.then_some(owner)
    }
}

impl Inner {
    /// Takes a place in the member table.
    pub(crate) fn join(&self) -> Result<(), Error> {
        if let Some(place) = self.lock().reserve(0) {
            self.me.store(place as u32, Ordering::Relaxed);
            return Ok(());
        }
        self.reclaim(|_| true);
        let place = self.lock().reserve(0).ok_or(Error::NoPlace("process"))?;
        self.me.store(place as u32, Ordering::Relaxed);
        Ok(())
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
        let me = self.me.load(Ordering::Relaxed) as usize;
        let picked = |member: &Member| {
            let owner = Owner::from_word(member.owner.load(Ordering::Relaxed));
            owner.is_none_or(&which)
        };
        // Asking the system about everybody takes long: not under the lock.
        let dead: Vec<_> = self
            .members()
            .iter()
            .enumerate()
            .filter(|&(place, member)| place != me && picked(member))
            .filter_map(|(place, member)| Some((place, member.dead()?)))
            .collect();
        if dead.is_empty() {
            return 0;
        }
        self.lock().bury(&dead)
    }

    /// Makes a place for a child that is about to be forked, which holds what this process holds.
    pub(crate) fn expect_child(&self, held: impl Iterator<Item = u32>) -> u32 {
        let locked = self.lock();
        let Some(place) = locked.reserve(now_ms()) else {
            return NOBODY;
        };
        for index in held {
            if let Some(block) = self.blocks().get(index as usize) {
                locked.hold(block, place);
            }
        }
        place as u32
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
                self.lock().bury(&[(place, owner)]);
            }
        }
    }
}

impl Locked<'_> {
    /// A free place, taken in the name of this process.
    fn reserve(&self, expected_since: u64) -> Option<usize> {
        let place =
            self.0.members().iter().position(|member| member.owner.load(Ordering::Relaxed) == 0)?;
        let member = &self.0.members()[place];
        member.holds.store(0, Ordering::Relaxed);
        member.expected_since.store(expected_since, Ordering::Relaxed);
        member.owner.store(Owner::me().to_word(), Ordering::Release);
        crash_point!("member.reserved");
        Some(place)
    }

    /// Gives back what these members held, and then their places (A5).
    fn bury(&self, dead: &[(usize, u64)]) -> usize {
        let members = self.0.members();
        let still = |&&(place, owner): &&(usize, u64)| {
            members[place].owner.load(Ordering::Relaxed) == owner
        };
        let dead: Vec<_> = dead.iter().filter(still).collect();
        for &&(place, _) in &dead {
            self.let_go_all(place);
        }
        crash_point!("reclaim.let-go");
        // A place that was expected bears its parent's name: the parent's parcels are its own.
        let expected = |place: usize| members[place].expected_since.load(Ordering::Relaxed) != 0;
        self.give_back_where(|owner| {
            dead.iter().any(|&&(place, name)| name == owner && !expected(place))
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
