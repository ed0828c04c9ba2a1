//! The lock that everything else is built on. States, invariants L1 to L5 and what a crash leaves:
//! `docs/design/0011-locks.md`.

use crate::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::crash_point;
use crate::error::Abandoned;
use crate::owner::Owner;
use crate::park::{Host, Outcome, PATIENT, Park, SLICE, Slice, Wait, sleep_slice};
use crate::report::{Kind, Report};
use polyproc_sys::clock::Deadline;
use std::marker::PhantomData;

/// Somebody may sleep: the release has to wake.
const WAITERS: u64 = 1 << 22;
/// A holder died, and nobody has recovered since.
const DIED: u64 = 1 << 23;
/// A holder panicked, and nobody has recovered since.
const PANICKED: u64 = 1 << 24;
/// What outlives a release.
const STICKY: u64 = DIED | PANICKED;

/// A lock that any member may release and that nobody's death can wedge.
///
/// It knows its holder (process and thread). When the holder dies, the next taker gets it with
/// [`Outcome::OwnerDied`], while waiting within 100 ms; so does every later one until
/// [`Lock::recover`].
#[derive(Debug)]
#[repr(C)]
pub struct Lock<P = Host> {
    /// Holder and flags. Written by compare-and-exchange on the whole word, or by the holder.
    word: AtomicU64,
    /// The futex: how many releases had somebody to wake.
    wakes: AtomicU32,
    /// How many sleep: for onlookers, nothing depends on it.
    waiters: AtomicU32,
    /// The holder's thread. Written by the holder after it took the lock.
    thread: AtomicU32,
    /// How often the holder has taken it: used by [`super::RLock`].
    pub(super) depth: AtomicU32,
    park: PhantomData<P>,
}

/// Looked at a held lock: the word as it was.
struct Held(u64);

impl<P> Lock<P> {
    /// Unlocked. The same as all zeros.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            wakes: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
            thread: AtomicU32::new(0),
            depth: AtomicU32::new(0),
            park: PhantomData,
        }
    }

    /// Unlocked, for the model.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            wakes: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
            thread: AtomicU32::new(0),
            depth: AtomicU32::new(0),
            park: PhantomData,
        }
    }

    /// Whether somebody holds it, dead or alive.
    pub fn is_locked(&self) -> bool {
        self.holder().is_some()
    }

    /// Who holds it, dead or alive.
    pub fn holder(&self) -> Option<Owner> {
        Owner::from_word(self.word.load(Ordering::Relaxed))
    }

    /// What became of an earlier holder that left in the middle, until [`Lock::recover`].
    pub fn abandoned(&self) -> Option<Abandoned> {
        let word = self.word.load(Ordering::Relaxed);
        if word & DIED != 0 {
            Some(Abandoned::Died)
        } else if word & PANICKED != 0 {
            Some(Abandoned::Panicked)
        } else {
            None
        }
    }

    /// For the holder: what it protects is good again. Later takers are not told any more.
    pub fn recover(&self) {
        self.word.fetch_and(!STICKY, Ordering::Relaxed);
    }

    /// For the holder: what it protects may be half changed. Later takers are told.
    pub fn abandon(&self) {
        self.word.fetch_or(PANICKED, Ordering::Relaxed);
    }

    /// The state at this moment.
    pub fn report(&self) -> Report {
        let holder = self.holder();
        let thread = self.thread.load(Ordering::Relaxed);
        Report {
            kind: Kind::Lock,
            holder,
            thread: (holder.is_some() && thread != 0).then_some(thread),
            waiters: self.waiters.load(Ordering::Relaxed),
            count: self.depth.load(Ordering::Relaxed),
            abandoned: self.abandoned().is_some(),
        }
    }
}

impl<P: Park> Lock<P> {
    /// Takes it if it is free, or if its holder is dead.
    ///
    /// [`Outcome::TimedOut`] when somebody else holds it.
    #[inline]
    pub fn try_acquire(&self) -> Outcome {
        let me = P::me();
        if self.take_free(me) {
            return Outcome::Done;
        }
        self.try_slowly(me)
    }

