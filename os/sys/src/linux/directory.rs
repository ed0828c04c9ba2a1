//! Directories held by descriptor: the same place whatever becomes of its path.
#![expect(unsafe_code, reason = "fchdir has no wrapper in std")]

use super::check;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Holds the directory at `path` (`.` for the working directory, even if it was deleted).
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `EACCES`, and at the limits on descriptors.
pub fn hold(path: &Path) -> io::Result<OwnedFd> {
    let flags = libc::O_PATH | libc::O_DIRECTORY;
    OpenOptions::new().read(true).custom_flags(flags).open(path).map(OwnedFd::from)
}

/// Makes it the working directory.
///
/// # Errors
/// `EACCES`.
pub fn enter(directory: &impl AsFd) -> io::Result<()> {
    // SAFETY: fchdir takes a descriptor.
    check(unsafe { libc::fchdir(directory.as_fd().as_raw_fd()) }).map(drop)
}
