//! Objects in the memory of the family, as handles that travel in messages.

use crate::message::{read_handle, write_handle};
use polyproc_process::arena;
use polyproc_shm::{self as shm, ArenaStats, ArrayGuard, ObjectInfo};
use polyproc_sync::{Deadline, Mutex, Outcome, OwnerDied, Shareable, TryLockError, Wait};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

pub use polyproc_shm::Error as SharedError;

/// An object that several processes use at once: a lock, an event, an atomic number, an array of those.
///
/// A clone is the same object, and so is what arrives when one is passed on in arguments or results,
/// by itself or anywhere inside of a value. It is freed when nobody in the family holds it any more,
/// however the holders ended.
///
/// ```
/// use polyproc::prelude::*;
///
/// let started = Shared::new(Event::new())?;
/// let process = polyproc::spawn(|started: Shared<Event>| started.set(), started.clone())?;
/// started.wait();
/// process.join()?;
/// # Ok::<(), polyproc::Error>(())
/// ```
///
/// What may lie in it is said by [`Shareable`]: plain data behind locks, and atomics. Several locks or
/// events are several handles: pass them on as a tuple.
///
/// A struct of one's own is plain data when it derives `bytemuck`'s traits, so that crate is a dependency
/// of the program: `cargo add bytemuck --features derive`.
///
/// ```
/// use polyproc::prelude::*;
///
/// #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
/// #[repr(C)]
/// struct Account {
///     balance: i64,
///     history: [i64; 100],
/// }
///
/// fn pay((account, amount): (Shared<Mutex<Account>>, i64)) {
///     let mut account = account.lock().unwrap();
///     account.balance += amount;
///     account.history[0] = amount;
/// }
///
/// let account = Shared::new(Mutex::new(Account { balance: 5, history: [0; 100] }))?;
/// polyproc::spawn(pay, (account.clone(), 3))?.join()?;
/// assert_eq!(account.lock()?.balance, 8);
/// # Ok::<(), polyproc::Error>(())
/// ```
pub struct Shared<T>(shm::Shared<T>);

impl<T: Shareable> Shared<T> {
    /// Moves `object` into the family's memory.
    ///
    /// # Errors
    /// [`SharedError::Full`]; the first object of a process: [`SharedError::Map`], see
    /// [`arena_stats`].
    pub fn new(object: T) -> Result<Self, SharedError> {
        shm::Shared::new(arena()?, object).map(Self)
    }
}

impl<T> Shared<T> {
    /// The handle, as those below have it.
    pub(crate) fn object(&self) -> &shm::Shared<T> {
        &self.0
    }
}

impl<T: Shareable> Deref for Shared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

/// A plain value with its lock: Python's `Value`.
///
/// It is a [`Mutex`], and for single steps there is no need to lock: [`get`](Self::get),
/// [`set`](Self::set) and [`update`](Self::update) do. They pass over the death of a holder: who died in
/// the middle of changing a value of several words may have left half of it. [`lock`](Mutex::lock) tells,
/// until somebody recovers it or sets a new value. A struct of one's own is prepared as for [`Shared`].
///
/// ```
/// use polyproc::prelude::*;
///
/// let count = Value::new(0_u32)?;
/// let process = polyproc::spawn(|count: Value<u32>| count.update(|n| *n += 1), count.clone())?;
/// process.join()?;
/// assert_eq!(count.get(), 1);
/// # Ok::<(), polyproc::Error>(())
/// ```
pub struct Value<T: bytemuck::Pod>(shm::Value<T>);

impl<T: bytemuck::Pod> Value<T> {
    /// Moves `value` into the family's memory.
    ///
    /// # Errors
    /// As [`Shared::new`].
    pub fn new(value: T) -> Result<Self, SharedError> {
        shm::Value::new(arena()?, value).map(Self)
    }

    /// A copy of the value.
    #[track_caller]
    pub fn get(&self) -> T {
        self.0.get()
    }

    /// Replaces the value.
    #[track_caller]
    pub fn set(&self, value: T) {
        self.0.set(value);
    }

    /// Changes the value in one step, as nobody else sees it.
    #[track_caller]
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        self.0.update(change)
    }
}

impl<T: bytemuck::Pod> Deref for Value<T> {
    type Target = Mutex<T>;

    #[inline]
    fn deref(&self) -> &Mutex<T> {
        self.0.mutex()
    }
}

