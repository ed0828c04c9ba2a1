//! A value that one may change or many may read.
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

/// A value that one process and thread may change, or many may read. std's `RwLock`, between
/// processes. Writers go first; at most 32 processes read at once. A thread that reads must not lock it
/// once more: it may wait for a writer that waits for it.
#[repr(C)]
pub struct RwLock<T> {
    lock: raw::RwLock,
    value: UnsafeCell<T>,
}

// SAFETY: readers share the value between threads, writers pass it between them.
unsafe impl<T: Send + Sync> Sync for RwLock<T> {}

/// A [`RwLock`] locked for reading; unlocked on drop.
#[must_use = "the lock is released at once if the guard is not kept"]
pub struct RwLockReadGuard<'a, T> {
    lock: &'a RwLock<T>,
    not_send: PhantomData<*const ()>,
}

/// A [`RwLock`] locked for writing; unlocked on drop.
#[must_use = "the lock is released at once if the guard is not kept"]
pub struct RwLockWriteGuard<'a, T> {
    lock: &'a RwLock<T>,
    panicking: bool,
    not_send: PhantomData<*const ()>,
}

// SAFETY: sharing a guard shares the value, and nothing else.
unsafe impl<T: Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for RwLockWriteGuard<'_, T> {}

type Read<'a, T> = RwLockReadGuard<'a, T>;
type Write<'a, T> = RwLockWriteGuard<'a, T>;

impl<T> RwLock<T> {
    /// Unlocked.
    pub const fn new(value: T) -> Self {
        Self { lock: raw::RwLock::new(), value: UnsafeCell::new(value) }
    }

    /// Locks for reading, waiting for as long as it takes.
    ///
    /// # Errors
    /// [`OwnerDied`], with the guard: a writer died or panicked. Only a writer can recover it.
    ///
    /// # Panics
    /// The calling thread writes already: it would wait for itself, without end.
    #[track_caller]
    pub fn read(&self) -> Result<Read<'_, T>, OwnerDied<Read<'_, T>>> {
        self.lock.writer().refuse_own(Wait::FOREVER);
        match self.lock.acquire_read(Wait::FOREVER) {
            Outcome::Done => Ok(self.reading()),
            _ => Err(self.died_reading()),
        }
    }

    /// Locks for reading if nobody writes or waits to.
    ///
    /// # Errors
    /// [`TryLockError`]; with `OwnerDied` the lock is held.
    pub fn try_read(&self) -> Result<Read<'_, T>, TryLockError<Read<'_, T>>> {
        self.read_result(self.lock.try_acquire_read())
    }

    /// Locks for reading, waiting no longer than `timeout`.
    ///
    /// # Errors
    /// As [`RwLock::try_read`].
    pub fn read_timeout(
        &self,
        timeout: Duration,
    ) -> Result<Read<'_, T>, TryLockError<Read<'_, T>>> {
        self.read_deadline(Deadline::after(timeout))
    }

    /// Locks for reading, waiting until `deadline`.
    ///
    /// # Errors
    /// As [`RwLock::try_read`].
    pub fn read_deadline(
        &self,
        deadline: Deadline,
    ) -> Result<Read<'_, T>, TryLockError<Read<'_, T>>> {
        self.read_result(self.lock.acquire_read(Wait::until(deadline)))
    }

    /// Locks for writing, waiting for as long as it takes.
    ///
    /// # Errors
    /// [`OwnerDied`], with the guard: a writer died or panicked.
    ///
    /// # Panics
    /// The calling thread writes already: it would wait for itself, without end.
    #[track_caller]
    pub fn write(&self) -> Result<Write<'_, T>, OwnerDied<Write<'_, T>>> {
        self.lock.writer().refuse_own(Wait::FOREVER);
        match self.lock.acquire_write(Wait::FOREVER) {
            Outcome::Done => Ok(self.writing()),
            _ => Err(self.died_writing()),
        }
    }

    /// Locks for writing if nobody reads or writes.
    ///
    /// # Errors
    /// [`TryLockError`]; with `OwnerDied` the lock is held.
    pub fn try_write(&self) -> Result<Write<'_, T>, TryLockError<Write<'_, T>>> {
        self.write_result(self.lock.try_acquire_write())
    }

