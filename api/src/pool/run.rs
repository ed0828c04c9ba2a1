//! A single vector of numbers, such as an image or a row of measurements, as the run of bytes that it is.
//!
//! A long one is not even copied into a message: its bytes go from where they lie into the memory that
//! is shared with the other process, and there from that memory into the vector that the receiver gets.

use crate::blob::Blob;
use crate::codec::CodecError;
use crate::codec::numbers::{self, copy_of_bytes, for_numbers};
use polyproc_pool::Run;
use std::any::Any;

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

macro_rules! define {
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
    };
}
for_numbers!(define);

/// The same of a slice of numbers that is only lent: a copy.
pub(super) fn copy_out<B: ?Sized>(item: &B) -> Option<Taken> {
    let copy = copy_of_bytes::<u8>(numbers::bytes_of(&item)?)?;
    Some(Taken::of(copy))
}

/// The only item, from its bytes.
pub(super) fn copy<T>(bytes: &[u8]) -> Result<Vec<T>, CodecError> {
    only(numbers::from_whole(bytes))
}

/// The only item, from bytes that are its own if it is one of bytes.
pub(super) fn own<T>(bytes: Vec<u8>) -> Result<Vec<T>, CodecError> {
    only(numbers::from_own_whole(bytes))
}

fn only<T>(item: Option<Result<T, CodecError>>) -> Result<Vec<T>, CodecError> {
    item.unwrap_or_else(|| Err(wrong::<T>())).map(|item| vec![item])
}

fn wrong<T>() -> CodecError {
    CodecError::of::<T>(&"it is no such vector of numbers")
}
