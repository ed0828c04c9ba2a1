//! The page of words that a worker and its parent share, both of them writing.
//!
//! | word | written by | means |
//! |---|---|---|
//! | `TaskTail`, `TaskSize` | parent | how far tasks are written; the size of their ring |
//! | `Processor` | parent | one more than the number of the processor that it wrote tasks on last; 0: not known |
//! | `ResultHead` | parent | how far results are read |
//! | `Ticket` | parent | where the worker posts what it does, for others to see; 0: nowhere |
//! | `ResultTail`, `ResultSize` | worker | how far results are written; the size of their ring |
//! | `Running`, `Item` | worker | the last task that it began; which part of it |
//! | `Moves` | worker | it is on its way to another processor, until its next answer |
//! | `WorkerSleeps` | both | what the worker sleeps for: [`TASKS`] or [`ROOM`]; who has that for it takes the mark and wakes it |
//! | `ParentSleeps` | both | the parent sleeps; the worker takes the mark and rings the bell |
//!
//! Who goes to sleep sets its mark and then looks once more; who has news publishes it and then takes
//! the mark. Both steps are sequentially consistent, so one of the two sees the other.

use polyproc_sync::{Deadline, Host, Park, Spin};
use polyproc_sys::memory::Mapping;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use std::time::Instant;

pub(crate) const CONTROL_BYTES: usize = 4096;
/// Words that different sides write lie on different cache lines.
const LINE: usize = 8;
/// The worker sleeps until there is a task.
pub(crate) const TASKS: u32 = 1;
/// The worker sleeps until there is room for a result.
pub(crate) const ROOM: u32 = 2;
/// Looks follow each other at once: the other side has one thing to do until it is our turn.
pub(crate) const EAGER: u32 = 1;

/// See the table above.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Word {
    TaskTail = 0,
    TaskSize = 1,
    Processor = 2,
    ResultHead = LINE as isize,
    Ticket = LINE as isize + 1,
    ResultTail = 2 * LINE as isize,
    ResultSize = 2 * LINE as isize + 1,
    Running = 3 * LINE as isize,
    Item = 3 * LINE as isize + 1,
    Moves = 3 * LINE as isize + 2,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Mark {
    WorkerSleeps = 4 * LINE as isize,
    ParentSleeps = 5 * LINE as isize,
}

/// The page for both.
#[derive(Debug)]
pub(crate) struct Control {
    page: Mapping,
    /// For the parent: up to where it has read results. Not in the page, where the worker could have
    /// it look for ever.
    pub(crate) read: AtomicU64,
    /// For the parent: the worker was asleep when it got its tasks, and has answered none yet.
    pub(crate) wakes_up: AtomicBool,
    /// For the parent: the worker has tasks.
    pub(crate) owes: AtomicBool,
    /// For the parent: the worker has closed its end of the bell.
    pub(crate) is_bell_closed: AtomicBool,
}

impl Control {
    pub(crate) fn map(file: &impl AsFd) -> io::Result<Self> {
        let mapping = Mapping::shared(file, CONTROL_BYTES)?;
        mapping.keep_from_forks();
        Ok(Self {
            page: mapping,
            read: AtomicU64::new(0),
            wakes_up: AtomicBool::new(false),
            owes: AtomicBool::new(false),
            is_bell_closed: AtomicBool::new(false),
        })
    }

    #[inline]
    pub(crate) fn word(&self, word: Word) -> &AtomicU64 {
        &self.page.words()[word as usize]
    }

    #[inline]
    pub(crate) fn mark(&self, mark: Mark) -> &AtomicU32 {
        &self.page.half_words()[2 * mark as usize]
    }

    /// For the parent: wakes the worker if it sleeps for this, and says whether it did. After the news
    /// is published.
    #[inline]
    pub(crate) fn wake_worker(&self, news: u32) -> bool {
        let sleeps = self.mark(Mark::WorkerSleeps);
        fence(Ordering::SeqCst);
        let is_asleep = sleeps.load(Ordering::Relaxed) == news;
        if is_asleep {
            sleeps.store(0, Ordering::SeqCst);
            Host::wake(sleeps, 1);
        }
        is_asleep
    }

    /// For the parent: whether the worker has written what was not read.
    pub(crate) fn has_results(&self) -> bool {
        let tail = self.word(Word::ResultTail).load(Ordering::Acquire);
        tail != self.read.load(Ordering::Relaxed)
    }

    /// For the parent: whether the worker has tasks, and is not on its way from its sleep to the first.
    pub(crate) fn is_at_work(&self) -> bool {
        self.owes.load(Ordering::Relaxed) && !self.wakes_up.load(Ordering::Relaxed)
    }

    /// For the parent: whether the worker cannot ring any more.
    pub(crate) fn is_bell_closed(&self) -> bool {
        self.is_bell_closed.load(Ordering::Relaxed)
    }

    /// For the parent: whether somebody has to look whether the worker has news, since it cannot ring.
    pub(crate) fn is_to_be_asked(&self) -> bool {
        self.is_bell_closed() && self.owes.load(Ordering::Relaxed)
    }

    /// For the parent: whether the worker is on its way to another processor, as it says.
    pub(crate) fn moves(&self) -> bool {
        self.word(Word::Moves).load(Ordering::Relaxed) != 0
    }

    /// For the parent, before it sleeps: results are to ring the bell.
    pub(crate) fn arm(&self) {
        self.mark(Mark::ParentSleeps).store(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// For the worker: waits until there is what it waits `for_what`. Says whether that came so soon that it
    /// is worth to look out for it.
    pub(crate) fn await_news(&self, spin: &Spin, for_what: u32, news: impl Fn() -> bool) -> bool {
        spin.until(EAGER, &news) || self.sleep(spin, for_what, news)
    }

    /// The same without looking out for it first.
    pub(crate) fn sleep(&self, spin: &Spin, for_what: u32, news: impl Fn() -> bool) -> bool {
        let (sleeps, since) = (self.mark(Mark::WorkerSleeps), Instant::now());
        loop {
            sleeps.store(for_what, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            if news() {
                break;
            }
            // If the parent dies, the kernel ends this process.
            Host::sleep(sleeps, for_what, Deadline::NEVER);
        }
        sleeps.store(0, Ordering::SeqCst);
        spin.slept(since.elapsed())
    }
}
