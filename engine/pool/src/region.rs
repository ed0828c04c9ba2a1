//! What one worker and its parent share: two rings, a page of words for both, and a bell.
//!
//! | word | written by | means |
//! |---|---|---|
//! | `TaskTail`, `TaskSize` | parent | how far tasks are written; the size of their ring |
//! | `Processor` | parent | one more than the number of the processor that it wrote tasks on last; 0: not known |
//! | `ResultHead` | parent | how far results are read |
//! | `Ticket` | parent | where the worker posts what it does, for others to see; 0: nowhere |
//! | `ResultTail`, `ResultSize` | worker | how far results are written; the size of their ring |
//! | `Running`, `Item` | worker | the last task that it began; which part of it |
//! | `Moves` | worker | it is on its way to another processor, until its next answer |
//! | `WorkerSleeps` | both | what the worker sleeps for: [`TASKS`] or [`ROOM`]; who has that for it takes the mark and wakes it |
//! | `ParentSleeps` | both | the parent sleeps; the worker takes the mark and rings the bell |
//!
//! Who goes to sleep sets its mark and then looks once more; who has news publishes it and then takes
//! the mark. Both steps are sequentially consistent, so one of the two sees the other.
#![expect(unsafe_code, reason = "a worker reads its task where it lies")]

use crate::bytes::{Bytes, Spares};
use crate::company::Company;
use crate::dispatch::Room;
use crate::ring::{self, Bad, Frame, Header, Payload, Reader, Writer, frame_len};
use polyproc_sync::{Deadline, Host, Park, Spin};
use polyproc_sys::control::{leave_processor, processor};
use polyproc_sys::memory::{self, Mapping};
use polyproc_sys::poll;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use std::time::Instant;

const CONTROL_BYTES: usize = 4096;
/// Words that different sides write lie on different cache lines.
const LINE: usize = 8;
/// The worker sleeps until there is a task.
const TASKS: u32 = 1;
/// The worker sleeps until there is room for a result.
const ROOM: u32 = 2;
/// A worker that has written so much beyond what it knows to be read looks how far that is.
const GLANCE_BYTES: u64 = 8 << 10;
/// Looks follow each other at once: the other side has one thing to do until it is our turn.
const EAGER: u32 = 1;

/// See the table above.
#[derive(Clone, Copy, Debug)]
enum Word {
    TaskTail = 0,
    TaskSize = 1,
    Processor = 2,
    ResultHead = LINE as isize,
    Ticket = LINE as isize + 1,
    ResultTail = 2 * LINE as isize,
    ResultSize = 2 * LINE as isize + 1,
    Running = 3 * LINE as isize,
    Item = 3 * LINE as isize + 1,
    Moves = 3 * LINE as isize + 2,
}

#[derive(Clone, Copy, Debug)]
enum Mark {
    WorkerSleeps = 4 * LINE as isize,
    ParentSleeps = 5 * LINE as isize,
}

/// The page for both.
#[derive(Debug)]
pub(crate) struct Control {
    page: Mapping,
    /// For the parent: up to where it has read results. Not in the page, where the worker could have
    /// it look for ever.
    read: AtomicU64,
    /// For the parent: the worker was asleep when it got its tasks, and has answered none yet.
    wakes_up: AtomicBool,
    /// For the parent: the worker has tasks.
    owes: AtomicBool,
    /// For the parent: the worker has closed its end of the bell.
    is_mute: AtomicBool,
}

impl Control {
    fn map(file: &impl AsFd) -> io::Result<Self> {
        let mapping = Mapping::shared(file, CONTROL_BYTES)?;
        mapping.keep_from_forks();
        Ok(Self {
            page: mapping,
            read: AtomicU64::new(0),
            wakes_up: AtomicBool::new(false),
            owes: AtomicBool::new(false),
            is_mute: AtomicBool::new(false),
        })
    }

    fn word(&self, word: Word) -> &AtomicU64 {
        &self.page.words()[word as usize]
    }

    fn mark(&self, mark: Mark) -> &AtomicU32 {
        &self.page.half_words()[2 * mark as usize]
    }

