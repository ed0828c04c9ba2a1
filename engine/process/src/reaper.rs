//! Children whose ends a thread of ours has to see. One thread for all of them, started with the first.
//!
//! Those whose handles were dropped while they ran: somebody has to ask how they ended, or they stay
//! behind as zombies and hold their descriptors. And those that futures wait for, which it wakes.

use crate::handle::Child;
use crate::member::OwnThread;
use polyproc_sys::clock::Deadline;
use polyproc_sys::eventfd::EventFd;
use polyproc_sys::poll;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

/// How soon to look again at a child whose end the fork server has not explained yet.
const GLANCE: Duration = Duration::from_millis(20);
/// How long who wants to fork waits for the thread to come back from the code of others. That code may
/// be waiting for the fork; but what it mostly waits for is a processor.
pub(crate) const FOREIGN: Duration = Duration::from_secs(5);

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Reaper {
    shared: Arc<Shared>,
    /// Wakes the thread; `None` before there is one.
    bell: Mutex<Option<Arc<EventFd>>>,
}

/// The children that the thread has not taken over yet.
#[derive(Debug, Default)]
struct Shared {
    forgotten: Mutex<Vec<Arc<Child>>>,
    awaited: Mutex<Vec<Arc<Child>>>,
    /// The thread, while it is in the code of others.
    waking: Mutex<Option<ThreadId>>,
    is_back: Condvar,
}

impl Reaper {
    /// Takes over a child that nobody will wait for.
    pub(crate) fn adopt(&self, child: Arc<Child>) {
        push(&self.shared.forgotten, child);
        // Without a thread it stays in the list, and the exit of the program finds it there.
        if let Err(error) = self.ring() {
            tracing::warn!(%error, "no thread to reap forgotten children");
        }
    }

    /// Has the futures of a child woken when it has ended.
    ///
    /// # Errors
    /// At the limits on descriptors and threads.
    pub(crate) fn watch(&self, child: Arc<Child>) -> io::Result<()> {
        push(&self.shared.awaited, child);
        self.ring()
    }

    /// Waits, not for ever, until the thread is not in the code of others: what it woke is often who asks.
    pub(crate) fn await_quiet(&self) {
        let here = std::thread::current().id();
        let waking = self.shared.waking.lock().unwrap_or_else(PoisonError::into_inner);
        let is_away = |waking: &mut Option<ThreadId>| waking.is_some_and(|thread| thread != here);
        drop(self.shared.is_back.wait_timeout_while(waking, FOREIGN, is_away));
    }

    fn ring(&self) -> io::Result<()> {
        let mut bell = self.bell.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bell.as_ref() {
            bell.set();
            return Ok(());
        }
        let new = Arc::new(EventFd::new()?);
        let (of_thread, shared) = (Arc::clone(&new), Arc::clone(&self.shared));
        let own = OwnThread::announce();
        std::thread::Builder::new()
            .name("polyproc-reaper".into())
            .spawn(move || run(&of_thread, &shared, own))?;
        *bell = Some(new);
        Ok(())
    }
}

impl Shared {
    fn set_waking(&self, thread: Option<ThreadId>) {
        *self.waking.lock().unwrap_or_else(PoisonError::into_inner) = thread;
        self.is_back.notify_all();
    }
}

fn push(list: &Mutex<Vec<Arc<Child>>>, child: Arc<Child>) {
    list.lock().unwrap_or_else(PoisonError::into_inner).push(child);
}

fn take(list: &Mutex<Vec<Arc<Child>>>) -> Vec<Arc<Child>> {
    std::mem::take(&mut list.lock().unwrap_or_else(PoisonError::into_inner))
}

fn run(bell: &EventFd, shared: &Shared, own: OwnThread) -> ! {
    let (mut forgotten, mut awaited) = (Vec::new(), Vec::new());
    let mut own = own.enter();
    loop {
        bell.clear();
        forgotten.append(&mut take(&shared.forgotten));
        awaited.append(&mut take(&shared.awaited));
        forgotten.retain(|child| child.poll().is_none());
        let ended: Vec<_> = awaited.extract_if(.., |child| child.poll().is_some()).collect();
        if !ended.is_empty() {
            // Foreign code runs here: a fork must not happen in the middle of it.
            shared.set_waking(Some(std::thread::current().id()));
            drop(own);
            for child in ended {
                child.futures().wake();
            }
            own = OwnThread::announce().enter();
            shared.set_waking(None);
        }
        if rest(bell, &forgotten, &awaited).is_err() {
            // For want of memory in the kernel. It is not to be the end of those that wait.
            std::thread::park_timeout(GLANCE);
        }
    }
}

/// Sleeps until there is something to see.
fn rest(bell: &EventFd, forgotten: &[Arc<Child>], awaited: &[Arc<Child>]) -> io::Result<()> {
    // A fork server that has not said how a child ended is looked at again by and by.
    let (dead, living): (Vec<_>, Vec<_>) = forgotten.iter().partition(|child| is_dead(child));
    let glance = if dead.is_empty() { Deadline::NEVER } else { Deadline::after(GLANCE) };
    let events = awaited.iter().map(|child| child.next_event(Deadline::NEVER));
    let (events, ends): (Vec<_>, Vec<_>) = events.unzip();
    let living = living.iter().map(|child| child.sentinel());
    let fds: Vec<_> =
        [bell.as_fd()].into_iter().chain(living).chain(events.into_iter().flatten()).collect();
    poll::any_readable(&fds, ends.into_iter().fold(glance, Deadline::earlier)).map(drop)
}

fn is_dead(child: &Child) -> bool {
    matches!(poll::readable([Some(child.sentinel())], Deadline::now()), Ok([true]))
}
