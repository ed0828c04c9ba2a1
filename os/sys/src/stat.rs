//! What `/proc/PID/stat` says of a process: enough to know it again and to see what it does.
//!
//! Parsing is pure (bytes in, values out). Field numbers are those of proc(5).

use std::io;

/// What a process is doing, as anybody can see it from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunState {
    /// On a processor, or waiting for one.
    Running,
    /// Waiting for an event that a signal can interrupt.
    Sleeping,
    /// Waiting for a device; nothing can interrupt it.
    DiskSleep,
    /// Stopped by a signal or a debugger.
    Stopped,
    /// Ended, and its parent has not yet asked how.
    Zombie,
    /// Not there any more.
    Gone,
}

/// The fields of `/proc/PID/stat` that polyproc needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Field 3.
    pub state: RunState,
    /// Field 4: the parent's pid.
    pub parent: u32,
    /// Field 5: the process group's id.
    pub group: u32,
    /// Field 6: the session's id.
    pub session: u32,
    /// Field 20: how many threads.
    pub threads: u32,
    /// Field 22: clock ticks between boot and the start of the process. A pid together with this
    /// number never names a second process.
    pub start_ticks: u64,
}

/// Reads the facts of `pid`; `Ok(None)` when there is no such process.
///
/// # Errors
/// Whatever reading `/proc` gives, other than that the process is not there.
pub fn read(pid: u32) -> io::Result<Option<Stat>> {
    read_file(&format!("/proc/{pid}/stat"))
}

fn read_file(path: &str) -> io::Result<Option<Stat>> {
    match std::fs::read(path) {
        Ok(bytes) => match parse(&bytes) {
            Some(stat) => Ok(Some(stat)),
            None => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{path} is not in the form of proc(5)"),
            )),
        },
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the process `pid` that started at `start_ticks` still runs (a zombie does not).
pub fn is_running(pid: u32, start_ticks: u64) -> bool {
    matches!(read(pid), Ok(Some(stat))
        if stat.start_ticks == start_ticks && stat.state != RunState::Zombie)
}

/// Whether the process that had `pid` at `moment` (see [`crate::moment::now`]) still runs: whoever got the same
/// pid since then started later.
pub fn is_running_since(pid: u32, moment: u64) -> bool {
    /// Length of a tick: proc(5) counts in `USER_HZ`, which is 100 on every platform of ours.
    const TICK_NS: u64 = 10_000_000;
    matches!(read(pid), Ok(Some(stat))
        if stat.start_ticks.saturating_mul(TICK_NS) <= moment && stat.state != RunState::Zombie)
}

/// The memory that `pid` holds now, in bytes (resident set); `Ok(None)` when there is no such process.
///
/// # Errors
/// As [`read`].
pub fn resident(pid: u32) -> io::Result<Option<u64>> {
    bytes_of(pid, "VmRSS:")
}

/// The most memory that `pid` ever held, in bytes; `Ok(None)` when there is no such process.
///
/// # Errors
/// As [`read`].
pub fn most_resident(pid: u32) -> io::Result<Option<u64>> {
    bytes_of(pid, "VmHWM:")
}

