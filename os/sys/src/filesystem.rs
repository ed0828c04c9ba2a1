//! How full a file system is.

pub use crate::imp::filesystem::space;

/// The space of a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// All of it.
    pub total: u64,
    /// What nothing uses.
    pub free: u64,
    /// What of that anybody may use: some is kept back for the superuser.
    pub available: u64,
}
