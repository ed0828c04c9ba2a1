//! Errors of this crate as what a child gives back.
//!
//! Most of them hold what means nothing in another process (a handle of a child, a value of the system). So
//! an [`Error`] that travels is what it was where that is all there is to it, and otherwise its text, with the
//! process that it comes from.

use crate::error::{Error, Who};
use crate::queue::{GetError, PutFailure};
use polyproc_sync::{Abandoned, BrokenBarrier, TimedOut};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::io;

/// An error that another process had, and gave as its result or put into a queue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{text} (in {process})")]
#[non_exhaustive]
pub struct Elsewhere {
    /// Where.
    pub process: Who,
    /// What it said there, and what each of its causes said.
    pub text: String,
}

impl Elsewhere {
    /// An error of this process.
    fn of(error: &Error) -> Self {
        let (name, pid) = polyproc_process::current()
            .map_or_else(|_| (String::new(), std::process::id()), |me| (me.name, me.pid));
        Self { process: Who { name, pid }, text: with_causes(error) }
    }
}

/// Most errors name their cause in their own text.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

macro_rules! kept {
    ($($name:ident($($error:tt)*);)*) => {
        /// An error under way.
        #[derive(Serialize, Deserialize)]
        enum Travelling {
            $($name,)*
            /// By its number.
            System(i32),
            Elsewhere(Elsewhere),
        }

        impl From<&Error> for Travelling {
            fn from(error: &Error) -> Self {
                match error {
                    $($($error)* => Self::$name,)*
                    Error::Elsewhere(elsewhere) => Self::Elsewhere(elsewhere.clone()),
                    Error::Io(refused) if refused.raw_os_error().is_some() => {
                        Self::System(refused.raw_os_error().unwrap_or_default())
                    }
                    other => Self::Elsewhere(Elsewhere::of(other)),
                }
            }
        }

        impl From<Travelling> for Error {
            fn from(arrived: Travelling) -> Self {
                match arrived {
                    $(Travelling::$name => $($error)*,)*
                    Travelling::System(number) => Self::Io(io::Error::from_raw_os_error(number)),
                    Travelling::Elsewhere(elsewhere) => Self::Elsewhere(elsewhere),
                }
            }
        }
    };
}
kept! {
    WouldBlock(Error::WouldBlock);
    TimedOut(Error::TimedOut(TimedOut));
    BrokenBarrier(Error::BrokenBarrier(BrokenBarrier));
    OwnerDied(Error::OwnerDied(Abandoned::Died));
    OwnerPanicked(Error::OwnerDied(Abandoned::Panicked));
    PutFull(Error::Put(PutFailure::Full));
    PutTimedOut(Error::Put(PutFailure::TimedOut));
    PutClosed(Error::Put(PutFailure::Closed));
    PutDisconnected(Error::Put(PutFailure::Disconnected));
    GetEmpty(Error::Get(GetError::Empty));
    GetTimedOut(Error::Get(GetError::TimedOut));
    GetClosed(Error::Get(GetError::Closed));
    GetDisconnected(Error::Get(GetError::Disconnected));
}

/// So that a child may give a `polyproc::Result`: see [`Error::Elsewhere`].
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Travelling::from(self).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Error {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Travelling::deserialize(from).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SpawnError;
    use crate::codec::{CodecError, decode, encode};

    fn travelled(error: impl Into<Error>) -> Error {
        decode(&encode(&error.into(), Vec::new()).unwrap()).unwrap()
    }

    #[test]
    fn what_is_the_same_anywhere_is_kept() {
        assert!(matches!(travelled(GetError::Closed), Error::Get(GetError::Closed)));
        assert!(matches!(travelled(TimedOut), Error::TimedOut(TimedOut)));
        let missing = io::Error::from_raw_os_error(2);
        let Error::Io(same) = travelled(missing) else { panic!("another variant") };
        assert_eq!((same.raw_os_error(), same.kind()), (Some(2), io::ErrorKind::NotFound));
    }

    #[test]
    fn anything_else_is_its_text_and_where_it_was() {
        let inner = SpawnError::Encode(CodecError::of::<u8>(&"too odd"));
        let text = inner.to_string();
        let Error::Elsewhere(elsewhere) = travelled(inner) else { panic!("another variant") };
        assert_eq!((elsewhere.process.pid, &elsewhere.text), (std::process::id(), &text));
        assert!(elsewhere.to_string().starts_with("cannot start a process"), "{elsewhere}");
        let Error::Elsewhere(again) = travelled(elsewhere.clone()) else {
            panic!("another variant")
        };
        assert_eq!(again, elsewhere, "and stays so, however far it goes");
        let of_io = travelled(io::Error::new(io::ErrorKind::InvalidData, "no picture"));
        assert!(of_io.to_string().starts_with("no picture (in process '"), "{of_io}");
    }

    #[test]
    fn causes_are_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot draw")]
        struct Outer(#[source] io::Error);
        assert_eq!(with_causes(&Outer(io::Error::other("no ink"))), "cannot draw: no ink");
        let inner = CodecError::of::<u8>(&"odd");
        assert_eq!(with_causes(&SpawnError::Encode(inner.clone())).matches("odd").count(), 1);
    }
}
