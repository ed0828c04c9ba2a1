//! One object in the arena, by its type.
#![expect(unsafe_code, reason = "bytes become a value here")]

use crate::arena::Arena;
use crate::error::Error;
use crate::handle::Handle;
use bytemuck::Pod;
use polyproc_sync::{Kind, Mutex, MutexGuard, Shareable};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

/// A number for a type, the same in every process of the same program.
pub(crate) fn tag<T>(role: u64) -> u64 {
    // FNV-1a, over the name, and the layout on top of it.
    let name = std::any::type_name::<T>().bytes();
    let hash = name.fold(0xcbf2_9ce4_8422_2325_u64 ^ role, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^ ((size_of::<T>() as u64) << 8) ^ (align_of::<T>() as u64)
}

/// An object that several processes use at once. A clone is the same object.
///
/// `T` is anything that may lie in shared memory: an atomic, a lock of `polyproc-sync`, an array of
/// those. It is freed with the last [`Handle`] to it.
pub struct Shared<T> {
    handle: Handle,
    object: PhantomData<T>,
}

impl<T: Shareable> Shared<T> {
    /// Moves `object` into the arena.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub fn new(arena: &Arena, object: T) -> Result<Self, Error> {
        Self::of_kind(arena, object, kind_of::<T>())
    }

    pub(crate) fn of_kind(arena: &Arena, object: T, kind: Kind) -> Result<Self, Error> {
        const { assert!(align_of::<T>() <= crate::class::ALIGN as usize) };
        let handle = Handle::allocate(&arena.inner, size_of::<T>(), kind, tag::<T>(0))?;
        // SAFETY: a fresh block of that size, aligned to 64, that nobody else has yet.
        unsafe { handle.start().cast::<T>().write(object) };
        Ok(Self { handle, object: PhantomData })
    }

    /// The object behind a handle that was received.
    ///
    /// # Errors
    /// [`Error::WrongType`] when another type lies there.
    pub fn from_handle(handle: Handle) -> Result<Self, Error> {
        if handle.tag() != tag::<T>(0) || handle.len() != size_of::<T>() {
            return Err(Error::WrongType(std::any::type_name::<T>()));
        }
        Ok(Self { handle, object: PhantomData })
    }
}

impl<T> Shared<T> {
    /// What holds the object: to send it, or to name it.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The handle alone.
    pub fn into_handle(self) -> Handle {
        self.handle
    }
}

/// What onlookers are told that a type is.
fn kind_of<T>() -> Kind {
    let name = std::any::type_name::<T>();
    let outer = name.split('<').next().unwrap_or(name);
    match outer.rsplit("::").next().unwrap_or(outer) {
        "Mutex" | "Lock" => Kind::Lock,
        "RLock" => Kind::RLock,
        "RwLock" => Kind::RwLock,
        "Semaphore" if !name.contains("raw") => Kind::HeldSemaphore,
        "Semaphore" | "BoundedSemaphore" => Kind::Semaphore,
        "HeldSemaphore" => Kind::HeldSemaphore,
        "Event" => Kind::Event,
        "Condvar" | "Condition" => Kind::Condition,
        "Barrier" => Kind::Barrier,
        "Once" => Kind::Once,
        "Core" => Kind::Channel,
        _ => Kind::Bytes,
    }
}

impl<T: Shareable> Deref for Shared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the tag says that a T was written there; any bits are a T, and what changes behind
        // the reference changes by atomics or locks (Shareable). The handle keeps the block.
        unsafe { self.handle.start().cast().as_ref() }
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), object: PhantomData }
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("handle", &self.handle).finish()
    }
}

/// A plain value with its lock: Python's `Value`.
///
/// [`Value::get`] and [`Value::set`] go through the lock, and pass over the death of a holder: for a
/// plain value there is nothing to mend. Use [`Value::lock`] for more than one step, or to be told.
#[derive(Clone, Debug)]
pub struct Value<T: Pod> {
    shared: Shared<Mutex<T>>,
}

impl<T: Pod> Value<T> {
    /// Moves `value` into the arena.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub fn new(arena: &Arena, value: T) -> Result<Self, Error> {
        let shared = Shared::of_kind(arena, Mutex::new(value), Kind::Value)?;
        Ok(Self { shared })
    }

    /// The value behind a handle that was received.
    ///
    /// # Errors
    /// [`Error::WrongType`].
    pub fn from_handle(handle: Handle) -> Result<Self, Error> {
        let shared = Shared::from_handle(handle)?;
        Ok(Self { shared })
    }

    /// What holds the value.
    pub fn handle(&self) -> &Handle {
        self.shared.handle()
    }

    /// The value's lock.
    pub fn mutex(&self) -> &Mutex<T> {
        &self.shared
    }

    /// The value under its lock.
    ///
    /// # Errors
    /// As [`Mutex::lock`].
    pub fn lock(&self) -> Result<MutexGuard<'_, T>, polyproc_sync::OwnerDied<MutexGuard<'_, T>>> {
        self.shared.lock()
    }

    fn any_lock(&self) -> MutexGuard<'_, T> {
        self.shared.lock().unwrap_or_else(polyproc_sync::OwnerDied::recover)
    }

    /// A copy of the value.
    pub fn get(&self) -> T {
        *self.any_lock()
    }

    /// Replaces the value.
    pub fn set(&self, value: T) {
        *self.any_lock() = value;
    }

    /// Changes the value in one step.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.any_lock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polyproc_sync::Event;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn a_handle_brings_the_same_object() {
        let arena = Arena::with_size(8 << 20).unwrap();
        let counter = Shared::new(&arena, AtomicU64::new(5)).unwrap();
        let message = counter.handle().send().unwrap().into_bytes();
        let same: Shared<AtomicU64> =
            Shared::from_handle(arena.receive(&message).unwrap()).unwrap();
        same.fetch_add(1, Ordering::Relaxed);
        assert_eq!(counter.load(Ordering::Relaxed), 6);
        let other = Shared::<Event>::from_handle(same.into_handle());
        assert!(matches!(other, Err(Error::WrongType(_))));
        assert_eq!(counter.handle().kind(), Kind::Bytes);
    }

    #[test]
    fn a_value_is_read_and_changed() {
        let arena = Arena::with_size(8 << 20).unwrap();
        let value = Value::new(&arena, 1.5_f64).unwrap();
        value.set(2.0);
        assert!((value.update(|value| *value * 2.0) - 4.0).abs() < 1e-9);
        assert!((value.get() - 2.0).abs() < 1e-9);
        value.handle().set_name("ratio");
        assert_eq!(value.handle().name(), "ratio");
    }
}
