//! Telling those who cannot sleep on a futex, because they poll descriptors or are futures: a thread
//! sleeps there in their place, makes a descriptor readable, and wakes.

use crate::owner::Owner;
use crate::wakers::Wakers;
use polyproc_sys::clock::Deadline;
use polyproc_sys::eventfd::EventFd;
use polyproc_sys::poll;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a thread that is to end may take before it is woken once more: it may have looked just before,
/// and slept just after, the wake-up.
const ONCE_MORE: Duration = Duration::from_millis(1);
/// How long whoever ends a thread waits for it to come back from the code of others.
const FOREIGN: Duration = Duration::from_millis(10);

/// What the thread and those who are told share; `S` is what the thread has to know.
#[derive(Debug)]
pub struct Rope<S> {
    /// Made when somebody asks for it.
    event: OnceLock<Arc<EventFd>>,
    state: Mutex<State<S>>,
    changed: Condvar,
    stop: AtomicBool,
}

/// What lies under the lock of a [`Rope`].
#[derive(Debug)]
pub struct State<S> {
    /// Whether the descriptor is, or would be, readable.
    is_set: bool,
    wakers: Wakers,
    /// Whether the thread is in the code of somebody's waker, from which it may not come back soon.
    is_waking: bool,
    has_ended: bool,
    /// What the thread has to know.
    pub known: S,
}

/// A thread and its [`Rope`]. Dropped, it leaves the thread alone: see [`Ringer::stop`].
#[derive(Debug)]
pub struct Ringer<S> {
    rope: Arc<Rope<S>>,
    /// Whose thread it is: not a forked child's.
    process: Owner,
    thread: ManuallyDrop<Option<JoinHandle<()>>>,
}

impl<S> Rope<S> {
    fn new(known: S) -> Self {
        let wakers = Wakers::default();
        let state = State { is_set: false, wakers, is_waking: false, has_ended: false, known };
        Self {
            event: OnceLock::new(),
            state: Mutex::new(state),
            changed: Condvar::new(),
            stop: AtomicBool::new(false),
        }
    }

    /// The state, locked.
    pub fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The descriptor, made by the first call.
    ///
    /// # Errors
    /// At the limits on descriptors.
    pub fn descriptor(&self) -> io::Result<BorrowedFd<'_>> {
        self.event().map(|event| event.as_fd())
    }

    pub(crate) fn event(&self) -> io::Result<&Arc<EventFd>> {
        let state = self.lock();
        if let Some(event) = self.event.get() {
            return Ok(event);
        }
        let event = EventFd::new()?;
        if state.is_set {
            event.set();
        }
        Ok(self.event.get_or_init(|| Arc::new(event)))
    }

    /// Makes the descriptor readable, or not.
    pub fn show(&self, state: &mut State<S>, is_set: bool) {
        if state.is_set == is_set {
            return;
        }
        state.is_set = is_set;
        match self.event.get() {
            Some(event) if is_set => event.set(),
            Some(event) => _ = event.clear(),
            None => {}
        }
        if !is_set {
            self.changed.notify_all();
        }
    }

    /// Enters a future's waker; `number` is the one that it got here before. Says its number, after
    /// `change` has changed the state.
    pub fn enter(
        &self,
        number: Option<u64>,
        waker: &Waker,
        change: impl FnOnce(&mut State<S>),
    ) -> u64 {
        // Made before the lock is taken, and dropped after: it is somebody else's code.
        let waker = waker.clone();
        let mut state = self.lock();
        let (number, old) = state.wakers.enter(number, waker);
        change(&mut state);
        drop(state);
        drop(old);
        number
    }

    /// Takes out the waker of a future that is gone.
    pub fn leave(&self, number: u64) {
        let waker = self.lock().wakers.leave(number);
        drop(waker);
    }

    /// Wakes all futures, without the lock. For the thread.
    pub fn wake(&self, mut state: MutexGuard<'_, State<S>>) {
        if state.wakers.is_empty() || self.is_stopped() {
            return;
        }
        let wakers = state.wakers.take();
        state.is_waking = true;
        drop(state);
        wakers.wake();
        self.lock().is_waking = false;
        if self.is_stopped() {
            self.changed.notify_all();
        }
    }

    /// Sleeps while the descriptor is readable. For the thread.
    pub fn await_hush(&self) {
        let is_set = |state: &mut State<S>| state.is_set && !self.is_stopped();
        drop(self.changed.wait_while(self.lock(), is_set));
    }

    /// Whether the thread is to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

