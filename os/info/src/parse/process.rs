//! `/proc/PID/stat` and `/proc/PID/task/TID/stat`.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

/// Length of a clock tick in milliseconds: proc(5) counts in `USER_HZ`, which is 100 a second on
/// every platform of ours.
pub(crate) const TICK_MS: u64 = 10;

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// On a processor, or waiting for one.
    Running,
    /// Waiting for an event that a signal can interrupt.
    Sleeping,
    /// Waiting for a device; hardly anything can interrupt it.
    DiskSleep,
    /// Stopped by a signal.
    Stopped,
    /// Stopped by a debugger.
    TracingStop,
    /// Ended, and its parent has not yet asked how.
    Zombie,
    /// Just going away.
    Dead,
    /// Only a deadly signal wakes it (old kernels).
    WakeKill,
    /// Just waking up (old kernels).
    Waking,
    /// A kernel thread without work.
    Idle,
    /// A kernel thread that was put aside.
    Parked,
    /// A letter that is not known here.
    Unknown(u8),
}

impl State {
    /// By the letter of `/proc/PID/stat`.
    pub(crate) fn of(letter: u8) -> Self {
        match letter {
            b'R' => Self::Running,
            b'S' => Self::Sleeping,
            b'D' => Self::DiskSleep,
            b'T' => Self::Stopped,
            b't' => Self::TracingStop,
            b'Z' => Self::Zombie,
            b'X' | b'x' => Self::Dead,
            b'K' => Self::WakeKill,
            b'W' => Self::Waking,
            b'I' => Self::Idle,
            b'P' => Self::Parked,
            other => Self::Unknown(other),
        }
    }

    /// The letter that `ps` shows.
    pub fn letter(self) -> char {
        match self {
            Self::Running => 'R',
            Self::Sleeping => 'S',
            Self::DiskSleep => 'D',
            Self::Stopped => 'T',
            Self::TracingStop => 't',
            Self::Zombie => 'Z',
            Self::Dead => 'X',
            Self::WakeKill => 'K',
            Self::Waking => 'W',
            Self::Idle => 'I',
            Self::Parked => 'P',
            Self::Unknown(letter) => letter.into(),
        }
    }
}

/// psutil's words.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "running",
            Self::Sleeping => "sleeping",
            Self::DiskSleep => "disk-sleep",
            Self::Stopped => "stopped",
            Self::TracingStop => "tracing-stop",
            Self::Zombie => "zombie",
            Self::Dead => "dead",
            Self::WakeKill => "wake-kill",
            Self::Waking => "waking",
            Self::Idle => "idle",
            Self::Parked => "parked",
            Self::Unknown(_) => "?",
        })
    }
}

/// What `/proc/PID/stat` says of a process (or of a thread). Times are in clock ticks of 10 ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The kernel's name of it: at most 15 bytes, any bytes, and any thread can change its own.
    pub name: OsString,
    /// What it is doing.
    pub state: State,
    /// The parent's pid; 0 when it has none.
    pub parent: u32,
    /// The process group.
    pub group: u32,
    /// The session.
    pub session: u32,
    /// The controlling terminal's device number; 0 when it has none.
    pub terminal: u32,
    /// The kernel's flags (`PF_*` of linux/sched.h).
    pub flags: u32,
    /// Page faults that needed no disk.
    pub minor_faults: u64,
    /// Page faults that did.
    pub major_faults: u64,
    /// Time in the program.
    pub user_ticks: u64,
    /// Time in the kernel on its behalf.
    pub system_ticks: u64,
    /// The same of children that were waited for.
    pub children_user_ticks: u64,
    /// The same of children that were waited for.
    pub children_system_ticks: u64,
    /// Priority as the scheduler sees it.
    pub priority: i32,
    /// From -20 (greedy) to 19 (nice).
    pub nice: i32,
    /// How many threads.
    pub threads: u32,
    /// When it started, since boot. With the pid it names the process for good.
    pub start_ticks: u64,
    /// Size of the address space in bytes.
    pub virtual_size: u64,
    /// Pages in memory.
    pub resident_pages: u64,
    /// The processor that it last ran on.
    pub processor: u32,
    /// Time spent waiting for a device; 0 where the kernel does not count it.
    pub io_wait_ticks: u64,
}

/// `PF_KTHREAD` of linux/sched.h.
const KERNEL_THREAD: u32 = 0x0020_0000;

