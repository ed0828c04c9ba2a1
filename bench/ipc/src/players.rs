//! Processes that play one race together, and the referee who ends it when one of them cannot go on.
#![expect(unsafe_code, reason = "forks")]

use crate::play::Shared;
use polyproc_sync::{Deadline, Wait, raw};
use polyproc_sys::fork::{Fork, exit_now, fork};
use polyproc_sys::pidfd::PidFd;
use polyproc_sys::poll;
use polyproc_sys::signal::Signal;
use polyproc_sys::wait::{self, Reaped, Status};
use std::io;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a race takes at most: far more than any does, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(45);

/// The exit code of who panicked, as std has it.
const PANICKED: i32 = 101;

/// Runs `work`, and ends this process at once should it panic: whoever waits for it sees that.
pub fn or_exit<T>(work: impl FnOnce() -> T) -> T {
    // Nothing that the panic left half done is looked at again.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| exit_now(PANICKED))
}

/// A forked child that runs `work`. Only for programs with one thread.
///
/// # Errors
/// At the limits on processes.
pub fn child(work: impl FnOnce()) -> io::Result<PidFd> {
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        Fork::Child => {
            or_exit(work);
            exit_now(0)
        }
        Fork::Parent { child, .. } => Ok(child),
    }
}

/// Waits for its end.
///
/// # Errors
/// When it did not end well, or somebody else reaped it.
pub fn join(child: &PidFd) -> io::Result<()> {
    poll::readable([Some(child.as_fd())], Deadline::NEVER)?;
    check(wait::reap(child)?)
}

fn check(end: Option<Reaped>) -> io::Result<()> {
    match end.map(|reaped| reaped.status) {
        None | Some(Status::Exited(0)) => Ok(()),
        Some(Status::Exited(PANICKED)) => Err(io::Error::other("panicked")),
        Some(Status::Exited(code)) => Err(io::Error::other(format!("ended with code {code}"))),
        Some(Status::Signaled { signal, .. }) => {
            Err(io::Error::other(format!("was ended by {signal:?}")))
        }
    }
}

/// Forked processes that play together. When one does not end well, or they take too long, all are
/// ended: no player waits for one that is no more.
#[derive(Debug, Default)]
pub struct Players(Vec<(&'static str, PidFd)>);

impl Players {
    /// Has a child do `work`. Only for programs with one thread.
    ///
    /// # Errors
    /// At the limits on processes.
    pub fn start(&mut self, role: &'static str, work: impl FnOnce()) -> io::Result<()> {
        self.0.push((role, child(work)?));
        Ok(())
    }

    /// Waits until all of them have ended well.
    ///
    /// # Errors
    /// Who did not, and how it ended; that they were not done within 45 seconds.
    pub fn finish(mut self) -> io::Result<()> {
        let limit = Deadline::after(LIMIT);
        while !self.0.is_empty() {
            let ends: Vec<_> = self.0.iter().map(|(_, process)| process.as_fd()).collect();
            let ended = poll::any_readable(&ends, limit)?;
            if ended.is_empty() {
                let roles: Vec<_> = self.0.iter().map(|(role, _)| *role).collect();
                let roles = roles.join(", ");
                return Err(io::Error::other(format!("not done within {LIMIT:?}: {roles}")));
            }
            for index in ended.into_iter().rev() {
                let (role, process) = self.0.swap_remove(index);
                let end = join(&process);
                end.map_err(|error| io::Error::other(format!("the {role} {error}")))?;
            }
        }
        Ok(())
    }
}

impl Drop for Players {
    fn drop(&mut self) {
        for (_, process) in &self.0 {
            // Who ended in between is there to be reaped all the same.
            drop(process.send_signal(Signal::KILL));
            drop(join(process));
        }
    }
}

/// How often a ball goes there and back, and whether both fall asleep in between.
#[derive(Clone, Copy, Debug)]
pub struct Rally {
    /// How often.
    pub rounds: u32,
    /// Whether both rest long enough between their turns that the other one is asleep when it is
    /// called; that rest is taken off.
    pub asleep: bool,
}

impl Rally {
    const REST: Duration = Duration::from_micros(300);

    fn rest(self) {
        let start = Instant::now();
        while self.asleep && start.elapsed() < Self::REST {
            std::hint::spin_loop();
        }
    }

    /// Microseconds of one round between two processes, of which the first calls `set(0)` and
    /// `wait(1)`, the second `wait(0)` and `set(1)`. Both call `leave` when both are done.
    ///
    /// # Errors
    /// As [`Players::finish`].
    pub fn play(
        self,
        set: impl Fn(usize),
        wait: impl Fn(usize),
        leave: impl Fn(),
    ) -> io::Result<f64> {
        let spent = Shared::new(AtomicU64::new(0))?;
        let done = Shared::new(raw::Event::<polyproc_sync::Host>::new())?;
        let mut players = Players::default();
        players.start("second player", || {
            for _ in 0..=self.rounds {
                wait(0);
                self.rest();
                set(1);
            }
            // What it sent may be gone with it.
            _ = done.wait(Wait::FOREVER);
            leave();
        })?;
        players.start("first player", || {
            let time = self.serve(&set, &wait);
            spent.store(time.as_nanos() as u64, Ordering::Release);
            done.set();
            leave();
        })?;
        players.finish()?;
        let spent = Duration::from_nanos(spent.load(Ordering::Acquire));
        Ok(spent.as_secs_f64() * 1e6 / f64::from(self.rounds))
    }

    fn serve(self, set: &impl Fn(usize), wait: &impl Fn(usize)) -> Duration {
        let turn = || {
            set(0);
            wait(1);
        };
        // The first one waits for the other to be there.
        turn();
        if !self.asleep {
            let start = Instant::now();
            (0..self.rounds).for_each(|_| turn());
            return start.elapsed();
        }
        let mut spent = Duration::ZERO;
        for _ in 0..self.rounds {
            self.rest();
            let start = Instant::now();
            turn();
            spent += start.elapsed();
        }
        spent.saturating_sub(Self::REST * self.rounds)
    }
}
