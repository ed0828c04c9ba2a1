//! Tells of a channel those who cannot sleep on it: a thread that waits as any producer or consumer
//! would, and then writes to an eventfd and wakes futures.

use crate::channel::{Channel, Hold, Role};
use crate::position::Position;
use polyproc_sync::{Owner, Wait};
use polyproc_sys::eventfd::EventFd;
use std::collections::BTreeMap;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::thread::JoinHandle;

/// What may be there, and rings when something can be taken, or put.
#[derive(Debug)]
pub(crate) struct Bell {
    role: Role,
    rung: OnceLock<Ringer>,
}

/// What the thread and the end of the channel share.
#[derive(Debug)]
struct Rope {
    /// Made when somebody asks for it.
    event: OnceLock<EventFd>,
    state: Mutex<State>,
    changed: Condvar,
    stop: AtomicBool,
}

#[derive(Debug)]
struct State {
    /// Whether it has rung, and nobody has found out why: the thread sleeps until somebody has.
    is_set: bool,
    /// Where the consumers were before a producer last found no room.
    seen: Position,
    /// The futures that wait, by number.
    wakers: BTreeMap<u64, Waker>,
    last: u64,
}

#[derive(Debug)]
struct Ringer {
    rope: Arc<Rope>,
    channel: Channel,
    /// Whose thread it is: not a forked child's.
    process: Owner,
    thread: Option<JoinHandle<()>>,
}

/// A future's place at a bell. Nothing of it is left there when it is dropped.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    bell: &'a Bell,
    hold: &'a Hold,
    number: Option<u64>,
}

impl Bell {
    pub(crate) fn new(role: Role) -> Self {
        Self { role, rung: OnceLock::new() }
    }

    pub(crate) fn descriptor(&self, hold: &Hold) -> io::Result<BorrowedFd<'_>> {
        Ok(self.ringer(hold)?.rope.event()?.as_fd())
    }

    pub(crate) fn place<'a>(&'a self, hold: &'a Hold) -> Place<'a> {
        Place { bell: self, hold, number: None }
    }

    fn ringer(&self, hold: &Hold) -> io::Result<&Ringer> {
        if self.rung.get().is_none() {
            let ringer = Ringer::start(hold, self.role)?;
            // Another thread may have been faster; then ours stops.
            self.rung.get_or_init(|| ringer);
        }
        self.own().ok_or_else(|| {
            io::Error::other("the thread that was made before a fork stays with the parent")
        })
    }

    /// The one there is, if it is this process's.
    #[inline]
    fn own(&self) -> Option<&Ringer> {
        self.rung.get().filter(|ringer| ringer.process == Owner::me())
    }

    /// After a look at the channel: when that is empty, the event is taken back.
    #[inline]
    pub(crate) fn hush(&self, channel: &Channel) {
        if let Some(ringer) = self.own()
            && channel.sides().len() == 0
        {
            ringer.rope.hush(&mut ringer.rope.state());
        }
    }
}

impl Place<'_> {
    /// Has `waker` woken when it is worth another look at the channel. The caller looks once more after
    /// this: what happened before is not told.
    pub(crate) fn register(&mut self, waker: &Waker) -> io::Result<()> {
        let rope = &self.bell.ringer(self.hold)?.rope;
        // Made before the lock is taken, and dropped after: it is somebody else's code.
        let waker = waker.clone();
        let mut state = rope.state();
        let number = self.number.unwrap_or(state.last + 1);
        state.last = state.last.max(number);
        state.seen = self.hold.channel.sides().head();
        let old = state.wakers.insert(number, waker);
        // Also when it rings: it may have rung for somebody who never looked.
        rope.hush(&mut state);
        drop(state);
        drop(old);
        self.number = Some(number);
        Ok(())
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let (Some(number), Some(ringer)) = (self.number, self.bell.own()) {
            let waker = ringer.rope.state().wakers.remove(&number);
            drop(waker);
        }
    }
}

impl Rope {
    fn new(seen: Position) -> Self {
        let state = State { is_set: false, seen, wakers: BTreeMap::new(), last: 0 };
        Self {
            event: OnceLock::new(),
            state: Mutex::new(state),
            changed: Condvar::new(),
            stop: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn event(&self) -> io::Result<&EventFd> {
        let state = self.state();
        if let Some(event) = self.event.get() {
            return Ok(event);
        }
        let event = EventFd::new()?;
        if state.is_set {
            event.set();
        }
        Ok(self.event.get_or_init(|| event))
    }

    fn hush(&self, state: &mut State) {
        if state.is_set {
            state.is_set = false;
            if let Some(event) = self.event.get() {
                event.clear();
            }
            self.changed.notify_all();
        }
    }

    fn ring(&self) {
        let mut state = self.state();
        state.is_set = true;
        if let Some(event) = self.event.get() {
            event.set();
        }
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        // Without the lock: what they do may come back to this bell. All, since one that is woken may
        // be dropped before it looks.
        for waker in wakers.into_values() {
            // One that panics is not to be the end of this thread, on which others wait.
            drop(catch_unwind(AssertUnwindSafe(|| waker.wake())));
        }
        let mut state = self.state();
        while state.is_set && !self.is_stopped() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

impl Ringer {
    fn start(hold: &Hold, role: Role) -> io::Result<Self> {
        let channel = hold.channel.clone();
        let rope = Arc::new(Rope::new(channel.sides().head()));
        let of_thread = (rope.clone(), channel.clone());
        let run = move || watch(&of_thread.0, &of_thread.1, role);
        let thread = std::thread::Builder::new().name("polyproc-bell".into()).spawn(run)?;
        Ok(Self { rope, channel, process: Owner::me(), thread: Some(thread) })
    }
}

/// What the thread does. It holds no end: that would keep it open.
fn watch(rope: &Rope, channel: &Channel, role: Role) {
    let gone = |thorough| rope.is_stopped() || channel.is_alone(role, thorough);
    while !rope.is_stopped() {
        // Something can be done, or the end: in both cases the next look finds out which.
        match role {
            Role::Take => drop(channel.poll(Some(Wait::FOREVER), Some(&gone))),
            Role::Put => {
                let seen = rope.state().seen;
                channel.sides().await_taken(seen, &gone);
            }
        }
        if !rope.is_stopped() {
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
        drop(self.rope.state());
        self.rope.changed.notify_all();
        self.channel.sides().wake_all();
        // A future that it woke may have been the last to hold this end: then it is on its way out.
        let others = thread.filter(|thread| thread.thread().id() != std::thread::current().id());
        if let Some(thread) = others {
            // It does not panic, and if it did it would have ended as well.
            drop(thread.join());
        }
    }
}
