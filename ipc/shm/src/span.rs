//! Bytes that several processes read and write, whatever they lie in.
#![expect(unsafe_code, reason = "bytes are copied in and out of shared memory")]

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

/// Mapped bytes in a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span<'a> {
    start: NonNull<u8>,
    len: usize,
    mapping: PhantomData<&'a [AtomicU8]>,
}

impl Span<'_> {
    /// # Safety
    /// `len` bytes at `start` stay mapped for the lifetime.
    pub(crate) unsafe fn new(start: NonNull<u8>, len: usize) -> Self {
        Self { start, len, mapping: PhantomData }
    }

    /// Copies bytes out, from `at` on. False, and nothing is done, beyond the end.
    pub(crate) fn read(self, at: usize, into: &mut [u8]) -> bool {
        let Some(from) = self.range(at, into.len()) else {
            return false;
        };
        // SAFETY: the range is mapped, and atomics may be read by many.
        unsafe { copy_out(from, into) };
        true
    }

    /// Copies bytes in, from `at` on. False, and nothing is done, beyond the end.
    pub(crate) fn write(self, at: usize, from: &[u8]) -> bool {
        let Some(to) = self.range(at, from.len()) else {
            return false;
        };
        // SAFETY: as above.
        unsafe { copy_in(to, from) };
        true
    }

    fn range(self, at: usize, len: usize) -> Option<NonNull<u8>> {
        let inside = at.checked_add(len).is_some_and(|end| end <= self.len);
        // SAFETY: within the span.
        inside.then(|| unsafe { self.start.add(at) })
    }
}

/// Reads and writes numbers whole and the rest byte by byte, always by atomics, so that a race with
/// another process is no undefined behaviour.
macro_rules! whole_numbers {
    ($($len:literal $atomic:ty, $number:ty;)*) => {
        /// # Safety
        /// `into.len()` bytes at `from` are mapped.
        unsafe fn copy_out(from: NonNull<u8>, into: &mut [u8]) {
            match into.len() {
                $($len if from.cast::<$number>().is_aligned() => {
                    // SAFETY: aligned, and mapped by the caller's word.
                    let atomic = unsafe { from.cast::<$atomic>().as_ref() };
                    into.copy_from_slice(&atomic.load(Ordering::Relaxed).to_ne_bytes());
                })*
                _ => for (index, byte) in into.iter_mut().enumerate() {
                    // SAFETY: within the range.
                    let place = unsafe { from.add(index) };
                    // SAFETY: mapped, and bytes are always aligned.
                    *byte = unsafe { place.cast::<AtomicU8>().as_ref() }.load(Ordering::Relaxed);
                },
            }
        }

        /// # Safety
        /// `from.len()` bytes at `to` are mapped.
        unsafe fn copy_in(to: NonNull<u8>, from: &[u8]) {
            match from.len() {
                $($len if to.cast::<$number>().is_aligned() => {
                    // SAFETY: aligned, and mapped by the caller's word.
                    let atomic = unsafe { to.cast::<$atomic>().as_ref() };
                    let mut bytes = [0; $len];
                    bytes.copy_from_slice(from);
                    atomic.store(<$number>::from_ne_bytes(bytes), Ordering::Relaxed);
                })*
                _ => for (index, byte) in from.iter().enumerate() {
                    // SAFETY: within the range.
                    let place = unsafe { to.add(index) };
                    // SAFETY: mapped, and bytes are always aligned.
                    unsafe { place.cast::<AtomicU8>().as_ref() }.store(*byte, Ordering::Relaxed);
                },
            }
        }
    };
}

whole_numbers! {
    2 AtomicU16, u16;
    4 AtomicU32, u32;
    8 AtomicU64, u64;
}
