//! Processor time of this process: what a listing costs, however busy the machine is.
#![expect(unsafe_code, reason = "the clock of a process has no wrapper in std")]

use std::mem::MaybeUninit;

/// What `work` costs, in all threads of this process, in the program and in the kernel.
pub(crate) fn cpu_milliseconds(work: impl FnOnce()) -> f64 {
    let before = now();
    work();
    now() - before
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a day, far below 2^52")]
fn now() -> f64 {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: room for a timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, time.as_mut_ptr()) };
    // SAFETY: zeroed, and all zeros is a timespec.
    let time = unsafe { time.assume_init() };
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}
