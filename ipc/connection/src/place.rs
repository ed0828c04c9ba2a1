//! What a listener leaves in the file system: its socket, and perhaps a directory of its own.
//!
//! A process that is killed removes nothing. So whoever makes a temporary place holds a lock on its
//! directory, which the kernel gives back with the process, and the next one to make a place removes
//! those that nobody holds.

use std::fs::{self, DirBuilder, DirEntry, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{self, Path, PathBuf};

/// How the directories of temporary sockets begin.
const PREFIX: &str = "polyproc-listener-";
const SOCKET: &str = "socket";
/// A directory that somebody removes before it is locked is made again, this often.
const ATTEMPTS: usize = 8;

/// A socket in the file system that is to be removed.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    /// Device and number: what is there may be somebody else's by then.
    identity: Option<(u64, u64)>,
    /// Who made it: a fork's copy of it removes nothing.
    owner: u32,
    /// Locked, and to be removed as well.
    directory: Option<File>,
}

impl Place {
    /// Of a socket that was just made.
    pub(crate) fn of_socket(path: &Path) -> Self {
        let identity = identity(path);
        // Whoever changes its working directory still means this file.
        let path = path::absolute(path).unwrap_or_else(|_| path.into());
        Self { path, identity, owner: std::process::id(), directory: None }
    }

    /// Has `bind` make a socket in a new directory, after removing those that nobody uses.
    ///
    /// # Errors
    /// What failed, and where.
    pub(crate) fn temporary<T>(
        bind: impl Fn(&Path) -> io::Result<T>,
    ) -> Result<(T, Self), (PathBuf, io::Error)> {
        let parent = std::env::temp_dir();
        sweep(&parent);
        let mut last = (parent.clone(), io::ErrorKind::AlreadyExists.into());
        for _ in 0..ATTEMPTS {
            match Self::attempt(&parent, &bind) {
                Ok(Some(made)) => return Ok(made),
                Ok(None) => {}
                Err(error) if error.1.kind() == io::ErrorKind::NotFound => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// None when another process took the directory for one that nobody uses.
    fn attempt<T>(
        parent: &Path,
        bind: &impl Fn(&Path) -> io::Result<T>,
    ) -> Result<Option<(T, Self)>, (PathBuf, io::Error)> {
        let directory = new_name(parent).map_err(|error| (parent.into(), error))?;
        let at = |error| (directory.clone(), error);
        DirBuilder::new().mode(0o700).create(&directory).map_err(at)?;
        let lock = File::open(&directory).map_err(at)?;
        if lock.try_lock().is_err() {
            return Ok(None);
        }
        let path = directory.join(SOCKET);
        match bind(&path) {
            Ok(bound) => {
                let mut place = Self::of_socket(&path);
                place.directory = Some(lock);
                Ok(Some((bound, place)))
            }
            Err(error) => {
                // It may be gone already, which is why this failed.
                drop(fs::remove_dir(&directory));
                Err((path, error))
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.owner != std::process::id() {
            return;
        }
        // Somebody else may have removed or replaced it, and there is nobody to tell.
        if self.identity.is_some() && identity(&self.path) == self.identity {
            drop(fs::remove_file(&self.path));
        }
        if let (Some(_), Some(directory)) = (&self.directory, self.path.parent()) {
            drop(fs::remove_dir(directory));
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|data| (data.dev(), data.ino()))
}

fn new_name(parent: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    polyproc_sys::random::fill(&mut random)?;
    Ok(parent.join(format!("{PREFIX}{:016x}", u64::from_ne_bytes(random))))
}

/// Removes the directories of processes that were killed. What cannot be removed stays.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    entries.flatten().filter(is_ours).for_each(|entry| drop(remove_unused(&entry.path())));
}

/// A directory of this user. (Where others may write, they cannot put a link in the place of it.)
fn is_ours(entry: &DirEntry) -> bool {
    let (user, _) = polyproc_sys::fork::authority();
    let is_named = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
    is_named && entry.metadata().is_ok_and(|data| data.is_dir() && data.uid() == user)
}

fn remove_unused(directory: &Path) -> io::Result<()> {
    let lock = File::open(directory)?;
    if lock.try_lock().is_ok() {
        drop(fs::remove_file(directory.join(SOCKET)));
        fs::remove_dir(directory)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_forks_copy_removes_nothing() {
        let (listener, mut place) = Place::temporary(|path| UnixListener::bind(path)).unwrap();
        let path = place.path().to_owned();
        place.owner += 1;
        let lock = place.directory.take();
        drop(place);
        assert!(path.exists());
        drop((lock, listener));
        drop(Place::temporary(|_| Ok(())).unwrap());
        assert!(!path.exists(), "nobody holds the lock: it is removed with what is left");
    }
}
