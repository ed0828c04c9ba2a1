//! Named blocks, for processes outside the family.
#![expect(unsafe_code, reason = "the mapping is read and written in place")]

use crate::error::Error;
use crate::span::Span;
use polyproc_sys::memory::{self, Mapping, reserve};
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
/// process that maps it. A program that makes the file shorter has all that read beyond its new end
/// killed (`SIGBUS`): the name is as safe as those who know it. Memory that only the family uses needs no name.
///
/// ```
/// use polyproc_shm::SharedMemory;
///
/// let name = format!("example-{}", std::process::id());
/// let ours = SharedMemory::create(&name, 4096)?;
/// ours.write(0, b"hello");
///
/// // In any other program:
/// let theirs = SharedMemory::attach(&name)?;
/// let mut text = [0; 5];
/// theirs.read(0, &mut text);
/// assert_eq!(&text, b"hello");
///
/// // Whoever is meant to clean up:
/// SharedMemory::unlink(&name)?;
/// # Ok::<(), polyproc_shm::Error>(())
/// ```
#[derive(Debug)]
pub struct SharedMemory {
    name: String,
    map: Mapping,
}

impl SharedMemory {
    /// Makes a block of `len` zero bytes, and gets the memory for all of them.
    ///
    /// # Errors
    /// [`Error::Named`]: the name is taken, is no file name, or `len` is zero; `ENOSPC` when the
    /// system's shared memory (`/dev/shm`, in containers often 64 MiB) has not that much left.
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
        reserve(file, len as u64)?;
        Mapping::shared(file, len)
    }

    /// Maps the whole of an existing block.
    ///
    /// # Errors
    /// [`Error::Named`]: there is none of that name, or it belongs to somebody else.
    pub fn attach(name: &str) -> Result<Self, Error> {
        let open = || {
            let file = memory::open(&path(name)?)?;
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

    /// Copies bytes out, from `at` on. False, and nothing is done, beyond the end.
    pub fn read(&self, at: usize, into: &mut [u8]) -> bool {
        self.span().read(at, into)
    }

    /// Copies bytes in, from `at` on. False, and nothing is done, beyond the end.
    pub fn write(&self, at: usize, from: &[u8]) -> bool {
        self.span().write(at, from)
    }

    fn span(&self) -> Span<'_> {
        // SAFETY: the whole mapping, which is there as long as this is.
        unsafe { Span::new(self.start(), self.len()) }
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
        let mut read = [0; 3];
        assert!(one.write(4997, b"end") && two.read(4997, &mut read));
        assert_eq!(&read, b"end");
        assert!(!one.write(4998, b"end") && !two.read(usize::MAX, &mut read));
        drop(one);
        SharedMemory::unlink(&name).unwrap();
        assert!(SharedMemory::attach(&name).is_err());
        assert!(SharedMemory::unlink(&name).is_err());
    }

    /// Anybody may leave a link in the folder, and so lend a name to a file of the user's.
    #[test]
    fn links_are_not_attached() {
        let name = format!("polyproc-link-{}", std::process::id());
        let target = tempfile();
        std::os::unix::fs::symlink(&target, path(&name).unwrap()).unwrap();
        let attached = SharedMemory::attach(&name);
        SharedMemory::unlink(&name).unwrap();
        fs::remove_file(&target).unwrap();
        assert!(attached.is_err());
    }

    fn tempfile() -> PathBuf {
        let path = std::env::temp_dir().join(format!("polyproc-target-{}", std::process::id()));
        fs::write(&path, [1; 4096]).unwrap();
        path
    }

    #[test]
    fn other_paths_are_refused() {
        for name in ["", "..", "a/b", "/", "//x"] {
            assert!(SharedMemory::create(name, 1).is_err(), "{name}");
        }
        let name = format!("polyproc-empty-{}", std::process::id());
        assert!(SharedMemory::create(&name, 0).is_err());
        let error = SharedMemory::create(&name, 1 << 46).unwrap_err();
        assert!(error.to_string().contains(&name), "{error}");
        assert!(SharedMemory::unlink(&name).is_err());
    }
}
