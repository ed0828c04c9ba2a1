//! The least that a pool of forked workers can be: one worker, one word there and one back, by
//! spinning, or by sleeping on a futex. No death is noticed, nothing is checked.
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

fn serve(mapping: &Mapping, sleeps: bool) -> ! {
    let words = mapping.half_words();
    let mut seen = 0;
    loop {
        seen = await_change(&words[THERE], seen, sleeps);
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
        let words = self.mapping.half_words();
        let old = words[BACK].load(Ordering::Relaxed);
        publish(&words[THERE], old + 1, self.sleeps);
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
