//! Sleeping and waking, as a parameter: the same algorithms run on futexes, under loom's model
//! checker, and on whatever a test wants.

use crate::atomic::AtomicU32;
use crate::owner::Owner;
use polyproc_sys::clock::Deadline;
use polyproc_sys::futex::Woken;
use std::time::Duration;

/// The longest that anybody sleeps on a lock before looking whether its holder lives.
pub(crate) const SLICE: Duration = Duration::from_millis(40);

/// The longest sleep on something without a holder, reached by doubling [`SLICE`].
pub(crate) const LONGEST_SLICE: Duration = Duration::from_millis(640);

/// Looks follow each other closely: somebody will do one thing, and then it is our turn.
pub(crate) const EAGER: u32 = 1;
/// Looks are far apart: somebody works on the word again and again.
pub(crate) const PATIENT: u32 = 64;

/// What the algorithms need from below.
pub trait Park {
    /// Sleeps while `word` holds `expected`, until [`Park::wake`] on it or `deadline`. May end for
    /// no reason.
    fn sleep(word: &AtomicU32, expected: u32, deadline: Deadline) -> Woken;

    /// Wakes at most `count` sleepers on `word`; says how many.
    fn wake(word: &AtomicU32, count: u32) -> u32;

    /// Who is asking.
    fn me() -> Owner;

    /// The calling thread's number; never 0.
    fn thread() -> u32;

    /// Whether a holder still runs.
    fn is_alive(owner: Owner) -> bool;

    /// Looks at `ready` again and again for as long as that is likely to be cheaper than sleeping,
    /// with at most `longest` pauses of the processor between two looks.
    fn spin(longest: u32, ready: impl FnMut() -> bool) -> bool;
}

/// Futexes and processes: what everything runs on outside of tests.
#[cfg(not(loom))]
#[derive(Clone, Copy, Debug)]
pub struct Host;

#[cfg(not(loom))]
impl Park for Host {
    fn sleep(word: &AtomicU32, expected: u32, deadline: Deadline) -> Woken {
        // The kernel refuses only words that are not mapped or not aligned, which these are.
        polyproc_sys::futex::wait(word, expected, deadline).unwrap_or(Woken::Look)
    }

    fn wake(word: &AtomicU32, count: u32) -> u32 {
        polyproc_sys::futex::wake(word, count)
    }

    #[inline]
    fn me() -> Owner {
        Owner::me()
    }

    #[inline]
    fn thread() -> u32 {
        crate::owner::thread()
    }

    fn is_alive(owner: Owner) -> bool {
        owner.is_alive()
    }

    fn spin(longest: u32, ready: impl FnMut() -> bool) -> bool {
        crate::spin::spin(longest, ready)
    }
}

#[cfg(loom)]
pub use crate::owner::Host;

/// How long to wait, and whether a signal handler ends the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// When to give up.
    pub deadline: Deadline,
    /// Whether to return [`Outcome::Interrupted`] after a signal handler ran in this thread.
    pub interruptible: bool,
}

impl Wait {
    /// Until it happens.
    pub const FOREVER: Self = Self::until(Deadline::NEVER);

    /// Until `deadline`.
    pub const fn until(deadline: Deadline) -> Self {
        Self { deadline, interruptible: false }
    }

    /// For `timeout` from now.
    pub fn timeout(timeout: Duration) -> Self {
        Self::until(Deadline::after(timeout))
    }

    /// The same wait, but a signal handler that ran in this thread ends it.
    #[must_use]
    pub const fn interruptible(self) -> Self {
        Self { interruptible: true, ..self }
    }
}

/// How an attempt to take or to wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// It is ours, or it has happened.
    Done,
    /// It is ours, and whoever had it before died or panicked while holding it.
    OwnerDied,
    /// Not before the deadline.
    TimedOut,
    /// A signal handler ran first; only when the wait was [`Wait::interruptible`].
    Interrupted,
}

impl Outcome {
    /// Whether the caller now has what it asked for.
    pub const fn is_acquired(self) -> bool {
        matches!(self, Self::Done | Self::OwnerDied)
    }
}

/// The sleeps of one wait on something that has no holder.
#[derive(Debug)]
pub(crate) struct Slices {
    wait: Wait,
    next: Duration,
}

/// Why one slice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slice {
    /// Woken, or the word had changed: look.
    Look,
    /// The slice is over, but the wait is not: look, and think of wakers that died.
    Over,
    /// The wait is over.
    GiveUp(Outcome),
}

impl Slices {
    pub(crate) fn new(wait: Wait) -> Self {
        Self { wait, next: SLICE }
    }

    /// Sleeps one slice, and the next one longer.
    pub(crate) fn sleep<P: Park>(&mut self, word: &AtomicU32, expected: u32) -> Slice {
        let slice = sleep_slice::<P>(word, expected, self.wait, self.next);
        if slice == Slice::Over {
            self.next = (self.next * 2).min(LONGEST_SLICE);
        }
        slice
    }
}

/// Sleeps at most `longest`, and no longer than `wait` says.
pub(crate) fn sleep_slice<P: Park>(
    word: &AtomicU32,
    expected: u32,
    wait: Wait,
    longest: Duration,
) -> Slice {
    let end = wait.deadline.earlier(Deadline::after(longest));
    match P::sleep(word, expected, end) {
        Woken::Interrupted if wait.interruptible => Slice::GiveUp(Outcome::Interrupted),
        Woken::Look | Woken::Interrupted => Slice::Look,
        Woken::TimedOut if wait.deadline.has_passed() => Slice::GiveUp(Outcome::TimedOut),
        Woken::TimedOut => Slice::Over,
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_slice_ends_before_an_endless_wait_does() {
        let word = AtomicU32::new(0);
        let mut slices = Slices::new(Wait::FOREVER);
        assert_eq!(slices.sleep::<Host>(&word, 0), Slice::Over);
        assert_eq!(slices.next, SLICE * 2);
        assert_eq!(slices.sleep::<Host>(&word, 1), Slice::Look);
    }

    #[test]
    fn a_passed_deadline_ends_the_wait() {
        let word = AtomicU32::new(0);
        let mut slices = Slices::new(Wait::timeout(Duration::ZERO));
        let end = Slice::GiveUp(Outcome::TimedOut);
        assert_eq!(slices.sleep::<Host>(&word, 0), end);
    }
}
