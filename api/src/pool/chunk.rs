//! Several items, or several results, as one run of bytes and back.
//!
//! Numbers go as they lie in memory, a single vector of numbers as well (see `run`), everything else through
//! serde. The last byte says which; both ends are one build.

use super::run::{self, Taken};
use crate::blob::copy_of_bytes;
use crate::codec::CodecError;
use crate::message;
use polyproc_pool::Run;
use polyproc_shm::Parcel;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::{Any, TypeId};

const SERDE: u8 = 0;
const NUMBERS: u8 = 1;
const RUN: u8 = 2;

/// What [`encode`] gives: bytes, and what holds the handles in them until they are received.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    /// Before the bytes.
    pub(super) run: Option<Run>,
    pub(super) bytes: Vec<u8>,
    pub(super) parcels: Vec<Parcel>,
}

impl Encoded {
    fn of((mut bytes, form): (Vec<u8>, u8), parcels: Vec<Parcel>) -> Self {
        bytes.push(form);
        Self { run: None, bytes, parcels }
    }

    /// How many bytes, those of shared objects that this process does not hold any more included.
    pub(super) fn len(&self) -> usize {
        let shared: usize = self.parcels.iter().map(Parcel::freight).sum();
        self.run.as_ref().map_or(0, Run::len) + self.bytes.len() + shared
    }

    /// All bytes in one piece.
    pub(super) fn joined(&mut self) -> Vec<u8> {
        let bytes = std::mem::take(&mut self.bytes);
        match self.run.take() {
            Some(run) => [run.as_ref(), &bytes].concat(),
            None => bytes,
        }
    }
}

/// All of `items`, as one. After an error they are still there.
pub(super) fn encode<T: Serialize + 'static>(items: &mut Vec<T>) -> Result<Encoded, CodecError> {
    if let Some(bytes) = numbers_to_bytes(items) {
        return Ok(Encoded::of((bytes, NUMBERS), Vec::new()));
    }
    match run::take(items) {
        Some(Taken::Short(bytes)) => return Ok(Encoded::of((bytes, RUN), Vec::new())),
        Some(Taken::Long(run)) => {
            return Ok(Encoded { run: Some(run), bytes: vec![RUN], parcels: Vec::new() });
        }
        None => {}
    }
    let (bytes, parcels) = message::encode(items, Vec::new())?.pack();
    Ok(Encoded::of((bytes, SERDE), parcels))
}

/// Whether an item can be encoded.
pub(super) fn check<T: Serialize>(item: &T) -> Result<(), CodecError> {
    message::encode(item, Vec::new()).map(drop)
}

/// What [`encode`] was given.
pub(super) fn decode<T: DeserializeOwned + 'static>(
    mut bytes: Vec<u8>,
) -> Result<Vec<T>, CodecError> {
    match bytes.pop() {
        Some(RUN) => run::own(bytes),
        Some(NUMBERS) => numbers_from_bytes(&bytes),
        Some(SERDE) => serde_from_bytes(&bytes, message::open),
        _ => Err(CodecError::of::<T>(&"not in the form of a chunk")),
    }
}

/// The same from the bytes of a task, which may have to be tried again: the handles in it stay its
/// sender's.
pub(super) fn decode_slice<T: DeserializeOwned + 'static>(
    bytes: &[u8],
) -> Result<Vec<T>, CodecError> {
    match bytes.split_last() {
        Some((&RUN, bytes)) => run::copy(bytes),
        Some((&NUMBERS, bytes)) => numbers_from_bytes(bytes),
        Some((&SERDE, bytes)) => serde_from_bytes(bytes, message::open_again),
        _ => Err(CodecError::of::<T>(&"not in the form of a chunk")),
    }
}

/// Reads the body of a message with its tickets.
type Open<T> = fn(&[u8], &[u8]) -> Result<T, CodecError>;

fn serde_from_bytes<T: DeserializeOwned>(
    bytes: &[u8],
    open: Open<Vec<T>>,
) -> Result<Vec<T>, CodecError> {
    let broken = || CodecError::of::<T>(&"not in the form of a message");
    let (body, tickets) = split_tickets(bytes).ok_or_else(broken)?;
    open(body, tickets)
}

