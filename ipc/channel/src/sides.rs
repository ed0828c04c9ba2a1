//! The protocol of producers and consumers: locks, commits, sleeping and waking. Where messages lie is
//! a parameter, so that the model checker runs the same code. See `docs/design/0020-channels.md`.

use crate::position::Position;
use polyproc_sync::atomic::{AtomicU64, Ordering};
use polyproc_sync::raw::{Cursor, Lock, Passed};
use polyproc_sync::{Host, Outcome, Park, Wait, crash_point};
use std::time::Duration;

/// How long even a call that does not wait may wait for a lock: its holder may be stopped. Enough for a
/// holder's death to be seen and repaired by somebody else first, on a machine with too much to do.
const GRACE: Duration = Duration::from_millis(300);

/// How long closing waits for a lock. Without an end it would be held up by a process that is stopped; but
/// who is not told that a queue is closed waits for ever, so those that want a processor have time enough.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the messages lie.
pub(crate) trait Store<P> {
    /// As it is put. What is put is taken out of it.
    type Message;
    /// As it is taken.
    type Taken;
    /// Why it cannot be put or taken.
    type Error;

    /// Whether producers and consumers exclude each other.
    fn has_one_lock(&self) -> bool {
        false
    }

    /// Whether `message` may come to what lies between `head` and `tail`.
    fn has_room(&self, tail: Position, head: Position, message: &Self::Message) -> bool;

    /// Writes the message; says where `tail` is to move.
    ///
    /// # Errors
    /// Nothing has changed, and the message is whole.
    fn put(&self, tail: Position, message: &mut Self::Message) -> Result<Position, Self::Error>;

    /// Reads the message at `head` into `into`, unless its taker died; says whether, and where `head` is
    /// to move.
    ///
    /// # Errors
    /// The message is still there.
    fn take(&self, head: Position, into: &mut Self::Taken)
    -> Result<(bool, Position), Self::Error>;

    /// What to call again and again while nothing lies at `tail`, to have at hand what will.
    fn coming(&self, _tail: Position) -> impl Fn() {
        || ()
    }

    /// The head has moved: gives back what only the message before it needed.
    fn left(&self, from: Position);

    /// A producer died in the middle.
    fn repair_put(&self, sides: &Sides<P>);

    /// A consumer died in the middle.
    fn repair_take(&self, sides: &Sides<P>);
}

/// Where taken messages go.
pub(crate) trait Shelf<T> {
    /// Whether there is no place for more.
    fn is_full(&self) -> bool;

    /// The place of the next one.
    fn place(&mut self) -> &mut T;

    /// Nothing came of it.
    fn discard(&mut self);
}

/// A place for one message.
#[derive(Default)]
pub(crate) struct One<T> {
    pub(crate) taken: T,
    is_full: bool,
}

impl<T> Shelf<T> for One<T> {
    #[inline]
    fn is_full(&self) -> bool {
        self.is_full
    }

    #[inline]
    fn place(&mut self) -> &mut T {
        self.is_full = true;
        &mut self.taken
    }

    #[inline]
    fn discard(&mut self) {
        self.is_full = false;
    }
}

/// Places for many.
pub(crate) struct Many<T> {
    pub(crate) taken: Vec<T>,
    pub(crate) most: usize,
}

impl<T: Default> Shelf<T> for Many<T> {
    fn is_full(&self) -> bool {
        self.taken.len() >= self.most
    }

    fn place(&mut self) -> &mut T {
        self.taken.push(T::default());
        let last = self.taken.len() - 1;
        &mut self.taken[last]
    }

    fn discard(&mut self) {
        self.taken.pop();
    }
}

/// Whether nobody is left at the other side; with `true` it may take its time to find out.
pub(crate) type Gone<'a> = Option<&'a dyn Fn(bool) -> bool>;

/// Why not all was put, or nothing taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop<E> {
    /// No room, or no message; and no wait.
    NotNow,
    /// No more will be put.
    Closed,
    /// Nobody is left at the other side.
    Gone,
    /// [`Outcome::TimedOut`] or [`Outcome::Interrupted`].
    GaveUp(Outcome),
    /// The store says so.
    Failed(E),
}

/// A value in cache lines of its own, and in pairs of them: processors fetch the other one of a pair as
/// well, and so take it away from whoever works on it.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct Line<T>(pub(crate) T, Apart);

#[derive(Debug, Default)]
#[repr(C, align(64))]
struct Apart([u64; 8]);

