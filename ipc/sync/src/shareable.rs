//! Which types may lie in memory that several processes map.
#![expect(unsafe_code, reason = "the marker is a promise")]

use crate::{Barrier, Condvar, Event, Mutex, Once, RwLock, Semaphore, raw};
use bytemuck::Pod;

/// A type that may lie in shared memory and be used through `&T` by several processes at once.
///
/// # Safety
/// Any bit pattern is a valid value; it holds no pointer, reference, descriptor or anything else that
/// means something in one process only; it needs no drop; and whatever changes behind `&T` changes
/// by atomics or under a lock of this crate.
pub unsafe trait Shareable: Sized + 'static {}

macro_rules! shareable {
    ($($type:ty),* $(,)?) => {
        $(
            // SAFETY: plain numbers and atomics of them: any bits, no pointers, no drop.
            unsafe impl Shareable for $type {}
        )*
    };
}

shareable!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64, ());
#[cfg(not(loom))]
mod atomics {
    use super::Shareable;
    use std::sync::atomic::{
        AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32,
        AtomicU64, AtomicUsize,
    };
    shareable!(AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize);
    shareable!(AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize);
}
shareable!(Barrier, Condvar, Event, Once, Semaphore);
shareable!(raw::Lock, raw::RLock, raw::RwLock, raw::Semaphore, raw::BoundedSemaphore);
shareable!(raw::HeldSemaphore, raw::Event, raw::Condition, raw::Barrier);
shareable!(raw::Cursor);

// SAFETY: the lock is made of atomics, the value is plain and only touched under it.
unsafe impl<T: Pod> Shareable for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: Pod> Shareable for RwLock<T> {}
// SAFETY: elements of which each may be shared.
unsafe impl<T: Shareable, const N: usize> Shareable for [T; N] {}
