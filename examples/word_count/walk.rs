//! The files below some paths.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Regular files with their sizes, in the order of the paths given, and then of their own.
    pub(crate) files: Vec<(PathBuf, u64)>,
    /// Paths that could not be looked at, and why.
    pub(crate) unreadable: Vec<(PathBuf, String)>,
}

/// All regular files at and below `paths`, hidden ones too. A path that is itself a symbolic link is
/// followed, those below it are not: so nothing is counted twice, and no walk is without end.
///
/// `progress` is told the number of files so far, once for each directory.
pub(crate) fn walk(paths: &[PathBuf], mut progress: impl FnMut(usize)) -> Found {
    let mut found = Found::default();
    for path in paths {
        let first = found.files.len();
        let mut directories = Vec::new();
        found.note(path, enter(path, &mut directories));
        while let Some(directory) = directories.pop() {
            let looked = look_into(&directory, &mut found, &mut directories);
            found.note(&directory, looked.map(|()| None));
            progress(found.files.len());
        }
        found.files[first..]
            .sort_unstable_by(|a, b| a.0.as_os_str().as_bytes().cmp(b.0.as_os_str().as_bytes()));
    }
    found
}

impl Found {
    fn note(&mut self, path: &Path, looked: io::Result<Option<u64>>) {
        match looked {
            Ok(Some(bytes)) => self.files.push((path.to_owned(), bytes)),
            Ok(None) => {}
            Err(error) => self.unreadable.push((path.to_owned(), error.to_string())),
        }
    }
}

/// A path that was named by the user.
fn enter(path: &Path, directories: &mut Vec<PathBuf>) -> io::Result<Option<u64>> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        directories.push(path.to_owned());
        return Ok(None);
    }
    if metadata.is_file() { Ok(Some(metadata.len())) } else { Err(io::Error::other("not a file")) }
}

/// What else is below (devices, sockets, pipes) is passed over in silence.
fn look_into(
    directory: &Path,
    found: &mut Found,
    directories: &mut Vec<PathBuf>,
) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            directories.push(entry.path());
        } else if kind.is_file() {
            let path = entry.path();
            let size = entry.metadata().map(|metadata| Some(metadata.len()));
            found.note(&path, size);
        }
    }
    Ok(())
}
