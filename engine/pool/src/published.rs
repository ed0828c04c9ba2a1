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
    /// Who sits where; pid 0: nobody.
    seats: Vec<Seat>,
    done: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seat {
    pid: u32,
    is_ready: bool,
    given: u64,
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
        if self.seats.len() <= slot {
            self.seats.resize_with(slot + 1, Seat::default);
        }
        self.change(slot, |seat| *seat = Seat { pid, ..Seat::default() });
    }

    pub(crate) fn ready(&mut self, slot: usize) {
        self.change(slot, |seat| seat.is_ready = true);
    }

    pub(crate) fn given(&mut self, slot: usize, count: u64) {
        self.change(slot, |seat| seat.given += count);
    }

    /// A task is no longer the worker's.
    pub(crate) fn passed(&mut self, slot: usize) {
        self.change(slot, |seat| seat.given = seat.given.saturating_sub(1));
    }

    /// One has its result.
    pub(crate) fn answered(&mut self) {
        self.done += 1;
    }

    pub(crate) fn died(&mut self, slot: usize) {
        self.change(slot, |seat| *seat = Seat::default());
    }

    #[inline]
    fn change(&mut self, slot: usize, change: impl FnOnce(&mut Seat)) {
        if let (Some(post), Some(seat)) = (&self.post, self.seats.get_mut(slot)) {
            change(seat);
            post.seat(slot, seat.pid, seat.is_ready, seat.given);
        }
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
