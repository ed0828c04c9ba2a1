//! Named blocks, for processes outside the family.

use crate::error::Error;
use polyproc_sys::memory::{Mapping, set_size};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

const FOLDER: &str = "/dev/shm";

/// A block of shared memory with a name, which any process of the user can attach.
///
/// # Who cleans up
/// Nobody but who calls [`SharedMemory::unlink`]. Dropping it, or the end of the process however it
/// comes, only unmaps it here. After `unlink` the name is free at once, and the memory with the last
/// process that maps it. Memory that only the family uses belongs in an [`crate::Arena`].
#[derive(Debug)]
pub struct SharedMemory {
    name: String,
    map: Mapping,
}

impl SharedMemory {
    /// Makes a block of `len` zero bytes.
    ///
    /// # Errors
    /// [`Error::Named`]: the name is taken, is no file name, or `len` is zero; `ENOSPC` when the
    /// system's shared memory is smaller than that.
    pub fn create(name: &str, len: usize) -> Result<Self, Error> {
        let make = || {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path(name)?)?;
            let mapped = Self::sized(&file, len);
            if mapped.is_err() {
                // Half made is not made.
                fs::remove_file(path(name)?)?;
            }
            mapped
        };
        Self::named(name, make())
    }

    fn sized(file: &File, len: usize) -> io::Result<Mapping> {
        set_size(file, len as u64)?;
        Mapping::shared(file, len)
    }

    /// Maps the whole of an existing block.
    ///
    /// # Errors
    /// [`Error::Named`]: there is none of that name, or it belongs to somebody else.
    pub fn attach(name: &str) -> Result<Self, Error> {
        let open = || {
            let file = OpenOptions::new().read(true).write(true).open(path(name)?)?;
            let len = file.metadata()?.len();
            Mapping::shared(&file, len as usize)
        };
        Self::named(name, open())
    }

    fn named(name: &str, map: io::Result<Mapping>) -> Result<Self, Error> {
        match map {
            Ok(map) => Ok(Self { name: name.into(), map }),
            Err(source) => Err(Error::Named { name: name.into(), source }),
        }
    }

    /// Takes the name away. Who has the block mapped keeps it.
    ///
    /// # Errors
    /// [`Error::Named`]: there is none of that name, or it belongs to somebody else.
    pub fn unlink(name: &str) -> Result<(), Error> {
        path(name)
            .and_then(fs::remove_file)
            .map_err(|source| Error::Named { name: name.into(), source })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first byte; page aligned. Who reads and writes through it answers for races.
    pub fn start(&self) -> NonNull<u8> {
        self.map.start()
    }

    /// How many bytes.
    #[expect(clippy::len_without_is_empty, reason = "an empty block cannot be made")]
    pub fn len(&self) -> usize {
        self.map.len()
    }
}

/// One leading slash is allowed, as `shm_open` has it.
fn path(name: &str) -> io::Result<PathBuf> {
    let name = name.strip_prefix('/').unwrap_or(name);
    let plain = !matches!(name, "" | "." | "..") && !name.contains(['/', '\0']);
    if !plain {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "expected a name without slashes"));
    }
    Ok(Path::new(FOLDER).join(name))
}

#[cfg(test)]
#[expect(unsafe_code, reason = "named memory is bare bytes")]
mod tests {
    use super::*;

    #[test]
    fn made_attached_and_unlinked() {
        let name = format!("polyproc-test-{}", std::process::id());
        let one = SharedMemory::create(&name, 5000).unwrap();
        let taken = SharedMemory::create(&name, 10).unwrap_err();
        assert!(taken.to_string().contains(&name));
        let two = SharedMemory::attach(&format!("/{name}")).unwrap();
        assert_eq!((one.len(), two.len()), (5000, 5000));
        // SAFETY: only this thread uses the block.
        unsafe { one.start().write(7) };
        // SAFETY: as above.
        assert_eq!(unsafe { two.start().read() }, 7);
        drop(one);
        SharedMemory::unlink(&name).unwrap();
        assert!(SharedMemory::attach(&name).is_err());
        assert!(SharedMemory::unlink(&name).is_err());
    }

    #[test]
    fn other_paths_are_refused() {
        for name in ["", "..", "a/b", "/", "//x"] {
            assert!(SharedMemory::create(name, 1).is_err(), "{name}");
        }
        let name = format!("polyproc-empty-{}", std::process::id());
        assert!(SharedMemory::create(&name, 0).is_err());
        assert!(SharedMemory::unlink(&name).is_err());
    }
}
