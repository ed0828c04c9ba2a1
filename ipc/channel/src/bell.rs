//! A descriptor for what has none: a thread that waits as any consumer would, and writes to an eventfd.

use crate::channel::{Channel, Hold, Role};
use polyproc_sync::{Owner, Wait};
use polyproc_sys::eventfd::EventFd;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

/// What may be there, and rings when something can be taken.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: OnceLock<Ringer>,
}

/// What the thread and the receiver share.
#[derive(Debug)]
struct Rope {
    event: EventFd,
    /// Whether the event is set: the thread sleeps until it is not.
    is_set: Mutex<bool>,
    changed: Condvar,
    stop: AtomicBool,
}

#[derive(Debug)]
struct Ringer {
    rope: Arc<Rope>,
    channel: Channel,
    /// Whose thread it is: not a forked child's.
    process: Owner,
    thread: Option<JoinHandle<()>>,
}

impl Bell {
    pub(crate) fn descriptor(&self, hold: &Hold) -> io::Result<BorrowedFd<'_>> {
        if let Some(ringer) = self.rung.get() {
            return ringer.descriptor();
        }
        let ringer = Ringer::start(hold)?;
        // Another thread may have been faster; then ours stops.
        self.rung.get_or_init(|| ringer).descriptor()
    }

    /// After a look at the channel: when that is empty, the event is taken back.
    #[inline]
    pub(crate) fn hush(&self, channel: &Channel) {
        if let Some(ringer) = self.rung.get()
            && channel.sides().len() == 0
        {
            ringer.rope.hush();
        }
    }
}

impl Rope {
    fn hush(&self) {
        let mut is_set = self.is_set.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_set {
            *is_set = false;
            self.event.clear();
            self.changed.notify_all();
        }
    }

    fn ring(&self) {
        let mut is_set = self.is_set.lock().unwrap_or_else(PoisonError::into_inner);
        *is_set = true;
        self.event.set();
        while *is_set && !self.stop.load(Ordering::Acquire) {
            is_set = self.changed.wait(is_set).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Ringer {
    fn start(hold: &Hold) -> io::Result<Self> {
        let rope = Arc::new(Rope {
            event: EventFd::new()?,
            is_set: Mutex::new(false),
            changed: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let (channel, of_thread) = (hold.channel.clone(), (rope.clone(), hold.channel.clone()));
        let run = move || watch(&of_thread.0, &of_thread.1);
        let thread = std::thread::Builder::new().name("polyproc-bell".into()).spawn(run)?;
        Ok(Self { rope, channel, process: Owner::me(), thread: Some(thread) })
    }

    fn descriptor(&self) -> io::Result<BorrowedFd<'_>> {
        if self.process != Owner::me() {
            let why = "a descriptor that was made before a fork stays with the parent";
            return Err(io::Error::other(why));
        }
        Ok(self.rope.event.as_fd())
    }
}

/// What the thread does. It holds no end: that would keep it open.
fn watch(rope: &Rope, channel: &Channel) {
    let is_stopped = || rope.stop.load(Ordering::Acquire);
    let gone = |thorough| is_stopped() || channel.is_alone(Role::Take, thorough);
    while !is_stopped() {
        // Something to take, or the end: in both cases the next look finds out which.
        drop(channel.poll(Some(Wait::FOREVER), Some(&gone)));
        if !is_stopped() {
            rope.ring();
        }
    }
}

impl Drop for Ringer {
    fn drop(&mut self) {
        let thread = self.thread.take();
        if self.process != Owner::me() {
            // A forked child has no such thread: what stands for it must not be touched.
            let _untouched = ManuallyDrop::new(thread);
            return;
        }
        self.rope.stop.store(true, Ordering::Release);
        // Between its look at `stop` and its sleep the thread has the lock.
        drop(self.rope.is_set.lock());
        self.rope.changed.notify_all();
        self.channel.sides().wake_all();
        if let Some(thread) = thread {
            // It does not panic, and if it did it would have ended as well.
            drop(thread.join());
        }
    }
}
