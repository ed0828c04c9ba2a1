//! Messages: values as bytes, and the handles in them beside the bytes.
//!
//! A handle inside a value (a lock in a struct in a vector) is written as its place in the list of
//! handles that travels with the message. serde has no room for such a list, so it is kept for the
//! thread while one value is written or read.
//!
//! Everything that passes values between processes goes through here: calls, reports, and what
//! queues, pipes and pools carry.
//!
//! | | |
//! |---|---|
//! | [`encode`] | a value to a [`Payload`]: bytes, and parcels that hold what it speaks of until they are received |
//! | [`decode`], [`open`] | back, with the handles that were received, or from the tickets as they arrived |
//! | [`encode_for_anybody`], [`decode_from_anybody`] | the same without handles, for connections to whomever |
//! | [`write_handle`], [`read_handle`] | for the `Serialize` and `Deserialize` of whatever is a handle |

use crate::codec::{self, CodecError};
use polyproc_process::{Delivery, Payload};
use polyproc_shm::{Handle, Parcel};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use serde::ser::{Error as _, Serialize, Serializer};
use std::cell::RefCell;
use std::thread::LocalKey;

/// The list of a message in the making, or of one that is being read; none outside of messages.
type List<T> = RefCell<Option<Vec<T>>>;

thread_local! {
    static OUTGOING: List<Parcel> = const { RefCell::new(None) };
    static INCOMING: List<Handle> = const { RefCell::new(None) };
}

const OUTSIDE: &str = "a handle of shared memory travels only in polyproc's own messages (arguments, \
                       results, queues, pipes, pool tasks): in any other form, such as JSON or a \
                       connection's messages, it means nothing";

/// `value` as a message whose body starts with `head`.
pub(crate) fn encode<T: Serialize>(value: &T, head: Vec<u8>) -> Result<Payload, CodecError> {
    let scope = Scope::new(&OUTGOING, Vec::new());
    let body = codec::encode(value, head)?;
    Ok(Payload { body, parcels: scope.finish() })
}

/// The value in a body, whose handles were received.
pub(crate) fn decode<T: DeserializeOwned>(
    body: &[u8],
    handles: Vec<Handle>,
) -> Result<T, CodecError> {
    let _scope = Scope::new(&INCOMING, handles);
    codec::decode(body)
}

/// The value in a body, with the tickets that came with it. They are received or given back.
pub(crate) fn open<T: DeserializeOwned>(body: &[u8], tickets: &[u8]) -> Result<T, CodecError> {
    let message = Delivery { tickets: tickets.to_vec(), ..Delivery::default() };
    let handles =
        polyproc_process::receive(&message).map_err(|error| CodecError::of::<T>(&error))?;
    decode(body, handles)
}

/// The same for a message that may have to be read again: its sender holds what it speaks of until then.
pub(crate) fn open_again<T: DeserializeOwned>(
    body: &[u8],
    tickets: &[u8],
) -> Result<T, CodecError> {
    if tickets.is_empty() {
        return decode(body, Vec::new());
    }
    let handles = polyproc_process::arena().and_then(|arena| arena.hold_all(tickets));
    decode(body, handles.map_err(|error| CodecError::of::<T>(&error))?)
}

/// `value` for somebody who may be outside the family: bytes appended to `bytes`, and a handle
/// anywhere in it is an error.
pub(crate) fn encode_for_anybody<T: Serialize>(
    value: &T,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, CodecError> {
    let _scope = Scope::without(&OUTGOING);
    codec::encode_for_anybody(value, bytes)
}

/// The value in bytes from somebody who may be outside the family.
pub(crate) fn decode_from_anybody<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let _scope = Scope::without(&INCOMING);
    codec::decode_from_anybody(bytes)
}

/// Puts a handle into the message that is being written.
pub(crate) fn write_handle<S: Serializer>(handle: &Handle, to: S) -> Result<S::Ok, S::Error> {
    let index = OUTGOING.with_borrow_mut(|list| {
        let list = list.as_mut().ok_or_else(|| OUTSIDE.to_owned())?;
        list.push(handle.send().map_err(|error| error.to_string())?);
        Ok(list.len() as u32 - 1)
    });
    to.serialize_u32(index.map_err(|reason: String| S::Error::custom(reason))?)
}

