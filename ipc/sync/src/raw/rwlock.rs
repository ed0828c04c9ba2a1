//! One writer or many readers.
//!
//! The writer has a [`Lock`]. A process that reads has a slot with its name and how many of its
//! threads read. Reader: counts itself, then looks whether a writer is there; writer: takes the lock,
//! then looks at the slots. A fence between the two steps on both sides makes one see the other.

use super::Lock;
use crate::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use crate::crash_point;
use crate::owner::Owner;
use crate::park::{Host, Outcome, PATIENT, Park, SLICE, Slice, Wait, sleep_slice};
use crate::report::{Kind, Report};

/// How many processes can read at once; more wait for one to leave.
const SLOTS: usize = 32;
/// One reading thread, in the bits that [`Owner`] leaves free.
const ONE: u64 = 1 << 22;
/// The most reading threads of one process.
const MOST: u32 = (1 << 10) - 1;

/// How many threads of its process a slot counts.
fn threads(word: u64) -> u32 {
    (word / ONE) as u32 & MOST
}

/// A lock for one writer or many readers. All zeros is free. Writers go first.
///
/// A reader that dies is taken out by the writer that waits for it; a writer that dies is reported as
/// by [`Lock`].
#[derive(Debug)]
#[repr(C)]
pub struct RwLock<P = Host> {
    writer: Lock<P>,
    /// What a writer sleeps on: how many readers have left while a writer was there.
    left: AtomicU32,
    reserved: u32,
    /// A process, and how many of its threads read.
    readers: [AtomicU64; SLOTS],
}

/// Why a reader cannot begin.
#[derive(Clone, Copy)]
enum Refused {
    /// Somebody writes, or waits to.
    Writer,
    /// All slots are taken.
    Full,
}

impl<P> RwLock<P> {
    /// Free. The same as all zeros.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            writer: Lock::new(),
            left: AtomicU32::new(0),
            reserved: 0,
            readers: [const { AtomicU64::new(0) }; SLOTS],
        }
    }

    /// Free, for the model.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            writer: Lock::new(),
            left: AtomicU32::new(0),
            reserved: 0,
            readers: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// The writer's lock: whether, by whom and since whose death it is held.
    pub fn writer(&self) -> &Lock<P> {
        &self.writer
    }

    /// The processes that read, and with how many threads.
    pub fn readers(&self) -> impl Iterator<Item = (Owner, u32)> {
        self.readers.iter().filter_map(|slot| {
            let word = slot.load(Ordering::Relaxed);
            Some((Owner::from_word(word)?, threads(word)))
        })
    }

    /// The state at this moment; the holder is the writer, `count` the number of readers.
    pub fn report(&self) -> Report {
        Report {
            kind: Kind::RwLock,
            count: self.readers().map(|(_, threads)| threads).sum(),
            ..self.writer.report()
        }
    }
}

impl<P: Park> RwLock<P> {
    /// Begins to read, waiting as `wait` says. With [`Outcome::OwnerDied`] as well: a writer died, and
    /// nobody has recovered since.
    pub fn acquire_read(&self, wait: Wait) -> Outcome {
        let me = P::me();
        loop {
            let slice = match self.try_enter(me) {
                Ok(outcome) => return outcome,
                Err(Refused::Writer) => self.writer.sleep_while_held(wait),
                Err(Refused::Full) => self.wait_for_slot(wait),
            };
            match slice {
                Slice::Look => {}
                Slice::Over => {
                    self.writer.bury();
                    self.clear_dead();
                }
                Slice::GiveUp(outcome) => {
                    self.writer.bury();
                    return self.try_enter(me).unwrap_or(outcome);
                }
            }
        }
    }

    /// Begins to read if nobody writes or waits to write.
    pub fn try_acquire_read(&self) -> Outcome {
        let me = P::me();
        self.try_enter(me)
            .or_else(|refused| if self.writer.bury() { self.try_enter(me) } else { Err(refused) })
            .unwrap_or(Outcome::TimedOut)
    }