    /// For the parent: wakes the worker if it sleeps for this, and says whether it did. After the news
    /// is published.
    fn wake_worker(&self, news: u32) -> bool {
        let sleeps = self.mark(Mark::WorkerSleeps);
        fence(Ordering::SeqCst);
        let is_asleep = sleeps.load(Ordering::Relaxed) == news;
        if is_asleep {
            sleeps.store(0, Ordering::SeqCst);
            Host::wake(sleeps, 1);
        }
        is_asleep
    }

    /// For the parent: whether the worker has written what was not read.
    pub(crate) fn has_results(&self) -> bool {
        let tail = self.word(Word::ResultTail).load(Ordering::Acquire);
        tail != self.read.load(Ordering::Relaxed)
    }

    /// For the parent: whether the worker has tasks, and is not on its way from its sleep to the first.
    pub(crate) fn is_at_work(&self) -> bool {
        self.owes.load(Ordering::Relaxed) && !self.wakes_up.load(Ordering::Relaxed)
    }

    /// For the parent: whether the worker cannot ring any more.
    pub(crate) fn is_mute(&self) -> bool {
        self.is_mute.load(Ordering::Relaxed)
    }

    /// For the parent: whether somebody has to look whether the worker has news, since it cannot ring.
    pub(crate) fn is_to_be_asked(&self) -> bool {
        self.is_mute() && self.owes.load(Ordering::Relaxed)
    }

    /// For the parent: whether the worker is on its way to another processor, as it says.
    pub(crate) fn moves(&self) -> bool {
        self.word(Word::Moves).load(Ordering::Relaxed) != 0
    }

    /// For the parent, before it sleeps: results are to ring the bell.
    pub(crate) fn arm(&self) {
        self.mark(Mark::ParentSleeps).store(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// For the worker: waits until there is what it waits `for_what`. Says whether that came so soon that it
    /// is worth to look out for it.
    fn await_news(&self, spin: &Spin, for_what: u32, news: impl Fn() -> bool) -> bool {
        spin.until(EAGER, &news) || self.sleep(spin, for_what, news)
    }

    /// The same without looking out for it first.
    fn sleep(&self, spin: &Spin, for_what: u32, news: impl Fn() -> bool) -> bool {
        let (sleeps, since) = (self.mark(Mark::WorkerSleeps), Instant::now());
        loop {
            sleeps.store(for_what, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            if news() {
                break;
            }
            // If the parent dies, the kernel ends this process.
            Host::sleep(sleeps, for_what, Deadline::NEVER);
        }
        sleeps.store(0, Ordering::SeqCst);
        spin.slept(since.elapsed())
    }
}

/// What a frame to the worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Order {
    Define = 1,
    Task = 2,
    Leave = 3,
    /// A definition is not needed any more.
    Forget = 4,
}

/// A frame that goes before a task: about a definition, and its bytes.
pub(crate) type Preface<'a> = (Order, u32, &'a [u8]);

/// What a frame from the worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Reply {
    /// It takes tasks.
    Ready = 1,
    /// It never will.
    Refused = 2,
    Value = 3,
    Failed = 4,
    Skipped = 5,
    /// There is a result, but no room for it.
    NoRoom = 6,
}

impl Reply {
    fn from_kind(kind: u32) -> Option<Self> {
        use Reply::{Failed, NoRoom, Ready, Refused, Skipped, Value};
        let all = [Ready, Refused, Value, Failed, Skipped, NoRoom];
        all.into_iter().find(|reply| *reply as u32 == kind)
    }

    fn is_to_a_task(self) -> bool {
        !matches!(self, Self::Ready | Self::Refused)
    }
}

/// A cost in nanoseconds as the value of a frame: seven digits of it, however long it is.
#[expect(clippy::cast_precision_loss, reason = "seven digits are enough")]
fn value_of(cost: u64) -> u32 {
    (cost as f32).to_bits()
}

/// Back from it: of any bits some cost.
fn cost_of(value: u32) -> u64 {
    f32::from_bits(value) as u64
}

/// Whether the kernel ends this process when its parent is gone: not if a task has closed what is needed for that.
fn ends_with_parent() -> bool {
    polyproc_process::parent().is_none_or(|parent| parent.is_lifeline_armed())
}

/// Why a result of so many bytes is lost on its way.
#[cold]
fn no_room(len: usize) -> Bytes {
    format!("no memory here for a result of {len} bytes").into_bytes().into()
}

