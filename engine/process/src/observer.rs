//! A family seen from outside: whoever may look into one of its processes (the same user, root) can
//! read the table of its members, and learn who is what, and what its pools do.
//!
//! The table is read, never mapped and never written: what looks on changes nothing, not even which
//! pages the table has. A place is copied between two looks at its state word, as a member copies it
//! (see the invariants in `roster`), and any bytes that stand there are read without a panic.

use crate::board::{self, PoolListing};
use crate::roster::{
    self, BOARD_AT, BYTES, HEADER_WORDS, Listing, MAGIC, PLACE_WORDS, PLACES, VERSION,
};
use crate::wire::invalid;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

const WORD: usize = size_of::<u64>();
const PLACE: usize = PLACE_WORDS * WORD;

/// The table of a family, opened from outside. It keeps the table's memory, but no process.
#[derive(Debug)]
pub struct ObservedFamily {
    file: File,
    inode: u64,
}

impl ObservedFamily {
    /// Looks through the descriptors of a process, `folder` being its `/proc/PID/fd`, for the table
    /// of a family that it belongs to; `None` when it holds none.
    ///
    /// Pids in the table are those of the family's pid namespace: for a process in another one the
    /// answers of [`ObservedFamily::members`] mean nothing.
    ///
    /// # Errors
    /// When the process is gone or not ours to look into, and when its table is that of another
    /// version of polyproc (`InvalidData`).
    pub fn find(folder: &Path) -> io::Result<Option<Self>> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if !fs::read_link(&path).is_ok_and(|target| is_table(target.as_os_str())) {
                continue;
            }
            match Self::open(&path) {
                // Descriptors come and go under our eyes.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => return result.map(Some),
            }
        }
        Ok(None)
    }

    /// Opens the table that a descriptor of a process refers to, `path` being its
    /// `/proc/PID/fd/N`.
    ///
    /// # Errors
    /// As [`ObservedFamily::find`].
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let mut header = [0; 2 * WORD];
        if metadata.len() != BYTES as u64 {
            return Err(invalid("the family's roster has another size"));
        }
        file.read_exact_at(&mut header, 0)?;
        if words(&header) != [MAGIC, VERSION] {
            return Err(invalid("the family's roster is of another build"));
        }
        Ok(Self { inode: metadata.ino(), file })
    }

    /// A number that no other family has while this one runs.
    pub fn id(&self) -> u64 {
        self.inode
    }

    /// All members that run now.
    ///
    /// # Errors
    /// Those of reading a file in memory: none are known.
    pub fn members(&self) -> io::Result<Vec<Listing>> {
        let mut table = vec![0; PLACES * PLACE];
        self.file.read_exact_at(&mut table, (HEADER_WORDS * WORD) as u64)?;
        let in_use = |&place: &usize| {
            let state = words::<1>(&table[place * PLACE..][..WORD])[0];
            roster::phase(state).is_some()
        };
        let listings = (0..PLACES).filter(in_use).map(|place| self.member(place));
        listings.filter_map(Result::transpose).collect()
    }

    /// All pools that run now, as far as there was room for them: see [`PoolListing`]. A pool is there
    /// from its first worker on.
    ///
    /// # Errors
    /// As [`ObservedFamily::members`].
    pub fn pools(&self) -> io::Result<Vec<PoolListing>> {
        let start = (BOARD_AT * WORD) as u64;
        board::pools(|bytes, at| self.file.read_exact_at(bytes, start + at))
    }

    /// The place between two looks at its state. Other reads than these could be of several times.
    fn member(&self, place: usize) -> io::Result<Option<Listing>> {
        let at = ((HEADER_WORDS + place * PLACE_WORDS) * WORD) as u64;
        let (mut before, mut copy, mut after) = ([0; WORD], [0; PLACE], [0; WORD]);
        self.file.read_exact_at(&mut before, at)?;
        self.file.read_exact_at(&mut copy, at)?;
        self.file.read_exact_at(&mut after, at)?;
        let is_of_one_time = before == after && copy[..WORD] == before;
        Ok(is_of_one_time.then(|| roster::listing(&words(&copy))).flatten())
    }
}

/// Whether a link in `/proc/PID/fd` names such a table.
fn is_table(target: &OsStr) -> bool {
    let name = target.as_bytes().strip_prefix(b"/memfd:");
    let name = name.and_then(|name| name.strip_suffix(b" (deleted)"));
    name == Some(roster::NAME.to_bytes())
}

fn words<const N: usize>(bytes: &[u8]) -> [u64; N] {
    let mut words = [0; N];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::{Entry, Identity, Phase, Roster};
    use polyproc_sys::memory;
    use std::os::fd::{AsFd, AsRawFd};

    fn path(file: &impl AsFd) -> String {
        format!("/proc/self/fd/{}", file.as_fd().as_raw_fd())
    }

    #[test]
    fn a_member_is_seen_from_outside_as_from_inside() {
        let roster = Roster::create().unwrap();
        let parent = Identity { pid: 9, seen: 1 };
        let entry = Entry { name: "seen", parent, method: None, daemon: false, fork_server: true };
        let ticket = roster.claim(&entry).unwrap();
        let family = ObservedFamily::open(path(&roster).as_ref()).unwrap();
        assert_eq!(family.members().unwrap(), roster.members());
        roster.run(ticket);
        let members = family.members().unwrap();
        assert_eq!((members[0].pid, members[0].phase), (std::process::id(), Phase::Running));
        assert_eq!(members, roster.members());
        roster.free(ticket);
        assert_eq!(family.members().unwrap(), []);
        let found = ObservedFamily::find("/proc/self/fd".as_ref()).unwrap().unwrap();
        assert_ne!(found.id(), 0);
    }

    #[test]
    fn another_file_is_refused() {
        let file = memory::memfd(c"other").unwrap();
        assert!(ObservedFamily::open(path(&file).as_ref()).is_err());
        file.set_len(BYTES as u64).unwrap();
        let error = ObservedFamily::open(path(&file).as_ref()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn only_its_name_makes_a_table() {
        assert!(is_table(OsStr::new("/memfd:polyproc-family (deleted)")));
        assert!(!is_table(OsStr::new("/memfd:polyproc-family")));
        assert!(!is_table(OsStr::new("/tmp/memfd:polyproc-family (deleted)")));
    }
}
