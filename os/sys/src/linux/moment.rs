//! The clock that process start times are counted by.
#![expect(unsafe_code, reason = "CLOCK_BOOTTIME has no wrapper in std")]

use std::mem::MaybeUninit;

/// Nanoseconds since the system booted, time asleep included: the clock of the start times in
/// `/proc/PID/stat`.
pub fn now() -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: room for a timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, time.as_mut_ptr()) };
    // SAFETY: zeroed, and all zeros is a timespec; the call cannot fail for this clock.
    let time = unsafe { time.assume_init() };
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}
