//! Locks, events and barriers in shared memory that survive the death of whoever uses them.
//!
//! Every type here is plain data: `repr(C)`, without pointers, valid for any bit pattern, unlocked
//! when all bytes are zero. Put one anywhere in memory that several processes map, and it works
//! between them; put it in a `static`, and it works between threads (as with std's locks, a fork then
//! copies a held one as held).
//!
//! ```
//! use polyproc_sync::Mutex;
//!
//! static TOTAL: Mutex<u64> = Mutex::new(0);
//!
//! // A process that died holding the lock does not block us: we would get its guard in the error.
//! let mut total = TOTAL.lock().unwrap_or_else(|died| died.recover());
//! *total += 1;
//! assert_eq!(*total, 1);
//! ```
//!
//! | layer | types |
//! |---|---|
//! | typed, std's names and shapes | [`Mutex`], [`RwLock`], [`Condvar`], [`Barrier`], [`Semaphore`], [`Event`], [`Once`] |
//! | [`raw`], what other languages build on | [`raw::Lock`] (any member may release), [`raw::RLock`], [`raw::Semaphore`], [`raw::BoundedSemaphore`], [`raw::HeldSemaphore`], [`raw::Event`], [`raw::Condition`], [`raw::Barrier`], [`raw::RwLock`], [`raw::Cursor`] |
//! | for who cannot sleep here | [`EventDescriptor`] and [`until_set`]: an event's descriptor, and as a future; [`Ringer`], [`Wakers`]: what these and queues do it with |
//! | below | [`Park`]: sleeping and waking; [`Owner`]: who holds |
//!
//! How it works, and what is left when a process is killed at any step: `docs/design/0011-locks.md`.

pub mod atomic;
#[cfg(not(loom))]
mod barrier;
#[cfg(not(loom))]
mod bell;
#[cfg(not(loom))]
mod condvar;
pub mod crash;
mod error;
#[cfg(not(loom))]
mod event;
#[cfg(not(loom))]
mod mutex;
#[cfg_attr(loom, path = "owner_model.rs")]
mod owner;
mod park;
pub mod raw;
mod report;
#[cfg(not(loom))]
mod ringer;
#[cfg(not(loom))]
mod rwlock;
#[cfg(not(loom))]
mod semaphore;
#[cfg(not(loom))]
mod shareable;
mod spin;
#[cfg(not(loom))]
mod wakers;

#[cfg(not(loom))]
pub use barrier::{Barrier, BarrierWaitResult};
#[cfg(not(loom))]
pub use bell::{EventDescriptor, until_set};
#[cfg(not(loom))]
pub use condvar::Condvar;
pub use error::{Abandoned, BrokenBarrier, OwnerDied, TimedOut, TryLockError};
#[cfg(not(loom))]
pub use event::Event;
#[cfg(not(loom))]
pub use mutex::{Mutex, MutexGuard};
pub use owner::{Owner, is_running};
pub use park::{Host, Outcome, Park, Wait};
pub use polyproc_sys::clock::Deadline;
pub use raw::Once;
pub use report::{Kind, Report};
#[cfg(not(loom))]
pub use ringer::{Ringer, Rope, State, await_ringers};
#[cfg(not(loom))]
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
#[cfg(not(loom))]
pub use semaphore::{Permit, Semaphore};
#[cfg(not(loom))]
pub use shareable::Shareable;
#[cfg(not(loom))]
pub use spin::Spin;
#[cfg(not(loom))]
pub use wakers::{Wakers, until_found};