/// Many values of one type under one lock: Python's `Array`.
///
/// ```
/// use polyproc::prelude::*;
///
/// let squares = SharedArray::<u64>::zeroed(4)?;
/// let process = polyproc::spawn(|squares: SharedArray<u64>| {
///     for (index, square) in squares.lock().unwrap().iter_mut().enumerate() {
///         *square = (index * index) as u64;
///     }
/// }, squares.clone())?;
/// process.join()?;
/// assert_eq!(*squares.lock()?, [0, 1, 4, 9]);
/// # Ok::<(), polyproc::Error>(())
/// ```
pub struct SharedArray<T>(shm::SharedArray<T>);

/// Plain, or with the news that the former holder left in the middle.
type Locked<'a, T> = Result<ArrayGuard<'a, T>, OwnerDied<ArrayGuard<'a, T>>>;
/// The same for calls that may end without the lock.
type MaybeLocked<'a, T> = Result<ArrayGuard<'a, T>, TryLockError<ArrayGuard<'a, T>>>;

impl<T: bytemuck::Pod> SharedArray<T> {
    /// `len` elements of all zeros. Costs memory only where it is touched.
    ///
    /// # Errors
    /// As [`Shared::new`].
    pub fn zeroed(len: usize) -> Result<Self, SharedError> {
        shm::SharedArray::zeroed(arena()?, len).map(Self)
    }

    /// A copy of `elements`.
    ///
    /// # Errors
    /// As [`Shared::new`].
    pub fn from_slice(elements: &[T]) -> Result<Self, SharedError> {
        shm::SharedArray::from_slice(arena()?, elements).map(Self)
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All elements, locked.
    ///
    /// # Errors
    /// [`OwnerDied`], with the guard: somebody died or panicked while holding the lock.
    ///
    /// # Panics
    /// The calling thread has them locked already: it would wait for itself, without end.
    #[track_caller]
    pub fn lock(&self) -> Locked<'_, T> {
        self.0.lock()
    }

    /// All elements, if nobody else has them locked.
    ///
    /// # Errors
    /// [`TryLockError`]; with `OwnerDied` they are locked.
    pub fn try_lock(&self) -> MaybeLocked<'_, T> {
        self.lock_timeout(Duration::ZERO)
    }

    /// All elements, waiting for no longer than `timeout`.
    ///
    /// # Errors
    /// As [`try_lock`](Self::try_lock).
    #[track_caller]
    pub fn lock_timeout(&self, timeout: Duration) -> MaybeLocked<'_, T> {
        self.lock_deadline(Deadline::after(timeout))
    }

    /// All elements, waiting until `deadline` at the latest.
    ///
    /// # Errors
    /// As [`try_lock`](Self::try_lock).
    #[track_caller]
    pub fn lock_deadline(&self, deadline: Deadline) -> MaybeLocked<'_, T> {
        match self.0.lock_as(Wait::until(deadline)) {
            Ok(locked) => locked.map_err(TryLockError::OwnerDied),
            Err(Outcome::TimedOut | _) => Err(TryLockError::WouldBlock),
        }
    }

    /// A copy of all elements.
    ///
    /// # Errors
    /// As [`lock`](Self::lock).
    #[track_caller]
    pub fn to_vec(&self) -> Result<Vec<T>, OwnerDied<ArrayGuard<'_, T>>> {
        self.lock().map(|elements| elements.to_vec())
    }
}

/// Many values of one type without a lock: Python's `RawArray`. Elements of 1, 2, 4 and 8 bytes are
/// read and written whole; of other sizes a reader may see half of a write.
pub struct RawArray<T>(shm::RawArray<T>);