/// The form of [`polyproc_process::Payload::pack`], without a copy.
fn split_tickets(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (rest, count) = bytes.split_last_chunk::<4>()?;
    let len = (u32::from_le_bytes(*count) as usize).checked_mul(polyproc_shm::PARCEL_BYTES)?;
    rest.split_at_checked(rest.len().checked_sub(len)?)
}

/// What stands for the handles in these bytes.
pub(super) fn tickets(bytes: &[u8]) -> &[u8] {
    let Some((&SERDE, bytes)) = bytes.split_last() else { return &[] };
    split_tickets(bytes).map_or(&[], |(_, tickets)| tickets)
}

macro_rules! for_numbers {
    ($($number:ty),*) => {
        #[expect(clippy::ptr_arg, reason = "a slice has no type to be asked for")]
        fn numbers_to_bytes<T: 'static>(items: &Vec<T>) -> Option<Vec<u8>> {
            let items: &dyn Any = items;
            $(if let Some(items) = items.downcast_ref::<Vec<$number>>() {
                let bytes: &[u8] = bytemuck::cast_slice(items);
                let mut copy = Vec::with_capacity(bytes.len() + 1);
                copy.extend_from_slice(bytes);
                return Some(copy);
            })*
            None
        }

        fn numbers_from_bytes<T: 'static>(bytes: &[u8]) -> Result<Vec<T>, CodecError> {
            $(if TypeId::of::<T>() == TypeId::of::<$number>()
                && let Some(items) = copy_of_bytes::<$number>(bytes)
            {
                let items: Box<dyn Any> = Box::new(items);
                if let Ok(items) = items.downcast::<Vec<T>>() {
                    return Ok(*items);
                }
            })*
            Err(CodecError::of::<T>(&"they are no such numbers"))
        }
    };
}
for_numbers!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Blob;

    fn round_trip<T: Serialize + DeserializeOwned + Clone + PartialEq + 'static>(
        items: &[T],
    ) -> u8 {
        let bytes = encode(&mut items.to_vec()).unwrap().joined();
        let form = *bytes.last().unwrap();
        assert!(decode_slice::<T>(&bytes).unwrap() == items);
        assert!(decode::<T>(bytes).unwrap() == items);
        form
    }

    #[test]
    fn every_form_goes_there_and_back() {
        assert_eq!(round_trip(&[1_u64, u64::MAX]), NUMBERS);
        assert_eq!(round_trip(&[1.5_f32, f32::MIN]), NUMBERS);
        assert_eq!(round_trip(&[vec![1_u8, 2, 3]]), RUN);
        assert_eq!(round_trip(&[vec![1_u8; 100_000]]), RUN);
        assert_eq!(round_trip(&[vec![1.5_f64; 100_000]]), RUN);
        assert_eq!(round_trip(&[Blob(vec![1_u128, 2])]), RUN);
        assert_eq!(round_trip(&[Blob(vec![1_u8, 2])]), RUN);
        assert_eq!(round_trip::<Vec<i32>>(&[vec![]]), RUN);
        assert_eq!(round_trip(&[vec![1_u8], vec![2]]), SERDE);
        assert_eq!(round_trip(&["a".to_owned(), "b".to_owned()]), SERDE);
        assert_eq!(round_trip::<u64>(&[]), NUMBERS);
    }

    #[test]
    fn a_long_vector_is_not_copied_into_the_message() {
        let encoded = encode(&mut vec![vec![1.5_f64; 100_000]]).unwrap();
        assert_eq!((encoded.run.unwrap().len(), encoded.bytes), (800_000, vec![RUN]));
    }

    #[test]
    fn other_bytes_are_an_error() {
        assert!(decode::<u64>(vec![]).is_err());
        assert!(decode::<u64>(vec![1, 2, 3, NUMBERS]).is_err());
        assert!(decode::<String>(vec![1, NUMBERS]).is_err());
        assert!(decode::<String>(vec![1, RUN]).is_err());
        assert!(decode::<Vec<u16>>(vec![1, 2, 3, RUN]).is_err());
        assert!(decode::<String>(vec![9, 9, SERDE]).is_err());
        assert!(decode::<String>(vec![7]).is_err());
    }
}
