//! Putting and taking as futures, for any executor: a look, and when that is in vain a place at the
//! end's bell, which wakes the task to look again.

use crate::bell::Place;
use crate::error::{PutError, PutReason, TakeError};
use crate::message::{Message, Received};
use crate::pipe::PipeEnd;
use crate::queue::{Queue, Receiver, Sender};
use polyproc_sync::until_found;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;

async fn take(
    mut place: Place<'_>,
    try_get: impl Fn() -> Result<Received, TakeError>,
) -> Result<Received, TakeError> {
    let look = || match try_get() {
        // Out of time was a look that met a lock whose holder is stopped.
        Err(TakeError::Empty | TakeError::TimedOut) => None,
        taken => Some(taken),
    };
    until_found(|waker| place.register(waker), look)
        .await
        .unwrap_or_else(|error| Err(TakeError::Thread(error)))
}

async fn put<'m>(
    mut place: Place<'_>,
    message: Message<'m>,
    try_put: impl Fn(Message<'m>) -> Result<(), PutError<'m>>,
) -> Result<(), PutError<'m>> {
    let (mut unsent, is_held_up) = (Some(message), AtomicBool::new(false));
    let look = || match try_put(unsent.take()?) {
        Err(PutError { reason: reason @ (PutReason::Full | PutReason::TimedOut), message }) => {
            is_held_up.store(matches!(reason, PutReason::TimedOut), Ordering::Relaxed);
            unsent = Some(message);
            None
        }
        put => Some(put),
    };
    let put = {
        let mut put = pin!(until_found(|waker| place.register(waker), look));
        let held_up = |context: &mut Context<'_>| {
            let polled = put.as_mut().poll(context);
            // There may be room: the bell, which rings when somebody takes, knows nothing of the lock.
            if polled.is_pending() && is_held_up.load(Ordering::Relaxed) {
                context.waker().wake_by_ref();
            }
            polled
        };
        poll_fn(held_up).await
    };
    put.unwrap_or_else(|error| {
        let message = unsent.unwrap_or_default();
        Err(PutError { reason: PutReason::Thread(error), message })
    })
}

impl Receiver {
    /// [`Receiver::get`] as a future. One that is dropped has taken nothing.
    ///
    /// The first one that has to wait starts a thread in this process, as [`Receiver::descriptor`] does.
    ///
    /// # Errors
    /// As [`Receiver::get`], and [`TakeError::Thread`].
    pub async fn get_async(&self) -> Result<Received, TakeError> {
        take(self.place(), || self.try_get()).await
    }
}

impl Sender {
    /// [`Sender::put`] as a future. One that is dropped has put nothing.
    ///
    /// The first one that has to wait starts a thread in this process, which is there as long as this
    /// sender.
    ///
    /// # Errors
    /// As [`Sender::put`], and [`PutReason::Thread`].
    pub async fn put_async<'m>(&self, message: impl Into<Message<'m>>) -> Result<(), PutError<'m>> {
        put(self.place(), message.into(), |message| self.try_put(message)).await
    }
}

impl Queue {
    /// [`Queue::get`] as a future: see [`Receiver::get_async`].
    ///
    /// # Errors
    /// As [`Queue::get`], and [`TakeError::Thread`].
    pub async fn get_async(&self) -> Result<Received, TakeError> {
        take(self.receiver().place(), || self.try_get()).await
    }

    /// [`Queue::put`] as a future: see [`Sender::put_async`].
    ///
    /// # Errors
    /// As [`Queue::put`], and [`PutReason::Thread`].
    pub async fn put_async<'m>(&self, message: impl Into<Message<'m>>) -> Result<(), PutError<'m>> {
        put(self.sender().place(), message.into(), |message| self.try_put(message)).await
    }
}

impl PipeEnd {
    /// [`PipeEnd::recv`] as a future: see [`Receiver::get_async`].
    ///
    /// # Errors
    /// As [`PipeEnd::recv`], and [`TakeError::Thread`].
    pub async fn recv_async(&self) -> Result<Received, TakeError> {
        self.receiver().ok_or(TakeError::Closed)?.get_async().await
    }

    /// [`PipeEnd::send`] as a future: see [`Sender::put_async`].
    ///
    /// # Errors
    /// As [`PipeEnd::send`], and [`PutReason::Thread`].
    pub async fn send_async<'m>(
        &self,
        message: impl Into<Message<'m>>,
    ) -> Result<(), PutError<'m>> {
        match self.sender() {
            Some(sender) => sender.put_async(message).await,
            None => Err(PutError { reason: PutReason::Closed, message: message.into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;
    use polyproc_shm::Arena;
    use polyproc_sync::{Outcome, Wait};
    use std::sync::Arc;
    use std::task::{Wake, Waker};

    #[derive(Default)]
    struct Noted(AtomicBool);

    impl Wake for Noted {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    /// Another producer has not got to run for a while, in the middle; nobody takes.
    #[test]
    fn a_put_that_is_held_up_looks_again() {
        let arena = Arena::with_size(1 << 24).unwrap();
        let queue = Queue::new(&arena, Settings::items(2)).unwrap();
        let lock = &queue.sender().channel().sides().put.0.lock;
        assert_eq!(lock.acquire(Wait::FOREVER), Outcome::Done);
        let noted = Arc::new(Noted::default());
        let waker = Waker::from(Arc::clone(&noted));
        let mut context = Context::from_waker(&waker);
        let mut putting = pin!(queue.put_async(b"1"));
        assert!(putting.as_mut().poll(&mut context).is_pending());
        assert!(noted.0.load(Ordering::SeqCst), "there is room all the time");
        assert!(lock.release());
        assert!(putting.as_mut().poll(&mut context).is_ready());
        assert_eq!(queue.len(), 1);
    }
}
