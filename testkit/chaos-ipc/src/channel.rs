//! Everything of `polyproc-channel` at once, with an account of every message.
//!
//! Each message has a number. In a ledger that all share, its producer notes before and after the put
//! that it puts it, and its consumer that it was taken. In the end every message that was put has been
//! taken once, but for at most those that dead consumers were taking.

use crate::Workload;
use crate::process::pause;
use polyproc_channel::{
    Message, Order, PipeEnd, PutReason, Queue, Received, Settings, TakeError, Wait,
};
use polyproc_shm::{Arena, Handle, Value};
use polyproc_sync::{Deadline, Kind};
use polyproc_sys::poll;
use polyproc_testkit::Rng;
use std::collections::HashMap;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The most messages of a run; after that workers only take.
const MESSAGES: u64 = 1 << 24;
/// The most workers that ever live, one after another.
const LIVES: u64 = 1 << 16;
/// How many are taken at once, at most.
const BATCH: usize = 5;

/// Of a message, in its byte of the ledger.
const BEGUN: u64 = 1;
const PUT: u64 = 2;
const TAKEN: u64 = 4;

/// What became of each message and each worker.
#[derive(Clone, Debug)]
struct Ledger {
    words: Handle,
}

impl Ledger {
    fn new(arena: &Arena) -> Result<Self, polyproc_shm::Error> {
        let bytes = (2 + LIVES) * 8 + MESSAGES;
        Ok(Self { words: arena.allocate(bytes as usize, Kind::Bytes)? })
    }

    fn word(&self, index: u64) -> &AtomicU64 {
        &self.words.words()[index as usize]
    }

    /// The next message's number, if there is one left.
    fn next_message(&self) -> Option<u64> {
        let number = self.word(0).fetch_add(1, Ordering::Relaxed);
        (number < MESSAGES).then_some(number)
    }

    fn next_life(&self) -> u64 {
        self.word(1).fetch_add(1, Ordering::Relaxed) % LIVES
    }

    /// How many messages a worker is taking.
    fn taking(&self, life: u64) -> &AtomicU64 {
        self.word(2 + life)
    }

    fn byte(&self, message: u64) -> (&AtomicU64, u64) {
        (self.word(2 + LIVES + message / 8), message % 8 * 8)
    }

    fn note(&self, message: u64, what: u64) {
        let (word, shift) = self.byte(message);
        word.fetch_or(what << shift, Ordering::AcqRel);
    }

    /// Notes that it was taken; says what it was before.
    fn take(&self, message: u64) -> u64 {
        let (word, shift) = self.byte(message);
        word.fetch_or(TAKEN << shift, Ordering::AcqRel) >> shift & 0xff
    }

    fn of(&self, message: u64) -> u64 {
        let (word, shift) = self.byte(message);
        word.load(Ordering::Acquire) >> shift & 0xff
    }
}

/// The workload: one for the parent, inherited by its workers.
#[derive(Clone, Debug)]
pub struct Messages {
    arena: Arena,
    ledger: Ledger,
    queues: Vec<Queue>,
    pipe: [PipeEnd; 2],
    /// This worker's number, once it has one.
    life: Option<u64>,
    /// The last message of each producer from each place that keeps their order.
    seen: HashMap<(usize, u64), u64>,
}

/// Where a message goes: queues first, then the ends of the pipe.
const QUEUES: usize = 5;
const JOINABLE: usize = 4;
/// Of those, first in, first out.
const IN_ORDER: [usize; 5] = [0, 1, JOINABLE, QUEUES, QUEUES + 1];
/// One whose entries are many enough now and then that its table shrinks.
const SHRINKING: usize = 3;

fn soon() -> Wait {
    Wait::timeout(Duration::from_millis(3))
}

