//! What was taken from a joinable queue and is not done yet, process by process: so what a dead
//! process had taken is known, and nobody waits for it.
#![expect(unsafe_code, reason = "says that it may lie in shared memory")]

use crate::error::Problem;
use polyproc_shm::Error;
use polyproc_sync::raw::{Cursor, Passed};
use polyproc_sync::{Outcome, Owner, Shareable, Wait, crash_point, is_running};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// So many processes can have taken something at once.
const PROCESSES: usize = 256;

#[derive(Debug, Default)]
#[repr(C)]
struct Row {
    owner: AtomicU64,
    taken: AtomicU32,
    reserved: AtomicU32,
}

impl Row {
    fn owner(&self) -> Option<Owner> {
        Owner::from_word(self.owner.load(Ordering::Relaxed))
    }

    /// One less, unless there is none.
    fn take_one(&self) -> bool {
        let less = |taken: u32| taken.checked_sub(1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Relaxed, less).is_ok()
    }
}

/// Who has taken how many messages that are not done.
///
/// A row is written by its process, under the takers' lock when it is new; others only take away.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Tally {
    /// Moves whenever something is done: what `join` sleeps on.
    done: Cursor,
    /// Messages whose takers died before they were done.
    given_up: AtomicU32,
    reserved: AtomicU32,
    rows: [Row; PROCESSES],
}

// SAFETY: made of atomics and of what is shareable itself.
unsafe impl Shareable for Tally {}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            done: Cursor::new(),
            given_up: AtomicU32::new(0),
            reserved: AtomicU32::new(0),
            rows: std::array::from_fn(|_| Row::default()),
        }
    }

    /// The row of this process, made if need be. Under the takers' lock.
    fn mine(&self) -> Option<&Row> {
        let me = Owner::me();
        let find = |owner| self.rows.iter().find(|row| row.owner() == owner);
        if let Some(row) = find(Some(me)) {
            return Some(row);
        }
        let row = find(None).or_else(|| {
            self.give_up_dead();
            find(None)
        })?;
        row.taken.store(0, Ordering::Relaxed);
        row.owner.store(me.to_word(), Ordering::Release);
        Some(row)
    }

    /// Gives up what the dead had taken.
    fn give_up_dead(&self) {
        for row in &self.rows {
            let Some(owner) = row.owner().filter(|owner| !is_running(*owner)) else {
                continue;
            };
            let taken = row.taken.swap(0, Ordering::AcqRel);
            self.given_up.fetch_add(taken, Ordering::Relaxed);
            let word = owner.to_word();
            let freed = row.owner.compare_exchange(word, 0, Ordering::AcqRel, Ordering::Relaxed);
            // Else somebody else has done the same.
            debug_assert!(freed.is_ok() || freed != Err(word));
        }
    }

    /// One of the messages that were taken is done. False when none is left that could be.
    pub(crate) fn task_done(&self) -> bool {
        let me = Some(Owner::me());
        let (mine, others): (Vec<_>, Vec<_>) = self.rows.iter().partition(|row| row.owner() == me);
        let done = mine.into_iter().chain(others).any(Row::take_one);
        crash_point!("tally.done");
        if done && self.done.step() {
            self.done.wake(u32::MAX);
        }
        done
    }

    /// How many are taken and not done, those of the dead included.
    pub(crate) fn taken(&self) -> u32 {
        let counts = self.rows.iter().map(|row| row.taken.load(Ordering::Acquire));
        counts.fold(0, u32::saturating_add)
    }

    /// Waits until `is_empty` and nothing is taken; says how many were given up so far.
    pub(crate) fn join(&self, wait: Wait, is_empty: impl Fn() -> bool) -> Result<u32, Outcome> {
        // In this order: a taker counts itself before the message leaves the queue.
        let is_over = || is_empty() && self.taken() == 0;
        let asked = |thorough: bool| {
            if thorough {
                self.give_up_dead();
            }
            is_over()
        };
        loop {
            let seen = self.done.get();
            if asked(false) {
                return Ok(self.given_up.load(Ordering::Relaxed));
            }
            match self.done.wait(seen, wait, Some(&asked)) {
                Passed::Moved { .. } | Passed::Gone => {}
                Passed::GaveUp(outcome) => return Err(outcome),
            }
        }
    }
}

/// Runs `take`, and before it counts what it is about to take, if there is where to count.
#[inline]
pub(crate) fn counted(
    tally: Option<&Tally>,
    take: impl FnOnce() -> Result<bool, Problem>,
) -> Result<bool, Problem> {
    let Some(tally) = tally else {
        return take();
    };
    let row = tally.mine().ok_or(Problem::Memory(Error::NoPlace("process in a queue")))?;
    row.taken.fetch_add(1, Ordering::AcqRel);
    crash_point!("tally.counted");
    let taken = take();
    if !matches!(taken, Ok(true)) {
        row.take_one();
    }
    taken
}