/// A frame from the worker.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    /// Of the task that it is to, which was the oldest without an answer.
    pub(crate) sequence: u64,
    /// Nanoseconds, as the worker says.
    pub(crate) cost: u64,
    pub(crate) bytes: Bytes,
}

/// The parent's side.
#[derive(Debug)]
pub(crate) struct ParentSide {
    tasks: Writer,
    /// Up to where the worker needs no task any more.
    freed: u64,
    /// The places and ends of the tasks without an answer.
    given: VecDeque<(usize, u64)>,
    answered: u64,
    published: u64,
    results: Reader,
    /// How far results are written, and in a ring of which size, as it was seen last.
    seen: (u64, u64),
    control: Arc<Control>,
    bell: Arc<PipeReader>,
    is_rung: bool,
}

/// A new region: our side of it, and the worker's descriptors.
///
/// # Errors
/// At the limits on descriptors, memory and the size of files; without `/proc`.
pub(crate) fn create() -> io::Result<(ParentSide, Vec<OwnedFd>)> {
    let (tasks, results) = (ring::create()?, ring::create()?);
    let control = memory::memfd(c"polyproc-pool")?;
    memory::set_size(&control, CONTROL_BYTES as u64)?;
    memory::seal_size(&control)?;
    let (bell, ringer) = io::pipe()?;
    // A descriptor that only reads: what has only that cannot map the tasks for writing.
    let readable = File::open(format!("/proc/self/fd/{}", tasks.as_raw_fd()))?;
    let side = ParentSide {
        tasks: Writer::new(tasks)?,
        freed: 0,
        given: VecDeque::new(),
        answered: 0,
        published: 0,
        results: Reader::new(results.try_clone()?)?,
        seen: (0, ring::FIRST_SIZE),
        control: Arc::new(Control::map(&control)?),
        bell: Arc::new(bell),
        is_rung: false,
    };
    side.control.word(Word::TaskSize).store(side.tasks.size(), Ordering::Relaxed);
    side.control.word(Word::ResultSize).store(side.tasks.size(), Ordering::Relaxed);
    Ok((side, vec![readable.into(), results.into(), control.into(), ringer.into()]))
}