impl<T> From<T> for Line<T> {
    fn from(value: T) -> Self {
        Self(value, Apart::default())
    }
}

/// What producers, or consumers, have among themselves.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Side<P = Host> {
    pub(crate) lock: Lock<P>,
    /// Where the other side's cursor was when somebody last looked: it only ever moves on, so this
    /// errs to the safe side.
    pub(crate) seen: AtomicU64,
    /// What the store wants to remember of the other side, likewise.
    pub(crate) noted: AtomicU64,
}

/// Both sides of a channel. All zeros is empty.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Sides<P = Host> {
    pub(crate) tail: Line<Cursor<P>>,
    pub(crate) head: Line<Cursor<P>>,
    pub(crate) put: Line<Side<P>>,
    pub(crate) take: Line<Side<P>>,
}

impl<P> Default for Side<P> {
    fn default() -> Self {
        Self { lock: Lock::new(), seen: AtomicU64::new(0), noted: AtomicU64::new(0) }
    }
}

impl<P> Default for Sides<P> {
    fn default() -> Self {
        Self {
            tail: Line::from(Cursor::new()),
            head: Line::from(Cursor::new()),
            put: Line::default(),
            take: Line::default(),
        }
    }
}

/// A side's lock, held.
struct Locked<'a, P: Park>(&'a Lock<P>);

impl<P: Park> Drop for Locked<'_, P> {
    #[inline]
    fn drop(&mut self) {
        if std::thread::panicking() && self.0.is_mine() {
            // As if this process had died here: the next one repairs.
            self.0.abandon();
        }
        self.0.release_own();
    }
}

/// What was done under the lock, and why not more.
struct Part<E> {
    done: u32,
    /// Whether somebody has to be woken.
    marked: bool,
    why: Option<Why<E>>,
}

enum Why<E> {
    /// The other side's cursor has to move on from here first.
    Blocked(Position),
    Stop(Stop<E>),
}

impl<P: Park> Sides<P> {
    pub(crate) fn tail(&self) -> Position {
        Position(self.tail.0.get())
    }

    pub(crate) fn head(&self) -> Position {
        Position(self.head.0.get())
    }

    /// How many messages there are, at one moment: that at which the tail was read.
    pub(crate) fn len(&self) -> u32 {
        let mut head = self.head();
        loop {
            let tail = self.tail();
            let now = self.head();
            if now == head {
                return tail.since(head);
            }
            head = now;
        }
    }

    /// Closes it: what was put can be taken, and no more can be put. False when it was closed, or when a
    /// producer was stopped (SIGSTOP) in the middle of a put.
    pub(crate) fn close<S: Store<P>>(&self, store: &S) -> bool {
        let Ok(locked) = self.lock_put(store, Some(Wait::timeout(PATIENCE))) else {
            return false;
        };
        let tail = self.tail();
        _ = self.tail.0.advance(tail.closed().0);
        drop(locked);
        self.wake_all();
        !tail.is_closed()
    }

    /// Has everybody look again.
    pub(crate) fn wake_all(&self) {
        self.tail.0.wake(u32::MAX);
        self.head.0.wake(u32::MAX);
    }

    /// Puts all of `messages`, waiting for room as `wait` says; without one, only while there is room.
    ///
    /// # Errors
    /// How many were put, and why not more.
    pub(crate) fn put<S: Store<P>>(
        &self,
        store: &S,
        messages: &mut [S::Message],
        wait: Option<Wait>,
        gone: Gone<'_>,
    ) -> Result<(), (usize, Stop<S::Error>)> {
        let (mut done, mut slept) = (0, false);
        loop {
            if gone.is_some_and(|gone| gone(false)) {
                return Err((done, Stop::Gone));
            }
            let some = self.put_some(store, &mut messages[done..], wait);
            done += some.done as usize;
            if some.marked {
                self.tail.0.wake(some.done);
            }
            let blocked = matches!(some.why, Some(Why::Blocked(_)));
            if slept && !blocked {
                self.head.0.wake(1);
            }
            let head = match some.why {
                None => return Ok(()),
                Some(Why::Stop(stop)) => return Err((done, stop)),
                Some(Why::Blocked(head)) => head,
            };
            slept = self.sleep_for_room(head, wait, gone).map_err(|stop| (done, stop))?;
        }
    }

