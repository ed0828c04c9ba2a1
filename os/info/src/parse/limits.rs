//! `/proc/PID/limits`: what a process may use at most.

use super::{lines, number};
use std::fmt;

/// A resource that can be limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resource {
    /// Processor time, in seconds.
    Cpu,
    /// Size of a file, in bytes.
    FileSize,
    /// Data of the program, in bytes.
    Data,
    /// The stack, in bytes.
    Stack,
    /// A core dump, in bytes.
    Core,
    /// Memory in use, in bytes (without effect since Linux 2.4).
    Resident,
    /// Processes (and threads) of the user.
    Processes,
    /// Open descriptors: the limit is the first number that cannot be one.
    OpenFiles,
    /// Locked memory, in bytes.
    LockedMemory,
    /// The address space, in bytes.
    AddressSpace,
    /// File locks (without effect since Linux 2.4).
    Locks,
    /// Signals that wait.
    PendingSignals,
    /// Message queues, in bytes.
    MessageQueue,
    /// How greedy it may become: 20 less the nice value.
    Nice,
    /// Real-time priority.
    RealtimePriority,
    /// Real-time without a pause, in microseconds.
    RealtimeTimeout,
}

impl Resource {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::Cpu,
        Self::FileSize,
        Self::Data,
        Self::Stack,
        Self::Core,
        Self::Resident,
        Self::Processes,
        Self::OpenFiles,
        Self::LockedMemory,
        Self::AddressSpace,
        Self::Locks,
        Self::PendingSignals,
        Self::MessageQueue,
        Self::Nice,
        Self::RealtimePriority,
        Self::RealtimeTimeout,
    ];

    /// The kernel's number (`RLIMIT_*`), the same on every Linux of ours.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// As `/proc/PID/limits` names it.
    fn title(self) -> &'static str {
        match self {
            Self::Cpu => "Max cpu time",
            Self::FileSize => "Max file size",
            Self::Data => "Max data size",
            Self::Stack => "Max stack size",
            Self::Core => "Max core file size",
            Self::Resident => "Max resident set",
            Self::Processes => "Max processes",
            Self::OpenFiles => "Max open files",
            Self::LockedMemory => "Max locked memory",
            Self::AddressSpace => "Max address space",
            Self::Locks => "Max file locks",
            Self::PendingSignals => "Max pending signals",
            Self::MessageQueue => "Max msgqueue size",
            Self::Nice => "Max nice priority",
            Self::RealtimePriority => "Max realtime priority",
            Self::RealtimeTimeout => "Max realtime timeout",
        }
    }
}

/// As the kernel names it: `open files`.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.title().strip_prefix("Max ").unwrap_or_default())
    }
}

/// The limit on one resource; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Limit {
    /// What holds now; the process may change it up to `hard`.
    pub soft: Option<u64>,
    /// What only the superuser can raise.
    pub hard: Option<u64>,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show =
            |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |most| most.to_string());
        write!(f, "{} of {}", show(self.soft), show(self.hard))
    }
}

/// All limits of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits(Vec<(Resource, Limit)>);

impl Limits {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let row = |line: &[u8]| {
            let of = |resource: &&Resource| line.starts_with(resource.title().as_bytes());
            let resource = Resource::ALL.iter().find(of)?;
            let mut values = super::split(line.get(resource.title().len()..)?).map(value);
            Some((*resource, Limit { soft: values.next()??, hard: values.next()?? }))
        };
        Self(lines(bytes).filter_map(row).collect())
    }

    /// The limit on `resource`; `None` when the kernel does not know it.
    pub fn get(&self, resource: Resource) -> Option<Limit> {
        self.0.iter().find(|row| row.0 == resource).map(|row| row.1)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Resource, Limit)> {
        self.0.iter().copied()
    }
}

/// The inner `None` is no limit.
#[expect(clippy::option_option, reason = "malformed, unlimited, or a number")]
fn value(word: &[u8]) -> Option<Option<u64>> {
    if word == b"unlimited" { Some(None) } else { number(word).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;
    use proptest::prelude::*;

    const LIMITS: &[u8] =
        b"Limit                     Soft Limit           Hard Limit           Units     \n\
        Max cpu time              unlimited            unlimited            seconds   \n\
        Max open files            1024                 524288               files     \n\
        Max nice priority         0                    0                    \n";

    #[test]
    fn numbers_and_none() {
        let limits = Limits::parse(LIMITS);
        let files = limits.get(Resource::OpenFiles).unwrap();
        assert_eq!(files, Limit { soft: Some(1024), hard: Some(524_288) });
        assert_eq!(limits.get(Resource::Cpu), Some(Limit::default()));
        assert_eq!((limits.get(Resource::Core), limits.iter().count()), (None, 3));
        assert_eq!(files.to_string(), "1024 of 524288");
        assert_eq!((Resource::OpenFiles.number(), Resource::RealtimeTimeout.number()), (7, 15));
        assert_eq!(Resource::OpenFiles.to_string(), "open files");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in hostile::bytes(), near in hostile::damaged(LIMITS)) {
            Limits::parse(&bytes);
            Limits::parse(&near);
        }
    }
}
