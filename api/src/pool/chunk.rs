//! Several items, or several results, as one run of bytes and back.
//!
//! Numbers go as they lie in memory, a single vector of numbers as well (see `run`), everything else through
//! serde. The last byte says which; both ends are one build.

use super::run::{self, Taken};
use crate::codec::CodecError;
use crate::codec::numbers::for_numbers;
use crate::message;
use polyproc_pool::{Bytes, NewTask, Run, Spares};
use polyproc_shm::Parcel;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;

const SERDE: u8 = 0;
const NUMBERS: u8 = 1;
const RUN: u8 = 2;

/// What [`encode`] gives: bytes, and what holds the handles in them until they are received.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    /// Before the bytes.
    pub(super) run: Option<Run>,
    pub(super) bytes: Bytes,
    pub(super) parcels: Vec<Parcel>,
}

/// What goes beside the bytes: a run before them, and what holds the handles in them.
pub(super) type Beside = (Option<Run>, Vec<Parcel>);

impl Encoded {
    pub(super) fn write_to(mut self, task: &mut NewTask, parcels: &mut Vec<Parcel>) {
        (task.bytes, task.run) = (self.bytes, self.run);
        parcels.append(&mut self.parcels);
    }
}

/// How the items of a map become tasks, and are read again when a worker died in the middle of one.
#[derive(Clone, Copy)]
pub(super) struct Coding<T> {
    pub(super) encode: Encode<T>,
    pub(super) decode: fn(&[u8], &mut Vec<T>) -> Result<(), CodecError>,
}

/// Writes all of the items into a task, and adds what holds the handles in them until they are received.
/// After an error the items are still there.
pub(super) type Encode<T> =
    fn(&mut Vec<T>, &mut Spares, (&mut NewTask, &mut Vec<Parcel>)) -> Result<(), CodecError>;

impl<T: Serialize + DeserializeOwned + 'static> Coding<T> {
    /// That of items that are owned.
    pub(super) const OWNED: Self = Self { encode: encode_task::<T>, decode: decode_task::<T> };
}

fn encode_task<T: Serialize + 'static>(
    items: &mut Vec<T>,
    spares: &mut Spares,
    (task, parcels): (&mut NewTask, &mut Vec<Parcel>),
) -> Result<(), CodecError> {
    if let Some(bytes) = few_numbers(items) {
        task.bytes = bytes;
        return Ok(());
    }
    encode(items, spares)?.write_to(task, parcels);
    Ok(())
}

/// All of `items`, as one. After an error they are still there.
pub(super) fn encode<T: Serialize + 'static>(
    items: &mut Vec<T>,
    spares: &mut Spares,
) -> Result<Encoded, CodecError> {
    if let Some(bytes) = few_numbers(items) {
        return Ok(Encoded { bytes, ..Encoded::default() });
    }
    let mut bytes = spares.take();
    let (run, parcels) = encode_into(items, &mut bytes)?;
    Ok(Encoded { run, bytes: bytes.into(), parcels })
}

/// The only item.
pub(super) fn encode_one<T: Serialize + 'static>(item: T) -> Result<Encoded, CodecError> {
    match one_number(&item) {
        Some(bytes) => Ok(Encoded { bytes, ..Encoded::default() }),
        None => encode(&mut vec![item], &mut Spares::default()),
    }
}

/// The same, into an empty buffer.
pub(super) fn encode_into<T: Serialize + 'static>(
    items: &mut Vec<T>,
    bytes: &mut Vec<u8>,
) -> Result<Beside, CodecError> {
    if let Some(numbers) = as_numbers(items) {
        bytes.reserve_exact(numbers.len() + 2);
        bytes.extend_from_slice(numbers);
        bytes.push(NUMBERS);
        return Ok(Beside::default());
    }
    let taken = run::take(items);
    encode_rest(taken, items, bytes)
}

/// All of `items`, of which something may be `taken` already.
pub(super) fn encode_taken<T: Serialize>(
    taken: Option<Taken>,
    items: &[T],
    spares: &mut Spares,
) -> Result<Encoded, CodecError> {
    let mut bytes = spares.take();
    let (run, parcels) = encode_rest(taken, items, &mut bytes)?;
    Ok(Encoded { run, bytes: bytes.into(), parcels })
}