/// Takes a handle out of the message that is being read, and makes of it what it is.
pub(crate) fn read_handle<'de, D: Deserializer<'de>, T>(
    from: D,
    make: fn(Handle) -> Result<T, polyproc_shm::Error>,
) -> Result<T, D::Error> {
    let index = u32::deserialize(from)? as usize;
    let handle = INCOMING.with_borrow(|list| {
        let list = list.as_ref().ok_or_else(|| OUTSIDE.to_owned())?;
        list.get(index).cloned().ok_or_else(|| "the message does not hold that handle".to_owned())
    });
    let made = handle.and_then(|handle| make(handle).map_err(|error| error.to_string()));
    made.map_err(D::Error::custom)
}

/// A list for the time of one message. Whoever writes a message while writing another gets a list of
/// his own, and a panic in the middle leaves none.
struct Scope<T: 'static> {
    place: &'static LocalKey<List<T>>,
    outer: Option<Vec<T>>,
}

impl<T> Scope<T> {
    fn new(place: &'static LocalKey<List<T>>, list: Vec<T>) -> Self {
        Self::with(place, Some(list))
    }

    /// No list, so no handle: also not into the message around this one.
    fn without(place: &'static LocalKey<List<T>>) -> Self {
        Self::with(place, None)
    }

    fn with(place: &'static LocalKey<List<T>>, list: Option<Vec<T>>) -> Self {
        Self { place, outer: place.replace(list) }
    }

    fn finish(self) -> Vec<T> {
        self.place.take().unwrap_or_default()
    }
}

impl<T> Drop for Scope<T> {
    fn drop(&mut self) {
        drop(self.place.replace(self.outer.take()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Shared, Value, arena_objects};
    use polyproc_sync::Event;
    use std::os::unix::ffi::OsStrExt;

    /// Every test has a thread of its own, but the arena is the process's.
    fn round_trip<T: Serialize + DeserializeOwned>(value: &T) -> Result<T, CodecError> {
        let (bytes, parcels) = encode(value, Vec::new())?.pack();
        let arrived = Delivery::unpack(bytes.parts().concat()).unwrap();
        let value = open(&arrived.body, &arrived.tickets);
        drop(parcels);
        value
    }

    #[test]
    fn handles_travel_anywhere_in_a_value() {
        let value = Value::new(1_u32).unwrap();
        let nested = vec![(Some(value.clone()), "one".to_owned()), (None, "none".to_owned())];
        let same = round_trip(&nested).unwrap();
        same[0].0.as_ref().unwrap().set(7);
        assert_eq!(value.get(), 7);
    }

    #[test]
    fn another_type_is_named() {
        let event = Shared::new(Event::new()).unwrap();
        let (bytes, _parcels) = encode(&event, Vec::new()).unwrap().pack();
        let arrived = Delivery::unpack(bytes.parts().concat()).unwrap();
        let error = open::<Value<u64>>(&arrived.body, &arrived.tickets).unwrap_err();
        assert!(error.reason.contains("is not a"), "{error}");
    }

    #[test]
    fn outside_of_a_message_a_handle_is_refused() {
        let event = Shared::new(Event::new()).unwrap();
        let error = codec::encode(&event, Vec::new()).unwrap_err();
        assert!(error.reason.contains("only in polyproc's own messages"), "{error}");
        let error = codec::decode::<Shared<Event>>(&[0; 4]).unwrap_err();
        assert!(error.reason.contains("only in polyproc's own messages"), "{error}");
        let error = decode::<Shared<Event>>(&[3; 4], Vec::new()).unwrap_err();
        assert!(error.reason.contains("does not hold"), "{error}");
    }

    #[test]
    fn a_value_that_cannot_be_written_gives_its_handles_back() {
        let event = Shared::new(Event::new()).unwrap();
        let not_text = std::path::Path::new(std::ffi::OsStr::from_bytes(b"\xff"));
        let error = encode(&(&event, not_text), Vec::new()).unwrap_err();
        assert!(error.reason.contains("UTF-8"), "{error}");
        let objects = arena_objects().unwrap();
        let mine = objects.iter().find(|object| object.id == event.id()).unwrap();
        assert_eq!(mine.parcels, 0);
    }
}
