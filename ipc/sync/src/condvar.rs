//! Waiting for a change of a value under a mutex.

use crate::error::OwnerDied;
use crate::mutex::MutexGuard;
use crate::park::{Outcome, Wait};
use crate::raw;
use crate::report::Report;
use polyproc_sys::clock::Deadline;
use std::time::Duration;

/// Waiting for a change of what a [`crate::Mutex`] protects. std's `Condvar`, between processes.
///
/// A waiter that is killed swallows no notification.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Condvar {
    condition: raw::Condition,
}

impl Condvar {
    /// Nobody waits.
    pub const fn new() -> Self {
        Self { condition: raw::Condition::new() }
    }

    /// Gives the lock back, waits for a notification, and takes the lock again. May also return for
    /// no reason.
    ///
    /// # Errors
    /// [`OwnerDied`], with the guard: meanwhile somebody died while holding the lock.
    pub fn wait<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
    ) -> Result<MutexGuard<'a, T>, OwnerDied<MutexGuard<'a, T>>> {
        self.wait_as(guard, Wait::FOREVER).0
    }

    /// Waits until `condition` says no.
    ///
    /// # Errors
    /// As [`Condvar::wait`]; the condition has not been looked at then.
    pub fn wait_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> Result<MutexGuard<'a, T>, OwnerDied<MutexGuard<'a, T>>> {
        while condition(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// As [`Condvar::wait`], no longer than `timeout` (and for as long as the lock takes then). Says
    /// as well whether there was a notification.
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> (Result<MutexGuard<'a, T>, OwnerDied<MutexGuard<'a, T>>>, bool) {
        self.wait_deadline(guard, Deadline::after(timeout))
    }

    /// As [`Condvar::wait_timeout`], until `deadline`.
    pub fn wait_deadline<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Deadline,
    ) -> (Result<MutexGuard<'a, T>, OwnerDied<MutexGuard<'a, T>>>, bool) {
        self.wait_as(guard, Wait::until(deadline))
    }

    fn wait_as<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        wait: Wait,
    ) -> (Result<MutexGuard<'a, T>, OwnerDied<MutexGuard<'a, T>>>, bool) {
        let mutex = guard.forget();
        let (ended, taken) = self.condition.wait(&mutex.lock, wait);
        let result = match taken {
            Outcome::OwnerDied => Err(mutex.died()),
            _ => Ok(mutex.guard()),
        };
        (result, ended == Outcome::Done)
    }

    /// Wakes one who waits; says whether somebody slept.
    pub fn notify_one(&self) -> bool {
        self.condition.notify(1) != 0
    }

    /// Wakes all who wait; says how many slept.
    pub fn notify_all(&self) -> u32 {
        self.condition.notify_all()
    }

    /// How many wait, at this moment.
    pub fn report(&self) -> Report {
        self.condition.report()
    }
}

#[cfg(test)]
#[expect(clippy::excessive_nesting, reason = "threads in scopes")]
mod tests {
    use super::*;
    use crate::Mutex;

    #[test]
    fn a_ball_goes_back_and_forth() {
        let (turn, changed) = (Mutex::new(0), Condvar::new());
        std::thread::scope(|scope| {
            for me in 0..2 {
                let (turn, changed) = (&turn, &changed);
                scope.spawn(move || {
                    for _ in 0..200 {
                        let guard = turn.lock().unwrap();
                        let mut guard = changed.wait_while(guard, |turn| *turn % 2 != me).unwrap();
                        *guard += 1;
                        changed.notify_one();
                    }
                });
            }
        });
        assert_eq!(*turn.lock().unwrap(), 400);
    }

    #[test]
    fn gives_up_in_time_with_the_lock() {
        let (value, changed) = (Mutex::new(1), Condvar::new());
        let guard = value.lock().unwrap();
        let (guard, notified) = changed.wait_timeout(guard, Duration::from_millis(1));
        assert_eq!((*guard.unwrap(), notified), (1, false));
    }
}