impl Messages {
    /// A new arena with one queue of each kind and a pipe.
    ///
    /// # Errors
    /// For want of memory.
    pub fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let arena = Arena::with_size(1 << 30)?;
        let settings = [
            Settings::items(20),
            Settings::UNBOUNDED,
            Settings::items(10).ordered(Order::Lifo),
            Settings::UNBOUNDED.ordered(Order::Priority),
        ];
        let mut queues = Vec::new();
        for settings in settings {
            queues.push(Queue::new(&arena, settings)?);
        }
        queues.push(Queue::joinable(&arena, Settings::items(8).bytes(100_000))?);
        let ledger = Ledger::new(&arena)?;
        let pipe = PipeEnd::duplex(&arena)?.into();
        Ok(Self { arena, ledger, queues, pipe, life: None, seen: HashMap::new() })
    }

    fn life(&mut self) -> u64 {
        *self.life.get_or_insert_with(|| self.ledger.next_life())
    }

    /// A message with a new number: number, producer, and bytes that follow from the number.
    fn compose(&mut self, random: &mut Rng) -> Option<(u64, Vec<u8>)> {
        let len = match random.below(30) {
            0 => 16_000 + random.below(40_000),
            1..=5 => random.below(4000),
            _ => random.below(150),
        };
        let number = self.ledger.next_message()?;
        let mut bytes = number.to_le_bytes().to_vec();
        bytes.extend(self.life().to_le_bytes());
        bytes.extend((0..len).map(|index| pattern(number, index)));
        Some((number, bytes))
    }

    /// One message in eight carries a value that holds its number.
    fn with_handle<'m>(
        &self,
        number: u64,
        message: Message<'m>,
    ) -> Result<Message<'m>, &'static str> {
        if !number.is_multiple_of(8) {
            return Ok(message);
        }
        let count = if number.is_multiple_of(64) { 9 } else { 1 };
        let value = Value::new(&self.arena, number).map_err(|_full| "no memory for a value")?;
        let parcels = (0..count).map(|_| value.handle().send()).collect::<Result<_, _>>();
        Ok(message.with_parcels(parcels.map_err(|_full| "no place for a handle")?))
    }

    fn draft(&self, bytes: &[u8]) -> Result<Message<'static>, &'static str> {
        let draft = self.queues[0].draft(bytes.len());
        let mut draft = draft.map_err(|_full| "no memory for a draft")?;
        draft.copy_from_slice(bytes);
        Ok(draft.into())
    }

    fn put(&mut self, place: usize, random: &mut Rng) -> Result<(), &'static str> {
        let Some((number, bytes)) = self.compose(random) else {
            return Ok(());
        };
        let message = if bytes.len() > 16_000 && random.one_in(2) {
            self.draft(&bytes)?
        } else {
            Message::from(&*bytes)
        };
        let message = self.with_handle(number, message)?.with_priority(random.below(5) as i64);
        self.ledger.note(number, BEGUN);
        let wait = random.one_in(2).then(soon);
        let put = match (place.checked_sub(QUEUES), wait) {
            (None, None) => self.queues[place].try_put(message),
            (None, Some(wait)) => self.queues[place].put(message, wait),
            (Some(end), None) => self.pipe[end].try_send(message),
            (Some(end), Some(wait)) => self.pipe[end].send(message, wait),
        };
        match put.map_err(|error| error.reason) {
            Ok(()) => {
                self.ledger.note(number, PUT);
                Ok(())
            }
            Err(PutReason::Full | PutReason::TimedOut) => Ok(()),
            Err(PutReason::Corrupt) => Err("a put found damage"),
            Err(_) => Err("no put"),
        }
    }

    fn put_many(&mut self, place: usize, random: &mut Rng) -> Result<(), &'static str> {
        let mut composed = Vec::new();
        for _ in 0..random.below(BATCH as u64) {
            composed.extend(self.compose(random));
        }
        for (number, _) in &composed {
            self.ledger.note(*number, BEGUN);
        }
        let mut messages: Vec<_> =
            composed.iter().map(|(_, bytes)| Message::from(&**bytes)).collect();
        let put = self.queues[place].put_many(&mut messages, Some(soon()));
        let done = composed.len() - messages.len();
        for (number, _) in &composed[..done] {
            self.ledger.note(*number, PUT);
        }
        match put {
            Ok(()) | Err(PutReason::TimedOut) => Ok(()),
            Err(_) => Err("no put of many"),
        }
    }

    fn get(&mut self, place: usize, random: &mut Rng) -> Result<(), &'static str> {
        let life = self.life();
        let most = if place < QUEUES && random.one_in(3) { BATCH } else { 1 };
        self.ledger.taking(life).store(most as u64, Ordering::Relaxed);
        let wait = random.one_in(3).then(soon);
        let taken = match (place.checked_sub(QUEUES), wait) {
            (None, wait) if most > 1 => self.queues[place].get_many(most, wait),
            (None, None) => self.queues[place].try_get().map(|one| vec![one]),
            (None, Some(wait)) => self.queues[place].get(wait).map(|one| vec![one]),
            (Some(end), None) => self.pipe[end].try_recv().map(|one| vec![one]),
            (Some(end), Some(wait)) => self.pipe[end].recv(wait).map(|one| vec![one]),
        };
        let result = match taken {
            Ok(all) => all.iter().try_for_each(|one| self.account(place, one)),
            Err(TakeError::Empty | TakeError::TimedOut) => Ok(()),
            Err(TakeError::Corrupt) => Err("a take found damage"),
            Err(_) => Err("no take"),
        };
        self.ledger.taking(life).store(0, Ordering::Relaxed);
        result
    }

    /// Waits by the place's descriptor, whose thread then lives as long as this worker, and takes.
    fn get_told(&mut self, place: usize, random: &mut Rng) -> Result<(), &'static str> {
        let fd = match place.checked_sub(QUEUES) {
            None => self.queues[place].descriptor(),
            Some(end) => self.pipe[end].descriptor(),
        };
        let fd = fd.map_err(|_limit| "no descriptor")?;
        let polled = poll::readable([Some(fd)], Deadline::after(Duration::from_millis(3)));
        polled.map_err(|_error| "no poll")?;
        self.get(place, random)
    }

    /// Asks a future once, and drops it: it has taken its message, or none.
    fn get_as_future(&mut self, place: usize) -> Result<(), &'static str> {
        let life = self.life();
        self.ledger.taking(life).store(1, Ordering::Relaxed);
        let mut context = Context::from_waker(Waker::noop());
        let asked = match place.checked_sub(QUEUES) {
            None => pin!(self.queues[place].get_async()).poll(&mut context),
            Some(end) => pin!(self.pipe[end].recv_async()).poll(&mut context),
        };
        let result = match asked {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok(one)) => self.account(place, &one),
            Poll::Ready(Err(_)) => Err("no future"),
        };
        self.ledger.taking(life).store(0, Ordering::Relaxed);
        result
    }

    /// Checks a message that was taken, and notes that.
    fn account(&mut self, place: usize, received: &Received) -> Result<(), &'static str> {
        let (head, body) = received.split_at_checked(16).ok_or("a message is too short")?;
        let number = u64::from_le_bytes(head[..8].try_into().unwrap_or_default());
        let producer = u64::from_le_bytes(head[8..].try_into().unwrap_or_default());
        if number >= MESSAGES || producer >= LIVES {
            return Err("a message is torn at its head");
        }
        if (0_u64..).zip(body).any(|(index, &byte)| byte != pattern(number, index)) {
            return Err("a message is torn");
        }
        for handle in &received.handles {
            let value: Value<u64> = Value::from_handle(handle.clone())
                .map_err(|_type| "not the handle that was sent")?;
            if value.get() != number {
                return Err("another message's handle");
            }
        }
        let before = self.ledger.take(number);
        if before & TAKEN != 0 {
            return Err("a message was taken twice");
        }
        if before & BEGUN == 0 {
            return Err("a message that nobody put");
        }
        if IN_ORDER.contains(&place) {
            let last = self.seen.insert((place, producer), number);
            if last.is_some_and(|last| last > number) {
                return Err("one producer's messages came out of order");
            }
        }
        // The dead do not get to say this.
        if place == JOINABLE && !self.queues[place].task_done() {
            return Err("a task that was taken could not be done");
        }
        Ok(())
    }

    /// More messages than the first chunks of a table hold, and then none.
    fn burst(&mut self) -> Result<(), &'static str> {
        let life = self.life();
        for _ in 0..1100 {
            let Some(number) = self.ledger.next_message() else {
                return Ok(());
            };
            let head = [number.to_le_bytes(), life.to_le_bytes()].concat();
            self.ledger.note(number, BEGUN);
            match self.queues[SHRINKING].try_put(&*head).map_err(|error| error.reason) {
                Ok(()) => self.ledger.note(number, PUT),
                // Others had the lock, and did not get to run.
                Err(PutReason::TimedOut) => {}
                Err(_) => return Err("no put in a burst"),
            }
        }
        self.drain(SHRINKING)
    }

    fn drain(&mut self, place: usize) -> Result<(), &'static str> {
        let life = self.life();
        loop {
            self.ledger.taking(life).store(1, Ordering::Relaxed);
            let taken = match place.checked_sub(QUEUES) {
                None => self.queues[place].try_get(),
                Some(end) => self.pipe[end].try_recv(),
            };
            match taken {
                Ok(received) => self.account(place, &received)?,
                // Others had the lock, and did not get to run.
                Err(TakeError::TimedOut) => {}
                Err(error) => {
                    self.ledger.taking(life).store(0, Ordering::Relaxed);
                    let is_empty = matches!(error, TakeError::Empty);
                    return is_empty.then_some(()).ok_or("no drain");
                }
            }
        }
    }

    /// Everybody else is dead: every message is accounted for, and nothing is left. Says how many
    /// messages there were, and how many the dead took with them.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check_end(mut self) -> io::Result<(u64, u64)> {
        let deadline = Deadline::after(Duration::from_mins(1));
        while self.arena.stats().members.len() > 1 && !deadline.has_passed() {
            pause(Duration::from_millis(50));
        }
        for place in 0..QUEUES + 2 {
            self.seen.clear();
            self.drain(place).map_err(io::Error::other)?;
        }
        if self.queues[JOINABLE].join(Wait::timeout(Duration::from_mins(1))).is_err() {
            return Err(io::Error::other("a join does not end"));
        }
        let count = self.ledger.word(0).load(Ordering::Relaxed).min(MESSAGES);
        let is_lost = |message: &u64| self.ledger.of(*message) & (PUT | TAKEN) == PUT;
        let lost = (0..count).filter(is_lost).count() as u64;
        let taking = (0..LIVES).map(|life| self.ledger.taking(life).load(Ordering::Relaxed));
        let allowed: u64 = taking.sum();
        if lost > allowed {
            let error = format!("{lost} messages lost, and the dead were taking only {allowed}");
            return Err(io::Error::other(error));
        }
        let Self { arena, ledger, queues, pipe, .. } = self;
        drop((ledger, queues, pipe));
        let stats = arena.stats();
        if stats.objects != 0 || stats.parcels != 0 {
            return Err(io::Error::other(format!("left behind: {stats:?}")));
        }
        Ok((count, lost))
    }
}

fn pattern(number: u64, index: u64) -> u8 {
    (number.wrapping_mul(0x9E37_79B9) >> 8).wrapping_add(index * 13) as u8
}

impl Workload for Messages {
    fn step(&mut self, random: &mut Rng) -> Result<(), &'static str> {
        let place = random.below(QUEUES as u64 + 2) as usize;
        match random.below(100) {
            0..=39 => self.put(place, random),
            40..=49 => self.put_many(place % QUEUES, random),
            50..=93 => self.get(place, random),
            94..=95 => self.get_told(place, random),
            96..=97 => self.get_as_future(place),
            98 if random.one_in(4) => {
                // What the engine does when a child has ended.
                self.arena.reclaim();
                Ok(())
            }
            98 => self.drain(place),
            _ if random.one_in(20) => self.burst(),
            _ => {
                let queue = &self.queues[place % QUEUES];
                let len = queue.len();
                let most = queue.settings().items.map_or(usize::MAX, |most| most as usize);
                (len <= most).then_some(()).ok_or("more messages than may be")
            }
        }
    }
}
