//! Something that one of many does.

use super::Lock;
use crate::atomic::{AtomicU32, Ordering};
use crate::crash_point;
use crate::park::{Host, Park, Wait};
use crate::report::{Kind, Report};

/// Something that one of many processes does, and the others wait for. All zeros is not done.
///
/// If the one that does it dies, the next one does it again: it has to bear that.
#[derive(Debug)]
#[repr(C)]
pub struct Once<P = Host> {
    lock: Lock<P>,
    done: AtomicU32,
    reserved: u32,
}

impl<P> Once<P> {
    /// Not done. The same as all zeros.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self { lock: Lock::new(), done: AtomicU32::new(0), reserved: 0 }
    }

    /// Not done, for the model.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self { lock: Lock::new(), done: AtomicU32::new(0), reserved: 0 }
    }

    /// Whether it is done. What the one who did it wrote is seen after.
    #[inline]
    pub fn is_completed(&self) -> bool {
        self.done.load(Ordering::Acquire) == 1
    }

    /// The state at this moment: who is doing it, who waits; `count` is 1 once it is done.
    pub fn report(&self) -> Report {
        Report { kind: Kind::Once, count: u32::from(self.is_completed()), ..self.lock.report() }
    }
}

impl<P: Park> Once<P> {
    /// Does it, unless it is done; waits while another process is doing it. When this returns, it is
    /// done.
    #[inline]
    pub fn call_once(&self, action: impl FnOnce()) {
        if !self.is_completed() {
            self.call_slowly(action);
        }
    }

    #[cold]
    fn call_slowly(&self, action: impl FnOnce()) {
        let held = Held(self);
        // Whoever died inside left it undone: nothing else to recover.
        _ = self.lock.acquire(Wait::FOREVER);
        if !self.is_completed() {
            action();
            crash_point!("once.acted");
            self.done.store(1, Ordering::Release);
        }
        drop(held);
    }
}

/// Releases also when the action panics.
struct Held<'a, P: Park>(&'a Once<P>);

impl<P: Park> Drop for Held<'_, P> {
    fn drop(&mut self) {
        self.0.lock.recover();
        self.0.lock.release_own();
    }
}

#[cfg(not(loom))]
impl<P> Default for Once<P> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
#[expect(clippy::excessive_nesting, reason = "threads in scopes")]
mod tests {
    use super::*;

    #[test]
    fn many_threads_do_it_once() {
        let (once, count) = (Once::<Host>::new(), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    once.call_once(|| _ = count.fetch_add(1, Ordering::Relaxed));
                    assert_eq!(count.load(Ordering::Relaxed), 1);
                });
            }
        });
        assert!(once.is_completed());
    }
}