    fn try_enter(&self, me: Owner) -> Result<Outcome, Refused> {
        if self.writer.is_locked() {
            return Err(Refused::Writer);
        }
        if !self.count_in(me) {
            return Err(Refused::Full);
        }
        crash_point!("rwlock.counted");
        fence(Ordering::SeqCst);
        if self.writer.is_locked() {
            self.count_out(me);
            return Err(Refused::Writer);
        }
        // What the last writer wrote: its release of the lock is what we just saw, or older.
        fence(Ordering::Acquire);
        Ok(match self.writer.abandoned() {
            None => Outcome::Done,
            Some(_) => Outcome::OwnerDied,
        })
    }

    /// The slots, the one that this process usually has first.
    fn slots(&self, me: Owner) -> impl Iterator<Item = &AtomicU64> {
        let (before, from) = self.readers.split_at(me.pid() as usize % SLOTS);
        from.iter().chain(before)
    }

    fn count_in(&self, me: Owner) -> bool {
        self.slots(me).any(|slot| {
            change(slot, |word| match Owner::from_word(word) {
                None => Some(me.to_word() | ONE),
                Some(owner) if owner == me && threads(word) < MOST => Some(word + ONE),
                Some(_) => None,
            })
        })
    }

    fn count_out(&self, me: Owner) -> bool {
        let counted = self.slots(me).any(|slot| {
            change(slot, |word| match Owner::from_word(word) {
                Some(owner) if owner != me => None,
                _ if threads(word) > 1 => Some(word - ONE),
                _ => (word != 0).then_some(0),
            })
        });
        fence(Ordering::SeqCst);
        if self.writer.is_locked() {
            self.left.fetch_add(1, Ordering::Release);
            P::wake(&self.left, u32::MAX);
        }
        counted
    }

    /// Ends reading. False when this process does not read.
    pub fn release_read(&self) -> bool {
        self.count_out(P::me())
    }

    /// All slots are taken by others. Nobody wakes us: that many readers are no common case.
    fn wait_for_slot(&self, wait: Wait) -> Slice {
        sleep_slice::<P>(&self.left, self.left.load(Ordering::Acquire), wait, SLICE)
    }

    /// Begins to write, waiting as `wait` says.
    pub fn acquire_write(&self, wait: Wait) -> Outcome {
        let outcome = self.writer.acquire(wait);
        if !outcome.is_acquired() {
            return outcome;
        }
        crash_point!("rwlock.locked");
        match self.wait_for_readers(wait) {
            Ok(()) => outcome,
            Err(gave_up) => {
                self.release_write();
                gave_up
            }
        }
    }

    /// Begins to write if nobody reads or writes.
    pub fn try_acquire_write(&self) -> Outcome {
        let outcome = self.writer.try_acquire();
        if !outcome.is_acquired() {
            return outcome;
        }
        fence(Ordering::SeqCst);
        if self.is_read() {
            self.clear_dead();
        }
        if self.is_read() {
            self.release_write();
            return Outcome::TimedOut;
        }
        fence(Ordering::Acquire);
        outcome
    }

    fn wait_for_readers(&self, wait: Wait) -> Result<(), Outcome> {
        fence(Ordering::SeqCst);
        if self.is_read() {
            P::spin(PATIENT, || !self.is_read());
        }
        loop {
            let left = self.left.load(Ordering::Acquire);
            if !self.is_read() {
                fence(Ordering::Acquire);
                return Ok(());
            }
            match sleep_slice::<P>(&self.left, left, wait, SLICE) {
                Slice::Look => {}
                Slice::Over => self.clear_dead(),
                Slice::GiveUp(outcome) => {
                    self.clear_dead();
                    return (!self.is_read()).then_some(()).ok_or(outcome);
                }
            }
        }
    }

