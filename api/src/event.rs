//! Events for those who poll descriptors, and for futures.

use crate::connection::Waitable;
use crate::shared::Shared;
use polyproc_sync::{self as sync, Event};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// A descriptor that is readable while a [`Shared<Event>`](Shared) is set, for `poll`, `epoll`, event loops and
/// [`wait`](crate::connection::wait): see [`Shared::descriptor`].
#[derive(Clone, Debug)]
pub struct EventDescriptor(sync::EventDescriptor);

impl Shared<Event> {
    /// A descriptor that is readable while the event is set, whichever process sets it. It keeps the event.
    ///
    /// ```
    /// use polyproc::connection::{Connection, wait};
    /// use polyproc::prelude::*;
    ///
    /// let stop = Shared::new(Event::new())?;
    /// let process = polyproc::spawn(|stop: Shared<Event>| stop.set(), stop.clone())?;
    ///
    /// let (_silent, connection) = Connection::<u32>::pair()?;
    /// let stopped = stop.descriptor()?;
    /// assert_eq!(wait(&[&connection, &stopped], None)?, [1]);
    /// stop.clear();
    /// process.join()?;
    /// # Ok::<(), polyproc::Error>(())
    /// ```
    ///
    /// The first one of an event starts a thread in this process, which all of them share and which ends with the
    /// last. From then on every change of the event costs whoever makes it a system call. A process that
    /// is killed in the middle of [`set`](Event::set) makes the descriptor readable within a second.
    ///
    /// An async program needs none: `wait_async` (feature `async`) stands beside the socket, in `tokio::select!`
    /// for example.
    ///
    /// A forked child has to ask for its own: what it inherits is its parent's.
    ///
    /// # Errors
    /// At the limits on descriptors and threads.
    pub fn descriptor(&self) -> io::Result<EventDescriptor> {
        sync::EventDescriptor::of(self.object().clone()).map(EventDescriptor)
    }

    /// [`wait`](Event::wait) as a future, for any executor. It is ready when the event is set, also when it
    /// was set and cleared since it was first polled. One that is dropped leaves nothing behind.
    ///
    /// What wakes those of a process that wait for an event is a thread that they share; it ends with the last
    /// of them. A loop that waits again and again is faster while something else keeps the thread: another
    /// future, or a [`descriptor`](Self::descriptor).
    ///
    /// ```
    /// use polyproc::prelude::*;
    ///
    /// let ready = Shared::new(Event::new())?;
    /// let process = polyproc::spawn(|ready: Shared<Event>| ready.set(), ready.clone())?;
    /// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// runtime.block_on(async {
    ///     ready.wait_async().await?;
    ///     process.await?;
    ///     Ok::<(), polyproc::Error>(())
    /// })?;
    /// # Ok::<(), polyproc::Error>(())
    /// ```
    ///
    /// # Errors
    /// At the limits on threads.
    #[cfg(feature = "async")]
    pub async fn wait_async(&self) -> io::Result<()> {
        sync::until_set(self.object().clone()).await
    }
}

impl EventDescriptor {
    /// Whether the event is set. After this the descriptor says the same.
    ///
    /// It follows a change by itself as well, but not at once: after [`clear`](Event::clear) it may still be
    /// readable for a moment. So who was told that it is readable asks this, and polls again if not.
    pub fn is_set(&self) -> bool {
        self.0.is_set()
    }
}

impl AsFd for EventDescriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Ready while the event is set.
impl Waitable for EventDescriptor {
    fn is_ready(&self) -> bool {
        // This also takes back what the descriptor says of an event that was cleared.
        self.is_set()
    }

    fn descriptors<'a>(&'a self, found: &mut Vec<BorrowedFd<'a>>) {
        found.push(self.as_fd());
    }
}
