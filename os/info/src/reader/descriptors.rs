//! The descriptors of a process: how many, which files, which sockets. One walk for all three.

use super::process::Body;
use super::sockets::Found;
use super::{Name, Reader};
use crate::attributes::Attributes;
use crate::error::{Fact, Missing, Result, is_absent, is_denied};
use crate::facts::Facts;
use crate::parse::files::{DELETED, OpenFile, fdinfo, socket_inode};
use polyproc_sys::files;
use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Whether a link leads to a place in the file system. A file in memory has a name that looks so,
/// and is none.
fn has_path(link: &[u8]) -> bool {
    link.starts_with(b"/") && !link.starts_with(b"/memfd:")
}

impl Body<'_> {
    pub(super) fn descriptors(&mut self, facts: &mut Facts, attributes: Attributes) -> Result<()> {
        let asked = |attribute| attributes.contains(attribute);
        let listed = match self.open_folder() {
            Ok(listed) => Ok(listed),
            Err(error) if is_absent(&error) => {
                // A zombie has none.
                self.look_again()?;
                Ok(None)
            }
            Err(error) => Err(Missing::of(&error)),
        };
        let count = listed.as_ref().map(|listed| listed.as_ref().map_or(0, |list| list.1.len()));
        if asked(Attributes::DESCRIPTORS) {
            facts.descriptors = count.map_err(|missing| *missing);
        }
        if !attributes.intersects(Attributes::OPEN_FILES | Attributes::CONNECTIONS) {
            return Ok(());
        }
        let walked = match listed {
            Ok(Some((folder, numbers))) => self.walk(&folder, &numbers, attributes)?,
            Ok(None) => Ok((Vec::new(), Vec::new())),
            Err(missing) => Err(missing),
        };
        let (open_files, found) = match walked {
            Ok((open_files, found)) => (Ok(open_files), Ok(found)),
            Err(missing) => (Err(missing), Err(missing)),
        };
        if asked(Attributes::OPEN_FILES) {
            facts.open_files = open_files;
        }
        if asked(Attributes::CONNECTIONS) {
            facts.connections = found.and_then(|found| self.connections(&found));
        }
        Ok(())
    }

    fn open_folder(&mut self) -> io::Result<Option<(OwnedFd, Vec<u32>)>> {
        let folder = files::open_at(self.directory(), c"fd")?;
        let numbers = self.reader.numbers(folder.as_fd())?;
        Ok(Some((folder, numbers)))
    }

    /// Follows each descriptor. One that was closed in the meantime is passed over.
    fn walk(
        &mut self,
        folder: &OwnedFd,
        numbers: &[u32],
        attributes: Attributes,
    ) -> Result<Fact<(Vec<OpenFile>, Vec<Found>)>> {
        let (mut open_files, mut sockets): (Vec<OpenFile>, Vec<Found>) = (Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        let wants_files = attributes.contains(Attributes::OPEN_FILES);
        for &number in numbers {
            let name = Name::number(number);
            let link = files::read_link(folder.as_fd(), name.as_c_str(), &mut self.reader.names);
            match link {
                Ok(()) => {}
                // The list may be seen, and what is in it not.
                Err(error) if is_denied(&error) => return Ok(Err(Missing::Denied)),
                // Closed in the meantime.
                Err(_) => continue,
            }
            let inode = socket_inode(&self.reader.names);
            // A copy of a descriptor that was seen before is no other socket.
            if let Some(inode) = inode.filter(|&inode| seen.insert(inode)) {
                sockets.push(Found { inode, descriptor: number.cast_signed() });
            } else if wants_files && has_path(&self.reader.names) {
                open_files.extend(self.open_file(folder.as_fd(), number));
            }
        }
        if open_files.is_empty() && sockets.is_empty() {
            // That may also mean that it has just ended.
            self.look_again()?;
        }
        Ok(Ok((open_files, sockets)))
    }

    /// The regular file behind a descriptor, whose path has just been read.
    fn open_file(&mut self, folder: BorrowedFd<'_>, number: u32) -> Option<OpenFile> {
        let name = Name::number(number);
        // The descriptor's own file is asked, not whatever has its path here: it may be deleted, in
        // another mount namespace, or on a file server that does not answer.
        let status = files::status_at(folder, name.as_c_str()).ok()?;
        if !status.is_regular {
            return None;
        }
        let mut path = self.reader.names.clone();
        let deleted = status.is_deleted && path.ends_with(DELETED);
        if deleted {
            path.truncate(path.len() - DELETED.len());
        }
        let info = Name::join(&[b"fdinfo/"], number, b"");
        let (position, flags) = self.shared_file(info.as_c_str(), fdinfo).ok()?;
        Some(OpenFile {
            path: PathBuf::from(OsString::from_vec(path)),
            deleted,
            descriptor: number.cast_signed(),
            position,
            flags,
        })
    }
}

impl Reader {
    /// The numbers that name the entries of an open folder, in ascending order.
    pub(crate) fn numbers(&mut self, folder: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        files::list(folder, &mut self.names, |name| {
            numbers.extend(crate::parse::number(name).and_then(|id| u32::try_from(id).ok()));
        })?;
        numbers.sort_unstable();
        Ok(numbers)
    }
}
