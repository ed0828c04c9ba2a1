//! Tells of an event those who cannot sleep on it: a descriptor that is readable while it is set, and futures.

use crate::event::Event;
use crate::park::Wait;
use crate::raw;
use crate::ringer::{Ringer, Rope};
use crate::wakers::until_found;
use polyproc_sys::eventfd::EventFd;
use polyproc_sys::fork::{ForkLocal, at_fork_in_child};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// Something that keeps an event where it is.
type Keeper = Arc<dyn Deref<Target = Event> + Send + Sync>;

/// The bells of this process by their events' addresses, which do not move while a bell is there.
type Bells = Mutex<HashMap<usize, Weak<Bell>>>;

/// A forked child has none of its parent's threads, and so none of its bells.
static BELLS: ForkLocal<Bells> = ForkLocal::new();

/// A descriptor that is readable while an event is set.
///
/// All descriptors of one event in a process, and the futures that wait for it there, share one thread,
/// which ends with the last of them. A process that is forked has no such thread: what it has of its
/// parent is its parent's, and says nothing more when that is gone.
#[derive(Clone, Debug)]
pub struct EventDescriptor {
    bell: Arc<Bell>,
    descriptor: Arc<EventFd>,
}

/// The thread that watches an event for this process.
struct Bell {
    event: Keeper,
    ringer: Ringer<()>,
}

/// A future's place at a bell. Nothing of it is left there when it is dropped.
struct Place {
    event: Keeper,
    entered: Option<(Arc<Bell>, u64)>,
}

impl EventDescriptor {
    /// A descriptor of `event`.
    ///
    /// # Errors
    /// At the limits on descriptors and threads.
    pub fn of(event: impl Deref<Target = Event> + Send + Sync + 'static) -> io::Result<Self> {
        let bell = Bell::of(Arc::new(event))?;
        let descriptor = Arc::clone(bell.ringer.rope().event()?);
        // The thread may not have run yet.
        bell.is_set();
        Ok(Self { bell, descriptor })
    }

    /// Whether the event is set. After this the descriptor says the same, which else follows a change as soon
    /// as the thread has run.
    pub fn is_set(&self) -> bool {
        self.bell.is_set()
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.bell.event
    }
}

impl AsFd for EventDescriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// For executors that ask for it, such as tokio's `AsyncFd`.
impl AsRawFd for EventDescriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_fd().as_raw_fd()
    }
}