impl<S: Send + 'static> Ringer<S> {
    /// Starts the thread.
    ///
    /// # Errors
    /// At the limits on threads.
    pub fn start(known: S, run: impl FnOnce(&Rope<S>) + Send + 'static) -> io::Result<Self> {
        let rope = Arc::new(Rope::new(known));
        let of_thread = Arc::clone(&rope);
        let body = move || {
            run(&of_thread);
            of_thread.lock().has_ended = true;
            of_thread.changed.notify_all();
        };
        let thread = std::thread::Builder::new().name("polyproc-bell".into()).spawn(body)?;
        Ok(Self { rope, process: Owner::me(), thread: ManuallyDrop::new(Some(thread)) })
    }
}

impl<S> Ringer<S> {
    /// What is shared with the thread.
    pub fn rope(&self) -> &Rope<S> {
        &self.rope
    }

    /// Whether the thread is one of this process, and not of the one that it was forked from.
    #[inline]
    pub fn is_own(&self) -> bool {
        self.process == Owner::me()
    }

    /// Ends the thread, if it is this process's. `wake` wakes it where it sleeps, and may have to do so
    /// more than once.
    pub fn stop(&mut self, wake: impl Fn()) {
        // What stands for a thread that a forked child does not have must not be touched.
        let Some(thread) = self.is_own().then(|| self.thread.take()).flatten() else {
            return;
        };
        self.rope.stop.store(true, Ordering::Release);
        let is_me = thread.thread().id() == std::thread::current().id();
        if !is_me && self.rope.await_end(&thread, wake) {
            // It does not panic, and if it did it would have ended as well.
            drop(thread.join());
        } else {
            let mut left = left_alone();
            left.push((self.process, ManuallyDrop::new(thread)));
            bury(&mut left);
        }
    }
}

/// A thread that was told to end and was left alone, and whose it is: not a forked child's.
type LeftAlone = (Owner, ManuallyDrop<JoinHandle<()>>);

static LEFT_ALONE: Mutex<Vec<LeftAlone>> = Mutex::new(Vec::new());

fn left_alone() -> MutexGuard<'static, Vec<LeftAlone>> {
    LEFT_ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Joins those that have ended.
fn bury(left: &mut Vec<LeftAlone>) {
    left.retain(|(owner, _)| *owner == Owner::me());
    for (_, thread) in left.extract_if(.., |(_, thread)| thread.is_finished()) {
        drop(ManuallyDrop::into_inner(thread).join());
    }
}

/// Waits until the threads of dropped [`Ringer`]s have ended, or until `deadline`: they may have been left
/// alone in the code of others. For who wants to be without other threads.
pub fn await_ringers(deadline: Deadline) {
    let here = std::thread::current().id();
    loop {
        let mut left = left_alone();
        bury(&mut left);
        if left.iter().all(|(_, thread)| thread.thread().id() == here) || deadline.has_passed() {
            return;
        }
        drop(left);
        let nothing = poll::any_readable(&[], Deadline::after(ONCE_MORE));
        debug_assert!(nothing.is_ok());
    }
}

impl<S> Rope<S> {
    /// Wakes the thread until it ends. False when it is to end by itself: a future that it wakes is
    /// taking long, and may be waiting for us.
    fn await_end(&self, thread: &JoinHandle<()>, wake: impl Fn()) -> bool {
        let is_waking = |state: &mut State<S>| state.is_waking;
        let is_there = |state: &mut State<S>| !state.has_ended;
        loop {
            // Between its look at `stop` and its sleep the thread has the lock.
            drop(self.lock());
            self.changed.notify_all();
            let state = self.sleep_while(self.lock(), FOREIGN, is_waking);
            if state.is_waking || state.has_ended || thread.is_finished() {
                return !state.is_waking;
            }
            drop(state);
            wake();
            drop(self.sleep_while(self.lock(), ONCE_MORE, is_there));
        }
    }

    fn sleep_while<'a>(
        &self,
        state: MutexGuard<'a, State<S>>,
        longest: Duration,
        condition: impl FnMut(&mut State<S>) -> bool,
    ) -> MutexGuard<'a, State<S>> {
        let slept = self.changed.wait_timeout_while(state, longest, condition);
        slept.unwrap_or_else(PoisonError::into_inner).0
    }
}
