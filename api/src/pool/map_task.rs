//! The handle of a `map` that nobody waits for yet.

use super::Inner;
use super::calls::Gathered;
use super::error::TaskError;
use super::handle::{Task, announce};
use super::stream::Stream;
use polyproc_pool::{Deadline, Lane, Notice};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll};
use std::time::Duration;

/// What is called with all results.
type Call<R> = Box<dyn FnOnce(Result<Vec<R>, TaskError>) + Send>;
/// The chunks, or why there are none.
type Work<A, R> = Result<Stream<std::vec::IntoIter<A>, A, R>, TaskError>;

/// A `map` that nobody waits for yet: see [`Pool::map_async`](super::Pool::map_async). Dropping it
/// cancels what has not begun.
///
/// It is also a future: `.await` gives what [`get`](Self::get) gives.
///
/// ```
/// let pool = polyproc::Pool::new(2)?;
/// let squares = pool.map_async(|x: u64| x * x, 0..100);
/// assert_eq!(squares.get()?[99], 9801);
/// # Ok::<(), polyproc::Error>(())
/// ```
#[must_use = "dropping it cancels the tasks that have not begun"]
pub struct MapTask<A, R> {
    pool: Arc<Inner>,
    lane: Option<Lane>,
    work: Mutex<Work<A, R>>,
}

impl<A, R> fmt::Debug for MapTask<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapTask").finish_non_exhaustive()
    }
}

impl<A, R> Unpin for MapTask<A, R> {}

impl<A, R> MapTask<A, R>
where
    A: Serialize + DeserializeOwned + 'static,
    R: DeserializeOwned + 'static,
{
    pub(super) fn new(pool: &Arc<Inner>, work: Work<A, R>) -> Self {
        let lane = work.as_ref().ok().map(Stream::lane);
        Self { pool: Arc::clone(pool), lane, work: Mutex::new(work) }
    }

    /// Waits for all results, in the items' order.
    ///
    /// # Errors
    /// The first [`TaskError`] that comes.
    pub fn get(self) -> Result<Vec<R>, TaskError> {
        gather(self.work.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until all are done, whatever comes of them.
    pub fn wait(&self) {
        self.wait_until(Deadline::NEVER);
    }

    /// [`wait`](Self::wait) for no longer than `timeout`; says whether all are done.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.wait_until(Deadline::after(timeout))
    }

    fn wait_until(&self, deadline: Deadline) -> bool {
        settle(&mut lock(&self.work), deadline)
    }

    /// [`get`](Self::get), if all are done within `timeout`.
    ///
    /// # Errors
    /// The handle, when the time is over: the tasks go on.
    pub fn get_timeout(self, timeout: Duration) -> Result<Result<Vec<R>, TaskError>, Box<Self>> {
        let is_done = self.wait_timeout(timeout) || !self.pool.engine.is_own();
        if is_done { Ok(self.get()) } else { Err(Box::new(self)) }
    }

    /// Whether all are done, whatever came of them. Does not wait.
    pub fn ready(&self) -> bool {
        match self.work.try_lock() {
            Ok(mut work) => settle(&mut work, Deadline::now()),
            Err(TryLockError::Poisoned(poisoned)) => {
                settle(&mut poisoned.into_inner(), Deadline::now())
            }
            // Another thread waits for it.
            Err(TryLockError::WouldBlock) => false,
        }
    }

    /// Whether all have results; `None` while some are not done. Does not wait.
    pub fn successful(&self) -> Option<bool> {
        self.ready().then(|| lock(&self.work).as_ref().is_ok_and(|stream| !stream.has_failures()))
    }

    /// Cancels what is not done. The workers of tasks that run are killed, and others take their places.
    pub fn cancel(&self) {
        if let Some(lane) = self.lane {
            self.pool.engine.end_lane(lane);
        }
    }

    /// Has the pool's own thread call `callback` with the results when all tasks are done, as
    /// [`Task::on_done`] does.
    ///
    /// ```
    /// let pool = polyproc::Pool::new(1)?;
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let squares = pool.map_async(|x: u64| x * x, 0..4);
    /// let told = squares.on_done(move |results| sender.send(results).unwrap());
    /// assert_eq!(receiver.recv().unwrap()?, [0, 1, 4, 9]);
    /// told.get()?;
    /// # Ok::<(), polyproc::Error>(())
    /// ```
    pub fn on_done(
        self,
        callback: impl FnOnce(Result<Vec<R>, TaskError>) + Send + 'static,
    ) -> Task<()>
    where
        A: Send,
        R: Send,
    {
        let (handle, call) = announce(&self.pool, None, callback);
        self.call_when_done(Box::new(call));
        handle
    }

    fn call_when_done(self, call: Call<R>)
    where
        A: Send,
        R: Send,
    {
        let waiting = Arc::new(Mutex::new(Some((self, call))));
        let again = Arc::clone(&waiting);
        let notice = Notice::Call(Box::new(move || {
            let Some((task, call)) = lock(&again).take() else { return };
            // What a crash left undone has been submitted again.
            if task.ready() { call(task.get()) } else { task.call_when_done(call) }
        }));
        if let Some((task, _)) = &*lock(&waiting) {
            task.remind(notice);
        }
    }

    fn remind(&self, notice: Notice) {
        match &*lock(&self.work) {
            Ok(stream) => stream.remind(notice),
            Err(_refused) => self.pool.engine.notify(vec![notice]),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until all are done, or until `deadline`; says whether they are.
fn settle<A, R>(work: &mut Work<A, R>, deadline: Deadline) -> bool
where
    A: Serialize + DeserializeOwned + 'static,
    R: DeserializeOwned + 'static,
{
    work.as_mut().map_or(true, |stream| stream.settle(deadline))
}

fn gather<A, R>(work: Work<A, R>) -> Result<Vec<R>, TaskError>
where
    A: Serialize + DeserializeOwned + 'static,
    R: DeserializeOwned + 'static,
{
    let mut stream = work?;
    let mut gathered = Gathered::new(0);
    while stream.gather(&mut gathered)?.is_some() {}
    Ok(gathered.in_order)
}

impl<A, R> Future for MapTask<A, R>
where
    A: Serialize + DeserializeOwned + 'static,
    R: DeserializeOwned + 'static,
{
    type Output = Result<Vec<R>, TaskError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // In a copy of the pool's process, where nobody wakes it, that is an error.
        if self.ready() || !self.pool.engine.is_own() {
            let work = std::mem::replace(&mut *lock(&self.work), Err(TaskError::Taken));
            return Poll::Ready(gather(work));
        }
        self.remind(Notice::Wake(context.waker().clone()));
        Poll::Pending
    }
}