    #[inline]
    fn put_some<S: Store<P>>(
        &self,
        store: &S,
        messages: &mut [S::Message],
        wait: Option<Wait>,
    ) -> Part<S::Error> {
        let mut some = Part { done: 0, marked: false, why: None };
        let _locked = match self.lock_put(store, wait) {
            Ok(locked) => locked,
            Err(outcome) => {
                some.why = Some(Why::Stop(Stop::GaveUp(outcome)));
                return some;
            }
        };
        let mut tail = self.tail();
        for message in messages {
            let next = match self.put_next(store, tail, message) {
                Ok(next) => next,
                Err(why) => {
                    some.why = Some(why);
                    break;
                }
            };
            crash_point!("put.written");
            some.marked |= self.tail.0.advance(next.0);
            some.done += 1;
            tail = next;
        }
        crash_point!("put.done");
        some
    }

    #[inline]
    fn put_next<S: Store<P>>(
        &self,
        store: &S,
        tail: Position,
        message: &mut S::Message,
    ) -> Result<Position, Why<S::Error>> {
        if tail.is_closed() {
            return Err(Why::Stop(Stop::Closed));
        }
        let mut head = Position(self.put.0.seen.load(Ordering::Relaxed));
        if !store.has_room(tail, head, message) {
            head = self.head();
            self.put.0.seen.store(head.0, Ordering::Relaxed);
            if !store.has_room(tail, head, message) {
                return Err(Why::Blocked(head));
            }
        }
        store.put(tail, message).map_err(|error| Why::Stop(Stop::Failed(error)))
    }

    /// Takes messages until the shelf is full, waiting for the first as `wait` says.
    ///
    /// # Errors
    /// Why there is none. Without error there is at least one.
    pub(crate) fn take<S: Store<P>>(
        &self,
        store: &S,
        wait: Option<Wait>,
        gone: Gone<'_>,
        shelf: &mut impl Shelf<S::Taken>,
    ) -> Result<(), Stop<S::Error>> {
        let (mut slept, mut is_over) = (false, false);
        loop {
            let some = self.take_some(store, wait, shelf);
            if some.marked {
                self.head.0.wake(some.done.max(1));
            }
            if slept && self.tail().since(self.head()) != 0 {
                self.tail.0.wake(1);
            }
            let tail = match some.why {
                _ if some.done != 0 => return Ok(()),
                None => return Ok(()),
                Some(Why::Stop(stop)) => return Err(stop),
                Some(Why::Blocked(tail)) => tail,
            };
            if tail.is_closed() {
                return Err(Stop::Closed);
            }
            if is_over {
                return Err(Stop::Gone);
            }
            // What somebody put before it went is to be taken: one more look after this.
            is_over = gone.is_some_and(|gone| gone(false));
            if !is_over {
                match Self::sleep(&self.tail.0, tail, wait, gone, store.coming(tail)) {
                    Ok(has_slept) => slept = has_slept,
                    Err(Stop::Gone) => is_over = true,
                    Err(stop) => return Err(stop),
                }
            }
        }
    }

    #[inline]
    fn take_some<S: Store<P>>(
        &self,
        store: &S,
        wait: Option<Wait>,
        shelf: &mut impl Shelf<S::Taken>,
    ) -> Part<S::Error> {
        let mut some = Part { done: 0, marked: false, why: None };
        let _locked = match self.lock_take(store, wait) {
            Ok(locked) => locked,
            Err(outcome) => {
                some.why = Some(Why::Stop(Stop::GaveUp(outcome)));
                return some;
            }
        };
        let mut head = self.head();
        while !shelf.is_full() {
            let (is_taken, next) = match self.take_next(store, head, shelf) {
                Ok(next) => next,
                Err(why) => {
                    some.why = Some(why);
                    break;
                }
            };
            crash_point!("take.read");
            some.marked |= self.head.0.advance(next.0);
            crash_point!("take.moved");
            store.left(head);
            head = next;
            some.done += u32::from(is_taken);
        }
        some
    }

    #[inline]
    fn take_next<S: Store<P>>(
        &self,
        store: &S,
        head: Position,
        shelf: &mut impl Shelf<S::Taken>,
    ) -> Result<(bool, Position), Why<S::Error>> {
        let mut tail = Position(self.take.0.seen.load(Ordering::Relaxed));
        if tail.since(head) == 0 {
            tail = self.tail();
            self.take.0.seen.store(tail.0, Ordering::Relaxed);
            if tail.since(head) == 0 {
                return Err(Why::Blocked(tail));
            }
        }
        let taken = store.take(head, shelf.place());
        if !matches!(taken, Ok((true, _))) {
            shelf.discard();
        }
        taken.map_err(|error| Why::Stop(Stop::Failed(error)))
    }