fn bells() -> io::Result<MutexGuard<'static, HashMap<usize, Weak<Bell>>>> {
    static HOOK: OnceLock<()> = OnceLock::new();
    extern "C" fn forget() {
        BELLS.forget();
    }
    if HOOK.get().is_none() {
        at_fork_in_child(forget)?;
        HOOK.get_or_init(|| ());
    }
    let bells = BELLS.get().unwrap_or_else(|| BELLS.set(Box::default()));
    Ok(bells.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Bell {
    /// The one that there is, or a new one with its thread.
    fn of(event: Keeper) -> io::Result<Arc<Self>> {
        let address = std::ptr::from_ref::<Event>(&event).addr();
        let find = |bells: &HashMap<usize, Weak<Self>>| bells.get(&address).and_then(Weak::upgrade);
        let found = find(&*bells()?);
        if let Some(bell) = found {
            return Ok(bell);
        }
        // Without the lock: to start a thread takes long, and to keep an event takes other locks.
        let new = Arc::new(Self::start(event)?);
        let mut bells = bells()?;
        if let Some(bell) = find(&bells) {
            drop(bells);
            // Another thread was faster; then ours stops.
            return Ok(bell);
        }
        bells.retain(|_, bell| bell.strong_count() != 0);
        bells.insert(address, Arc::downgrade(&new));
        Ok(new)
    }

    fn start(event: Keeper) -> io::Result<Self> {
        let of_thread = Arc::clone(&event);
        let ringer = Ringer::start((), move |rope| watch(rope, of_thread.raw()))?;
        Ok(Self { event, ringer })
    }

    fn is_set(&self) -> bool {
        if !self.ringer.is_own() {
            return self.event.is_set();
        }
        let rope = self.ringer.rope();
        let mut state = rope.lock();
        let is_set = self.event.is_set();
        rope.show(&mut state, is_set);
        is_set
    }
}

/// What the thread does: to the event it is one more sleeper.
fn watch(rope: &Rope<()>, event: &raw::Event) {
    while !rope.is_stopped() {
        let mut state = rope.lock();
        // Under the lock, so that the descriptor never shows an older turn than somebody has seen.
        let turn = event.turn();
        rope.show(&mut state, turn % 2 == 1);
        // Also when it is clear again: it was set since they looked.
        rope.wake(state);
        event.await_turn(turn, Wait::FOREVER, &|| rope.is_stopped());
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        let Self { event, ringer } = self;
        ringer.stop(|| event.raw().nudge());
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bell").field("event", &**self.event).field("ringer", &self.ringer).finish()
    }
}

/// Waits until `event` is set, or was since the first poll, for any executor. A future that is dropped
/// leaves nothing behind.
///
/// The first one that has to wait for an event starts a thread in this process, which all of them share
/// and which ends with the last.
///
/// # Errors
/// At the limits on threads.
pub async fn until_set(
    event: impl Deref<Target = Event> + Send + Sync + 'static,
) -> io::Result<()> {
    let event: Keeper = Arc::new(event);
    let first = event.raw().turn();
    let mut place = Place { event: Arc::clone(&event), entered: None };
    let happened = || first % 2 == 1 || event.raw().turn() != first;
    until_found(|waker| place.register(waker), || happened().then_some(())).await
}

impl Place {
    fn register(&mut self, waker: &std::task::Waker) -> io::Result<()> {
        if self.entered.as_ref().is_some_and(|(bell, _)| !bell.ringer.is_own()) {
            // Forked in the middle of a wait.
            self.entered = None;
        }
        let (bell, number) = match self.entered.take() {
            Some((bell, number)) => (bell, Some(number)),
            None => (Bell::of(Arc::clone(&self.event))?, None),
        };
        let number = bell.ringer.rope().enter(number, waker, |_| {});
        self.entered = Some((bell, number));
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((bell, number)) = self.entered.take()
            && bell.ringer.is_own()
        {
            bell.ringer.rope().leave(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polyproc_sys::clock::Deadline;
    use polyproc_sys::poll::readable;
    use std::pin::{Pin, pin};
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Context, Poll, Wake, Waker};
    use std::time::Duration;

    fn is_readable(bell: &EventDescriptor, deadline: Deadline) -> bool {
        readable([Some(bell.as_fd())], deadline).unwrap() == [true]
    }

    fn long() -> Deadline {
        Deadline::after(Duration::from_mins(1))
    }

    #[test]
    fn the_descriptor_is_readable_while_it_is_set() {
        let event = Arc::new(Event::new());
        event.set();
        let bell = EventDescriptor::of(Arc::clone(&event)).unwrap();
        assert!(is_readable(&bell, Deadline::now()), "set before");
        for _ in 0..100 {
            event.clear();
            assert!(!bell.is_set() && !is_readable(&bell, Deadline::now()));
            event.set();
            assert!(is_readable(&bell, long()), "by the thread");
        }
        event.clear();
        while is_readable(&bell, Deadline::now()) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn all_bells_of_an_event_share_a_thread_that_ends_with_the_last() {
        let event = Arc::new(Event::new());
        let one = EventDescriptor::of(Arc::clone(&event)).unwrap();
        let two = EventDescriptor::of(Arc::clone(&event)).unwrap();
        assert!(Arc::ptr_eq(&one.bell, &two.bell));
        let other = EventDescriptor::of(Box::new(Event::new())).unwrap();
        assert!(!Arc::ptr_eq(&one.bell, &other.bell));
        drop(one);
        event.set();
        assert!(is_readable(&two, long()));
        drop(two);
        assert_eq!(Arc::strong_count(&event), 1, "nor does the thread have it");
        assert!(is_readable(&EventDescriptor::of(event).unwrap(), long()), "a new one");
    }

    /// Counts how often it is woken, and wakes a thread.
    struct Count(std::thread::Thread, AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.1.fetch_add(1, Ordering::SeqCst);
            self.0.unpark();
        }
    }

    fn count() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count(std::thread::current(), AtomicU32::new(0)));
        (Arc::clone(&count), Waker::from(count))
    }

    fn poll<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(waker))
    }

    #[test]
    fn a_future_is_woken_by_a_set_also_when_it_is_cleared_at_once() {
        let event = Arc::new(Event::new());
        let (_, waker) = count();
        for _ in 0..200 {
            let mut future = pin!(until_set(Arc::clone(&event)));
            assert!(poll(future.as_mut(), &waker).is_pending());
            event.set();
            event.clear();
            while poll(future.as_mut(), &waker).is_pending() {
                std::thread::park();
            }
        }
        event.set();
        assert!(poll(pin!(until_set(event)), &waker).is_ready());
    }

    #[test]
    fn a_dropped_future_leaves_nothing() {
        let event = Arc::new(Event::new());
        let (count, waker) = count();
        let mut futures: Vec<_> =
            (0..50).map(|_| Box::pin(until_set(Arc::clone(&event)))).collect();
        for future in &mut futures {
            assert!(poll(future.as_mut(), &waker).is_pending());
        }
        drop(futures);
        assert_eq!((Arc::strong_count(&count), Arc::strong_count(&event)), (2, 1));
    }

    type Waiting = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

    /// Drops the future that it is to wake: with it goes what the thread, on which this runs, lives for.
    struct Dropping(Mutex<Option<Waiting>>);

    impl Wake for Dropping {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().unwrap().take());
        }
    }

    #[test]
    fn a_waker_may_drop_the_last_bell() {
        let event = Arc::new(Event::new());
        let bell = EventDescriptor::of(Arc::clone(&event)).unwrap();
        while event.report().waiters == 0 {
            std::thread::yield_now();
        }
        let dropping = Arc::new(Dropping(Mutex::new(None)));
        let waker = Waker::from(Arc::clone(&dropping));
        let mut future: Waiting = Box::pin(until_set(Arc::clone(&event)));
        assert!(poll(future.as_mut(), &waker).is_pending());
        *dropping.0.lock().unwrap() = Some(future);
        drop(bell);
        event.set();
        while Arc::strong_count(&event) != 1 {
            std::thread::yield_now();
        }
        assert!(dropping.0.lock().unwrap().is_none());
    }
}