    /// Locks for writing, waiting no longer than `timeout`.
    ///
    /// # Errors
    /// As [`RwLock::try_write`].
    pub fn write_timeout(
        &self,
        timeout: Duration,
    ) -> Result<Write<'_, T>, TryLockError<Write<'_, T>>> {
        self.write_deadline(Deadline::after(timeout))
    }

    /// Locks for writing, waiting until `deadline`.
    ///
    /// # Errors
    /// As [`RwLock::try_write`].
    pub fn write_deadline(
        &self,
        deadline: Deadline,
    ) -> Result<Write<'_, T>, TryLockError<Write<'_, T>>> {
        self.write_result(self.lock.acquire_write(Wait::until(deadline)))
    }

    /// Who writes, how many read and wait, at this moment.
    pub fn report(&self) -> Report {
        self.lock.report()
    }

    fn read_result(&self, outcome: Outcome) -> Result<Read<'_, T>, TryLockError<Read<'_, T>>> {
        match outcome {
            Outcome::Done => Ok(self.reading()),
            Outcome::OwnerDied => Err(self.died_reading().into()),
            Outcome::TimedOut | Outcome::Interrupted => Err(TryLockError::WouldBlock),
        }
    }

    fn write_result(&self, outcome: Outcome) -> Result<Write<'_, T>, TryLockError<Write<'_, T>>> {
        match outcome {
            Outcome::Done => Ok(self.writing()),
            Outcome::OwnerDied => Err(self.died_writing().into()),
            Outcome::TimedOut | Outcome::Interrupted => Err(TryLockError::WouldBlock),
        }
    }

    fn reading(&self) -> Read<'_, T> {
        RwLockReadGuard { lock: self, not_send: PhantomData }
    }

    fn writing(&self) -> Write<'_, T> {
        RwLockWriteGuard { lock: self, panicking: std::thread::panicking(), not_send: PhantomData }
    }

    fn died_reading(&self) -> OwnerDied<Read<'_, T>> {
        let how = self.lock.writer().abandoned().unwrap_or(Abandoned::Died);
        OwnerDied::of(self.reading(), how, |_reader_recovers_nothing| {})
    }

    fn died_writing(&self) -> OwnerDied<Write<'_, T>> {
        let how = self.lock.writer().abandoned().unwrap_or(Abandoned::Died);
        OwnerDied::of(self.writing(), how, |guard| {
            guard.lock.lock.writer().recover();
        })
    }
}

impl<T> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: nobody writes for as long as the guard is there.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this thread alone has the value for as long as the guard is there.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.lock.release_read();
    }
}

impl<T> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        let writer = self.lock.lock.writer();
        if !self.panicking && std::thread::panicking() && writer.is_mine() {
            writer.abandon();
        }
        self.lock.lock.release_write();
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock")
            .field("writer", &self.lock.writer().holder())
            .finish_non_exhaustive()
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_writer_that_would_wait_for_itself_panics() {
        let lock = RwLock::new(5);
        let guard = lock.write().unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(lock.read()))).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| drop(lock.write()))).is_err());
        assert!(matches!(lock.try_read(), Err(TryLockError::WouldBlock)));
        drop(guard);
        assert!(lock.read().is_ok());
    }

    #[test]
    fn many_read_or_one_writes() {
        let lock = RwLock::new(5);
        let (one, two) = (lock.read().unwrap(), lock.try_read().unwrap());
        assert_eq!(*one + *two, 10);
        let refused = lock.write_timeout(Duration::from_millis(1));
        assert!(matches!(refused, Err(TryLockError::WouldBlock)));
        drop((one, two));
        *lock.write().unwrap() += 1;
        assert_eq!(*lock.read_timeout(Duration::from_secs(9)).unwrap(), 6);
    }

    #[test]
    fn a_writer_that_panicked_is_told_to_all_until_a_writer_recovers() {
        let lock = RwLock::new(0);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let _guard = lock.write().unwrap();
                panic!("in the middle");
            });
            assert!(writer.join().is_err());
        });
        assert_eq!(lock.read().unwrap_err().abandoned(), Abandoned::Panicked);
        drop(lock.read().unwrap_err().recover());
        drop(lock.write().unwrap_err().recover());
        assert!(lock.read().is_ok());
    }
}
