//! The least that a pool of forked workers can be: one worker, one word there and one back, by
//! spinning, or by sleeping on a futex. No death is noticed, nothing is checked. The one that spins
//! sleeps between its turns: it would take a processor from whatever is measured then.
#![expect(unsafe_code, reason = "the floor is a bare fork")]

use crate::done;
use polyproc_sys::clock::Deadline;
use polyproc_sys::fork::{self, Fork};
use polyproc_sys::memory::{Mapping, memfd};
use polyproc_sys::pidfd::PidFd;
use polyproc_sys::signal::Signal;
use polyproc_sys::{futex, wait};
use std::sync::atomic::{AtomicU32, Ordering};

/// One forked worker that doubles numbers.
pub(crate) struct Bare {
    mapping: Mapping,
    child: PidFd,
    sleeps: bool,
}

/// Words of the shared page, on lines of their own.
const THERE: usize = 0;
const BACK: usize = 32;
/// The worker that spins sleeps on this after its turn.
const REST: u32 = u32::MAX;

fn serve(mapping: &Mapping, sleeps: bool) -> ! {
    let words = mapping.half_words();
    let mut seen = 0;
    loop {
        seen = await_change(&words[THERE], seen, sleeps || seen == REST);
        publish(&words[BACK], seen, sleeps);
    }
}

fn await_change(word: &AtomicU32, old: u32, sleeps: bool) -> u32 {
    loop {
        let new = word.load(Ordering::Acquire);
        if new != old {
            return new;
        }
        if sleeps {
            drop(futex::wait(word, old, Deadline::NEVER));
        } else {
            std::hint::spin_loop();
        }
    }
}

fn publish(word: &AtomicU32, value: u32, sleeps: bool) {
    word.store(value, Ordering::Release);
    if sleeps {
        futex::wake(word, 1);
    }
}

impl Bare {
    pub(crate) fn new(sleeps: bool) -> Self {
        let file = done(memfd(c"polyproc-bench"));
        done(file.set_len(4096));
        let mapping = done(Mapping::shared(&file, 4096));
        // SAFETY: the copy loops over a mapping and makes system calls.
        match done(unsafe { fork::fork() }) {
            Fork::Child => serve(&mapping, sleeps),
            Fork::Parent { child, .. } => Self { mapping, child, sleeps },
        }
    }

    pub(crate) fn round_trip(&self) {
        let old = self.mapping.half_words()[BACK].load(Ordering::Relaxed);
        // After a rest it starts with 1.
        self.ask(old, old.wrapping_add(1).max(1));
    }

    /// Has the one that spins sleep until the next round trip.
    pub(crate) fn rest(&self) {
        let old = self.mapping.half_words()[BACK].load(Ordering::Relaxed);
        if old != REST {
            self.ask(old, REST);
        }
    }

    fn ask(&self, old: u32, new: u32) {
        let words = self.mapping.half_words();
        publish(&words[THERE], new, self.sleeps || old == REST);
        await_change(&words[BACK], old, self.sleeps);
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        drop(self.child.send_signal(Signal::KILL));
        drop(polyproc_sys::poll::readable(
            [Some(std::os::fd::AsFd::as_fd(&self.child))],
            Deadline::NEVER,
        ));
        drop(wait::reap(&self.child));
    }
}
