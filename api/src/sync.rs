//! Locks, events, barriers and semaphores between processes, by std's names and shapes.
//!
//! Put one into shared memory with [`Shared::new`](crate::Shared::new), and pass the handle on:
//!
//! ```
//! use polyproc::prelude::*;
//!
//! let total = Shared::new(Mutex::new(0_u64))?;
//! let adders: Vec<_> = (1..=4)
//!     .map(|number| polyproc::spawn(|(total, number): (Shared<Mutex<u64>>, u64)| {
//!         *total.lock().unwrap() += number;
//!     }, (total.clone(), number)))
//!     .collect::<Result<_, _>>()?;
//! for adder in adders {
//!     adder.join()?;
//! }
//! assert_eq!(*total.lock()?, 10);
//! # Ok::<(), polyproc::Error>(())
//! ```
//!
//! # When a holder dies
//!
//! A lock knows who holds it. When that process is killed, the next one to take the lock gets it, as an
//! error that carries the guard: [`OwnerDied`]. The data may be half changed. Who can mend it does so
//! and calls [`OwnerDied::recover`]; until then everybody is told. A panic while holding a guard is
//! told in the same way.
//!
//! A thread that waits without end for a lock that it holds itself panics: it would hang. (`*n.lock()? +
//! *n.lock()?` is such a wait; an [`RLock`] is for those who need it.)
//!
//! # From Python
//!
//! | Python's `multiprocessing` | here |
//! |---|---|
//! | `Lock()` | [`Mutex`] around the data; [`Lock`] if it has to be released by somebody else |
//! | `RLock()` | [`RLock`] |
//! | `Semaphore(n)`, `BoundedSemaphore(n)` | [`Semaphore`], whose permits come back with their holder; [`raw::Semaphore`], [`BoundedSemaphore`] without holders |
//! | `Event()` | [`Event`]; to be polled beside sockets: [`Shared::descriptor`](crate::Shared::descriptor) |
//! | `Condition()` | [`Condvar`] with a [`Mutex`]; [`raw::Condition`] |
//! | `Barrier(n)` | [`Barrier`] |
//! | `Value('Q')`, `RawValue` | [`Value<u64>`](crate::Value), `Shared<AtomicU64>` |
//! | `Array('d', n)`, `RawArray` | [`SharedArray<f64>`](crate::SharedArray), [`RawArray<f64>`](crate::RawArray) |
//! | `shared_memory.SharedMemory` | [`SharedBytes`](crate::SharedBytes) in the family, [`SharedMemory`](crate::SharedMemory) by name |
//! | – | [`RwLock`], [`Once`] |
//!
//! Every wait has a plain form, a `try_` form, and one with a timeout and with a deadline.

pub use crate::event::EventDescriptor;
pub use bytemuck::{Pod, Zeroable};
pub use polyproc_sync::raw::{self, AboveBound, BoundedSemaphore, Lock, NotOwner, RLock};
pub use polyproc_sync::{
    Abandoned, Barrier, BarrierWaitResult, BrokenBarrier, Condvar, Deadline, Event, Kind, Mutex,
    MutexGuard, Once, Outcome, Owner, OwnerDied, Permit, Report, RwLock, RwLockReadGuard,
    RwLockWriteGuard, Semaphore, Shareable, TimedOut, TryLockError, Wait,
};
