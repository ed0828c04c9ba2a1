//! The algorithms themselves, with the meaning that Python's `multiprocessing` gives them.
//!
//! Nothing here owns data or hands out guards. Each type has a parameter for [`crate::Park`] so that
//! tests can run it on a model; leave it out.

mod barrier;
mod condition;
mod cursor;
mod event;
mod held;
mod lock;
mod once;
mod rlock;
mod rwlock;
mod semaphore;

pub use barrier::{Arrival, Barrier, Ticket};
pub use condition::Condition;
pub use cursor::{Cursor, Passed};
pub use event::Event;
pub use held::HeldSemaphore;
pub use lock::Lock;
pub use once::Once;
pub use rlock::{NotOwner, RLock};
pub use rwlock::RwLock;
pub use semaphore::{AboveBound, BoundedSemaphore, Semaphore};