impl Stat {
    /// The name may hold blanks, parentheses and newlines, so the fields start after the *last* `)`.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let open = bytes.iter().position(|&byte| byte == b'(')?;
        let close = bytes.iter().rposition(|&byte| byte == b')')?;
        let name = OsStr::from_bytes(bytes.get(open + 1..close)?).to_owned();
        Self::from_fields(name, bytes.get(close + 1..)?)
    }

    /// [`Stat::parse`] into a value that is there, whose name is kept if it is the same.
    pub(crate) fn parse_again(&mut self, bytes: &[u8]) -> Option<()> {
        let open = bytes.iter().position(|&byte| byte == b'(')?;
        let close = bytes.iter().rposition(|&byte| byte == b')')?;
        let (old, new) = (std::mem::take(&mut self.name), bytes.get(open + 1..close)?);
        let name = if old.as_bytes() == new { old } else { OsString::from_vec(new.to_vec()) };
        *self = Self::from_fields(name, bytes.get(close + 1..)?)?;
        Some(())
    }

    fn from_fields(name: OsString, bytes: &[u8]) -> Option<Self> {
        let (state, rest) = bytes.strip_prefix(b" ")?.split_first()?;
        let fields = Fields::scan(rest)?;
        let id = |at| fields.signed(at).try_into().unwrap_or(0);
        let small = |at| fields.signed(at).try_into().unwrap_or(0);
        let time = |at| fields.signed(at).max(0).unsigned_abs();
        Some(Self {
            name,
            state: State::of(*state),
            // An id of another pid namespace is 0 or -1.
            parent: id(4),
            group: id(5),
            session: id(6),
            terminal: fields.signed(7) as u32,
            flags: fields.unsigned(9) as u32,
            minor_faults: fields.unsigned(10),
            major_faults: fields.unsigned(12),
            user_ticks: time(14),
            system_ticks: time(15),
            children_user_ticks: time(16),
            children_system_ticks: time(17),
            priority: small(18),
            nice: small(19),
            threads: id(20),
            start_ticks: fields.unsigned(22),
            virtual_size: fields.unsigned(23),
            resident_pages: time(24),
            processor: id(39),
            io_wait_ticks: time(42),
        })
    }

    /// Whether the process has ended and only waits to be asked how. One whose first thread has
    /// ended while others run also has the letter `Z`, but is alive.
    pub fn is_zombie(&self) -> bool {
        matches!(self.state, State::Zombie | State::Dead) && self.threads <= 1
    }

    /// Whether its first thread has ended while others run.
    pub fn has_lost_its_leader(&self) -> bool {
        self.state == State::Zombie && self.threads > 1
    }

    /// Whether it is part of the kernel: no program, no memory of its own.
    pub fn is_kernel_thread(&self) -> bool {
        self.flags & KERNEL_THREAD != 0
    }

    /// The processor time it has used, in all its threads.
    pub fn cpu_times(&self) -> CpuTimes {
        CpuTimes {
            user: ticks(self.user_ticks),
            system: ticks(self.system_ticks),
            children_user: ticks(self.children_user_ticks),
            children_system: ticks(self.children_system_ticks),
            io_wait: ticks(self.io_wait_ticks),
        }
    }
}

/// The numbers behind the state, by their place in proc(5); negative ones as two's complement. Read in
/// one run over the bytes: a monitor does this thousands of times a second.
struct Fields([u64; Self::LAST + 1]);

impl Fields {
    /// The first number: the parent.
    const FIRST: usize = 4;
    /// The last one that is of use: `delayacct_blkio_ticks`.
    const LAST: usize = 42;
    /// What a kernel must have written: `starttime`.
    const NEEDED: usize = 22;

    /// What is missing at the end is zero; anything but numbers is refused.
    fn scan(bytes: &[u8]) -> Option<Self> {
        let mut fields = Self([0; Self::LAST + 1]);
        let mut at = Self::FIRST - 1;
        let (mut is_inside, mut is_negative) = (false, false);
        for &byte in bytes {
            if byte.is_ascii_whitespace() {
                is_inside = false;
                continue;
            }
            if !is_inside {
                at += 1;
                (is_inside, is_negative) = (true, byte == b'-');
            }
            let Some(field) = fields.0.get_mut(at) else { break };
            match byte {
                b'0'..=b'9' if is_negative => {
                    *field = field.wrapping_mul(10).wrapping_sub((byte - b'0').into());
                }
                b'0'..=b'9' => *field = field.wrapping_mul(10).wrapping_add((byte - b'0').into()),
                b'-' => {}
                _ => return None,
            }
        }
        (at >= Self::NEEDED).then_some(fields)
    }

    fn unsigned(&self, at: usize) -> u64 {
        self.0[at]
    }

    fn signed(&self, at: usize) -> i64 {
        self.0[at].cast_signed()
    }
}

/// Clock ticks as a duration.
pub(crate) fn ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks.saturating_mul(TICK_MS))
}

/// What a process has used of the processors, by steps of 10 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// In the program.
    pub user: Duration,
    /// In the kernel on its behalf.
    pub system: Duration,
    /// The same of its children that have ended and were waited for.
    pub children_user: Duration,
    /// The same of its children that have ended and were waited for.
    pub children_system: Duration,
    /// Spent waiting for devices (where the kernel counts it).
    pub io_wait: Duration,
}

impl CpuTimes {
    /// Its own time, in the program and in the kernel.
    pub fn total(&self) -> Duration {
        self.user + self.system
    }
}

