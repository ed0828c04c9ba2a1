//! `/proc/PID/fdinfo/N`: where an open file is read or written next, and how it was opened.

use super::{lines, number_to_base, value_after};
use std::fmt;
use std::path::PathBuf;

/// A regular file that a process has open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OpenFile {
    /// Where it is, as the process's own mount namespace has it.
    pub path: PathBuf,
    /// Whether it has no name any more; `path` is the one that it had.
    pub deleted: bool,
    /// The process's number of it.
    pub descriptor: i32,
    /// Where it is read or written next.
    pub position: u64,
    /// How it was opened: `O_RDONLY` and so on (open(2)).
    pub flags: u32,
}

impl OpenFile {
    /// How it was opened, in the words of C's `fopen`.
    pub fn mode(&self) -> OpenMode {
        OpenMode::of(self.flags)
    }
}

/// How a file was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpenMode {
    /// To be read.
    Read,
    /// To be written.
    Write,
    /// To be written at its end.
    Append,
    /// To be read and written.
    ReadWrite,
    /// To be read, and written at its end.
    ReadAppend,
}

impl OpenMode {
    fn of(flags: u32) -> Self {
        // open(2); the numbers of x86-64 and aarch64 agree.
        const ACCESS: u32 = 3;
        const APPEND: u32 = 0o2000;
        match (flags & ACCESS, flags & APPEND != 0) {
            (0, _) => Self::Read,
            (1, false) => Self::Write,
            (1, true) => Self::Append,
            (_, false) => Self::ReadWrite,
            (_, true) => Self::ReadAppend,
        }
    }
}

/// As `fopen` has it: `r`, `w`, `a`, `r+`, `a+`.
impl fmt::Display for OpenMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Read => "r",
            Self::Write => "w",
            Self::Append => "a",
            Self::ReadWrite => "r+",
            Self::ReadAppend => "a+",
        })
    }
}

/// Position and flags.
pub(crate) fn fdinfo(bytes: &[u8]) -> Option<(u64, u32)> {
    let (mut position, mut flags) = (None, None);
    // A file with locks or watches has further lines.
    for line in lines(bytes).take(4) {
        position = position.or(value_after(line, b"pos:"));
        let octal = line.strip_prefix(b"flags:").map(<[u8]>::trim_ascii);
        flags = flags.or(octal.and_then(|octal| number_to_base(octal, 8)));
    }
    Some((position?, flags? as u32))
}

/// A link of `/proc/PID/fd` to a file that was deleted says so behind the path. Only the file itself
/// can tell such a link from a file whose name ends so.
pub(crate) const DELETED: &[u8] = b" (deleted)";

/// The number in `socket:[12345]`.
pub(crate) fn socket_inode(link: &[u8]) -> Option<u64> {
    super::number(link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;
    use proptest::prelude::*;

    /// Linux 6.1 (5.10 has no `ino:`).
    const INFO: &[u8] = b"pos:\t4096\nflags:\t0102001\nmnt_id:\t29\nino:\t77\nlock:\t1: POSIX\n";

    #[test]
    fn position_and_flags_are_found() {
        assert_eq!(fdinfo(INFO), Some((4096, 0o102_001)));
        assert_eq!(fdinfo(b"pos:\t1\n"), None);
        assert_eq!(socket_inode(b"socket:[77]"), Some(77));
        assert_eq!((socket_inode(b"pipe:[77]"), socket_inode(b"socket:[]")), (None, None));
    }

    #[test]
    fn modes_are_those_of_fopen() {
        let modes =
            [0, 1, 0o2001, 2, 0o2002, 0o100_000].map(|flags| OpenMode::of(flags).to_string());
        assert_eq!(modes, ["r", "w", "a", "r+", "a+", "r"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in hostile::bytes(), near in hostile::damaged(INFO)) {
            fdinfo(&bytes);
            fdinfo(&near);
            socket_inode(&bytes);
        }
    }
}
