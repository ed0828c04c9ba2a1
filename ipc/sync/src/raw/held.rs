//! A semaphore that knows who has its permits.

use super::{AboveBound, Lock};
use crate::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::crash_point;
use crate::owner::Owner;
use crate::park::{Host, Outcome, Park, SLICE, Slice, Wait, sleep_slice};
use crate::report::{Kind, Report};
use polyproc_sys::clock::Deadline;
use std::marker::PhantomData;

/// How many processes can have permits at once; more wait. (Fewer in the model, which looks at each
/// step.)
const SLOTS: usize = if cfg!(loom) { 2 } else { 64 };

/// A semaphore that knows who has its permits, and gives back those of the dead.
///
/// What is free is not stored but computed, under a lock: the limit less what everybody has. So one
/// store takes or gives a permit, and no death can lose one.
#[derive(Debug)]
#[repr(C)]
pub struct HeldSemaphore<P = Host> {
    lock: Lock<P>,
    limit: u32,
    /// What waiters sleep on: how many releases there were.
    given: AtomicU32,
    /// How many sleep, or were killed in their sleep; each release wakes if this is not 0.
    waiters: AtomicU32,
    /// How many permits were taken back from the dead.
    reclaimed: AtomicU32,
    holders: [Holder; SLOTS],
    park: PhantomData<P>,
}

#[derive(Debug)]
#[repr(C)]
struct Holder {
    owner: AtomicU64,
    permits: AtomicU32,
    reserved: u32,
}

impl Holder {
    fn owner(&self) -> Option<Owner> {
        Owner::from_word(self.owner.load(Ordering::Relaxed))
    }

    fn permits(&self) -> u32 {
        self.permits.load(Ordering::Relaxed)
    }
}

impl<P> HeldSemaphore<P> {
    /// With `permits`, and never more.
    #[cfg(not(loom))]
    pub const fn new(permits: u32) -> Self {
        Self {
            lock: Lock::new(),
            limit: permits,
            given: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
            reclaimed: AtomicU32::new(0),
            holders: [const {
                Holder { owner: AtomicU64::new(0), permits: AtomicU32::new(0), reserved: 0 }
            }; SLOTS],
            park: PhantomData,
        }
    }

    /// With `permits`, for the model.
    #[cfg(loom)]
    pub fn new(permits: u32) -> Self {
        let free = |_| Holder { owner: AtomicU64::new(0), permits: AtomicU32::new(0), reserved: 0 };
        Self {
            lock: Lock::new(),
            limit: permits,
            given: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
            reclaimed: AtomicU32::new(0),
            holders: std::array::from_fn(free),
            park: PhantomData,
        }
    }

    /// How many permits are left. Those of the dead count as taken until somebody waits for them.
    pub fn permits(&self) -> u32 {
        self.holders().fold(self.limit, |left, (_, permits)| left.saturating_sub(permits))
    }

    /// Who has how many.
    pub fn holders(&self) -> impl Iterator<Item = (Owner, u32)> {
        self.holders
            .iter()
            .filter_map(|holder| Some((holder.owner()?, holder.permits())))
            .filter(|&(_, permits)| permits != 0)
    }

    /// How many permits were taken back from the dead so far.
    pub fn reclaimed(&self) -> u32 {
        self.reclaimed.load(Ordering::Relaxed)
    }

    /// The state at this moment; `holder` is one of them.
    pub fn report(&self) -> Report {
        Report {
            kind: Kind::HeldSemaphore,
            holder: self.holders().next().map(|(owner, _)| owner),
            thread: None,
            waiters: self.waiters.load(Ordering::Relaxed),
            count: self.permits(),
            abandoned: false,
        }
    }
}

impl<P: Park> HeldSemaphore<P> {
    /// Takes a permit if there is one, be it a dead process's; else [`Outcome::TimedOut`]. Waits for no
    /// permit; for a process that is stopped in the middle of taking one, two slices.
    pub fn try_acquire(&self) -> Outcome {
        let took = self.take(false, Deadline::NEVER) || self.take(true, Deadline::NEVER);
        if took { Outcome::Done } else { Outcome::TimedOut }
    }

    /// Takes a permit, waiting for one as `wait` says. Those of the dead come within 100 ms.
    pub fn acquire(&self, wait: Wait) -> Outcome {
        if self.take(false, wait.deadline) {
            return Outcome::Done;
        }
        self.waiters.fetch_add(1, Ordering::SeqCst);
        let outcome = self.acquire_slowly(wait);
        super::lock::leave(&self.waiters);
        outcome
    }

    fn acquire_slowly(&self, wait: Wait) -> Outcome {
        loop {
            let given = self.given.load(Ordering::SeqCst);
            if self.take(false, wait.deadline) {
                return Outcome::Done;
            }
            crash_point!("held.waiting");
            match sleep_slice::<P>(&self.given, given, wait, SLICE) {
                Slice::Over | Slice::GiveUp(_) if self.take(true, wait.deadline) => {
                    return Outcome::Done;
                }
                Slice::Look | Slice::Over => {}
                Slice::GiveUp(outcome) => return outcome,
            }
        }
    }

