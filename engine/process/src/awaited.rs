//! The end of a child as a future, for any executor. The reaper's thread wakes it.

use crate::handle::{Child, Ending};
use crate::member;
use polyproc_sync::{Wakers, until_found};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// The futures that wait for one child.
#[derive(Debug, Default)]
pub(crate) struct Futures(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    wakers: Wakers,
    /// Whether the reaper has the child, which it keeps until the end.
    is_watched: bool,
}

impl Futures {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all.
    pub(crate) fn wake(&self) {
        let wakers = self.lock().wakers.take();
        wakers.wake();
    }
}

/// A future's place among them. Nothing of it is left there when it is dropped.
struct Place<'a> {
    child: &'a Arc<Child>,
    number: Option<u64>,
}

impl Child {
    /// [`wait`](Self::wait) as a future, for any executor. One that is dropped leaves nothing behind.
    ///
    /// # Errors
    /// At the limits on descriptors and threads; in a forked copy of the process that started it.
    pub async fn wait_async(self: &Arc<Self>) -> io::Result<Ending> {
        if !self.is_ours() {
            return Err(io::Error::other("only the process that started it can await it"));
        }
        let mut place = Place { child: self, number: None };
        until_found(|waker| place.register(waker), || self.poll()).await
    }
}

impl Place<'_> {
    fn register(&mut self, waker: &Waker) -> io::Result<()> {
        // Made before the lock is taken, and dropped after: it is somebody else's code.
        let waker = waker.clone();
        let mut state = self.child.futures().lock();
        let (number, old) = state.wakers.enter(self.number, waker);
        let is_watched = std::mem::replace(&mut state.is_watched, true);
        drop(state);
        drop(old);
        self.number = Some(number);
        if is_watched { Ok(()) } else { self.watch() }
    }

    fn watch(&self) -> io::Result<()> {
        let watched = member::watch(self.child);
        if watched.is_err() {
            self.child.futures().lock().is_watched = false;
        }
        watched
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // A copy must not touch the lock: a thread of the original may have held it.
        if let Some(number) = self.number.filter(|_| self.child.is_ours()) {
            let waker = self.child.futures().lock().wakers.leave(number);
            drop(waker);
        }
    }
}
