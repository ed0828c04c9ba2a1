//! Who holds a lock, in one word, and whether it still runs.
//!
//! The own identity is found once per process and cached; a fork handler forgets it in the child.

use polyproc_sys::{fork, pidfd::PidFd, stat};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

include!("owner_word.rs");

/// How long a positive answer about a holder is believed.
const BELIEVE: Duration = Duration::from_millis(10);

/// This process, once it is known; 0 before, and in a forked child.
static OWN: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The process for which the number was asked, and this thread's number.
    static THREAD: Cell<(u64, u32)> = const { Cell::new((0, 0)) };
    /// The holder that was last found alive, and until when that is believed.
    static ALIVE: Cell<Option<(u64, Instant)>> = const { Cell::new(None) };
}

impl Owner {
    /// The calling process.
    #[inline]
    pub fn me() -> Self {
        match OWN.load(Ordering::Relaxed) {
            0 => find_me(),
            own => Self(own),
        }
    }

    /// Whether that process still runs. Asks the system, at most once in 10 ms about the same one.
    pub fn is_alive(self) -> bool {
        let now = Instant::now();
        if ALIVE.get().is_some_and(|(owner, until)| owner == self.0 && now < until) {
            return true;
        }
        let alive = self == Self::me() || is_running(self);
        ALIVE.set(alive.then(|| (self.0, now + BELIEVE)));
        alive
    }
}

/// The calling thread's number, cached.
#[inline]
pub(crate) fn thread() -> u32 {
    let own = OWN.load(Ordering::Relaxed);
    match THREAD.get() {
        (process, thread) if process == own && own != 0 => thread,
        _ => find_thread(),
    }
}

#[cold]
fn find_thread() -> u32 {
    let thread = polyproc_sys::thread::current_id();
    THREAD.set((Owner::me().0, thread));
    thread
}

extern "C" fn forget() {
    OWN.store(0, Ordering::Relaxed);
}

#[cold]
fn find_me() -> Owner {
    static HOOK: std::sync::Once = std::sync::Once::new();
    // Without memory for the hook a forked child would take itself for its parent.
    #[expect(clippy::expect_used, reason = "a dozen bytes at the first use of a lock")]
    HOOK.call_once(|| fork::at_fork_in_child(forget).expect("memory for a fork handler"));
    let pid = std::process::id();
    let start = match stat::read(pid) {
        Ok(Some(stat)) => stat.start_ticks,
        // Without /proc no start time is known here, nor to whoever asks about us.
        _ => 0,
    };
    let me = Owner::new(pid, start);
    OWN.store(me.0, Ordering::Relaxed);
    me
}

/// Whether that process runs now: the same start time, and not a zombie. Always asks the system.
pub fn is_running(owner: Owner) -> bool {
    if owner.start() == 0 {
        return exists(owner.pid());
    }
    match stat::read(owner.pid()) {
        // A process whose first thread has ended looks like a zombie with several threads.
        Ok(Some(stat)) => {
            stat.start_ticks as u32 == owner.start()
                && (!matches!(stat.state, stat::RunState::Zombie | stat::RunState::Gone)
                    || stat.threads > 1)
        }
        // Not there, or hidden from us: a pidfd tells the two apart.
        Ok(None) => exists(owner.pid()),
        Err(_) => true,
    }
}

/// Whether the pid is in use, as far as a pidfd tells. When the system cannot say, it is.
fn exists(pid: u32) -> bool {
    const ESRCH: i32 = 3;
    const EINVAL: i32 = 22;
    const ENOENT: i32 = 2;
    match PidFd::open(pid) {
        Ok(_) => true,
        // EINVAL: 0, or beyond any pid. EINVAL and ENOENT (by kernel): the number of a thread.
        Err(error) => !matches!(error.raw_os_error(), Some(ESRCH | EINVAL | ENOENT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_and_an_impossible_one_does_not() {
        let me = Owner::me();
        assert_eq!(me.pid(), std::process::id());
        assert!(me.start() != 0);
        assert!(me.is_alive() && is_running(me));
        assert!(!is_running(Owner::new(me.pid(), u64::from(me.start()) + 1)));
        assert!(!is_running(Owner::new(Owner::PID_MASK as u32, 1)));
    }

    #[test]
    fn the_word_keeps_pid_and_start() {
        let owner = Owner::new(4_194_303, 0x1_2345_6789);
        assert_eq!((owner.pid(), owner.start()), (4_194_303, 0x2345_6789));
        assert_eq!(owner.to_string(), "process 4194303");
    }

    #[test]
    fn threads_differ() {
        let here = thread();
        assert_eq!(here, thread());
        assert_ne!(here, std::thread::spawn(thread).join().unwrap());
    }
}
