//! Many values of one type, and bytes.
#![expect(unsafe_code, reason = "bytes become slices here")]

use crate::arena::Arena;
use crate::error::Error;
use crate::handle::Handle;
use crate::shared::tag;
use crate::span::Span;
use bytemuck::Pod;
use polyproc_sync::raw::Lock;
use polyproc_sync::{Abandoned, Kind, Outcome, OwnerDied, Report, Wait};
use polyproc_sys::memory::copy_to_shared;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

/// Room for the lock, and the elements' alignment.
const LOCK: usize = 64;
const _: () = assert!(size_of::<Lock>() <= LOCK);

/// Values of one type with one lock for all: Python's `Array`.
pub struct SharedArray<T> {
    handle: Handle,
    elements: PhantomData<T>,
}

/// All elements of a [`SharedArray`], locked; unlocked on drop.
#[must_use = "the lock is released at once if the guard is not kept"]
pub struct ArrayGuard<'a, T: Pod> {
    array: &'a SharedArray<T>,
    panicking: bool,
    not_send: PhantomData<*const ()>,
}

// SAFETY: the handle is a place in memory, the elements are plain and behind the lock.
unsafe impl<T: Send> Send for SharedArray<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SharedArray<T> {}

impl<T: Pod> SharedArray<T> {
    /// `len` elements of all zeros. Costs memory only where it is touched.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub fn zeroed(arena: &Arena, len: usize) -> Result<Self, Error> {
        const { assert!(align_of::<T>() <= LOCK && size_of::<T>() != 0) };
        let bytes = bytes_for::<T>(arena, len, LOCK)?;
        let handle = Handle::allocate(&arena.inner, bytes, Kind::Array, tag::<T>(1))?;
        Ok(Self { handle, elements: PhantomData })
    }

    /// A copy of `elements`.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub fn from_slice(arena: &Arena, elements: &[T]) -> Result<Self, Error> {
        const { assert!(align_of::<T>() <= LOCK && size_of::<T>() != 0) };
        let bytes = bytes_for::<T>(arena, elements.len(), LOCK)?;
        let handle = Handle::allocate_unzeroed(&arena.inner, bytes, Kind::Array, tag::<T>(1))?;
        // All zeros are a lock that nobody holds; the elements are written as they are.
        handle.words()[..LOCK / 8].iter().for_each(|word| word.store(0, Ordering::Relaxed));
        let array = Self { handle, elements: PhantomData };
        // SAFETY: there is room for as many, and nobody has this array yet.
        unsafe { copy_to_shared(bytemuck::cast_slice(elements), array.first().cast()) };
        Ok(array)
    }

    /// The array behind a handle that was received.
    ///
    /// # Errors
    /// [`Error::WrongType`].
    pub fn from_handle(handle: Handle) -> Result<Self, Error> {
        if handle.tag() != tag::<T>(1) || handle.len() < LOCK {
            return Err(Error::WrongType(std::any::type_name::<Self>()));
        }
        Ok(Self { handle, elements: PhantomData })
    }

    /// What holds the array.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        (self.handle.len() - LOCK) / size_of::<T>()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All elements, locked.
    ///
    /// # Errors
    /// [`OwnerDied`], with the guard: somebody died or panicked while holding the lock.
    ///
    /// # Panics
    /// The calling thread holds it already: it would wait for itself, without end.
    #[track_caller]
    pub fn lock(&self) -> Result<ArrayGuard<'_, T>, OwnerDied<ArrayGuard<'_, T>>> {
        self.lock_as(Wait::FOREVER).unwrap_or_else(|_| Ok(self.guard()))
    }

    /// The same, waiting as `wait` says; the outer error when that was in vain.
    ///
    /// # Errors
    /// [`Outcome::TimedOut`] or [`Outcome::Interrupted`].
    #[track_caller]
    pub fn lock_as(
        &self,
        wait: Wait,
    ) -> Result<Result<ArrayGuard<'_, T>, OwnerDied<ArrayGuard<'_, T>>>, Outcome> {
        match self.raw_lock().acquire_guarded(wait) {
            Outcome::Done => Ok(Ok(self.guard())),
            Outcome::OwnerDied => {
                let how = self.raw_lock().abandoned().unwrap_or(Abandoned::Died);
                let recover = |guard: &ArrayGuard<'_, T>| guard.array.raw_lock().recover();
                Ok(Err(OwnerDied::of(self.guard(), how, recover)))
            }
            other => Err(other),
        }
    }

    /// Who holds the lock, at this moment.
    pub fn report(&self) -> Report {
        Report { kind: Kind::Array, ..self.raw_lock().report() }
    }

    fn guard(&self) -> ArrayGuard<'_, T> {
        ArrayGuard { array: self, panicking: std::thread::panicking(), not_send: PhantomData }
    }

    fn raw_lock(&self) -> &Lock {
        // SAFETY: every array starts with its lock (the tag says that it is one); any bits are a lock.
        unsafe { self.handle.start().cast().as_ref() }
    }

    fn first(&self) -> NonNull<T> {
        // SAFETY: the elements start after the lock's room, which every array has.
        unsafe { self.handle.start().add(LOCK) }.cast()
    }
}

