//! Messages over sockets, to processes outside the family: [`Listener`], [`Client`] and
//! [`Connection`], as `multiprocessing.connection` of Python has them on the wire, so that each can
//! talk to the other.
//!
//! ```
//! use polyproc_connection::{Client, Key, Listener};
//!
//! let key = Key::new(b"a secret that both know")?;
//! let mut listener = Listener::temporary(1, Some(key.clone()))?;
//! let address = listener.address().clone();
//! let client = std::thread::spawn(move || -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
//!     let mut connection = Client::connect(&address, Some(&key))?;
//!     connection.send_bytes(b"question")?;
//!     Ok(connection.recv_bytes()?)
//! });
//!
//! let mut connection = listener.accept()?;
//! assert_eq!(connection.recv_bytes()?, b"question");
//! connection.send_bytes(b"answer")?;
//! assert_eq!(client.join().unwrap().unwrap(), b"answer");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | layer | what |
//! |---|---|
//! | sockets | [`Connection`] and its halves, [`Listener`], [`Client`], [`wait()`] |
//! | bytes in, bytes out | [`frame`]: messages in a stream; [`handshake`]: the proof of the key |
//!
//! What both may rely on, and why it is built so: `docs/design/0021-connections.md`.
#![forbid(unsafe_code)]

mod address;
mod authentication;
mod client;
mod connection;
mod error;
pub mod frame;
pub mod handshake;
mod listener;
mod place;
mod socket;
mod wait;

pub use address::Address;
pub use client::{CONNECT_TIMEOUT, Client};
pub use connection::{Connection, MAX_DESCRIPTORS, Receiver, Sender};
pub use error::{AcceptError, BindError, ConnectError, RecvError, SendError};
pub use handshake::{EmptyKey, HandshakeError, Key};
pub use listener::{HANDSHAKE_TIMEOUT, Listener, MAX_GUESTS};
pub use polyproc_sys::clock::Deadline;
pub use wait::{Waitable, wait, wait_deadline};
