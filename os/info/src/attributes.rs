//! Which attributes of a process are asked for: what is not asked for is not read.

use std::fmt;
use std::ops::{BitOr, BitOrAssign, Sub};

/// A set of attributes of a process.
///
/// What `/proc/PID/stat` says (state, parent, processor times, threads, start, terminal, priority)
/// is read for every process anyway: it tells which process it is.
///
/// ```
/// use polyproc_info::Attributes;
///
/// let asked = Attributes::ARGUMENTS | Attributes::MEMORY;
/// assert!(asked.contains(Attributes::MEMORY));
/// assert_eq!(asked.to_string(), "arguments, memory");
/// assert_eq!(Attributes::from_name("memory"), Some(Attributes::MEMORY));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Attributes(u32);

macro_rules! attributes {
    ($($(#[$doc:meta])* $constant:ident = $bit:literal, $name:literal;)*) => {
        impl Attributes {
            $($(#[$doc])* pub const $constant: Self = Self(1 << $bit);)*

            /// All of them.
            pub const ALL: Self = Self($(1 << $bit)|*);

            /// Every attribute by itself, with its name.
            pub const EACH: &'static [(Self, &'static str)] = &[$((Self::$constant, $name),)*];
        }
    };
}

attributes! {
    /// The whole name where the kernel keeps only 15 bytes of it.
    NAME = 0, "name";
    /// Real, effective, saved and file system users and groups.
    IDENTITIES = 1, "identities";
    /// The real user's name.
    USERNAME = 2, "username";
    /// The program file.
    EXE = 3, "exe";
    /// The working directory.
    CWD = 4, "cwd";
    /// The command line.
    ARGUMENTS = 5, "arguments";
    /// The environment at the time of the last `exec`.
    ENVIRONMENT = 6, "environment";
    /// The controlling terminal.
    TERMINAL = 7, "terminal";
    /// Resident, virtual and shared memory.
    MEMORY = 8, "memory";
    /// Unique, proportional and swapped memory: expensive, the kernel walks the page tables.
    MEMORY_DETAIL = 9, "memory detail";
    /// Every mapping of its memory: more expensive still.
    MEMORY_MAPS = 10, "memory maps";
    /// Bytes read and written.
    IO = 11, "io";
    /// How often it gave up the processor, and had to.
    SWITCHES = 12, "switches";
    /// How many descriptors are open.
    DESCRIPTORS = 13, "descriptors";
    /// Regular files that are open.
    OPEN_FILES = 14, "open files";
    /// Sockets.
    CONNECTIONS = 15, "connections";
    /// Threads with their names and times.
    THREADS = 16, "threads";
    /// Limits on resources.
    LIMITS = 17, "limits";
    /// Control groups.
    CGROUPS = 18, "cgroups";
    /// Input and output priority.
    IO_PRIORITY = 19, "io priority";
    /// Processors that it may run on.
    AFFINITY = 20, "affinity";
}

impl Attributes {
    /// None but those that are always there.
    pub const NONE: Self = Self(0);

    /// What a table of processes shows.
    pub const TABLE: Self = Self(
        Self::NAME.0 | Self::USERNAME.0 | Self::ARGUMENTS.0 | Self::TERMINAL.0 | Self::MEMORY.0,
    );

    /// Those of both: `|` for constants.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `others` are in.
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether any of `others` is in.
    pub const fn intersects(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// The attribute with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::EACH.iter().find(|each| each.1 == name).map(|each| each.0)
    }

    /// The names of those that are in.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::EACH.iter().filter(move |each| self.contains(each.0)).map(|each| each.1)
    }
}

impl BitOr for Attributes {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Attributes {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl Sub for Attributes {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attributes({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_sets() {
        let all = Attributes::EACH.iter().fold(Attributes::NONE, |set, each| set | each.0);
        assert_eq!(all, Attributes::ALL);
        assert!(!(Attributes::ALL - Attributes::IO).contains(Attributes::IO));
        assert!(Attributes::TABLE.intersects(Attributes::MEMORY | Attributes::IO));
        assert_eq!(Attributes::from_name("nothing"), None);
        assert_eq!(format!("{:?}", Attributes::IO), "Attributes(io)");
    }
}