    /// Takes it, waiting for it as `wait` says.
    #[inline]
    pub fn acquire(&self, wait: Wait) -> Outcome {
        let me = P::me();
        if self.take_free(me) {
            return Outcome::Done;
        }
        self.acquire_slowly(me, wait)
    }

    /// [`Lock::acquire`] for guards, which nobody but the thread that has them can give back.
    ///
    /// # Panics
    /// The calling thread holds it already and would wait without end, for itself.
    #[inline]
    #[track_caller]
    pub fn acquire_guarded(&self, wait: Wait) -> Outcome {
        let me = P::me();
        if self.take_free(me) {
            return Outcome::Done;
        }
        self.refuse_own(wait);
        self.acquire_slowly(me, wait)
    }

    /// Panics if a guard's thread is about to wait for itself.
    #[track_caller]
    pub(crate) fn refuse_own(&self, wait: Wait) {
        let endless = wait.deadline == Deadline::NEVER;
        let own = endless && self.is_my_threads();
        assert!(!own, "deadlock: this thread waits for a lock and holds it already");
    }

    /// Gives it back, whoever took it. False when nobody held it.
    #[inline]
    pub fn release(&self) -> bool {
        self.release_waking(1)
    }

    /// Gives it back if this process holds it. False, and nothing is done, when it does not: such as
    /// in the child of a fork, for a lock that the parent holds.
    #[inline]
    pub fn release_own(&self) -> bool {
        self.is_mine() && self.release()
    }

    /// Whether this process holds it.
    #[inline]
    pub fn is_mine(&self) -> bool {
        self.word.load(Ordering::Relaxed) & Owner::MASK == P::me().to_word()
    }

    /// Whether the calling thread holds it.
    #[inline]
    pub(super) fn is_my_threads(&self) -> bool {
        self.is_mine() && self.thread.load(Ordering::Relaxed) == P::thread()
    }

    /// The one step of an uncontended acquisition.
    #[inline]
    fn take_free(&self, me: Owner) -> bool {
        let took = self
            .word
            .compare_exchange(0, me.to_word(), Ordering::Acquire, Ordering::Relaxed)
            .is_ok();
        if took {
            crash_point!("lock.taken");
            self.thread.store(P::thread(), Ordering::Relaxed);
            crash_point!("lock.held");
        }
        took
    }

    /// Takes it if it is free, whatever flags it carries, which stay; `keep` is added.
    fn take(&self, me: Owner, keep: u64) -> Result<Outcome, Held> {
        let mut word = self.word.load(Ordering::Relaxed);
        while Owner::from_word(word).is_none() {
            let flags = word & (STICKY | WAITERS) | keep;
            match self.exchange(word, me.to_word() | flags) {
                Ok(()) => return Ok(self.taken(flags)),
                Err(other) => word = other,
            }
        }
        Err(Held(word))
    }

    /// Takes it from a holder that is dead.
    fn inherit(&self, me: Owner, Held(word): Held) -> Result<Outcome, Held> {
        let alive = Owner::from_word(word).is_some_and(P::is_alive);
        let flags = word & STICKY | WAITERS | DIED;
        if !alive && self.exchange(word, me.to_word() | flags).is_ok() {
            self.depth.store(0, Ordering::Relaxed);
            crash_point!("lock.inherited");
            return Ok(self.taken(flags));
        }
        Err(Held(word))
    }

