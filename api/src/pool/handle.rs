//! The handle of a single task.

use super::chunk::Encoded;
use super::error::{TaskError, TaskFacts};
use super::task;
use super::{Inner, Job};
use crate::panic;
use polyproc_pool::{Deadline, Delivery, NewTask, Notice, Outcome, Sink, Spares, TaskId};
use serde::de::DeserializeOwned;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// What has become of a task so far.
#[derive(Debug, Default)]
enum State {
    #[default]
    Open,
    Done(Outcome),
    /// It never got into the pool.
    Refused(Option<Box<TaskError>>),
    Taken,
}

/// Where the outcome of one task goes.
#[derive(Debug, Default)]
pub(super) struct Ticket {
    is_done: AtomicBool,
    slip: Mutex<Slip>,
}

#[derive(Debug, Default)]
struct Slip {
    state: State,
    /// What few tasks have: there may be millions.
    more: Option<Box<More>>,
}

#[derive(Debug, Default)]
struct More {
    notices: Vec<Notice>,
    /// What holds the handles in the arguments until they are received.
    parcels: Vec<polyproc_shm::Parcel>,
}

impl Ticket {
    fn lock(&self) -> MutexGuard<'_, Slip> {
        self.slip.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Acquire)
    }

    fn settle(&self, state: State) -> Vec<Notice> {
        let mut slip = self.lock();
        slip.state = state;
        self.is_done.store(true, Ordering::Release);
        slip.more.as_mut().map(|more| std::mem::take(&mut more.notices)).unwrap_or_default()
    }

    /// Keeps what is to happen when it is done.
    fn remind(&self, notice: Notice) -> Reminded {
        let mut slip = self.lock();
        if self.is_done() {
            return Err(notice);
        }
        Ok(keep(&mut slip.more.get_or_insert_default().notices, notice))
    }
}

impl Sink for Ticket {
    fn deliver(&self, deliveries: &mut Vec<Delivery>, notices: &mut Vec<Notice>) {
        if let Some(Delivery { outcome, .. }) = deliveries.pop() {
            task::arrived(&outcome);
            notices.extend(self.settle(State::Done(outcome)));
        }
    }
}

impl Drop for Slip {
    fn drop(&mut self) {
        if let State::Done(outcome) = &self.state {
            task::give_back(outcome);
        }
    }
}

/// A task that was submitted to a pool, and that will give an `R`.
///
/// Dropping it lets the task go on. It is also a future: `.await` gives what [`get`](Self::get) gives.
///
/// ```
/// let pool = polyproc::Pool::new(2)?;
/// let task = pool.submit(|x: u64| x * x, 7);
/// assert_eq!(task.get()?, 49);
/// # Ok::<(), polyproc::Error>(())
/// ```
#[must_use = "the task runs anyway, but nobody learns what became of it"]
pub struct Task<R> {
    pool: Arc<Inner>,
    ticket: Arc<Ticket>,
    id: Option<TaskId>,
    result: PhantomData<fn() -> R>,
}

impl<R> fmt::Debug for Task<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("is_done", &self.ticket.is_done()).finish_non_exhaustive()
    }
}

impl<R> Unpin for Task<R> {}

impl<R: DeserializeOwned + 'static> Task<R> {
    pub(super) fn submit(
        pool: &Arc<Inner>,
        job: Result<Job, TaskError>,
        encoded: Result<Encoded, TaskError>,
    ) -> Self {
        let ticket = Arc::new(Ticket::default());
        let submitted = job.and_then(|job| {
            let Encoded { run, bytes, parcels } = encoded?;
            if !parcels.is_empty() {
                ticket.lock().more.get_or_insert_default().parcels = parcels;
            }
            let sink = Arc::clone(&ticket) as Arc<dyn Sink>;
            let task = NewTask { bytes, run, index: 0 };
            let place = (pool.engine.default_lane(), job.definition);
            pool.engine.submit(place, job.rules, sink, [task]).map_err(TaskError::from)
        });
        let id = submitted.map_err(|error| ticket.settle(State::Refused(Some(error.into())))).ok();
        Self { pool: Arc::clone(pool), ticket, id, result: PhantomData }
    }

    /// Waits for the result, once. In the thread that waits, the pool does its work meanwhile.
    ///
    /// # Errors
    /// [`TaskError`] says why there is none.
    pub fn get(&self) -> Result<R, TaskError> {
        self.get_until(Deadline::NEVER)
    }

    /// [`get`](Self::get) for no longer than `timeout`.
    ///
    /// # Errors
    /// [`TaskError::NotDone`] when the task is not done: it goes on, and can be asked again.
    pub fn get_timeout(&self, timeout: Duration) -> Result<R, TaskError> {
        self.get_until(Deadline::after(timeout))
    }

    /// The result if the task is done, else `Ok(None)`. Does not wait.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn try_get(&self) -> Result<Option<R>, TaskError> {
        if self.ready() { self.take().map(Some) } else { Ok(None) }
    }

    fn get_until(&self, deadline: Deadline) -> Result<R, TaskError> {
        if self.ticket.is_done() {
            return self.take();
        }
        let since = Instant::now();
        if self.wait_until(deadline) {
            self.take()
        } else if !self.pool.engine.is_own() {
            Err(TaskError::NotOurs)
        } else {
            Err(TaskError::NotDone { waited: since.elapsed() })
        }
    }

    fn wait_until(&self, deadline: Deadline) -> bool {
        self.pool.engine.wait(deadline, || self.ticket.is_done())
    }

    /// Waits until the task is done, whatever comes of it.
    pub fn wait(&self) {
        self.wait_until(Deadline::NEVER);
    }

    /// [`wait`](Self::wait) for no longer than `timeout`; says whether the task is done.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.wait_until(Deadline::after(timeout))
    }

    /// Whether the task is done, whatever came of it. Does not wait.
    pub fn ready(&self) -> bool {
        if !self.ticket.is_done() {
            self.pool.engine.look();
        }
        self.ticket.is_done()
    }

    /// Whether the task has a result; `None` while it is not done. Does not wait.
    pub fn successful(&self) -> Option<bool> {
        let is_value =
            |slip: &Slip| matches!(slip.state, State::Done(Outcome::Value(_)) | State::Taken);
        self.ready().then(|| is_value(&self.ticket.lock()))
    }

    /// Cancels the task. If it runs, its worker is killed, and another one takes that one's place. A
    /// task that is done stays as it is.
    pub fn cancel(&self) {
        if let Some(id) = self.id.filter(|_| !self.ticket.is_done()) {
            self.pool.engine.cancel(id);
        }
    }

    /// Has the pool's own thread call `callback` with the result when the task is done. The callback
    /// must not take long: others wait for the thread. What it panics with is told by the handle that
    /// this gives.
    ///
    /// ```
    /// let pool = polyproc::Pool::new(1)?;
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let told = pool.submit(|x: u64| x * x, 7).on_done(move |result| sender.send(result).unwrap());
    /// assert_eq!(receiver.recv().unwrap()?, 49);
    /// told.get()?;
    /// # Ok::<(), polyproc::Error>(())
    /// ```
    pub fn on_done(self, callback: impl FnOnce(Result<R, TaskError>) + Send + 'static) -> Task<()> {
        let (handle, call) = announce(&self.pool, self.id, callback);
        let (pool, ticket) = (Arc::clone(&self.pool), Arc::clone(&self.ticket));
        let call = move || call(self.take());
        remind(&pool, || ticket.remind(Notice::Call(Box::new(call))));
        handle
    }

    /// Called once it is done.
    fn take(&self) -> Result<R, TaskError> {
        let state = std::mem::replace(&mut self.ticket.lock().state, State::Taken);
        match state {
            State::Done(outcome) => read(outcome),
            State::Refused(Some(error)) => Err(*error),
            State::Open | State::Refused(None) | State::Taken => Err(TaskError::Taken),
        }
    }
}

