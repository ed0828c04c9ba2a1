//! A worker from inside: takes orders until it is told to leave.

use crate::outcome::Run;
use crate::published;
use crate::region::{Order, Received, Reply, WorkerSide};
use crate::ring::Payload;
use polyproc_sys::signal::Signal;
use polyproc_sys::{handler, moment};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

/// After a result of so many bytes the clock is read again: to write it took time.
const SMALL: usize = 1024;
/// A buffer for results larger than this is not kept.
const KEPT_BYTES: usize = 64 << 20;

/// Whether a task has a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The bytes are its result.
    Value,
    /// The bytes say why it has none.
    Failed,
}

/// Where a handler leaves what comes of a task.
#[derive(Debug)]
pub struct Output<'a> {
    /// The result, or why there is none.
    pub bytes: &'a mut Vec<u8>,
    /// What comes before them, if that is long: it is written to the parent from where it lies.
    pub run: &'a mut Option<Run>,
    item: &'a AtomicU64,
}

impl Output<'_> {
    /// Notes that part `item` of a task begins: if the worker dies, its parent knows in which.
    #[inline]
    pub fn begin_item(&self, item: u64) {
        self.item.store(item, Ordering::Relaxed);
    }
}

/// Runs the tasks of one definition.
pub type Handler = Box<dyn FnMut(&[u8], &mut Output<'_>) -> Verdict>;

/// What a front does in a worker. None of these may unwind.
pub trait Server {
    /// Makes what runs the tasks of a definition.
    fn define(&mut self, definition: &[u8]) -> Handler;

    /// The worker has been told to leave.
    fn leave(&mut self);
}

/// Serves as a worker until the parent says that nothing more comes. `descriptors` are those that came
/// with the call; `start` is what has to happen before the first task, and may refuse with bytes
/// that tell the parent's front why.
///
/// # Errors
/// When the descriptors are not a pool's, or there is no memory.
pub fn serve<S: Server>(
    descriptors: Vec<OwnedFd>,
    start: impl FnOnce() -> Result<S, Vec<u8>>,
) -> io::Result<()> {
    // Ctrl-C in a terminal reaches every process there. What it means here is the parent's to say.
    handler::interrupt_on(Signal::INT)?;
    let mut worker = Worker::new(WorkerSide::attach(descriptors)?);
    let mut server = match start() {
        Ok(server) => server,
        Err(reason) => {
            worker.side.answer((Reply::Refused, 0), 0, Payload::of(&reason))?;
            worker.side.wake_parent();
            return Ok(());
        }
    };
    worker.say_ready()?;
    while worker.step(&mut server)? != Order::Leave {}
    server.leave();
    Ok(())
}

pub(crate) struct Worker {
    side: WorkerSide,
    /// By definition.
    handlers: Vec<Option<Handler>>,
    buffer: Vec<u8>,
    /// Before what is in the buffer.
    long: Option<Run>,
    /// When the last task ended, if nothing that takes time has happened since.
    lap: Option<u64>,
    published: published::Worker,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("side", &self.side).finish_non_exhaustive()
    }
}

impl Worker {
    pub(crate) fn new(side: WorkerSide) -> Self {
        let (handlers, buffer) = (Vec::new(), Vec::new());
        Self {
            side,
            handlers,
            buffer,
            long: None,
            lap: None,
            published: published::Worker::default(),
        }
    }

    /// From now on it takes tasks.
    pub(crate) fn say_ready(&mut self) -> io::Result<()> {
        self.side.answer((Reply::Ready, 0), 0, Payload::default()).map(drop)
    }

    /// Waits for an order, and does what it says. Says what it was.
    pub(crate) fn step(&mut self, server: &mut impl Server) -> io::Result<Order> {
        let received = self.side.receive()?;
        match received.order {
            Order::Leave => {}
            Order::Define => self.define(&received, server),
            Order::Forget => self.forget(received.definition),
            Order::Task => {
                let (reply, cost) = self.run(&received);
                self.report((reply, received.sequence), cost)?;
            }
        }
        Ok(received.order)
    }

    fn define(&mut self, received: &Received, server: &mut impl Server) {
        let place = received.definition as usize;
        if self.handlers.len() <= place {
            self.handlers.resize_with(place + 1, || None);
        }
        self.handlers[place] = Some(server.define(self.side.payload(received)));
        self.lap = None;
    }

    /// What a front kept for a definition may panic when it is dropped; nobody waits for that.
    fn forget(&mut self, definition: u32) {
        let handler = self.handlers.get_mut(definition as usize).and_then(Option::take);
        drop(catch_unwind(AssertUnwindSafe(|| drop(handler))));
        self.lap = None;
    }

    fn run(&mut self, received: &Received) -> (Reply, u64) {
        self.buffer.clear();
        if !self.side.begin(received) {
            return (Reply::Skipped, 0);
        }
        let handler = self.handlers.get_mut(received.definition as usize);
        let Some(Some(handler)) = handler else { return (Reply::Failed, 0) };
        let mut output =
            Output { bytes: &mut self.buffer, run: &mut self.long, item: self.side.item() };
        // Of small tasks that follow each other, the end of one is the beginning of the next: a look
        // at the clock takes as long as such a task.
        let lap = self.lap.take().filter(|_| !received.was_awaited);
        let since = lap.unwrap_or_else(moment::now);
        self.published.begin(since, || self.side.ticket());
        let verdict = handler(self.side.payload(received), &mut output);
        let end = moment::now();
        self.published.end(end);
        let is_small = self.buffer.len() <= SMALL && self.long.is_none();
        self.lap = is_small.then_some(end);
        let cost = end.saturating_sub(since);
        let reply = if verdict == Verdict::Value { Reply::Value } else { Reply::Failed };
        (reply, cost)
    }

    fn report(&mut self, what: (Reply, u64), cost: u64) -> io::Result<()> {
        let run = self.long.take();
        let payload = Payload { run: Run::of(run.as_ref()), bytes: &self.buffer };
        let answered = self.side.answer(what, cost, payload);
        if !matches!(answered, Ok(true)) {
            self.lap = None;
        }
        if let Err(error) = answered {
            let reason = format!("no room for a result of {} bytes: {error}", payload.len());
            let reason = Payload::of(reason.as_bytes());
            self.side.answer((Reply::NoRoom, what.1), cost, reason)?;
        }
        if self.buffer.capacity() > KEPT_BYTES {
            self.buffer = Vec::new();
        }
        Ok(())
    }
}