    fn exchange(&self, from: u64, to: u64) -> Result<(), u64> {
        self.word.compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed).map(drop)
    }

    fn taken(&self, flags: u64) -> Outcome {
        self.thread.store(P::thread(), Ordering::Relaxed);
        if flags & STICKY == 0 { Outcome::Done } else { Outcome::OwnerDied }
    }

    #[cold]
    fn try_slowly(&self, me: Owner) -> Outcome {
        self.take(me, 0).or_else(|held| self.inherit(me, held)).unwrap_or(Outcome::TimedOut)
    }

    #[cold]
    fn acquire_slowly(&self, me: Owner, wait: Wait) -> Outcome {
        if let Some(outcome) = self.take_spinning(me) {
            return outcome;
        }
        let mut keep = 0;
        loop {
            // Before the word: see L3.
            let wakes = self.wakes.load(Ordering::Acquire);
            let held = match self.take(me, keep) {
                Ok(outcome) => return outcome,
                Err(held) => held,
            };
            let Some(held) = self.mark(held) else {
                continue;
            };
            crash_point!("lock.marked");
            let slice = self.sleep(wakes, wait);
            crash_point!("lock.woken");
            keep = WAITERS;
            if let Slice::GiveUp(outcome) = slice {
                return self.last_try(me, outcome);
            }
            if slice == Slice::Over
                && let Ok(outcome) = self.inherit(me, held)
            {
                return outcome;
            }
        }
    }

    /// Who sees it free but comes too late goes on looking: to sleep would cost the holder a wake-up.
    fn take_spinning(&self, me: Owner) -> Option<Outcome> {
        let mut taken = None;
        P::spin(PATIENT, || {
            taken = self.take(me, 0).ok();
            taken.is_some()
        });
        taken
    }

    /// Leaves word that somebody is about to sleep. None when the word has changed meanwhile.
    fn mark(&self, Held(word): Held) -> Option<Held> {
        if word & WAITERS != 0 {
            return Some(Held(word));
        }
        self.word
            .compare_exchange(word, word | WAITERS, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
            .then_some(Held(word | WAITERS))
    }

    fn sleep(&self, wakes: u32, wait: Wait) -> Slice {
        self.waiters.fetch_add(1, Ordering::Relaxed);
        let slice = sleep_slice::<P>(&self.wakes, wakes, wait, SLICE);
        leave(&self.waiters);
        slice
    }

    /// The time is up; but a wake-up may have been meant for us, so it must not be lost.
    fn last_try(&self, me: Owner, gave_up: Outcome) -> Outcome {
        match self.take(me, WAITERS) {
            Ok(outcome) => outcome,
            Err(held) if gave_up == Outcome::Interrupted => {
                self.mark(held);
                gave_up
            }
            Err(held) => match self.inherit(me, held) {
                Ok(outcome) => outcome,
                Err(held) => {
                    self.mark(held);
                    gave_up
                }
            },
        }
    }

    /// Gives it back and wakes up to `count` sleepers.
    #[inline]
    pub(super) fn release_waking(&self, count: u32) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        if Owner::from_word(word).is_none() {
            return false;
        }
        self.thread.store(0, Ordering::Relaxed);
        crash_point!("lock.releasing");
        let old = self.word.swap(word & STICKY, Ordering::Release);
        crash_point!("lock.released");
        if old & WAITERS != 0 {
            self.wake(count);
        }
        Owner::from_word(old).is_some()
    }

    #[cold]
    fn wake(&self, count: u32) {
        self.wakes.fetch_add(1, Ordering::Release);
        crash_point!("lock.bumped");
        if P::wake(&self.wakes, count) == 0 {
            // Whoever was counted is awake, or was killed in its sleep.
            self.waiters.store(0, Ordering::Relaxed);
        }
    }

    /// Frees it if its holder is dead, leaving word of that. True when it is free now.
    pub(super) fn bury(&self) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        let Some(owner) = Owner::from_word(word) else {
            return true;
        };
        let freed = !P::is_alive(owner) && self.exchange(word, word & STICKY | DIED).is_ok();
        if freed {
            self.wake(u32::MAX);
        }
        freed
    }

    /// Sleeps until somebody may have released it, without taking it: for the readers of a
    /// [`super::RwLock`].
    pub(super) fn sleep_while_held(&self, wait: Wait) -> Slice {
        let wakes = self.wakes.load(Ordering::Acquire);
        let word = self.word.load(Ordering::Relaxed);
        if Owner::from_word(word).is_none() || self.mark(Held(word)).is_none() {
            return Slice::Look;
        }
        self.sleep(wakes, wait)
    }
}

