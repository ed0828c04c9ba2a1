//! `/etc/passwd`, and `/run/utmp`: who is logged in.

use super::{lines, number};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Names by user numbers; the first of a number counts.
pub(crate) fn passwd(bytes: &[u8]) -> HashMap<u32, OsString> {
    let mut names = HashMap::new();
    for line in lines(bytes) {
        let mut fields = line.split(|&byte| byte == b':');
        let name = fields.next().unwrap_or_default();
        let id = fields.nth(1).and_then(number).and_then(|id| id.try_into().ok());
        if let Some(id) = id {
            names.entry(id).or_insert_with(|| OsStr::from_bytes(name).to_owned());
        }
    }
    names
}

/// Somebody who is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct User {
    /// Who.
    pub name: OsString,
    /// Where, without `/dev/`: `pts/0`, `tty1`.
    pub terminal: Option<OsString>,
    /// From where: a host's name or address; empty when from here.
    pub host: OsString,
    /// Since when.
    pub since: SystemTime,
    /// The process that has let them in.
    pub pid: u32,
}

/// How utmp(5) lays out a record: it differs between processors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UtmpLayout {
    size: usize,
    /// Where seconds and microseconds stand, and how wide each is.
    time: usize,
    time_width: usize,
}

impl UtmpLayout {
    /// As on x86-64, where 32-bit programs read the same file.
    pub(crate) const SHORT_TIMES: Self = Self { size: 384, time: 340, time_width: 4 };
    /// As on aarch64.
    pub(crate) const LONG_TIMES: Self = Self { size: 400, time: 344, time_width: 8 };
    /// Of this machine.
    pub(crate) const NATIVE: Self =
        if cfg!(target_arch = "x86_64") { Self::SHORT_TIMES } else { Self::LONG_TIMES };

    pub(crate) fn users(self, bytes: &[u8]) -> Vec<User> {
        bytes.chunks_exact(self.size).filter_map(|record| self.user(record)).collect()
    }

    fn user(self, record: &[u8]) -> Option<User> {
        /// `USER_PROCESS`.
        const LOGGED_IN: u16 = 7;
        let kind = u16::from_ne_bytes(*record.first_chunk()?);
        let text = |at: usize, len: usize| {
            let text = record.get(at..at + len).unwrap_or_default();
            OsStr::from_bytes(text.split(|&byte| byte == 0).next().unwrap_or_default()).to_owned()
        };
        let name = text(44, 32);
        if kind != LOGGED_IN || name.is_empty() {
            return None;
        }
        let integer = |at: usize| {
            let bytes = record.get(at..).unwrap_or_default();
            if self.time_width == 8 {
                bytes.first_chunk().map_or(0, |&bytes| i64::from_ne_bytes(bytes))
            } else {
                // Unsigned, so that it lasts until 2106.
                bytes.first_chunk().map_or(0, |&bytes| u32::from_ne_bytes(bytes).into())
            }
        };
        let since = Duration::from_secs(integer(self.time).max(0).unsigned_abs());
        let terminal = text(8, 32);
        let host = text(76, 256);
        // Old programs write the X display there for "from here".
        let is_here = host.as_bytes().starts_with(b":");
        Some(User {
            name,
            terminal: (!terminal.is_empty()).then_some(terminal),
            host: if is_here { "localhost".into() } else { host },
            since: UNIX_EPOCH.checked_add(since)?,
            pid: record.get(4..)?.first_chunk().map(|&pid| u32::from_ne_bytes(pid))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;
    use proptest::prelude::*;

    fn record(layout: UtmpLayout, kind: u16) -> Vec<u8> {
        let mut bytes = vec![0; layout.size];
        let mut put = |at: usize, text: &[u8]| bytes[at..at + text.len()].copy_from_slice(text);
        put(0, &kind.to_ne_bytes());
        put(4, &77_u32.to_ne_bytes());
        put(8, b"pts/0");
        put(44, b"somebody");
        put(76, b"10.0.0.1");
        put(layout.time, &1_700_000_000_u32.to_le_bytes());
        bytes
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn both_layouts_are_read() {
        for layout in [UtmpLayout::SHORT_TIMES, UtmpLayout::LONG_TIMES] {
            let file = [record(layout, 8), record(layout, 7), vec![7; 10]].concat();
            let users = layout.users(&file);
            assert_eq!(users.len(), 1);
            assert_eq!((users[0].name.to_str(), users[0].pid), (Some("somebody"), 77));
            assert_eq!(users[0].terminal.as_deref(), Some("pts/0".as_ref()));
            assert_eq!(users[0].host, "10.0.0.1");
            let since = users[0].since.duration_since(UNIX_EPOCH).unwrap();
            assert_eq!(since.as_secs(), 1_700_000_000);
        }
    }

    #[test]
    fn the_first_name_of_a_number_counts() {
        let names =
            passwd(b"root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\n+::::::\nb\xff:x:5:5:::\n");
        assert_eq!(names[&0], "root");
        assert_eq!((names[&5].as_bytes(), names.len()), (&b"b\xff"[..], 2));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..900)) {
            UtmpLayout::SHORT_TIMES.users(&bytes);
            UtmpLayout::LONG_TIMES.users(&bytes);
            passwd(&bytes);
        }

        #[test]
        fn near_misses_too(near in hostile::damaged(b"root:x:0:0:root:/root:/bin/sh\n")) {
            passwd(&near);
        }
    }
}