/// A thread of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The kernel's number of it.
    pub id: u32,
    /// Its name.
    pub name: OsString,
    /// What it is doing.
    pub state: State,
    /// Processor time in the program, in ticks of (nearly always) 10 ms. That of a process's only thread may
    /// be a tick less than the kernel's own number while it has used next to none.
    pub user: Duration,
    /// Processor time in the kernel, as exact.
    pub system: Duration,
    /// The processor that it last ran on.
    pub processor: u32,
    /// From -20 (greedy) to 19 (nice): threads of one process may differ.
    pub nice: i32,
}

impl Thread {
    pub(crate) fn parse(id: u32, bytes: &[u8]) -> Option<Self> {
        Stat::parse(bytes).map(|stat| Self::of(id, stat))
    }

    pub(crate) fn of(id: u32, stat: Stat) -> Self {
        Self {
            id,
            user: ticks(stat.user_ticks),
            system: ticks(stat.system_ticks),
            name: stat.name,
            state: stat.state,
            processor: stat.processor,
            nice: stat.nice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;
    use proptest::prelude::*;

    /// Linux 6.18.
    const LINE: &[u8] =
        b"2967 (cat) R 2960 2961 31311 34816 -1 4194304 101 0 7 0 76 1 2 3 20 -5 4 0 \
        1221701 3133440 414 18446744073709551615 93864003751936 93864003771817 140721054501504 0 0 \
        0 0 0 0 0 0 0 17 1 0 0 9 0 0 93864003787824 93864003789440 93864683331584 140721054505698 \
        140721054505718 140721054505718 140721054506987 0\n";

    #[test]
    fn every_field_is_the_right_one() {
        let stat = Stat::parse(LINE).unwrap();
        assert_eq!((stat.name.as_bytes(), stat.state), (&b"cat"[..], State::Running));
        assert_eq!((stat.parent, stat.group, stat.session), (2960, 2961, 31311));
        assert_eq!((stat.terminal, stat.flags), (34816, 4_194_304));
        assert_eq!((stat.minor_faults, stat.major_faults), (101, 7));
        assert_eq!((stat.user_ticks, stat.system_ticks), (76, 1));
        assert_eq!((stat.children_user_ticks, stat.children_system_ticks), (2, 3));
        assert_eq!((stat.priority, stat.nice, stat.threads), (20, -5, 4));
        assert_eq!((stat.start_ticks, stat.virtual_size), (1_221_701, 3_133_440));
        assert_eq!((stat.resident_pages, stat.processor, stat.io_wait_ticks), (414, 1, 9));
        assert_eq!(stat.cpu_times().total(), Duration::from_millis(770));
    }

    /// psutil's `threads()` looks for the first `)` and reads times that are none.
    #[test]
    fn a_name_that_looks_like_fields_is_a_name() {
        for name in ["Thread-1 (task)", "ev) S 1 2 3 4 5", ")", "", "a\nb"] {
            let line = String::from_utf8_lossy(LINE).replacen("cat", name, 1);
            let thread = Thread::parse(7, line.as_bytes()).unwrap();
            assert_eq!(thread.name, OsStr::new(name));
            assert_eq!(thread.user, Duration::from_millis(760), "{name}");
        }
    }

    /// A kernel without delay accounting ends earlier; one before 2.6 is not read.
    #[test]
    fn fields_may_be_missing_at_the_end() {
        let text = String::from_utf8_lossy(LINE);
        let cut = |fields: usize| {
            let words: Vec<_> = text.split_whitespace().take(fields).collect();
            Stat::parse(words.join(" ").as_bytes())
        };
        assert_eq!(cut(41).unwrap().io_wait_ticks, 0);
        assert_eq!(cut(22).unwrap().virtual_size, 0);
        assert_eq!(cut(21), None);
    }

    #[test]
    fn a_process_without_its_leader_is_no_zombie() {
        let mut stat = Stat::parse(LINE).unwrap();
        stat.state = State::Zombie;
        assert!(stat.has_lost_its_leader() && !stat.is_zombie());
        stat.threads = 1;
        assert!(!stat.has_lost_its_leader() && stat.is_zombie());
    }

    #[test]
    fn letters_and_words_go_together() {
        for letter in b"RSDTtZXKWIP" {
            let state = State::of(*letter);
            assert_eq!(state.letter(), char::from(*letter));
            assert_ne!(state.to_string(), "?");
        }
        assert_eq!(State::of(b'x'), State::Dead);
        assert_eq!(State::of(b'q').to_string(), "?");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in hostile::bytes(), near in hostile::damaged(LINE)) {
            Stat::parse(&bytes);
            if let Some(mut stat) = Stat::parse(&near) {
                prop_assert!(stat.parse_again(&near).is_some());
                prop_assert_eq!(Some(stat), Stat::parse(&near));
            }
        }

        #[test]
        fn any_name_is_skipped(name in proptest::collection::vec(any::<u8>(), 0..20)) {
            let rest = &LINE[LINE.iter().position(|&byte| byte == b')').unwrap()..];
            let stat = Stat::parse(&[b"2967 (", &name[..], rest].concat()).unwrap();
            prop_assert_eq!(stat.name.as_bytes(), &name[..]);
            prop_assert_eq!(stat.start_ticks, 1_221_701);
        }
    }
}
