//! Named points in the algorithms at which a test can have this process killed.
//!
//! They exist only with the feature `crash-points`; otherwise [`crash_point!`](crate::crash_point)
//! is nothing.

/// Whether the points are there. What is measured with them counts for nothing.
pub const COMPILED_IN: bool = cfg!(feature = "crash-points");

/// A place where a test can have the process killed. Names read `type.what-was-just-done`.
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {
        $crate::crash::point($name)
    };
}

/// Does nothing: the feature `crash-points` is off.
#[cfg(not(feature = "crash-points"))]
#[inline]
pub fn point(_name: &'static str) {}

#[cfg(feature = "crash-points")]
pub use armed::{arm, arm_any, point};

#[cfg(feature = "crash-points")]
mod armed {
    use polyproc_sys::pidfd::PidFd;
    use polyproc_sys::signal::Signal;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    static ARMED: AtomicBool = AtomicBool::new(false);
    static PLAN: Mutex<Option<Plan>> = Mutex::new(None);

    struct Plan {
        /// Which point; any, if none is named.
        name: Option<&'static str>,
        /// How many passes to let go by.
        skip: u32,
    }

    /// Kills this process when it reaches the point `name` for the `skip`th time after the first.
    pub fn arm(name: &'static str, skip: u32) {
        set(Plan { name: Some(name), skip });
    }

    /// Kills this process at the `skip`th point that it reaches after the first, whichever it is.
    pub fn arm_any(skip: u32) {
        set(Plan { name: None, skip });
    }

    fn set(plan: Plan) {
        if let Ok(mut place) = PLAN.lock() {
            *place = Some(plan);
        }
        ARMED.store(true, Ordering::Release);
    }

    /// Ends this process by SIGKILL if it was armed for this point.
    #[inline]
    pub fn point(name: &'static str) {
        if ARMED.load(Ordering::Acquire) {
            reach(name);
        }
    }

    #[cold]
    fn reach(name: &'static str) {
        let Ok(mut place) = PLAN.lock() else { return };
        let Some(plan) = place.as_mut() else { return };
        if plan.name.is_some_and(|wanted| wanted != name) {
            return;
        }
        if let Some(left) = plan.skip.checked_sub(1) {
            plan.skip = left;
            return;
        }
        die();
    }

    fn die() {
        if let Ok(own) = PidFd::open(std::process::id()) {
            drop(own.send_signal(Signal::KILL));
        }
        // The signal is delivered on the way back from the system call.
        std::process::abort();
    }
}