impl ParentSide {
    /// Writes a task, and before it what the worker has to know for it.
    #[inline]
    pub(crate) fn give(
        &mut self,
        (sequence, definition): (u64, u32),
        payload: Payload<'_>,
        prefaces: &[Preface<'_>],
    ) -> Room {
        let ahead = prefaces.iter().map(|(_, _, bytes)| frame_len(bytes.len())).sum::<u64>();
        let len = frame_len(payload.len()) + ahead;
        if self.given.is_empty() {
            self.freed = self.tasks.position();
        }
        if !self.tasks.reserve(self.freed, len) {
            let room = self.make_room(len);
            if room != Room::Given {
                return room;
            }
        }
        for (order, about, bytes) in prefaces {
            let header = Header { kind: *order as u32, sequence: 0, value: *about };
            self.tasks.push(header, Payload::of(bytes));
        }
        let (kind, sequence) = (Order::Task as u32, sequence as u32);
        let place = self.tasks.push(Header { kind, sequence, value: definition }, payload);
        self.given.push_back((place, self.tasks.position()));
        Room::Given
    }

    /// Reserves so many bytes in a ring that is too small for them, if it is empty.
    #[cold]
    fn make_room(&mut self, len: u64) -> Room {
        if !self.given.is_empty() {
            return Room::Full;
        }
        if let Err(error) = self.tasks.grow(len) {
            tracing::warn!(%error, len, "a task does not fit into memory");
            return Room::Never;
        }
        self.freed = self.tasks.position();
        self.control.word(Word::TaskSize).store(self.tasks.size(), Ordering::Relaxed);
        if self.tasks.reserve(self.freed, len) { Room::Given } else { Room::Never }
    }

    /// Tells the worker that nothing comes after this.
    pub(crate) fn dismiss(&mut self) {
        let header = Header { kind: Order::Leave as u32, sequence: 0, value: 0 };
        if self.given.is_empty() {
            self.freed = self.tasks.position();
        }
        // A ring from which everything was taken has room for a bare frame.
        if self.tasks.reserve(self.freed, frame_len(0)) {
            self.tasks.push(header, Payload::default());
        }
        self.publish();
    }

    /// Tells the worker where to post what it does.
    pub(crate) fn post(&self, ticket: u64) {
        self.control.word(Word::Ticket).store(ticket, Ordering::Relaxed);
    }

    /// Lets the worker see what was written, and wakes it if it sleeps.
    pub(crate) fn publish(&mut self) {
        if self.published != self.tasks.position() {
            self.published = self.tasks.position();
            let processor = processor().map_or(0, |number| number as u64 + 1);
            self.control.word(Word::Processor).store(processor, Ordering::Relaxed);
            self.control.word(Word::TaskTail).store(self.published, Ordering::Release);
            self.control.owes.store(!self.given.is_empty(), Ordering::Relaxed);
            if self.control.wake_worker(TASKS) {
                self.control.wakes_up.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Tells the worker that the task is not wanted; `false` when it may have begun it.
    pub(crate) fn revoke(&self, sequence: u64) -> bool {
        let index = sequence.checked_sub(self.answered + 1);
        let place = index.and_then(|index| self.given.get(index as usize));
        let Some((offset, _)) = place else { return false };
        self.tasks.mark(*offset);
        fence(Ordering::SeqCst);
        self.running() < sequence
    }

    /// The last task that the worker began, as it says.
    pub(crate) fn running(&self) -> u64 {
        self.control.word(Word::Running).load(Ordering::SeqCst)
    }

    /// Which part of it, as it says.
    pub(crate) fn item(&self) -> u64 {
        self.control.word(Word::Item).load(Ordering::Relaxed)
    }

    /// The worker's next answer. The memory of the task that it is to is free.
    #[inline]
    pub(crate) fn next(&mut self, spares: &mut Spares) -> Result<Option<Answer>, Bad> {
        if self.seen.0 == self.results.position() {
            let tail = self.control.word(Word::ResultTail).load(Ordering::Acquire);
            self.seen = (tail, self.control.word(Word::ResultSize).load(Ordering::Relaxed));
        }
        let (tail, size) = self.seen;
        let next = self.results.next(tail, size)?;
        self.control.read.store(self.results.position(), Ordering::Relaxed);
        let Some(frame) = next else { return Ok(None) };
        let Header { kind, sequence, value } = frame.header;
        let reply = Reply::from_kind(kind).ok_or(Bad)?;
        if reply.is_to_a_task() {
            let (_, end) = self.given.pop_front().ok_or(Bad)?;
            self.freed = end;
            self.answered += 1;
            if sequence != self.answered as u32 {
                return Err(Bad);
            }
        }
        let (sequence, cost) = (self.answered, cost_of(value));
        let (reply, bytes) = match self.results.copy(frame, spares) {
            Some(bytes) => (reply, bytes),
            None if reply.is_to_a_task() => (Reply::NoRoom, no_room(frame.len)),
            None => return Err(Bad),
        };
        Ok(Some(Answer { reply, sequence, cost, bytes }))
    }

    /// Lets the worker write where answers were read.
    pub(crate) fn consume(&mut self) {
        let head = self.control.word(Word::ResultHead);
        if head.load(Ordering::Relaxed) != self.results.position() {
            self.control.wakes_up.store(false, Ordering::Relaxed);
            self.control.owes.store(!self.given.is_empty(), Ordering::Relaxed);
            head.store(self.results.position(), Ordering::Release);
            self.control.wake_worker(ROOM);
        }
    }

    pub(crate) fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// Readable when the worker has rung.
    pub(crate) fn bell(&self) -> &Arc<PipeReader> {
        &self.bell
    }

    /// The worker has rung.
    pub(crate) fn note_bell(&mut self) {
        self.is_rung = true;
    }

    /// Makes the bell silent if it has rung. Says whether it never will again: a task has closed the worker's
    /// descriptors, or made another program of it.
    pub(crate) fn silence(&mut self) -> bool {
        let is_rung = std::mem::take(&mut self.is_rung);
        if !is_rung
            || !matches!(poll::readable([Some(self.bell.as_fd())], Deadline::now()), Ok([true]))
        {
            return false;
        }
        let is_closed = matches!((&*self.bell).read(&mut [0; 64]), Ok(0));
        is_closed && !self.control.is_mute.swap(true, Ordering::Relaxed)
    }
}

/// The worker's side.
#[derive(Debug)]
pub(crate) struct WorkerSide {
    tasks: Reader,
    /// How many have come.
    count: u64,
    /// How far tasks are written, and in a ring of which size, as it was seen last.
    seen: (u64, u64),
    results: Writer,
    freed: u64,
    control: Control,
    bell: PipeWriter,
    /// Since the parent was woken, or did not need it.
    has_answered: bool,
    spin: Spin,
    company: Company,
    is_moving: bool,
}

/// A frame for the worker.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) order: Order,
    /// Of the task that has come last.
    pub(crate) sequence: u64,
    pub(crate) definition: u32,
    /// Whether it had to be waited for.
    pub(crate) was_awaited: bool,
    frame: Frame,
}

impl WorkerSide {
    /// From the descriptors that [`create`] made.
    ///
    /// # Errors
    /// When they are not those, or there is no memory to map them.
    pub(crate) fn attach(descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        let wrong = |_| io::Error::new(io::ErrorKind::InvalidInput, "not a pool's descriptors");
        let [tasks, results, control, bell] = descriptors.try_into().map_err(wrong)?;
        Ok(Self {
            tasks: Reader::new(tasks.into())?,
            count: 0,
            seen: (0, ring::FIRST_SIZE),
            results: Writer::new(results.into())?,
            freed: 0,
            control: Control::map(&control)?,
            bell: bell.into(),
            has_answered: false,
            spin: Spin::yielding(),
            company: Company::new(),
            is_moving: false,
        })
    }

    /// The next frame; waits for it. Before anything that may take long the parent is woken for what
    /// was answered; who gets a task has to [`begin`](Self::begin) it, which does that.
    pub(crate) fn receive(&mut self) -> io::Result<Received> {
        let mut was_awaited = false;
        loop {
            if let Some(received) = self.take(was_awaited)? {
                return Ok(received);
            }
            if self.look_for_tasks() {
                continue;
            }
            was_awaited = true;
            self.wake_parent();
            if !self.await_tasks() {
                return Ok(self.last_order());
            }
        }
    }

    /// Waits until tasks are written; `false` when a sleep might never end.
    fn await_tasks(&mut self) -> bool {
        let position = self.tasks.position();
        let tail = self.control.word(Word::TaskTail);
        let news = || tail.load(Ordering::Acquire) != position;
        let is_here = self.spin.until(EAGER, news);
        if !is_here && !ends_with_parent() {
            return false;
        }
        let is_soon = is_here || self.control.sleep(&self.spin, TASKS, news);
        self.mind_company(is_soon);
        true
    }

    /// What a worker does that would not notice the end of its parent: it leaves.
    #[cold]
    fn last_order(&self) -> Received {
        let header = Header { kind: Order::Leave as u32, sequence: 0, value: 0 };
        let frame = Frame { header, start: 0, len: 0 };
        Received {
            order: Order::Leave,
            sequence: self.count,
            definition: 0,
            was_awaited: true,
            frame,
        }
    }

    /// Goes to another processor if the parent uses this one, and both keep each other waiting.
    fn mind_company(&mut self, is_soon: bool) {
        let Some(own) = processor().filter(|_| is_soon) else { return };
        let parents = self.control.word(Word::Processor).load(Ordering::Relaxed);
        if !self.company.noted(parents == own as u64 + 1) {
            return;
        }
        self.is_moving = true;
        self.control.word(Word::Moves).store(1, Ordering::Relaxed);
        if let Err(error) = leave_processor(own) {
            tracing::debug!(%error, own, "a worker cannot leave its processor");
        }
    }

    /// The next frame of those that were seen.
    fn take(&mut self, was_awaited: bool) -> io::Result<Option<Received>> {
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "a broken ring of tasks");
        let (tail, size) = self.seen;
        let Some(frame) = self.tasks.next(tail, size).map_err(|Bad| broken())? else {
            return Ok(None);
        };
        let orders = [Order::Define, Order::Task, Order::Leave, Order::Forget];
        let order = orders.into_iter().find(|order| *order as u32 == frame.header.kind);
        let Header { sequence, value: definition, .. } = frame.header;
        let order = order.ok_or_else(broken)?;
        if order == Order::Task {
            self.count += 1;
            if sequence != self.count as u32 {
                return Err(broken());
            }
        } else {
            self.wake_parent();
        }
        Ok(Some(Received { order, sequence: self.count, definition, was_awaited, frame }))
    }

    /// Looks how far tasks are written now; says whether there are more than were seen.
    fn look_for_tasks(&mut self) -> bool {
        let tail = self.control.word(Word::TaskTail).load(Ordering::Acquire);
        let size = self.control.word(Word::TaskSize).load(Ordering::Relaxed);
        self.seen = (tail, size);
        tail != self.tasks.position()
    }

    /// The payload, where it lies.
    pub(crate) fn payload(&self, received: &Received) -> &[u8] {
        let Frame { start, len, .. } = received.frame;
        // SAFETY: the parent does not touch a task before it has the answer, and definitions not
        // before that of the task behind them.
        unsafe { self.tasks.mapping().bytes(start, len) }
    }

    /// To be called before a task is begun; `false` when it is not wanted any more.
    pub(crate) fn begin(&mut self, received: &Received) -> bool {
        self.control.word(Word::Item).store(0, Ordering::Relaxed);
        self.control.word(Word::Running).store(received.sequence, Ordering::Release);
        self.wake_parent();
        !self.tasks.is_marked(received.frame)
    }

    /// Where to post what this worker does; 0: nowhere, or no task has come yet.
    pub(crate) fn ticket(&self) -> u64 {
        self.control.word(Word::Ticket).load(Ordering::Relaxed)
    }

    /// Where the worker says which part of a task it is at.
    pub(crate) fn item(&self) -> &AtomicU64 {
        self.control.word(Word::Item)
    }

    /// Writes an answer, when there is room, for the parent to see. If it sleeps,
    /// [`wake_parent`](Self::wake_parent) wakes it. Says whether there was room at once.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(crate) fn answer(
        &mut self,
        (reply, sequence): (Reply, u64),
        cost: u64,
        payload: Payload<'_>,
    ) -> io::Result<bool> {
        let (kind, sequence) = (reply as u32, sequence as u32);
        let header = Header { kind, sequence, value: value_of(cost) };
        let len = frame_len(payload.len());
        let mut had_room = true;
        // To look takes the word from the parent, who writes it: not for each small answer.
        if self.results.position() - self.freed > GLANCE_BYTES {
            self.look_for_room();
        }
        while !self.results.reserve(self.freed, len) {
            if self.look_for_room() {
                continue;
            }
            if self.freed == self.results.position() {
                self.results.grow(len)?;
                self.freed = self.results.position();
            } else {
                had_room = false;
                self.wake_parent();
                let head = self.control.word(Word::ResultHead);
                self.control
                    .await_news(&self.spin, ROOM, || head.load(Ordering::Acquire) > self.freed);
            }
        }
        self.results.push(header, payload);
        self.control.word(Word::ResultSize).store(self.results.size(), Ordering::Relaxed);
        self.control.word(Word::ResultTail).store(self.results.position(), Ordering::Release);
        self.has_answered = true;
        if std::mem::take(&mut self.is_moving) {
            self.control.word(Word::Moves).store(0, Ordering::Relaxed);
        }
        Ok(had_room)
    }

    /// Looks how far answers are read now; says whether further than was known.
    fn look_for_room(&mut self) -> bool {
        let head = self.control.word(Word::ResultHead).load(Ordering::Acquire);
        let is_news = head > self.freed;
        self.freed = self.freed.max(head);
        is_news
    }

    /// Wakes the parent if it sleeps and there are answers: before anything that may take long. Its
    /// fence stands between what the worker wrote before and what it reads afterwards in any case.
    pub(crate) fn wake_parent(&mut self) {
        fence(Ordering::SeqCst);
        // A bell without news would cost the parent a turn in vain.
        if !std::mem::take(&mut self.has_answered) {
            return;
        }
        let sleeps = self.control.mark(Mark::ParentSleeps);
        if sleeps.load(Ordering::Relaxed) != 0 && sleeps.swap(0, Ordering::SeqCst) != 0 {
            // Without a reader there is no parent.
            drop(self.bell.write(&[0]));
        }
    }
}
