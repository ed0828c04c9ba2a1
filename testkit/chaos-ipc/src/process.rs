//! Forked children that can be killed and waited for, and memory to share with them.
#![expect(unsafe_code, reason = "forks, and puts a structure into bare memory")]

use polyproc_sync::{Deadline, Shareable};
use polyproc_sys::fork::{Fork, exit_now, fork};
use polyproc_sys::memory::{Mapping, memfd};
use polyproc_sys::pidfd::PidFd;
use polyproc_sys::poll;
use polyproc_sys::signal::Signal;
use polyproc_sys::wait::{Status, reap};
use std::io;
use std::marker::PhantomData;
use std::ops::Deref;
use std::os::fd::AsFd;
use std::time::Duration;

/// A child of this process; killed when dropped.
#[derive(Debug)]
pub struct Child {
    /// Its pid.
    pub pid: u32,
    pidfd: PidFd,
    ended: Option<Status>,
}

impl Child {
    /// Forks a child that runs `work` and ends with what it returns. Only for programs with one
    /// thread.
    ///
    /// # Errors
    /// At the limits on processes.
    pub fn start(work: impl FnOnce() -> i32) -> io::Result<Self> {
        // SAFETY: the callers of this crate have one thread.
        match unsafe { fork() }? {
            Fork::Child => exit_now(work()),
            Fork::Parent { pid, child } => Ok(Self { pid, pidfd: child, ended: None }),
        }
    }

    /// Whether and how it ended, waiting for that until `deadline`.
    ///
    /// # Errors
    /// When somebody else reaped it.
    pub fn end(&mut self, deadline: Deadline) -> io::Result<Option<Status>> {
        if self.ended.is_none() {
            poll::readable([Some(self.pidfd.as_fd())], deadline)?;
            self.ended = reap(&self.pidfd)?.map(|reaped| reaped.status);
        }
        Ok(self.ended)
    }

    /// Sends SIGKILL.
    ///
    /// # Errors
    /// None for an own child.
    pub fn kill(&self) -> io::Result<()> {
        self.signal(Signal::KILL)
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// None for an own child.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        self.pidfd.send_signal(signal)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ended.is_none() && self.kill().is_ok() {
            let ended = self.end(Deadline::after(Duration::from_mins(1)));
            debug_assert!(ended.is_ok());
        }
    }
}

/// Nothing, for a while.
pub fn pause(time: Duration) {
    let nothing = poll::any_readable(&[], Deadline::after(time));
    debug_assert!(nothing.is_ok());
}

/// A structure in memory that children share.
#[derive(Debug)]
pub struct Stage<T> {
    map: Mapping,
    object: PhantomData<T>,
}

impl<T> Stage<T> {
    /// Puts `object` there.
    ///
    /// # Errors
    /// For want of memory.
    ///
    /// # Safety
    /// `T` has to be made of what [`Shareable`] promises.
    pub unsafe fn new(object: T) -> io::Result<Self> {
        let file = memfd(c"polyproc-chaos")?;
        file.set_len(size_of::<T>() as u64)?;
        let map = Mapping::shared(&file, size_of::<T>())?;
        // SAFETY: page aligned, long enough, and nobody else's yet.
        unsafe { map.start().cast::<T>().write(object) };
        Ok(Self { map, object: PhantomData })
    }

    /// [`Stage::new`] for what says so itself.
    ///
    /// # Errors
    /// For want of memory.
    pub fn of(object: T) -> io::Result<Self>
    where
        T: Shareable,
    {
        // SAFETY: Shareable.
        unsafe { Self::new(object) }
    }
}

impl<T> Deref for Stage<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `new` wrote one; it is shared by atomics and locks only.
        unsafe { self.map.start().cast::<T>().as_ref() }
    }
}
