//! Files by descriptor: see [`read_piece`] and [`list`].

pub use crate::imp::files::{
    hold_at, list, open_at, read_link, read_piece, read_whole, rewind, status_at,
};

/// What kind of file something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStatus {
    /// What kind.
    pub kind: FileKind,
    /// Whether it has no name any more.
    pub is_deleted: bool,
    /// Its number within its file system.
    pub inode: u64,
}

/// Kinds of files that are told apart here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// With content.
    Regular,
    /// One end of a connection; its inode is the number that lists of sockets have.
    Socket,
    /// A directory, device, pipe and so on.
    Other,
}
