//! The futures that wait for one thing.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Poll, Waker};

/// The wakers of futures that wait, by number.
#[derive(Debug, Default)]
pub struct Wakers {
    wakers: BTreeMap<u64, Waker>,
    last: u64,
}

impl Wakers {
    /// Enters `waker`, again if it has a `number` already. Says its number, and which waker it takes the
    /// place of: drop that without a lock, it is somebody else's code.
    pub fn enter(&mut self, number: Option<u64>, waker: Waker) -> (u64, Option<Waker>) {
        let number = number.unwrap_or(self.last + 1);
        self.last = self.last.max(number);
        (number, self.wakers.insert(number, waker))
    }

    /// Takes one out, whose future is gone. To be dropped without a lock.
    #[must_use = "dropped at once it is dropped under the caller's lock"]
    pub fn leave(&mut self, number: u64) -> Option<Waker> {
        self.wakers.remove(&number)
    }

    /// Takes all out, to be woken.
    #[must_use = "nobody else wakes them"]
    pub fn take(&mut self) -> Self {
        let wakers = std::mem::take(&mut self.wakers);
        Self { wakers, last: self.last }
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.wakers.is_empty()
    }

    /// Wakes all: one that is woken may be dropped before it looks. Without a lock, since what they do may
    /// come back here.
    pub fn wake(self) {
        for waker in self.wakers.into_values() {
            // One that panics is not to be the end of this thread, on which others wait.
            drop(catch_unwind(AssertUnwindSafe(|| waker.wake())));
        }
    }
}

/// Has `look` look until it finds something; `None` is nothing yet. `register` sees to it that the task is
/// woken by whatever happens after it.
///
/// # Errors
/// That of `register`.
pub async fn until_found<T, E>(
    mut register: impl FnMut(&Waker) -> Result<(), E>,
    mut look: impl FnMut() -> Option<T>,
) -> Result<T, E> {
    std::future::poll_fn(|context| {
        if let Some(found) = look() {
            return Poll::Ready(Ok(found));
        }
        if let Err(error) = register(context.waker()) {
            return Poll::Ready(Err(error));
        }
        // What came before it was registered is not told.
        look().map_or(Poll::Pending, |found| Poll::Ready(Ok(found)))
    })
    .await
}