/// Takes one off the count of sleepers, which may have been reset meanwhile.
pub(super) fn leave(waiters: &AtomicU32) {
    _ = waiters.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
}

impl<P> Default for Lock<P> {
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
    fn taken_released_and_reported() {
        let lock: Lock = Lock::new();
        assert_eq!(lock.acquire(Wait::FOREVER), Outcome::Done);
        assert!(lock.is_locked() && lock.is_mine() && lock.is_my_threads());
        let report = lock.report();
        assert_eq!(report.holder, Some(Owner::me()));
        assert_eq!(report.thread, Some(Host::thread()));
        assert_eq!(lock.try_acquire(), Outcome::TimedOut);
        assert_eq!(lock.acquire(Wait::timeout(Duration::from_millis(1))), Outcome::TimedOut);
        assert!(lock.release());
        assert!(!lock.release());
        assert!(!lock.is_locked());
    }

    /// Python's semantics: a lock is handed from one thread to another.
    #[test]
    fn another_thread_may_release() {
        let lock: Lock = Lock::new();
        assert_eq!(lock.try_acquire(), Outcome::Done);
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(lock.release()));
            assert_eq!(lock.acquire(Wait::FOREVER), Outcome::Done);
        });
    }

    #[test]
    fn a_dead_holder_is_inherited_and_told_until_recovered() {
        let lock: Lock = Lock::new();
        let dead = Owner::new(Owner::PID_MASK as u32, 7);
        lock.word.store(dead.to_word() | WAITERS, Ordering::Relaxed);
        assert_eq!(lock.try_acquire(), Outcome::OwnerDied);
        lock.release();
        assert_eq!(lock.acquire(Wait::FOREVER), Outcome::OwnerDied);
        assert_eq!(lock.abandoned(), Some(Abandoned::Died));
        lock.recover();
        lock.release();
        assert_eq!(lock.acquire(Wait::FOREVER), Outcome::Done);
    }

    #[test]
    fn a_recycled_pid_is_not_the_holder() {
        let lock: Lock = Lock::new();
        let me = Owner::me();
        let earlier = Owner::new(me.pid(), u64::from(me.start()).wrapping_sub(1));
        lock.word.store(earlier.to_word(), Ordering::Relaxed);
        assert!(!lock.is_mine());
        assert_eq!(lock.acquire(Wait::FOREVER), Outcome::OwnerDied);
    }

    #[test]
    fn threads_exclude_each_other() {
        let (lock, count) = (Lock::<Host>::new(), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        assert_eq!(lock.acquire(Wait::FOREVER), Outcome::Done);
                        // Not atomic on purpose: the lock has to make it so.
                        let seen = count.load(Ordering::Relaxed);
                        count.store(seen + 1, Ordering::Relaxed);
                        assert!(lock.release());
                    }
                });
            }
        });
        assert_eq!(count.load(Ordering::Relaxed), 8000);
        assert_eq!(lock.report().waiters, 0);
    }

    proptest::proptest! {
        /// Whatever a crashed peer left: the lock can be taken, unless it names a live process.
        #[test]
        fn any_bits_can_be_taken(word: u64, wakes: u32, thread: u32) {
            let lock: Lock = Lock::new();
            let alive = Owner::from_word(word).is_some_and(crate::is_running);
            lock.word.store(word, Ordering::Relaxed);
            lock.wakes.store(wakes, Ordering::Relaxed);
            lock.thread.store(thread, Ordering::Relaxed);
            proptest::prop_assert_eq!(lock.try_acquire().is_acquired(), !alive);
        }
    }
}
