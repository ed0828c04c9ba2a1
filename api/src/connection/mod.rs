//! Messages to other programs, over sockets: [`Listener`], [`Client`] and [`Connection`], for
//! processes that are not in the family, on this machine or another one.
//!
//! ```
//! use polyproc::connection::{Client, Connection, Key, Listener};
//!
//! /// Runs anywhere: here in a child, elsewhere in another program.
//! fn client((address, key): (String, Vec<u8>)) -> polyproc::Result<u64> {
//!     let key = Key::new(&key)?;
//!     let mut server: Connection<(u64, u64), u64> = Client::connect(&address, Some(&key))?;
//!     server.send(&(6, 7))?;
//!     Ok(server.recv()?)
//! }
//!
//! let key = b"a secret that both know".to_vec();
//! let mut listener = Listener::temporary(1, Some(Key::new(&key)?))?;
//! let process = polyproc::spawn(client, (listener.address().to_string(), key))?;
//!
//! let mut connection: Connection<u64, (u64, u64)> = listener.accept()?;
//! let (left, right) = connection.recv()?;
//! connection.send(&(left * right))?;
//! assert_eq!(process.join()??, 42);
//! # Ok::<(), polyproc::Error>(())
//! ```
//!
//! # Who is on the other side
//!
//! A [`Key`] proves, both ways, that the two know the same secret; without one, whoever can reach
//! the address is let in. Nothing is encrypted: over a network that is not trusted, a connection
//! belongs in a tunnel. The frames and the proof are those of Python's
//! `multiprocessing.connection`, from 3.9 on: [`Connection::bytes`] talks to it in bytes.
//!
//! # Types
//!
//! Both ends have to mean the same types: `Connection<S, R>` here is `Connection<R, S>` there. They
//! need not be the same program, so nothing checks that beforehand. A message of another type is
//! [`RecvError::Decode`] when its bytes do not fit, or a wrong value when they do; the next message
//! is not concerned. A message nested deeper than 128 levels (of lists, structs, enums, `Some`) is such an
//! error, too, so that no stranger overflows the stack; and so is one that announces more elements than its bytes
//! can hold. Handles of shared memory mean nothing to others, and sending one is an error.
//!
//! # Addresses
//!
//! Text is turned into an [`Address`] and back, so a listener's address goes to a child as a `String`:
//! `listener.address().to_string()`. A machine by name is [`Address::tcp`]; the text `localhost:5000`
//! is an error that says so, and no socket file of that name.
//!
//! # Death
//!
//! The other end's closing, and the end of its process however it came, is
//! [`RecvError::Disconnected`]. In the middle of a message it is an error that says how much is
//! missing. [`wait`] waits for any of several connections, listeners, processes and sockets.

mod error;
mod typed;

pub use error::{ConnectionError, RecvError, SendError};
pub use polyproc_connection::{
    AcceptError, Address, BindError, CONNECT_TIMEOUT, ConnectError, Deadline, EmptyKey,
    HANDSHAKE_TIMEOUT, HandshakeError, Key, MAX_DESCRIPTORS, MAX_GUESTS, Waitable, wait,
    wait_deadline,
};
pub use typed::{Client, Connection, Listener, Messages, Receiver, Sender};

/// The same without types: messages are bytes, as for Python's `send_bytes` and `recv_bytes`.
pub mod bytes {
    pub use polyproc_connection::frame::FrameError;
    pub use polyproc_connection::{
        Client, Connection, Listener, Receiver, RecvError, SendError, Sender,
    };
}