    /// Runs `change` under the lock. Whoever died in there left nothing half done. None, and nothing is
    /// done, when somebody is in there for longer than `patience`.
    fn locked<R>(&self, patience: impl FnOnce() -> Wait, change: impl FnOnce() -> R) -> Option<R> {
        let taken =
            self.lock.try_acquire().is_acquired() || self.lock.acquire(patience()).is_acquired();
        if !taken {
            return None;
        }
        self.lock.recover();
        let result = change();
        self.lock.release();
        Some(result)
    }

    /// Who is stopped in there holds nobody up for longer than a slice.
    fn take(&self, from_dead: bool, deadline: Deadline) -> bool {
        let patience = || Wait::until(Deadline::after(SLICE).earlier(deadline));
        let took = self.locked(patience, || {
            if from_dead {
                self.reclaim();
            }
            let Some(mine) = self.find_mine().filter(|_| self.permits() != 0) else {
                return false;
            };
            // The owner first: a count without one belongs to nobody.
            if mine.owner() != Some(P::me()) {
                mine.permits.store(0, Ordering::Relaxed);
                mine.owner.store(P::me().to_word(), Ordering::Relaxed);
            }
            crash_point!("held.named");
            mine.permits.fetch_add(1, Ordering::Relaxed);
            crash_point!("held.taken");
            true
        });
        took.unwrap_or(false)
    }

    /// The own slot, or one that nobody uses.
    fn find_mine(&self) -> Option<&Holder> {
        let me = P::me();
        let unused = |holder: &&Holder| holder.owner().is_none() || holder.permits() == 0;
        self.holders
            .iter()
            .find(|holder| holder.owner() == Some(me))
            .or_else(|| self.holders.iter().find(unused))
    }

    fn reclaim(&self) {
        for holder in &self.holders {
            if holder.owner().is_some_and(|owner| !P::is_alive(owner)) {
                self.reclaimed.fetch_add(holder.permits(), Ordering::Relaxed);
                holder.owner.store(0, Ordering::Relaxed);
            }
        }
    }

    /// Gives `count` permits: of those that this process has, and when it has not as many, of others'.
    ///
    /// # Errors
    /// [`AboveBound`], and nothing is given, when fewer than `count` are taken.
    pub fn release(&self, count: u32) -> Result<(), AboveBound> {
        let given = self.locked(
            || Wait::FOREVER,
            || {
                let taken: u32 = self.holders().map(|(_, permits)| permits).sum();
                if taken < count {
                    return Err(AboveBound);
                }
                let me = Some(P::me());
                let mut left = count;
                let (mine, others): (Vec<_>, Vec<_>) = self
                    .holders
                    .iter()
                    .filter(|holder| holder.owner().is_some())
                    .partition(|holder| holder.owner() == me);
                for holder in mine.into_iter().chain(others) {
                    let given = holder.permits().min(left);
                    holder.permits.fetch_sub(given, Ordering::Relaxed);
                    left -= given;
                    crash_point!("held.given");
                }
                Ok(())
            },
        );
        given.unwrap_or(Ok(()))?;
        self.given.fetch_add(1, Ordering::SeqCst);
        if self.waiters.load(Ordering::SeqCst) != 0 {
            P::wake(&self.given, count);
        }
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn permits_of_the_dead_come_back() {
        let semaphore: HeldSemaphore = HeldSemaphore::new(2);
        let dead = Owner::new(Owner::PID_MASK as u32, 7);
        semaphore.holders[9].owner.store(dead.to_word(), Ordering::Relaxed);
        semaphore.holders[9].permits.store(2, Ordering::Relaxed);
        assert_eq!(semaphore.permits(), 0);
        assert_eq!(semaphore.acquire(Wait::FOREVER), Outcome::Done);
        assert_eq!((semaphore.permits(), semaphore.reclaimed()), (1, 2));
        assert_eq!(semaphore.holders().collect::<Vec<_>>(), [(Owner::me(), 1)]);
    }

    /// As when a process is stopped in the middle of taking or giving a permit.
    #[test]
    fn nobody_waits_for_the_inside_longer_than_asked() {
        let semaphore: HeldSemaphore = HeldSemaphore::new(1);
        assert_eq!(semaphore.lock.acquire(Wait::FOREVER), Outcome::Done);
        let soon = Wait::timeout(std::time::Duration::from_millis(1));
        assert_eq!(semaphore.acquire(soon), Outcome::TimedOut);
        assert_eq!(semaphore.try_acquire(), Outcome::TimedOut);
        semaphore.lock.release();
        assert_eq!(semaphore.acquire(Wait::FOREVER), Outcome::Done);
    }

    #[test]
    fn the_limit_holds() {
        let semaphore: HeldSemaphore = HeldSemaphore::new(1);
        assert_eq!(semaphore.try_acquire(), Outcome::Done);
        assert_eq!(semaphore.try_acquire(), Outcome::TimedOut);
        assert_eq!(semaphore.release(2), Err(AboveBound));
        assert_eq!(semaphore.release(1), Ok(()));
        assert_eq!(semaphore.try_acquire(), Outcome::Done);
    }
}
