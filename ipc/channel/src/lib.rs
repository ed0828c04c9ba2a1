//! Queues and pipes between the processes of a family.
//!
//! A message is bytes and handles. Any process may be killed at any instruction: nobody hangs for it,
//! no message is torn, and none that was put and not taken is lost.
//!
//! ```
//! use polyproc_channel::{Message, Queue, Settings, Wait};
//! use polyproc_shm::{Arena, Value};
//!
//! let arena = Arena::create()?;
//! let queue = Queue::new(&arena, Settings::UNBOUNDED)?;
//! let total = Value::new(&arena, 7_u64)?;
//!
//! let message = Message::from(b"the total").with_parcels(vec![total.handle().send()?]);
//! queue.put(message, Wait::FOREVER)?;
//! drop(total);
//!
//! let mut received = queue.get(Wait::FOREVER)?;
//! assert_eq!(&*received, b"the total");
//! let total: Value<u64> = Value::from_handle(received.handles.remove(0))?;
//! assert_eq!(total.get(), 7);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | | |
//! |---|---|
//! | [`Queue`] | many producers, many consumers; in order, last first, or by priority; joinable |
//! | [`Sender`], [`Receiver`] | its halves: each learns when the other is nowhere any more |
//! | [`PipeEnd`] | two ends, one way or both |
//! | [`Message`], [`Draft`], [`Received`] | what is put, written in place, taken |
//!
//! How it survives kills at any instruction: `docs/design/0020-channels.md`.

#![cfg_attr(loom, expect(dead_code, reason = "only the protocol is in the model"))]

#[cfg(not(loom))]
mod bell;
#[cfg(not(loom))]
mod cache;
#[cfg(not(loom))]
mod channel;
#[cfg(not(loom))]
mod copy;
#[cfg(not(loom))]
mod core;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod fifo;
#[cfg(not(loom))]
mod futures;
#[cfg(not(loom))]
mod message;
#[cfg(all(test, loom))]
mod model;
#[cfg(not(loom))]
mod pace;
#[cfg(not(loom))]
mod pipe;
mod position;
#[cfg(not(loom))]
mod queue;
#[cfg(not(loom))]
mod record;
mod sides;
#[cfg(not(loom))]
mod table;
#[cfg(not(loom))]
mod tally;

#[cfg(not(loom))]
pub use crate::core::{Order, Settings};
#[cfg(not(loom))]
pub use channel::before_asking;
#[cfg(not(loom))]
pub use error::{PutError, PutReason, TakeError};
#[cfg(not(loom))]
pub use message::{Draft, MOST_KEY_BYTES, Message, Received};
#[cfg(not(loom))]
pub use pipe::{PipeEnd, RecvInto};
#[cfg(not(loom))]
pub use queue::{Queue, Receiver, Sender};

pub use polyproc_sync::{Deadline, Outcome, Wait};
