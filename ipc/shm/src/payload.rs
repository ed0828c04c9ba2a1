//! A message with the handles that it speaks of: as its sender makes it, as bytes, and as it arrives.
//!
//! Handles travel beside the bytes and not in them, so that whoever only passes a message on knows
//! which they are, and can give them back when nobody will ever read it.

use crate::content::Content;
use crate::parcel::{PARCEL_BYTES, Parcel};

/// The number of handles stands at the end.
const COUNT_BYTES: usize = 4;

/// A message on its sender's side. Dropped before it is sent, it gives its handles back.
#[derive(Debug, Default)]
pub struct Payload {
    /// What only the two ends understand.
    pub body: Vec<u8>,
    /// The handles, in the order in which the body speaks of them.
    pub parcels: Vec<Parcel>,
}

impl Payload {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.body.is_empty() && self.parcels.is_empty()
    }

    /// The message as bytes, and the parcels, which go on to hold what it speaks of.
    /// Without handles that is four bytes more than the body.
    pub fn pack(self) -> (Packed, Vec<Parcel>) {
        let mut tail = Vec::new();
        self.write_tail(&mut tail);
        (Packed { body: self.body, tail }, self.parcels)
    }

    /// The same as one run of bytes, for bodies that have room for the rest.
    pub fn pack_in_a_row(mut self) -> (Vec<u8>, Vec<Parcel>) {
        let mut bytes = std::mem::take(&mut self.body);
        self.write_tail(&mut bytes);
        (bytes, self.parcels)
    }

    fn write_tail(&self, to: &mut Vec<u8>) {
        for parcel in &self.parcels {
            to.extend(parcel.ticket());
        }
        to.extend((self.parcels.len() as u32).to_le_bytes());
    }
}

/// A message that is about to be sent, in two parts: a long one is not moved to append to it.
#[derive(Debug, Default)]
pub struct Packed {
    body: Vec<u8>,
    /// The tickets of the handles, and their number.
    tail: Vec<u8>,
}

impl Packed {
    /// What is to be sent, one part after the other, for [`Delivery::unpack`].
    pub fn parts(&self) -> [&[u8]; 2] {
        [&self.body, &self.tail]
    }

    /// As it arrives in a copy of this process.
    pub fn into_delivery(self) -> Delivery {
        let Self { body, mut tail } = self;
        tail.truncate(tail.len().saturating_sub(COUNT_BYTES));
        Delivery { body: body.into(), tickets: tail }
    }
}

impl From<Vec<u8>> for Payload {
    fn from(body: Vec<u8>) -> Self {
        Self { body, parcels: Vec::new() }
    }
}

/// A message on its receiver's side.
#[derive(Debug, Default)]
pub struct Delivery {
    /// What only the two ends understand.
    pub body: Content,
    /// What [`crate::Arena::receive_all`] makes handles of; empty without handles.
    pub tickets: Vec<u8>,
}

impl Delivery {
    /// From the parts of [`Packed`], joined; none when the bytes are something else.
    pub fn unpack(bytes: impl Into<Content>) -> Option<Self> {
        let bytes = bytes.into();
        let (rest, count) = bytes.split_last_chunk::<COUNT_BYTES>()?;
        let len = (u32::from_le_bytes(*count) as usize).checked_mul(PARCEL_BYTES)?;
        let body = rest.len().checked_sub(len)?;
        let tickets = rest[body..].to_vec();
        Some(Self { body: bytes.truncated(body), tickets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arena, Shared};
    use polyproc_sync::Event;
    use proptest::prelude::*;

    #[test]
    fn handles_travel_beside_the_body() {
        let arena = Arena::with_size(8 << 20).unwrap();
        let event = Shared::new(&arena, Event::new()).unwrap();
        let parcels = vec![event.handle().send().unwrap(), event.handle().send().unwrap()];
        let (bytes, parcels) = Payload { body: b"two events".to_vec(), parcels }.pack();
        let arrived = Delivery::unpack(bytes.parts().concat()).unwrap();
        assert_eq!(&*arrived.body, b"two events");
        let handles = arena.receive_all(&arrived.tickets).unwrap();
        assert_eq!(handles.len(), 2);
        assert!(arena.receive_all(&arrived.tickets).is_err(), "once");
        let in_a_copy = bytes.into_delivery();
        assert_eq!((&*in_a_copy.body, in_a_copy.tickets), (&*arrived.body, arrived.tickets));
        drop((handles, parcels));
        assert_eq!((arena.stats().objects, arena.stats().parcels), (1, 0));
    }

    #[test]
    fn what_is_still_held_is_no_freight() {
        let arena = Arena::with_size(8 << 20).unwrap();
        let block = arena.allocate(100, polyproc_sync::Kind::Bytes).unwrap();
        let parcel = block.send().unwrap();
        assert_eq!(parcel.freight(), 0);
        drop(block);
        assert_eq!(parcel.freight(), 100);
        let tickets = parcel.ticket();
        let again = [arena.hold_all(&tickets).unwrap(), arena.hold_all(&tickets).unwrap()];
        assert_eq!((again[1][0].len(), parcel.freight()), (100, 0));
        drop((again, parcel));
        assert_eq!((arena.stats().objects, arena.stats().parcels), (0, 0));
    }

    #[test]
    fn a_message_that_is_dropped_gives_its_handles_back() {
        let arena = Arena::with_size(8 << 20).unwrap();
        let event = Shared::new(&arena, Event::new()).unwrap();
        let parcels = vec![event.handle().send().unwrap()];
        let (bytes, parcels) = Payload { body: Vec::new(), parcels }.pack();
        drop((event, parcels));
        assert_eq!(arena.stats().objects, 0);
        assert!(
            arena.receive_all(&Delivery::unpack(bytes.parts().concat()).unwrap().tickets).is_err()
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_unpacked_without_a_panic(bytes: Vec<u8>) {
            Delivery::unpack(bytes);
        }
    }
}
