//! Files by descriptor: see [`read_piece`] and [`list`].

pub use crate::imp::files::{
    hold_at, list, open_at, read_link, read_piece, read_whole, rewind, status_at,
};

/// What kind of file something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStatus {
    /// Whether it is a regular file.
    pub is_regular: bool,
    /// Whether it has no name any more.
    pub is_deleted: bool,
    /// Its number within its file system.
    pub inode: u64,
    /// Which device it is, if it is one.
    pub device: u64,
}
