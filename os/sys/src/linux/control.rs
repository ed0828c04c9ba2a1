//! What the scheduler and the limits of any process are, and changing them.
#![expect(unsafe_code, reason = "setpriority, ioprio, prlimit and affinity have no wrapper in std")]

use super::{check, errno};
use std::io;
use std::mem::MaybeUninit;

/// `IOPRIO_WHO_PROCESS` of linux/ioprio.h.
const WHO_PROCESS: libc::c_int = 1;

/// Makes a process nicer (19) or greedier (-20).
///
/// # Errors
/// `ESRCH`, `EPERM` (another user's), `EACCES` (greedier without the right to be).
pub fn set_nice(pid: u32, nice: i32) -> io::Result<()> {
    // SAFETY: setpriority takes integers.
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, pid, nice) }).map(drop)
}

/// How nice a process is.
///
/// # Errors
/// `ESRCH`.
pub fn nice(pid: u32) -> io::Result<i32> {
    // getpriority(2): -1 is an answer, too, so the error number tells.
    // SAFETY: the location of the error number is this thread's.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: as above; nobody else writes there.
    unsafe { place.write(0) };
    // SAFETY: getpriority takes integers.
    let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, pid) };
    if nice == -1 && errno() != 0 { Err(io::Error::last_os_error()) } else { Ok(nice) }
}

/// The kernel's word for a process's I/O priority: class in the bits from 13 up, level below.
///
/// # Errors
/// `ESRCH`, `EPERM`.
pub fn io_priority(pid: u32) -> io::Result<u16> {
    // SAFETY: ioprio_get takes integers.
    let word = unsafe { libc::syscall(libc::SYS_ioprio_get, WHO_PROCESS, pid) };
    check(i32::try_from(word).unwrap_or(-1)).map(|word| word as u16)
}

/// Sets that word.
///
/// # Errors
/// `ESRCH`, `EPERM`, `EINVAL`.
pub fn set_io_priority(pid: u32, word: u16) -> io::Result<()> {
    // SAFETY: ioprio_set takes integers.
    let result =
        unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, pid, libc::c_int::from(word)) };
    check(i32::try_from(result).unwrap_or(-1)).map(drop)
}

/// The soft and the hard limit of a process on the resource with that number; `u64::MAX` is none.
///
/// # Errors
/// `ESRCH`, `EPERM`, `EINVAL`.
pub fn limit(pid: u32, resource: u32) -> io::Result<(u64, u64)> {
    let mut old = MaybeUninit::<libc::rlimit64>::zeroed();
    prlimit(pid, resource, std::ptr::null(), old.as_mut_ptr())?;
    // SAFETY: two integers, zeroed and then filled.
    let old = unsafe { old.assume_init() };
    Ok((old.rlim_cur, old.rlim_max))
}

/// Sets both.
///
/// # Errors
/// `ESRCH`, `EPERM` (also: a hard limit raised without the right to), `EINVAL` (soft above hard).
pub fn set_limit(pid: u32, resource: u32, (soft, hard): (u64, u64)) -> io::Result<()> {
    let new = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
    prlimit(pid, resource, &raw const new, std::ptr::null_mut())
}

/// By the raw call: glibc and musl differ in the type of the resource.
fn prlimit(
    pid: u32,
    resource: u32,
    new: *const libc::rlimit64,
    old: *mut libc::rlimit64,
) -> io::Result<()> {
    // SAFETY: both pointers are null or to live memory of the type that prlimit64 takes.
    let result = unsafe { libc::syscall(libc::SYS_prlimit64, pid, resource, new, old) };
    check(i32::try_from(result).unwrap_or(-1)).map(drop)
}

/// The numbers of the processors that a process (or thread) may run on.
///
/// # Errors
/// `ESRCH`.
pub fn affinity(pid: u32) -> io::Result<Vec<usize>> {
    let mask = affinity_mask(pid)?;
    let bits = |(index, word): (usize, &u64)| {
        let word = *word;
        (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| index * 64 + bit)
    };
    Ok(mask.iter().enumerate().flat_map(bits).collect())
}

/// Grows the mask until the kernel's fits (a fixed one fails above 1024 processors).
pub(super) fn affinity_mask(pid: u32) -> io::Result<Vec<u64>> {
    let mut words = 16;
    loop {
        let mut mask = vec![0_u64; words];
        let size = words * size_of::<u64>();
        // SAFETY: the mask is that many bytes long.
        let result = check(unsafe {
            libc::sched_getaffinity(pid.cast_signed(), size, mask.as_mut_ptr().cast())
        });
        match result {
            Ok(_) => return Ok(mask),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) && words < 1 << 12 => {
                words *= 2;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Binds a process's first thread (or any thread) to some processors.
///
/// # Errors
/// `ESRCH`, `EPERM`, `EINVAL` when none of them exists.
pub fn set_affinity(pid: u32, processors: &[usize]) -> io::Result<()> {
    let words = processors.iter().max().map_or(1, |most| most / 64 + 1);
    if words > 1 << 12 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut mask = vec![0_u64; words];
    for processor in processors {
        mask[processor / 64] |= 1 << (processor % 64);
    }
    let size = words * size_of::<u64>();
    // SAFETY: the mask is that many bytes long.
    check(unsafe { libc::sched_setaffinity(pid.cast_signed(), size, mask.as_ptr().cast()) })
        .map(drop)
}

/// The number of the processor that the calling thread runs on, at this moment.
#[inline]
pub fn processor() -> Option<usize> {
    // SAFETY: takes nothing, and answers with a number.
    usize::try_from(unsafe { libc::sched_getcpu() }).ok()
}

/// Has the calling thread go on on another processor than this one, if it may use any other; says whether
/// it did. It may come back: what it may use is the same afterwards.
///
/// # Errors
/// Those of the kernel; then it may be left to the others only.
pub fn leave_processor(processor: usize) -> io::Result<bool> {
    let allowed = affinity(0)?;
    let others: Vec<_> = allowed.iter().copied().filter(|other| *other != processor).collect();
    if others.is_empty() {
        return Ok(false);
    }
    set_affinity(0, &others)?;
    set_affinity(0, &allowed)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_leaves_its_processor() {
        let allowed = affinity(0).unwrap();
        let here = processor().unwrap();
        assert!(allowed.contains(&here));
        assert_eq!(leave_processor(here).unwrap(), allowed.len() > 1);
        assert_eq!(affinity(0).unwrap(), allowed);
        set_affinity(0, &[here]).unwrap();
        assert!(!leave_processor(here).unwrap(), "there is no other one");
    }

    #[test]
    fn own_values_can_be_read_and_set_to_what_they_are() {
        let own = std::process::id();
        let allowed = affinity(own).unwrap();
        assert!(!allowed.is_empty());
        set_affinity(own, &allowed).unwrap();
        assert_eq!(affinity(own).unwrap(), allowed);
        set_nice(own, nice(own).unwrap()).unwrap();
        set_io_priority(own, io_priority(own).unwrap()).unwrap();
        let files = 7;
        let limits = limit(own, files).unwrap();
        set_limit(own, files, limits).unwrap();
        assert_eq!(limit(own, files).unwrap(), limits);
    }

    #[test]
    fn nobody_has_a_pid_above_the_limit() {
        let nobody = (1 << 22) + 1;
        for error in [
            nice(nobody).unwrap_err(),
            io_priority(nobody).unwrap_err(),
            limit(nobody, 7).unwrap_err(),
            affinity(nobody).unwrap_err(),
        ] {
            assert_eq!(error.raw_os_error(), Some(libc::ESRCH));
        }
    }
}