impl<T: Pod> Deref for ArrayGuard<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: that many elements of plain data lie there, and this thread has the lock.
        unsafe { std::slice::from_raw_parts(self.array.first().as_ptr(), self.array.len()) }
    }
}

impl<T: Pod> DerefMut for ArrayGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and this is the only guard.
        unsafe { std::slice::from_raw_parts_mut(self.array.first().as_ptr(), self.array.len()) }
    }
}

impl<T: Pod> Drop for ArrayGuard<'_, T> {
    fn drop(&mut self) {
        let lock = self.array.raw_lock();
        if !self.panicking && std::thread::panicking() && lock.is_mine() {
            lock.abandon();
        }
        lock.release_own();
    }
}

impl<T: Pod + fmt::Debug> fmt::Debug for ArrayGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T> Clone for SharedArray<T> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), elements: PhantomData }
    }
}

impl<T> fmt::Debug for SharedArray<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedArray").field(&self.handle).finish()
    }
}

fn bytes_for<T>(arena: &Arena, len: usize, extra: usize) -> Result<usize, Error> {
    len.checked_mul(size_of::<T>())
        .and_then(|bytes| bytes.checked_add(extra))
        .ok_or(Error::Full { asked: u64::MAX, size: arena.inner.size })
}

/// Values of one type without a lock: Python's `RawArray`. Elements of 1, 2, 4 and 8 bytes are read
/// and written whole; of other sizes a reader may see half of a write.
pub struct RawArray<T> {
    bytes: SharedBytes,
    elements: PhantomData<T>,
}

impl<T: Pod> RawArray<T> {
    /// `len` elements of all zeros.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub fn zeroed(arena: &Arena, len: usize) -> Result<Self, Error> {
        const { assert!(align_of::<T>() <= LOCK && size_of::<T>() != 0) };
        let bytes = bytes_for::<T>(arena, len, 0)?;
        let handle = Handle::allocate(&arena.inner, bytes, Kind::Bytes, tag::<T>(2))?;
        Ok(Self::of(handle))
    }

    /// The array behind a handle that was received.
    ///
    /// # Errors
    /// [`Error::WrongType`].
    pub fn from_handle(handle: Handle) -> Result<Self, Error> {
        if handle.tag() != tag::<T>(2) {
            return Err(Error::WrongType(std::any::type_name::<Self>()));
        }
        Ok(Self::of(handle))
    }

    fn of(handle: Handle) -> Self {
        Self { bytes: SharedBytes { handle }, elements: PhantomData }
    }

    /// What holds the array.
    pub fn handle(&self) -> &Handle {
        &self.bytes.handle
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        self.bytes.len() / size_of::<T>()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at `index`; none beyond the end.
    pub fn get(&self, index: usize) -> Option<T> {
        (index < self.len()).then(|| {
            let mut value = T::zeroed();
            let at = index * size_of::<T>();
            self.bytes.read(at, bytemuck::bytes_of_mut(&mut value));
            value
        })
    }

    /// Replaces the element at `index`. False, and nothing is done, beyond the end.
    pub fn set(&self, index: usize, value: T) -> bool {
        let inside = index < self.len();
        inside && self.bytes.write(index * size_of::<T>(), bytemuck::bytes_of(&value))
    }
}

impl<T> Clone for RawArray<T> {
    fn clone(&self) -> Self {
        Self { bytes: self.bytes.clone(), elements: PhantomData }
    }
}

