//! The memory that a family of processes shares.
//!
//! One sparse file in memory, mapped by every member. Objects lie in blocks of it; a [`Handle`] says
//! which block, costs 24 bytes in a message, and keeps the block. A block is freed when its last
//! holder is gone, however it went. The file has no name, so nothing outlives the family.
//!
//! ```
//! use polyproc_shm::{Arena, Shared, Value};
//! use polyproc_sync::Event;
//!
//! let arena = Arena::create()?;
//! let total = Value::new(&arena, 0_u64)?;
//! let started = Shared::new(&arena, Event::new())?;
//!
//! // What another process does with the bytes that it got in a message:
//! let message = total.handle().send()?.into_bytes();
//! let theirs: Value<u64> = Value::from_handle(arena.receive(&message)?)?;
//! *theirs.lock().unwrap() += 1;
//! started.set();
//!
//! assert_eq!(total.get(), 1);
//! # Ok::<(), polyproc_shm::Error>(())
//! ```
//!
//! | | |
//! |---|---|
//! | [`Arena`] | the memory: create, attach, statistics |
//! | [`Handle`], [`Parcel`] | holding a block; a handle on its way in a message |
//! | [`Shared`], [`Value`], [`SharedArray`], [`RawArray`], [`SharedBytes`] | typed views |
//! | [`SharedMemory`] | a named block for processes outside the family |
//!
//! How it survives kills at any instruction: `docs/design/0010-arena.md`.

mod alloc;
mod arena;
mod array;
mod class;
mod content;
mod error;
mod fork;
mod handle;
mod kept;
mod layout;
mod look;
mod member;
mod named;
mod parcel;
mod payload;
mod room;
mod shared;
mod span;
mod stats;

pub use arena::{Arena, Ended, SIZE_VARIABLE};
pub use array::{ArrayGuard, RawArray, SharedArray, SharedBytes};
pub use content::Content;
pub use error::Error;
pub use fork::Expected;
pub use handle::Handle;
pub use kept::{PARCEL_WORDS, ticket_bytes, ticket_words};
pub use named::SharedMemory;
pub use parcel::{PARCEL_BYTES, Parcel};
pub use payload::{Delivery, Packed, Payload};
pub use shared::{Shared, Value};
pub use stats::{ArenaStats, MemberInfo, ObjectInfo};