/// A callback, as what calls it and tells the handle that this gives what came of that.
pub(super) fn announce<T>(
    pool: &Arc<Inner>,
    id: Option<TaskId>,
    callback: impl FnOnce(T) + Send + 'static,
) -> (Task<()>, impl FnOnce(T) + Send + 'static) {
    let (pool, told) = (Arc::clone(pool), Arc::new(Ticket::default()));
    let ticket = Arc::clone(&told);
    let handle = Task { pool: Arc::clone(&pool), ticket, id, result: PhantomData };
    let call = move |result| {
        panic::watch(drop);
        let state = match panic::catch(|| callback(result)) {
            Ok(()) => State::Done(Outcome::Value(task::nothing())),
            Err(panic) => State::Refused(Some(TaskError::Callback { panic: panic.into() }.into())),
        };
        pool.engine.notify(told.settle(state));
    };
    (handle, call)
}

/// What becomes of a notice: it is kept, perhaps in another one's place, or what it waits for has
/// happened.
pub(super) type Reminded = Result<Option<Notice>, Notice>;

/// Keeps a notice; gives the one that it replaces. A future is woken for where it was polled last:
/// others that it left may be many.
pub(super) fn keep(notices: &mut Vec<Notice>, notice: Notice) -> Option<Notice> {
    let is_wake = |notice: &Notice| matches!(notice, Notice::Wake(_));
    if is_wake(&notice)
        && let Some(last) = notices.iter_mut().find(|last| is_wake(last))
    {
        return Some(std::mem::replace(last, notice));
    }
    notices.push(notice);
    None
}

/// Has something happen later, or now.
pub(super) fn remind(pool: &Inner, register: impl FnOnce() -> Reminded) {
    pool.engine.attend(1);
    match register() {
        Ok(None) => {}
        Ok(Some(_replaced)) => pool.engine.attend_not(1),
        Err(due) => {
            pool.engine.attend_not(1);
            pool.engine.notify(vec![due]);
        }
    }
}

fn read<R: DeserializeOwned + 'static>(outcome: Outcome) -> Result<R, TaskError> {
    let bytes = TaskError::of_outcome(outcome, None)?;
    if let Some(number) = task::decode_number(&bytes) {
        return Ok(number);
    }
    let unreadable = |source| {
        let task = TaskFacts::default();
        TaskError::Value { task, verb: "decoded", source: Box::new(source) }
    };
    let mut values = Vec::new();
    let decoded = panic::catch(|| task::decode_all(bytes, &mut values, &mut Spares::default()));
    match decoded {
        Ok(Ok(())) => {
            let none = || unreadable(crate::CodecError::of::<R>(&"no result in the message"));
            values.pop().ok_or_else(none)
        }
        Ok(Err(error)) => Err(unreadable(error)),
        Err(panic) => Err(unreadable(crate::CodecError::of::<R>(&format!("it panicked {panic}")))),
    }
}

impl<R: DeserializeOwned + 'static> Future for Task<R> {
    type Output = Result<R, TaskError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.ready() {
            return Poll::Ready(self.take());
        }
        // Nobody wakes who waits in a copy.
        if !self.pool.engine.is_own() {
            return Poll::Ready(Err(TaskError::NotOurs));
        }
        remind(&self.pool, || self.ticket.remind(Notice::Wake(context.waker().clone())));
        Poll::Pending
    }
}
