//! `/proc/PID/status`, `/proc/PID/io`: lines of a name, a colon and numbers.

use super::{lines, number, ranges, split, value_after};

/// Of a user or a group: four, since a program may act as somebody else than who started it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ids {
    /// Who started it.
    pub real: u32,
    /// As whom it acts.
    pub effective: u32,
    /// As whom it may act again.
    pub saved: u32,
    /// As whom it opens files.
    pub filesystem: u32,
}

impl From<[u32; 4]> for Ids {
    fn from([real, effective, saved, filesystem]: [u32; 4]) -> Self {
        Self { real, effective, saved, filesystem }
    }
}

/// As whom a process acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identities {
    /// Users.
    pub users: Ids,
    /// Groups.
    pub groups: Ids,
}

/// How often a process left the processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Switches {
    /// To wait for something.
    pub voluntary: u64,
    /// Because its time was up.
    pub involuntary: u64,
}

/// What is of use in `/proc/PID/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    /// The process that this is a thread of: its own number, if it is a process.
    pub(crate) thread_group: Option<u32>,
    pub(crate) identities: Option<Identities>,
    pub(crate) switches: Switches,
    pub(crate) processors: Vec<usize>,
}

impl Status {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mut status = Self::default();
        let (mut users, mut groups, mut processors) = (None, None, None);
        let (mut voluntary, mut involuntary) = (None, None);
        for line in lines(bytes) {
            // The first line is `Name:`, whose value the kernel escapes: no newline is in it.
            match line.first() {
                Some(b'T') => read(&mut status.thread_group, id_after(line, b"Tgid:")),
                Some(b'U') => read(&mut users, ids_after(line, b"Uid:")),
                Some(b'G') => read(&mut groups, ids_after(line, b"Gid:")),
                Some(b'C') => {
                    read(&mut processors, line.strip_prefix(b"Cpus_allowed_list:").map(ranges));
                }
                Some(b'v') => {
                    read(&mut voluntary, value_after(line, b"voluntary_ctxt_switches:"));
                }
                Some(b'n') => {
                    read(&mut involuntary, value_after(line, b"nonvoluntary_ctxt_switches:"));
                }
                _ => {}
            }
        }
        status.processors = processors.unwrap_or_default();
        status.switches =
            Switches { voluntary: voluntary.unwrap_or(0), involuntary: involuntary.unwrap_or(0) };
        status.identities = users.zip(groups).map(|(users, groups)| Identities { users, groups });
        status
    }
}

fn read<T>(place: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *place = value;
    }
}

fn id_after(line: &[u8], key: &[u8]) -> Option<u32> {
    value_after(line, key)?.try_into().ok()
}

fn ids_after(line: &[u8], key: &[u8]) -> Option<Ids> {
    let mut ids = [0; 4];
    let mut words = split(line.strip_prefix(key)?);
    for id in &mut ids {
        *id = number(words.next()?)?.try_into().ok()?;
    }
    Some(ids.into())
}

/// Bytes and calls that a process has read and written (`/proc/PID/io`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct IoCounters {
    /// Calls that read.
    pub read_calls: u64,
    /// Calls that wrote.
    pub write_calls: u64,
    /// Bytes that came from a disk.
    pub read_bytes: u64,
    /// Bytes that went (or will go) to a disk.
    pub write_bytes: u64,
    /// Bytes that were read, from caches, pipes and terminals, too.
    pub read_chars: u64,
    /// Bytes that were written, to pipes and terminals, too.
    pub write_chars: u64,
    /// Bytes that were written and thrown away before they got to a disk.
    pub cancelled_write_bytes: u64,
}

impl IoCounters {
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut io = Self::default();
        let found = lines(bytes).filter(|line| io.line(line).is_some()).count();
        (found > 0).then_some(io)
    }

    fn line(&mut self, line: &[u8]) -> Option<()> {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let place = match &line[..colon] {
            b"rchar" => &mut self.read_chars,
            b"wchar" => &mut self.write_chars,
            b"syscr" => &mut self.read_calls,
            b"syscw" => &mut self.write_calls,
            b"read_bytes" => &mut self.read_bytes,
            b"write_bytes" => &mut self.write_bytes,
            b"cancelled_write_bytes" => &mut self.cancelled_write_bytes,
            _ => return None,
        };
        *place = number(split(&line[colon + 1..]).next()?)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;
    use proptest::prelude::*;

    /// Linux 5.10, cut.
    const STATUS: &[u8] =
        b"Name:\tThread-1 (Uid:\\n\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t42\n\
        Ngid:\t0\nPid:\t43\nPPid:\t1\nTracerPid:\t0\nUid:\t1000\t0\t1001\t1002\n\
        Gid:\t100\t101\t102\t103\nFDSize:\t64\nGroups:\t \nThreads:\t3\n\
        Cpus_allowed:\tff\nCpus_allowed_list:\t0-1,3\nMems_allowed_list:\t0\n\
        voluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t545\n";
    const IO: &[u8] = b"rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\n\
        cancelled_write_bytes: 7\n";

    #[test]
    fn the_lines_of_use_are_found() {
        let status = Status::parse(STATUS);
        assert_eq!(status.thread_group, Some(42));
        let identities = status.identities.unwrap();
        assert_eq!(identities.users, [1000, 0, 1001, 1002].into());
        assert_eq!(identities.groups, [100, 101, 102, 103].into());
        assert_eq!(status.processors, [0, 1, 3]);
        assert_eq!(status.switches, Switches { voluntary: 150, involuntary: 545 });
    }

    #[test]
    fn io_counters_have_their_names() {
        let io = IoCounters::parse(IO).unwrap();
        assert_eq!([io.read_chars, io.write_chars, io.read_calls, io.write_calls], [1, 2, 3, 4]);
        let bytes = [io.read_bytes, io.write_bytes, io.cancelled_write_bytes];
        assert_eq!(bytes, [5, 6, 7]);
        assert_eq!(IoCounters::parse(b""), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(
            bytes in hostile::bytes(), near in hostile::damaged(STATUS), io in hostile::damaged(IO)
        ) {
            Status::parse(&bytes);
            Status::parse(&near);
            IoCounters::parse(&io);
        }
    }
}
