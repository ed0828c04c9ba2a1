//! A flag to wait for, with timeouts as `Duration`.

use crate::park::{Outcome, Wait};
use crate::raw;
use crate::report::Report;
use polyproc_sys::clock::Deadline;
use std::time::Duration;

/// A flag to wait for, between processes. Clear at first.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Event {
    event: raw::Event,
}

impl Event {
    /// Clear.
    pub const fn new() -> Self {
        Self { event: raw::Event::new() }
    }

    /// Sets it and wakes all who wait.
    #[inline]
    pub fn set(&self) {
        self.event.set();
    }

    /// Clears it.
    #[inline]
    pub fn clear(&self) {
        self.event.clear();
    }

    /// Whether it is set.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.event.is_set()
    }

    /// Waits until it is set.
    #[inline]
    pub fn wait(&self) {
        let outcome = self.event.wait(Wait::FOREVER);
        debug_assert_eq!(outcome, Outcome::Done);
    }

    /// Waits no longer than `timeout`; says whether it was set.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.wait_deadline(Deadline::after(timeout))
    }

    /// Waits until `deadline`; says whether it was set.
    pub fn wait_deadline(&self, deadline: Deadline) -> bool {
        self.event.wait(Wait::until(deadline)) == Outcome::Done
    }

    pub(crate) fn raw(&self) -> &raw::Event {
        &self.event
    }

    /// Whether it is set and how many wait, at this moment.
    pub fn report(&self) -> Report {
        self.event.report()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cars_wait_for_green() {
        let green = Event::new();
        assert!(!green.wait_timeout(Duration::from_millis(1)));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| green.wait());
            }
            green.set();
        });
        assert!(green.is_set());
        green.clear();
        assert!(!green.is_set());
    }
}