impl<T> fmt::Debug for RawArray<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RawArray").field(self.bytes.handle()).finish()
    }
}

/// Bytes that several processes read and write.
#[derive(Clone, Debug)]
pub struct SharedBytes {
    handle: Handle,
}

impl SharedBytes {
    /// `len` zero bytes.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub fn zeroed(arena: &Arena, len: usize) -> Result<Self, Error> {
        let handle = arena.allocate(len, Kind::Bytes)?;
        Ok(Self { handle })
    }

    /// The bytes behind a handle that was received.
    ///
    /// # Errors
    /// [`Error::WrongType`] when something typed lies there.
    pub fn from_handle(handle: Handle) -> Result<Self, Error> {
        if handle.tag() != 0 {
            return Err(Error::WrongType("block of bytes"));
        }
        Ok(Self { handle })
    }

    /// What holds the bytes.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.handle.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies bytes out, from `at` on. False, and nothing is done, beyond the end.
    pub fn read(&self, at: usize, into: &mut [u8]) -> bool {
        self.span().read(at, into)
    }

    /// Copies bytes in, from `at` on. False, and nothing is done, beyond the end.
    pub fn write(&self, at: usize, from: &[u8]) -> bool {
        self.span().write(at, from)
    }

    fn span(&self) -> Span<'_> {
        // SAFETY: the block's bytes, kept by the handle.
        unsafe { Span::new(self.handle.start(), self.len()) }
    }

    /// The bytes in place.
    ///
    /// # Safety
    /// Nobody in any process writes to them while the slice is there.
    pub unsafe fn as_slice(&self) -> &[u8] {
        // SAFETY: the block's bytes, kept by the handle; no writers, by the caller's word.
        unsafe { std::slice::from_raw_parts(self.handle.start().as_ptr(), self.len()) }
    }

    /// The bytes in place, to be changed.
    ///
    /// # Safety
    /// Nobody else in any process reads or writes them while the slice is there.
    #[expect(clippy::mut_from_ref, reason = "the caller says that nobody else has them")]
    pub unsafe fn as_mut_slice(&self) -> &mut [u8] {
        // SAFETY: the block's bytes, kept by the handle; nobody else, by the caller's word.
        unsafe { std::slice::from_raw_parts_mut(self.handle.start().as_ptr(), self.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_locked_as_a_whole() {
        let arena = Arena::with_size(8 << 20).unwrap();
        let array = SharedArray::from_slice(&arena, &[1_i32, 2, 3]).unwrap();
        array.lock().unwrap().iter_mut().for_each(|n| *n *= 10);
        assert_eq!(*array.lock().unwrap(), [10, 20, 30]);
        let message = array.handle().send().unwrap().into_bytes();
        let handle = arena.receive(&message).unwrap();
        assert!(SharedArray::<u32>::from_handle(handle.clone()).is_err());
        let same = SharedArray::<i32>::from_handle(handle).unwrap();
        assert_eq!((same.len(), same.lock().unwrap()[2]), (3, 30));
        assert!(SharedArray::<u64>::zeroed(&arena, usize::MAX).is_err());
    }

    #[test]
    #[should_panic(expected = "holds it already")]
    fn a_thread_that_would_wait_for_itself_panics() {
        let arena = Arena::with_size(8 << 20).unwrap();
        let array = SharedArray::from_slice(&arena, &[1_u8]).unwrap();
        let _first = array.lock().unwrap();
        drop(array.lock());
    }

    #[test]
    fn raw_elements_and_bytes() {
        let arena = Arena::with_size(8 << 20).unwrap();
        let array = RawArray::<f32>::zeroed(&arena, 3).unwrap();
        assert!(array.set(1, 2.5) && !array.set(3, 1.0));
        assert_eq!((array.get(0), array.get(1), array.get(3)), (Some(0.0), Some(2.5), None));
        let bytes = SharedBytes::zeroed(&arena, 9).unwrap();
        assert!(bytes.write(1, b"abcdefgh") && !bytes.write(2, b"abcdefgh"));
        let mut read = [0; 8];
        assert!(bytes.read(1, &mut read));
        assert_eq!(&read, b"abcdefgh");
        // SAFETY: this thread alone has the block.
        assert_eq!(unsafe { bytes.as_slice() }, b"\0abcdefgh");
    }
}
