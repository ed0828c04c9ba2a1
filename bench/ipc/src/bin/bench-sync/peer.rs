//! What ours is measured against.
#![expect(unsafe_code, reason = "pthread mutexes are C")]

use polyproc_sync::Deadline;
use polyproc_sys::futex;
use posix_sync::mutex::guards::RobustGuardContainer;
use posix_sync::mutex::robustness_markers::Robust;
use posix_sync::mutex::{MutexBuilder, MutexSharing, OwnedMutex};
use std::cell::UnsafeCell;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU32, Ordering};

/// A pthread mutex as the best that there is between processes: shared and robust.
#[repr(C)]
pub(crate) struct PthreadMutex(UnsafeCell<MaybeUninit<libc::pthread_mutex_t>>, UnsafeCell<u64>);

// SAFETY: what a pthread mutex is for.
unsafe impl Sync for PthreadMutex {}

impl PthreadMutex {
    pub(crate) fn new() -> Self {
        Self(UnsafeCell::new(MaybeUninit::zeroed()), UnsafeCell::new(0))
    }

    fn raw(&self) -> *mut libc::pthread_mutex_t {
        self.0.get().cast()
    }

    pub(crate) fn init(&self, robust: bool) {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: room for the attributes.
        unsafe { libc::pthread_mutexattr_init(attributes.as_mut_ptr()) };
        let attributes = attributes.as_mut_ptr();
        // SAFETY: initialised above.
        unsafe { libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED) };
        if robust {
            // SAFETY: as above.
            unsafe { libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST) };
        }
        // SAFETY: the mutex is in memory that nobody uses yet.
        unsafe { libc::pthread_mutex_init(self.raw(), attributes) };
    }

    #[inline]
    pub(crate) fn add_one(&self) {
        // SAFETY: initialised.
        unsafe { libc::pthread_mutex_lock(self.raw()) };
        // SAFETY: under the lock.
        let value = unsafe { self.1.get().read() };
        // SAFETY: as above.
        unsafe { self.1.get().write(black_box(value + 1)) };
        // SAFETY: locked by this thread.
        unsafe { libc::pthread_mutex_unlock(self.raw()) };
    }
}

/// The same mutex behind a safe interface, with a check at each lock whether its holder died.
pub(crate) struct PosixSync(OwnedMutex<Robust>, UnsafeCell<u64>);

impl PosixSync {
    pub(crate) fn new() -> Self {
        let builder = MutexBuilder::<Robust>::new().with_sharing(MutexSharing::Shared);
        Self(builder.build_owned(), UnsafeCell::new(0))
    }

    #[inline]
    pub(crate) fn add_one(&self) {
        if let Ok(RobustGuardContainer::Standard(_guard)) = self.0.lock() {
            // SAFETY: under the lock.
            let value = unsafe { self.1.get().read() };
            // SAFETY: as above.
            unsafe { self.1.get().write(black_box(value + 1)) };
        }
    }
}

/// The least that an event can be: a word and a futex.
#[repr(C)]
pub(crate) struct BareEvent(AtomicU32);

impl BareEvent {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(crate) fn set(&self) {
        if self.0.swap(1, Ordering::AcqRel) == 2 {
            futex::wake(&self.0, 1);
        }
    }

    pub(crate) fn spin(&self) {
        while self.0.swap(0, Ordering::AcqRel) == 0 {
            std::hint::spin_loop();
        }
    }

    pub(crate) fn sleep(&self) {
        while self.0.compare_exchange(1, 0, Ordering::AcqRel, Ordering::Acquire).is_err() {
            _ = self.0.compare_exchange(0, 2, Ordering::AcqRel, Ordering::Acquire);
            if futex::wait(&self.0, 2, Deadline::NEVER).is_err() {
                return;
            }
        }
    }
}