fn encode_rest<T: Serialize>(
    taken: Option<Taken>,
    items: &[T],
    bytes: &mut Vec<u8>,
) -> Result<Beside, CodecError> {
    if let Some(taken) = taken {
        let run = match taken {
            Taken::Short(short) => {
                *bytes = short;
                None
            }
            Taken::Long(run) => Some(run),
        };
        bytes.push(RUN);
        return Ok((run, Vec::new()));
    }
    let (packed, parcels) = message::encode(&items, std::mem::take(bytes))?.pack_in_a_row();
    *bytes = packed;
    bytes.push(SERDE);
    Ok((None, parcels))
}

/// Whether an item can be encoded.
pub(super) fn check<T: Serialize>(item: &T) -> Result<(), CodecError> {
    message::encode(item, Vec::new()).map(drop)
}

/// Appends what [`encode`] was given.
pub(super) fn decode<T: DeserializeOwned + 'static>(
    bytes: Bytes,
    items: &mut Vec<T>,
    spares: &mut Spares,
) -> Result<(), CodecError> {
    if bytes.last() == Some(&RUN) {
        let bytes = bytes.split_last().map(|(_, bytes)| bytes.into_vec());
        items.append(&mut run::own(bytes.unwrap_or_default())?);
        return Ok(());
    }
    let decoded = decode_slice(&bytes, items);
    drop(spares.keep(bytes));
    decoded
}

/// The only item, if it is a plain number.
pub(super) fn decode_number<T: 'static>(bytes: &[u8]) -> Option<T> {
    number_from_bytes(bytes.strip_suffix(&[NUMBERS])?)
}

/// The same if they are plain numbers.
pub(super) fn decode_numbers<T: 'static>(
    bytes: &[u8],
    items: &mut Vec<T>,
) -> Option<Result<(), CodecError>> {
    Some(numbers_from_bytes(bytes.strip_suffix(&[NUMBERS])?, items))
}

/// The same from borrowed bytes.
pub(super) fn decode_slice<T: DeserializeOwned + 'static>(
    bytes: &[u8],
    items: &mut Vec<T>,
) -> Result<(), CodecError> {
    decode_with(bytes, items, message::open)
}

/// The same from the bytes of a task, which may have to be tried again: the handles in it stay its
/// sender's.
pub(super) fn decode_task<T: DeserializeOwned + 'static>(
    bytes: &[u8],
    items: &mut Vec<T>,
) -> Result<(), CodecError> {
    decode_with(bytes, items, message::open_again)
}

fn decode_with<T: DeserializeOwned + 'static>(
    bytes: &[u8],
    items: &mut Vec<T>,
    open: Open<Vec<T>>,
) -> Result<(), CodecError> {
    match bytes.split_last() {
        Some((&RUN, bytes)) => run::copy(bytes).map(|mut copy| items.append(&mut copy)),
        Some((&NUMBERS, bytes)) => numbers_from_bytes(bytes, items),
        Some((&SERDE, bytes)) => serde_from_bytes(bytes, items, open),
        _ => Err(CodecError::of::<T>(&"not in the form of a chunk")),
    }
}

/// Reads the body of a message with its tickets.
type Open<T> = fn(&[u8], &[u8]) -> Result<T, CodecError>;

fn serde_from_bytes<T: DeserializeOwned>(
    bytes: &[u8],
    items: &mut Vec<T>,
    open: Open<Vec<T>>,
) -> Result<(), CodecError> {
    let broken = || CodecError::of::<T>(&"not in the form of a message");
    let (body, tickets) = split_tickets(bytes).ok_or_else(broken)?;
    let mut decoded: Vec<T> = open(body, tickets)?;
    items.append(&mut decoded);
    Ok(())
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

/// Numbers that are so few that they need no memory of their own.
fn few_numbers<T: 'static>(items: &Vec<T>) -> Option<Bytes> {
    if let [item] = &items[..] {
        // How many bytes one has, the compiler knows.
        return one_number(item);
    }
    let numbers = as_numbers(items)?;
    Bytes::few(numbers.len() + 1, |few| {
        few[..numbers.len()].copy_from_slice(numbers);
        few[numbers.len()] = NUMBERS;
    })
}