fn bytes_of(pid: u32, what: &str) -> io::Result<Option<u64>> {
    match std::fs::read_to_string(format!("/proc/{pid}/status")) {
        Ok(status) => Ok(parse_bytes(&status, what)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn parse_bytes(status: &str, what: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// How many threads this process has. One that has come to its end is not counted, though the kernel may
/// go on listing it for a while after it was joined: it runs no code any more, and holds nothing.
///
/// # Errors
/// When `/proc/self` cannot be read.
pub fn own_threads() -> io::Result<u32> {
    // Not by our pid: /proc may be that of another pid namespace, where it is somebody else's.
    let listed = read_file("/proc/self/stat")?.ok_or(io::ErrorKind::NotFound)?.threads;
    if listed == 1 {
        return Ok(1);
    }
    let (mut alive, mut leaving) = (0, 0);
    for task in std::fs::read_dir("/proc/self/task")? {
        match std::fs::read(task?.path().join("stat")) {
            Ok(stat) if is_leaving(&stat) => leaving += 1,
            Ok(_) => alive += 1,
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    // A list that changes while it is read may lack a thread.
    Ok(listed.saturating_sub(leaving).max(alive))
}

/// Whether the thread whose `stat` that is has begun its exit: `PF_EXITING` of linux/sched.h in field 9.
fn is_leaving(stat: &[u8]) -> bool {
    const EXITING: u32 = 4;
    let flags = fields(stat).and_then(|fields| fields.split_ascii_whitespace().nth(9 - 3));
    flags.and_then(|flags| flags.parse().ok()).is_some_and(|flags: u32| flags & EXITING != 0)
}

/// Both ways in which the kernel says that a process is not there: no directory, or a directory
/// whose process ended between `open` and `read`.
fn is_gone(error: &io::Error) -> bool {
    const ESRCH: i32 = 3;
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH)
}

/// From field 3 on. The name (field 2) may hold blanks and parentheses, so they start after the last `)`.
fn fields(stat: &[u8]) -> Option<&str> {
    let close = stat.iter().rposition(|&byte| byte == b')')?;
    std::str::from_utf8(stat.get(close + 1..)?).ok()
}

fn parse(stat: &[u8]) -> Option<Stat> {
    let text = fields(stat)?;
    // Field 3 is now number 0.
    let field = |number: usize| text.split_ascii_whitespace().nth(number - 3);
    Some(Stat {
        state: state(field(3)?)?,
        parent: field(4)?.parse().ok()?,
        group: field(5)?.parse().ok()?,
        session: field(6)?.parse().ok()?,
        threads: field(20)?.parse().ok()?,
        start_ticks: field(22)?.parse().ok()?,
    })
}

fn state(letter: &str) -> Option<RunState> {
    Some(match letter {
        "R" => RunState::Running,
        "S" | "I" | "P" => RunState::Sleeping,
        "D" => RunState::DiskSleep,
        "T" | "t" => RunState::Stopped,
        "Z" => RunState::Zombie,
        "X" | "x" => RunState::Gone,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINE: &str = "77 (a) b) S 1 77 60 0 -1 4194560 5 0 0 0 1 2 0 0 20 0 3 0 8642 0 0\n";

    #[test]
    fn a_name_may_hold_parentheses_and_blanks() {
        let stat = parse(LINE.as_bytes()).unwrap();
        assert_eq!(
            stat,
            Stat {
                state: RunState::Sleeping,
                parent: 1,
                group: 77,
                session: 60,
                threads: 3,
                start_ticks: 8642
            }
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_runs_and_pid_0_does_not() {
        let stat = read(std::process::id()).unwrap().unwrap();
        assert!(is_running(std::process::id(), stat.start_ticks));
        assert!(!is_running(std::process::id(), stat.start_ticks + 1));
        assert!(is_running_since(std::process::id(), crate::moment::now()));
        assert!(!is_running_since(std::process::id(), 0));
        assert_eq!(read(0).unwrap(), None);
        assert!(own_threads().unwrap() >= 1);
    }

    #[test]
    fn a_thread_that_leaves_is_known() {
        assert!(!is_leaving(LINE.as_bytes()));
        assert!(is_leaving(LINE.replace("4194560", "4194564").as_bytes()));
        assert!(!is_leaving(b"77 (a) S"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse(&bytes);
        }

        #[test]
        fn any_name_is_skipped(name in proptest::collection::vec(any::<u8>(), 0..20)) {
            let mut line = b"77 (".to_vec();
            line.extend(&name);
            line.extend(LINE.as_bytes().rsplit(|&b| b == b')').next().map(|rest| [b")", rest].concat()).unwrap());
            prop_assert_eq!(parse(&line).unwrap().start_ticks, 8642);
        }
    }
}
