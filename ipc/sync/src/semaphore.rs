//! A number of permits, each given back on drop or by death.

use crate::error::TimedOut;
use crate::owner::Owner;
use crate::park::{Outcome, Wait};
use crate::raw;
use crate::report::Report;
use polyproc_sys::clock::Deadline;
use std::time::Duration;

/// At most so many at a time, between processes. A permit comes back when it is dropped, and when the
/// process that has it dies. At most 64 processes have permits at once; more wait.
#[derive(Debug)]
#[repr(C)]
pub struct Semaphore {
    semaphore: raw::HeldSemaphore,
}

/// A permit; given back on drop.
#[derive(Debug)]
#[must_use = "the permit is given back at once if it is not kept"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    /// Who took it: a forked copy gives nothing back.
    owner: Owner,
}

impl Semaphore {
    /// With `permits`.
    pub const fn new(permits: u32) -> Self {
        Self { semaphore: raw::HeldSemaphore::new(permits) }
    }

    /// Takes a permit, waiting for as long as it takes.
    pub fn acquire(&self) -> Permit<'_> {
        let outcome = self.semaphore.acquire(Wait::FOREVER);
        debug_assert_eq!(outcome, Outcome::Done);
        self.permit()
    }

    /// Takes a permit if there is one.
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        (self.semaphore.try_acquire() == Outcome::Done).then(|| self.permit())
    }

    /// Takes a permit, waiting no longer than `timeout`.
    ///
    /// # Errors
    /// [`TimedOut`].
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<Permit<'_>, TimedOut> {
        self.acquire_deadline(Deadline::after(timeout))
    }

    /// Takes a permit, waiting until `deadline`.
    ///
    /// # Errors
    /// [`TimedOut`].
    pub fn acquire_deadline(&self, deadline: Deadline) -> Result<Permit<'_>, TimedOut> {
        match self.semaphore.acquire(Wait::until(deadline)) {
            Outcome::Done => Ok(self.permit()),
            _ => Err(TimedOut),
        }
    }

    /// How many permits are left.
    pub fn available_permits(&self) -> u32 {
        self.semaphore.permits()
    }

    /// How many permits came back from the dead so far.
    pub fn reclaimed(&self) -> u32 {
        self.semaphore.reclaimed()
    }

    /// How many are left and how many wait, at this moment.
    pub fn report(&self) -> Report {
        self.semaphore.report()
    }

    fn permit(&self) -> Permit<'_> {
        Permit { semaphore: self, owner: Owner::me() }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.owner == Owner::me() {
            // Refused only when somebody else has given it back in our name.
            _ = self.semaphore.semaphore.release(1);
        }
    }
}

#[cfg(test)]
#[expect(clippy::excessive_nesting, reason = "threads in scopes")]
mod tests {
    use super::*;

    #[test]
    fn two_rooms_for_thirteen_guests() {
        let (rooms, inside) = (Semaphore::new(2), std::sync::Mutex::new((0, 0)));
        std::thread::scope(|scope| {
            for _ in 0..13 {
                scope.spawn(|| {
                    let _room = rooms.acquire();
                    {
                        let mut inside = inside.lock().unwrap();
                        inside.0 += 1;
                        inside.1 = inside.0.max(inside.1);
                    }
                    std::thread::yield_now();
                    inside.lock().unwrap().0 -= 1;
                });
            }
        });
        assert!(inside.lock().unwrap().1 <= 2);
        assert_eq!(rooms.available_permits(), 2);
    }

    #[test]
    fn no_room() {
        let rooms = Semaphore::new(1);
        let room = rooms.try_acquire().unwrap();
        assert!(rooms.try_acquire().is_none());
        let refused = rooms.acquire_timeout(Duration::from_millis(1));
        assert_eq!(refused.unwrap_err(), TimedOut);
        drop(room);
        assert_eq!(rooms.available_permits(), 1);
    }
}