    /// Waits until something may be taken, without taking it.
    pub(crate) fn poll<E>(&self, wait: Option<Wait>, gone: Gone<'_>) -> Result<(), Stop<E>> {
        loop {
            // Before looking: what was put before they went counts.
            let is_gone = gone.is_some_and(|gone| gone(false));
            let tail = self.tail();
            if tail.since(self.head()) != 0 {
                return Ok(());
            }
            if tail.is_closed() {
                return Err(Stop::Closed);
            }
            if is_gone {
                return Err(Stop::Gone);
            }
            match Self::sleep(&self.tail.0, tail, wait, gone, || ()) {
                // This wake-up was meant for somebody who takes.
                Ok(true) => self.tail.0.wake(1),
                Ok(false) | Err(Stop::Gone) => {}
                Err(stop) => return Err(stop),
            }
        }
    }

    /// Waits until somebody has taken since the head was at `seen`, or there is no use in waiting for that.
    pub(crate) fn await_taken(&self, seen: Position, gone: &dyn Fn(bool) -> bool) {
        let is_over = |thorough| self.tail().is_closed() || gone(thorough);
        let moved = self.head.0.wait(seen.0, Wait::FOREVER, Some(&is_over));
        if moved == (Passed::Moved { slept: true }) {
            // This wake-up was meant for somebody who puts.
            self.head.0.wake(1);
        }
    }

    /// Waits until somebody has taken since the head was at `seen`: closing does not move it.
    fn sleep_for_room<E>(
        &self,
        seen: Position,
        wait: Option<Wait>,
        gone: Gone<'_>,
    ) -> Result<bool, Stop<E>> {
        let is_over = |thorough| self.tail().is_closed() || gone.is_some_and(|gone| gone(thorough));
        match Self::sleep(&self.head.0, seen, wait, Some(&is_over), || ()) {
            Err(Stop::Gone) if self.tail().is_closed() => Err(Stop::Closed),
            slept => slept,
        }
    }

    /// Waits until `cursor` has left `seen`; says whether it slept for that.
    fn sleep<E>(
        cursor: &Cursor<P>,
        seen: Position,
        wait: Option<Wait>,
        gone: Gone<'_>,
        meanwhile: impl Fn(),
    ) -> Result<bool, Stop<E>> {
        let wait = wait.ok_or(Stop::NotNow)?;
        match cursor.wait_meanwhile(seen.0, wait, gone, meanwhile) {
            Passed::Moved { slept } => Ok(slept),
            Passed::Gone => Err(Stop::Gone),
            Passed::GaveUp(outcome) => Err(Stop::GaveUp(outcome)),
        }
    }

    #[inline]
    fn lock_put<S: Store<P>>(
        &self,
        store: &S,
        wait: Option<Wait>,
    ) -> Result<Locked<'_, P>, Outcome> {
        let (locked, outcome) = lock(&self.put.0.lock, wait)?;
        if outcome == Outcome::OwnerDied {
            store.repair_put(self);
            self.put.0.lock.recover();
        }
        Ok(locked)
    }

    #[inline]
    fn lock_take<S: Store<P>>(
        &self,
        store: &S,
        wait: Option<Wait>,
    ) -> Result<Locked<'_, P>, Outcome> {
        if store.has_one_lock() {
            return self.lock_put(store, wait);
        }
        let (locked, outcome) = lock(&self.take.0.lock, wait)?;
        if outcome == Outcome::OwnerDied {
            store.repair_take(self);
            self.take.0.lock.recover();
        }
        Ok(locked)
    }
}

/// The lock, and whether its holder died.
#[inline]
fn lock<P: Park>(lock: &Lock<P>, wait: Option<Wait>) -> Result<(Locked<'_, P>, Outcome), Outcome> {
    let outcome = match wait {
        None if lock.is_locked() => lock.acquire(Wait::timeout(GRACE)),
        None => lock.acquire(Wait::FOREVER),
        Some(wait) => match lock.acquire(wait) {
            // The deadline is for messages; a lock is held for less than a microsecond.
            Outcome::TimedOut => lock.acquire(Wait::timeout(GRACE)),
            outcome => outcome,
        },
    };
    if outcome.is_acquired() { Ok((Locked(lock), outcome)) } else { Err(outcome) }
}