    fn is_read(&self) -> bool {
        self.readers.iter().any(|slot| slot.load(Ordering::Relaxed) != 0)
    }

    /// Frees the slots of readers that are dead.
    fn clear_dead(&self) {
        for slot in &self.readers {
            let word = slot.load(Ordering::Relaxed);
            let alive = Owner::from_word(word).is_some_and(P::is_alive);
            if word != 0 && !alive {
                _ = slot.compare_exchange(word, 0, Ordering::Acquire, Ordering::Relaxed);
            }
        }
    }

    /// Ends writing. False, and nothing is done, when this process does not write.
    pub fn release_write(&self) -> bool {
        self.writer.is_mine() && self.writer.release_waking(u32::MAX)
    }
}

/// Changes a slot as `to` says; false when it says no.
fn change(slot: &AtomicU64, to: impl Fn(u64) -> Option<u64>) -> bool {
    slot.fetch_update(Ordering::AcqRel, Ordering::Relaxed, to).is_ok()
}

impl<P> Default for RwLock<P> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
#[expect(clippy::excessive_nesting, reason = "threads in scopes")]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn readers_share_and_a_writer_is_alone() {
        let lock: RwLock = RwLock::new();
        assert_eq!(lock.acquire_read(Wait::FOREVER), Outcome::Done);
        assert_eq!(lock.try_acquire_read(), Outcome::Done);
        assert_eq!(lock.report().count, 2);
        assert_eq!(lock.try_acquire_write(), Outcome::TimedOut);
        let soon = Wait::timeout(Duration::from_millis(2));
        assert_eq!(lock.acquire_write(soon), Outcome::TimedOut);
        assert!(lock.release_read() && lock.release_read() && !lock.release_read());
        assert_eq!(lock.acquire_write(Wait::FOREVER), Outcome::Done);
        assert_eq!(lock.try_acquire_read(), Outcome::TimedOut);
        assert_eq!(lock.acquire_read(soon), Outcome::TimedOut);
        assert!(lock.release_write() && !lock.release_write());
    }

    #[test]
    fn the_dead_are_found_on_both_sides() {
        let lock: RwLock = RwLock::new();
        let dead = Owner::new(Owner::PID_MASK as u32, 7).to_word();
        lock.readers[3].store(dead | ONE, Ordering::Relaxed);
        lock.readers[4].store(12 * ONE, Ordering::Relaxed);
        assert_eq!(lock.acquire_write(Wait::FOREVER), Outcome::Done);
        lock.release_write();
        let writer: RwLock = RwLock::new();
        assert_eq!(writer.writer.acquire(Wait::FOREVER), Outcome::Done);
        // Becomes a dead process's by way of its bits.
        let word = std::ptr::from_ref(&writer).cast::<AtomicU64>();
        store(word, dead);
        assert_eq!(writer.acquire_read(Wait::FOREVER), Outcome::OwnerDied);
        assert!(writer.release_read());
    }

    #[expect(unsafe_code, reason = "the word is private to the lock")]
    fn store(word: *const AtomicU64, value: u64) {
        // SAFETY: the first field of a repr(C) struct.
        unsafe { &*word }.store(value, Ordering::Relaxed);
    }

    #[test]
    fn threads_see_whole_writes() {
        let (lock, one, two) = (RwLock::<Host>::new(), AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        assert_eq!(lock.acquire_write(Wait::FOREVER), Outcome::Done);
                        one.fetch_add(1, Ordering::Relaxed);
                        two.fetch_add(1, Ordering::Relaxed);
                        assert!(lock.release_write());
                    }
                });
                scope.spawn(|| {
                    for _ in 0..2000 {
                        assert_eq!(lock.acquire_read(Wait::FOREVER), Outcome::Done);
                        let seen = (one.load(Ordering::Relaxed), two.load(Ordering::Relaxed));
                        assert_eq!(seen.0, seen.1);
                        assert!(lock.release_read());
                    }
                });
            }
        });
    }
}