macro_rules! define {
    ($($number:ty),*) => {
        fn one_number<T: 'static>(item: &T) -> Option<Bytes> {
            let item: &dyn Any = item;
            $(if let Some(number) = item.downcast_ref::<$number>() {
                return Bytes::few(size_of::<$number>() + 1, |few| {
                    few[..size_of::<$number>()].copy_from_slice(&number.to_ne_bytes());
                    few[size_of::<$number>()] = NUMBERS;
                });
            })*
            None
        }

        fn number_from_bytes<T: 'static>(bytes: &[u8]) -> Option<T> {
            let mut item: Option<T> = None;
            let any: &mut dyn Any = &mut item;
            $(if let Some(item) = any.downcast_mut::<Option<$number>>() {
                *item = bytes.try_into().ok().map(<$number>::from_ne_bytes);
            })*
            item
        }

        #[expect(clippy::ptr_arg, reason = "a slice has no type to be asked for")]
        fn as_numbers<T: 'static>(items: &Vec<T>) -> Option<&[u8]> {
            let items: &dyn Any = items;
            $(if let Some(items) = items.downcast_ref::<Vec<$number>>() {
                return Some(bytemuck::cast_slice(items));
            })*
            None
        }

        #[expect(clippy::ptr_arg, reason = "a slice has no type to be asked for")]
        fn numbers_from_bytes<T: 'static>(
            bytes: &[u8],
            items: &mut Vec<T>,
        ) -> Result<(), CodecError> {
            let items: &mut dyn Any = items;
            $(if let Some(items) = items.downcast_mut::<Vec<$number>>() {
                let (numbers, []) = bytes.as_chunks() else {
                    return Err(CodecError::of::<T>(&"not a whole number of numbers"));
                };
                items.extend(numbers.iter().map(|number| <$number>::from_ne_bytes(*number)));
                return Ok(());
            })*
            Err(CodecError::of::<T>(&"they are no such numbers"))
        }
    };
}
for_numbers!(define);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Blob;

    fn round_trip<T: Serialize + DeserializeOwned + Clone + PartialEq + 'static>(
        items: &[T],
    ) -> u8 {
        let Encoded { run, bytes, .. } =
            encode(&mut items.to_vec(), &mut Spares::default()).unwrap();
        let form = *bytes.last().unwrap();
        let whole = [run.as_ref().map_or(&[][..], Run::as_ref), &bytes].concat();
        let mut back = items.to_vec();
        decode_slice(&whole, &mut back).unwrap();
        decode(whole.into(), &mut back, &mut Spares::default()).unwrap();
        assert!(back == [items, items, items].concat(), "appended");
        form
    }

    #[test]
    fn every_form_goes_there_and_back() {
        assert_eq!(round_trip(&[1_u64, u64::MAX]), NUMBERS);
        assert_eq!(round_trip(&vec![7_u64; 100]), NUMBERS);
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
        let encoded = encode(&mut vec![vec![1.5_f64; 100_000]], &mut Spares::default()).unwrap();
        assert_eq!((encoded.run.unwrap().len(), &*encoded.bytes), (800_000, &[RUN][..]));
    }

    #[test]
    fn other_bytes_are_an_error() {
        fn is_error<T: DeserializeOwned + 'static>(bytes: &[u8]) {
            let mut items = Vec::<T>::new();
            assert!(decode_slice(bytes, &mut items).is_err() && items.is_empty());
            assert!(decode(Bytes::copy(bytes), &mut items, &mut Spares::default()).is_err());
        }
        is_error::<u64>(&[]);
        is_error::<u64>(&[1, 2, 3, NUMBERS]);
        is_error::<String>(&[1, NUMBERS]);
        is_error::<String>(&[1, RUN]);
        is_error::<Vec<u16>>(&[1, 2, 3, RUN]);
        is_error::<String>(&[9, 9, SERDE]);
        is_error::<String>(&[7]);
    }
}
