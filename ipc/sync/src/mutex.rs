//! A value and the lock that protects it.
#![expect(unsafe_code, reason = "a lock hands out references to what it protects")]

use crate::error::{Abandoned, OwnerDied, TryLockError};
use crate::park::{Outcome, Wait};
use crate::raw;
use crate::report::Report;
use polyproc_sys::clock::Deadline;
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// A value that one process and thread at a time can use. std's `Mutex`, between processes.
///
/// To lie in shared memory, `T` has to be plain data ([`crate::Shareable`] says so for every
/// `bytemuck::Pod`).
///
/// ```
/// use polyproc_sync::Mutex;
/// use std::time::Duration;
///
/// static BALANCE: Mutex<i64> = Mutex::new(10);
///
/// *BALANCE.lock()? -= 3;
/// assert_eq!(*BALANCE.lock_timeout(Duration::from_secs(1))?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[repr(C)]
pub struct Mutex<T> {
    pub(crate) lock: raw::Lock,
    value: UnsafeCell<T>,
}

// SAFETY: the lock lets one thread at a time reach the value, so passing the value between threads is
// all that is asked of it.
unsafe impl<T: Send> Sync for Mutex<T> {}

/// A locked [`Mutex`]; unlocked on drop.
///
/// In the child of a fork the copy of a guard does nothing when it is dropped, and must not be used.
#[must_use = "the lock is released at once if the guard is not kept"]
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    /// Whether this thread was unwinding already when it took the lock.
    panicking: bool,
    /// Not `Send`: the report names the thread.
    not_send: PhantomData<*const ()>,
}

// SAFETY: sharing a guard shares the value, and nothing else.
unsafe impl<T: Sync> Sync for MutexGuard<'_, T> {}

/// Plain, or with the news that the former holder left in the middle.
type LockResult<'a, T> = Result<MutexGuard<'a, T>, OwnerDied<MutexGuard<'a, T>>>;
/// The same for calls that may end without the lock.
type TryLockResult<'a, T> = Result<MutexGuard<'a, T>, TryLockError<MutexGuard<'a, T>>>;

impl<T> Mutex<T> {
    /// Unlocked.
    pub const fn new(value: T) -> Self {
        Self { lock: raw::Lock::new(), value: UnsafeCell::new(value) }
    }

    /// Takes the lock, waiting for as long as it takes.
    ///
    /// # Errors
    /// [`OwnerDied`], with the guard: somebody died or panicked while holding it.
    ///
    /// # Panics
    /// The calling thread holds it already: it would wait for itself, without end.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> LockResult<'_, T> {
        match self.lock.acquire_guarded(Wait::FOREVER) {
            Outcome::Done => Ok(self.guard()),
            _ => Err(self.died()),
        }
    }

    /// Takes the lock if it is free, or its holder dead.
    ///
    /// # Errors
    /// [`TryLockError`]; with `OwnerDied` the lock is held.
    #[inline]
    pub fn try_lock(&self) -> TryLockResult<'_, T> {
        self.result(self.lock.try_acquire())
    }

    /// Takes the lock, waiting no longer than `timeout`.
    ///
    /// # Errors
    /// As [`Mutex::try_lock`].
    #[track_caller]
    pub fn lock_timeout(&self, timeout: Duration) -> TryLockResult<'_, T> {
        self.lock_deadline(Deadline::after(timeout))
    }

    /// Takes the lock, waiting until `deadline`.
    ///
    /// # Errors
    /// As [`Mutex::try_lock`].
    #[track_caller]
    pub fn lock_deadline(&self, deadline: Deadline) -> TryLockResult<'_, T> {
        self.result(self.lock.acquire_guarded(Wait::until(deadline)))
    }

    fn result(&self, outcome: Outcome) -> TryLockResult<'_, T> {
        match outcome {
            Outcome::Done => Ok(self.guard()),
            Outcome::OwnerDied => Err(self.died().into()),
            Outcome::TimedOut | Outcome::Interrupted => Err(TryLockError::WouldBlock),
        }
    }

    /// Whether somebody holds it.
    pub fn is_locked(&self) -> bool {
        self.lock.is_locked()
    }

    /// Who holds it and how many wait, at this moment.
    pub fn report(&self) -> Report {
        self.lock.report()
    }

    /// The value of a mutex that nobody else can reach.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// For who has just taken the lock.
    #[inline]
    pub(crate) fn guard(&self) -> MutexGuard<'_, T> {
        MutexGuard { mutex: self, panicking: std::thread::panicking(), not_send: PhantomData }
    }

    #[cold]
    pub(crate) fn died(&self) -> OwnerDied<MutexGuard<'_, T>> {
        let how = self.lock.abandoned().unwrap_or(Abandoned::Died);
        OwnerDied::of(self.guard(), how, |guard| guard.mutex.lock.recover())
    }
}

impl<'a, T> MutexGuard<'a, T> {
    /// For who has given the lock back by other means.
    pub(crate) fn forget(self) -> &'a Mutex<T> {
        std::mem::ManuallyDrop::new(self).mutex
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this thread holds the lock for as long as the guard is there.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and this is the only guard.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if !self.panicking && std::thread::panicking() && self.mutex.lock.is_mine() {
            self.mutex.lock.abandon();
        }
        self.mutex.lock.release_own();
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").field("holder", &self.lock.holder()).finish_non_exhaustive()
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn counts_right_between_threads() {
        static TOTAL: Mutex<u64> = Mutex::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| *TOTAL.lock().unwrap() += 1));
            }
        });
        assert_eq!(*TOTAL.lock().unwrap(), 4000);
    }

    #[test]
    fn a_thread_that_would_wait_for_itself_panics() {
        let mutex = Mutex::new(0);
        let guard = mutex.lock().unwrap();
        let refused = mutex.lock_timeout(Duration::from_millis(1));
        assert!(matches!(refused, Err(TryLockError::WouldBlock)));
        let caught = catch_unwind(AssertUnwindSafe(|| drop(mutex.lock())));
        let message = *caught.unwrap_err().downcast::<&str>().unwrap();
        assert!(message.contains("holds it already"), "{message}");
        let caught = catch_unwind(AssertUnwindSafe(|| drop(mutex.lock_timeout(Duration::MAX))));
        assert!(caught.is_err());
        drop(guard);
        assert!(mutex.lock().is_ok());
    }

    #[test]
    fn a_panic_is_told_until_recovered() {
        let mutex = Mutex::new(1);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _guard = mutex.lock().unwrap();
            panic!("in the middle");
        }));
        assert!(caught.is_err());
        let died = mutex.lock().unwrap_err();
        assert_eq!(died.abandoned(), Abandoned::Panicked);
        assert_eq!(**died.get_ref(), 1);
        drop(died.into_guard());
        let Err(TryLockError::OwnerDied(died)) = mutex.try_lock() else {
            panic!("the next one is told as well");
        };
        *died.recover() = 2;
        assert_eq!(*mutex.lock().unwrap(), 2);
    }

    #[test]
    fn gives_up_in_time() {
        let mutex = Mutex::new(());
        let guard = mutex.lock().unwrap();
        let refused = mutex.lock_timeout(Duration::from_millis(1));
        assert!(matches!(refused, Err(TryLockError::WouldBlock)));
        assert!(mutex.is_locked());
        drop(guard);
        assert!(mutex.try_lock().is_ok());
    }
}
