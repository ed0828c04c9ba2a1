//! A single vector of numbers, such as an image or a row of measurements, as the run of bytes that it is.
//!
//! A long one is not even copied into a message: its bytes go from where they lie into the memory that
//! is shared with the other process, and there from that memory into the vector that the receiver gets.

use crate::blob::{Blob, copy_of_bytes};
use crate::codec::CodecError;
use polyproc_pool::Run;
use polyproc_sys::memory::prefer_large_pages;
use std::any::{Any, TypeId};

/// Shorter ones are cheaper to copy than to follow.
const LONG: usize = 64 << 10;

/// What is made of the only item of a chunk.
pub(super) enum Taken {
    /// A copy of its bytes, with room for one more.
    Short(Vec<u8>),
    Long(Run),
}

struct Numbers<N>(Vec<N>);

impl<N: bytemuck::NoUninit> AsRef<[u8]> for Numbers<N> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl Taken {
    fn of<N: bytemuck::NoUninit + Send + Sync>(numbers: Vec<N>) -> Self {
        let bytes: &[u8] = bytemuck::cast_slice(&numbers);
        if bytes.len() >= LONG {
            return Self::Long(Run::new(Numbers(numbers)));
        }
        let mut copy = Vec::with_capacity(bytes.len() + 1);
        copy.extend_from_slice(bytes);
        Self::Short(copy)
    }
}

fn copy_of<N: Copy>(numbers: &[N]) -> Vec<N> {
    let mut copy = Vec::with_capacity(numbers.len());
    prefer_large_pages(copy.spare_capacity_mut());
    copy.extend_from_slice(numbers);
    copy
}

macro_rules! for_vectors_of {
    ($($number:ty),*) => {
        /// The vector of numbers that these items are, if it is one, and one. Then no item is left.
        #[expect(clippy::ptr_arg, reason = "a slice has no type to be asked for")]
        pub(super) fn take<T: 'static>(items: &mut Vec<T>) -> Option<Taken> {
            if items.len() != 1 {
                return None;
            }
            let items: &mut dyn Any = items;
            $(if let Some(items) = items.downcast_mut::<Vec<Vec<$number>>>() {
                return items.pop().map(Taken::of);
            })*
            $(if let Some(items) = items.downcast_mut::<Vec<Blob<$number>>>() {
                return items.pop().map(|blob| Taken::of(blob.0));
            })*
            None
        }

        /// The same of a slice of numbers that is only lent: a copy.
        #[expect(unsafe_code, reason = "a reference has no type to be asked for")]
        pub(super) fn copy_out<B: ?Sized + 'static>(item: &B) -> Option<Taken> {
            let kind = TypeId::of::<B>();
            $(if kind == TypeId::of::<[$number]>() {
                // SAFETY: `B` is that slice type.
                let numbers = unsafe { std::mem::transmute_copy::<&B, &[$number]>(&item) };
                return Some(Taken::of(copy_of(numbers)));
            } else if kind == TypeId::of::<Vec<$number>>() {
                // SAFETY: `B` is that vector type.
                let numbers = unsafe { std::mem::transmute_copy::<&B, &Vec<$number>>(&item) };
                return Some(Taken::of(copy_of(numbers)));
            })*
            None
        }

        /// The only item, from its bytes.
        pub(super) fn copy<T: 'static>(bytes: &[u8]) -> Result<Vec<T>, CodecError> {
            let kind = TypeId::of::<T>();
            let mut item: Option<Box<dyn Any>> = None;
            $(if kind == TypeId::of::<Vec<$number>>() {
                item = copy_of_bytes::<$number>(bytes).map(|numbers| Box::new(vec![numbers]) as _);
            } else if kind == TypeId::of::<Blob<$number>>() {
                item = copy_of_bytes::<$number>(bytes).map(|numbers| Box::new(vec![Blob(numbers)]) as _);
            })*
            item.and_then(typed).ok_or_else(wrong::<T>)
        }
    };
}
for_vectors_of!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);

/// The only item, from bytes that are its own if it is one of bytes.
pub(super) fn own<T: 'static>(bytes: Vec<u8>) -> Result<Vec<T>, CodecError> {
    if TypeId::of::<T>() == TypeId::of::<Vec<u8>>() {
        return typed(Box::new(vec![bytes])).ok_or_else(wrong::<T>);
    }
    if TypeId::of::<T>() == TypeId::of::<Blob>() {
        return typed(Box::new(vec![Blob(bytes)])).ok_or_else(wrong::<T>);
    }
    copy(&bytes)
}

fn typed<T: 'static>(items: Box<dyn Any>) -> Option<Vec<T>> {
    items.downcast::<Vec<T>>().ok().map(|items| *items)
}

fn wrong<T>() -> CodecError {
    CodecError::of::<T>(&"it is no such vector of numbers")
}