impl<T: bytemuck::Pod> RawArray<T> {
    /// `len` elements of all zeros. Costs memory only where it is touched.
    ///
    /// # Errors
    /// As [`Shared::new`].
    pub fn zeroed(len: usize) -> Result<Self, SharedError> {
        shm::RawArray::zeroed(arena()?, len).map(Self)
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The element at `index`; none beyond the end.
    pub fn get(&self, index: usize) -> Option<T> {
        self.0.get(index)
    }

    /// Replaces the element at `index`. False, and nothing is done, beyond the end.
    pub fn set(&self, index: usize, value: T) -> bool {
        self.0.set(index, value)
    }
}

/// Bytes that several processes read and write, at their own risk.
pub struct SharedBytes(shm::SharedBytes);

impl SharedBytes {
    /// `len` zero bytes. Costs memory only where it is touched.
    ///
    /// # Errors
    /// As [`Shared::new`].
    pub fn zeroed(len: usize) -> Result<Self, SharedError> {
        shm::SharedBytes::zeroed(arena()?, len).map(Self)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Copies bytes out, from `at` on. False, and nothing is done, beyond the end.
    pub fn read(&self, at: usize, into: &mut [u8]) -> bool {
        self.0.read(at, into)
    }

    /// Copies bytes in, from `at` on. False, and nothing is done, beyond the end.
    pub fn write(&self, at: usize, from: &[u8]) -> bool {
        self.0.write(at, from)
    }

    /// The bytes in place.
    ///
    /// # Safety
    /// Nobody in any process writes to them while the slice is there.
    #[expect(unsafe_code, reason = "passes the caller's promise on")]
    pub unsafe fn as_slice(&self) -> &[u8] {
        // SAFETY: passed on to the caller.
        unsafe { self.0.as_slice() }
    }

    /// The bytes in place, to be changed.
    ///
    /// # Safety
    /// Nobody else in any process reads or writes them while the slice is there.
    #[expect(unsafe_code, reason = "passes the caller's promise on")]
    #[expect(clippy::mut_from_ref, reason = "the caller says that nobody else has them")]
    pub unsafe fn as_mut_slice(&self) -> &mut [u8] {
        // SAFETY: passed on to the caller.
        unsafe { self.0.as_mut_slice() }
    }
}

/// What all handles have in common: clones, a name for onlookers, and travelling.
macro_rules! handles {
    ($($name:ident $(<$param:ident: $bound:path>)?),*) => { $(
        impl$(<$param: $bound>)? $name$(<$param>)? {
            /// Gives the object a name for whoever looks from outside; cut at 40 bytes.
            pub fn set_name(&self, name: &str) {
                self.0.handle().set_name(name);
            }

            /// The object's number, as [`arena_objects`] has it.
            pub fn id(&self) -> u64 {
                self.0.handle().id()
            }
        }

        impl$(<$param: $bound>)? Clone for $name$(<$param>)? {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        impl$(<$param: $bound>)? fmt::Debug for $name$(<$param>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let handle = self.0.handle();
                f.debug_struct(stringify!($name))
                    .field("id", &handle.id())
                    .field("name", &handle.name())
                    .field("bytes", &handle.len())
                    .finish()
            }
        }

        impl$(<$param: $bound>)? Serialize for $name$(<$param>)? {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                write_handle(self.0.handle(), to)
            }
        }

        impl<'de $(, $param: $bound)?> Deserialize<'de> for $name$(<$param>)? {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                read_handle(from, shm::$name::from_handle).map(Self)
            }
        }
    )* };
}

handles!(
    Shared<T: Shareable>,
    Value<T: bytemuck::Pod>,
    SharedArray<T: bytemuck::Pod>,
    RawArray<T: bytemuck::Pod>,
    SharedBytes
);

/// What the memory of this process's family holds at this moment. What dead members held is given
/// back first.
///
/// Its size is that of the environment variable `POLYPROC_ARENA_SIZE` when the program started (bytes,
/// or a number with K, M or G), or else as much as can be mapped, up to 64 GiB. That is address space:
/// it costs memory only where it is used.
///
/// ```
/// let before = polyproc::arena_stats()?.objects;
/// let flag = polyproc::Shared::new(polyproc::sync::Event::new())?;
/// assert_eq!(polyproc::arena_stats()?.objects, before + 1);
/// drop(flag);
/// assert_eq!(polyproc::arena_stats()?.objects, before);
/// # Ok::<(), polyproc::Error>(())
/// ```
///
/// # Errors
/// [`SharedError::NoArena`] and [`SharedError::Map`] when there is not enough address space for it
/// (`ulimit -v`), [`SharedError::NoPlace`] when 512 processes use it.
pub fn arena_stats() -> Result<ArenaStats, SharedError> {
    Ok(arena()?.stats())
}

/// All objects: what they are, who has them, who holds a lock and how many wait for it.
///
/// # Errors
/// As [`arena_stats`].
pub fn arena_objects() -> Result<Vec<ObjectInfo>, SharedError> {
    Ok(arena()?.objects())
}
