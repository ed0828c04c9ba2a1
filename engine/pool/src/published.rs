//! What others can see of a pool (`polyproc top`): its process posts numbers and who sits where, each
//! worker what it does. Plain stores beside what happens anyway; nobody here reads them.

use polyproc_process::{PoolCounts, PoolPost, SeatPost};

/// The pool's part.
#[derive(Debug, Default)]
pub(crate) struct Published {
    name: String,
    /// Whether a place was asked for: with the first worker, and not again if there was none.
    is_tried: bool,
    post: Option<PoolPost>,
    done: u64,
}

impl Published {
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// A worker's process is there.
    pub(crate) fn started(&mut self, slot: usize, pid: u32) {
        if !std::mem::replace(&mut self.is_tried, true) {
            self.post = PoolPost::open(&self.name);
        }
        self.seat(slot, pid, false);
    }

    pub(crate) fn ready(&self, slot: usize, pid: u32) {
        self.seat(slot, pid, true);
    }

    pub(crate) fn died(&self, slot: usize) {
        self.seat(slot, 0, false);
    }

    fn seat(&self, slot: usize, pid: u32, is_ready: bool) {
        if let Some(post) = &self.post {
            post.seat(slot, pid, is_ready);
        }
    }

    /// A task has its result.
    #[inline]
    pub(crate) fn answered(&mut self) {
        self.done += 1;
    }

    /// How many workers there may be, how many tasks are queued, and how many workers have.
    #[inline]
    pub(crate) fn count(&self, workers: usize, queued: usize, in_flight: usize) {
        if let Some(post) = &self.post {
            let [workers, queued, in_flight] = [workers, queued, in_flight].map(|one| one as u64);
            post.count(PoolCounts { workers, queued, in_flight, done: self.done });
        }
    }

    /// What the worker of a slot has to know to do its part; 0: nothing.
    pub(crate) fn ticket(&self, slot: usize) -> u64 {
        self.post.as_ref().map_or(0, |post| post.ticket(slot))
    }
}

/// A worker's part. Its ticket is there when its first task is; without one it posts nothing.
#[derive(Debug, Default)]
pub(crate) struct Worker(Option<SeatPost>);

impl Worker {
    /// A task begins, at a moment on the clock of `polyproc_sys::moment`.
    #[inline]
    pub(crate) fn begin(&mut self, at: u64, ticket: impl FnOnce() -> u64) {
        if self.0.is_none() {
            self.0 = SeatPost::of(ticket());
        }
        if let Some(seat) = &self.0 {
            seat.begin(at);
        }
    }

    /// It has ended.
    #[inline]
    pub(crate) fn end(&mut self, at: u64) {
        if let Some(seat) = &mut self.0 {
            seat.end(at);
        }
    }
}
