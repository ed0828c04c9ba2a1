//! What the benches of `ipc/` share: forked players, and memory for them.

pub mod play;
pub mod players;
