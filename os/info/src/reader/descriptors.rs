//! The descriptors of a process: how many, which files, which sockets. One walk for all three.

use super::process::Body;
use super::sockets::Found;
use super::{Name, Reader};
use crate::attributes::Attributes;
use crate::error::{Fact, Missing, Result, is_absent, is_denied};
use crate::facts::Facts;
use crate::parse::files::{DELETED, OpenFile, fdinfo, socket_inode};
use polyproc_sys::files::{self, FileKind};
use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
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
            Ok(Some((folder, numbers))) => self.walk(&folder, &numbers, attributes),
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
        let mut numbers = self.reader.numbers(folder.as_fd())?;
        if self.pid == std::process::id() && self.reader.system.is_live() {
            // Who looks at itself does not see what it looks with.
            let ours = [folder.as_fd(), self.directory(), self.process(), self.reader.proc()];
            let ours = ours.map(|fd| fd.as_raw_fd());
            numbers.retain(|number| !ours.contains(&number.cast_signed()));
        }
        Ok(Some((folder, numbers)))
    }

    /// Follows each descriptor. One that was closed in the meantime is passed over.
    fn walk(
        &mut self,
        folder: &OwnedFd,
        numbers: &[u32],
        attributes: Attributes,
    ) -> Fact<(Vec<OpenFile>, Vec<Found>)> {
        let (mut open_files, mut sockets): (Vec<OpenFile>, Vec<Found>) = (Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        let wants_files = attributes.contains(Attributes::OPEN_FILES);
        for &number in numbers {
            match self.look(folder.as_fd(), number) {
                // The list may be seen, and what is in it not.
                Err(error) if is_denied(&error) => return Err(Missing::Denied),
                // A copy of a descriptor that was seen before is no other socket.
                Ok(Behind::Socket(inode)) if seen.insert(inode) => {
                    sockets.push(Found { inode, descriptor: number.cast_signed() });
                }
                Ok(Behind::File { is_deleted }) if wants_files => {
                    open_files.extend(self.open_file(folder.as_fd(), number, is_deleted));
                }
                // Nothing of interest, or closed in the meantime.
                _ => {}
            }
        }
        Ok((open_files, sockets))
    }

    /// Asks the file behind a descriptor what it is: not whatever has its path here, since it may be
    /// deleted, or in another mount namespace.
    fn look(&mut self, folder: BorrowedFd<'_>, number: u32) -> io::Result<Behind> {
        let name = Name::number(number);
        match files::status_at(folder, name.as_c_str()) {
            Ok(status) => Ok(match status.kind {
                FileKind::Regular => Behind::File { is_deleted: status.is_deleted },
                FileKind::Socket => Behind::Socket(status.inode),
                FileKind::Other => Behind::Other,
            }),
            // In a made-up system there is nothing behind the link, which says enough.
            Err(error) if is_absent(&error) => {
                files::read_link(folder, name.as_c_str(), &mut self.reader.names)?;
                let inode = socket_inode(&self.reader.names);
                Ok(inode.map_or(Behind::Other, Behind::Socket))
            }
            Err(error) => Err(error),
        }
    }

    /// The regular file behind a descriptor.
    fn open_file(
        &mut self,
        folder: BorrowedFd<'_>,
        number: u32,
        is_deleted: bool,
    ) -> Option<OpenFile> {
        let name = Name::number(number);
        files::read_link(folder, name.as_c_str(), &mut self.reader.names).ok()?;
        if !has_path(&self.reader.names) {
            return None;
        }
        let mut path = self.reader.names.clone();
        let deleted = is_deleted && path.ends_with(DELETED);
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

/// What a descriptor is of.
enum Behind {
    Socket(u64),
    File { is_deleted: bool },
    Other,
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
