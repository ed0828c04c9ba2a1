//! How ends of channels get into messages and out of them: several handles each, and what they are for.

use crate::function::signature;
use crate::message::{read_handle, write_handle};
use polyproc_shm::{Arena, Error, Handle};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, SerializeSeq, Serializer};

struct Out<'a>(&'a Handle);

impl Serialize for Out<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        write_handle(self.0, to)
    }
}

struct In(Handle);

impl<'de> Deserialize<'de> for In {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read_handle(from, Ok).map(Self)
    }
}

/// The family's memory, for channels: whoever waits at one of their ends settles on the way what ended
/// children of this process left.
pub(crate) fn arena() -> Result<&'static Arena, Error> {
    polyproc_channel::before_asking(|| drop(polyproc_process::active_children()));
    polyproc_process::arena()
}

/// Puts all of them into the message that is being written.
pub(crate) fn write_handles<S: Serializer>(handles: &[&Handle], to: S) -> Result<S::Ok, S::Error> {
    let mut sequence = to.serialize_seq(Some(handles.len()))?;
    for handle in handles {
        sequence.serialize_element(&Out(handle))?;
    }
    sequence.end()
}

/// Takes them out of the message that is being read, and makes of them what they are for.
pub(crate) fn read_handles<'de, D: Deserializer<'de>, T>(
    from: D,
    make: impl FnOnce(&Arena, Vec<Handle>) -> Result<T, Error>,
) -> Result<T, D::Error> {
    let handles = Vec::<In>::deserialize(from)?.into_iter().map(|one| one.0).collect();
    let made = arena().and_then(|arena| make(arena, handles));
    made.map_err(D::Error::custom)
}

/// A number for a type of messages, the same in all processes of a program: so a channel that is taken
/// for one of another type is an error, and not a message that decodes to something else.
pub(crate) fn tag<T>() -> u64 {
    // Never 0, which is the tag of channels of bytes.
    signature::<T, T>() | 1
}

/// The channel, if it is one of messages of type `T`.
pub(crate) fn of_type<T, C>(channel: C, its: u64) -> Result<C, Error> {
    if its == tag::<T>() { Ok(channel) } else { Err(Error::WrongType(std::any::type_name::<T>())) }
}
