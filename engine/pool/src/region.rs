//! What one worker and its parent share: two rings, a page of words for both (see `control`), and a bell.
#![expect(unsafe_code, reason = "a worker reads its task where it lies")]

use crate::bytes::{Bytes, Spares};
use crate::company::Company;
use crate::control::{CONTROL_BYTES, Control, EAGER, Mark, ROOM, TASKS, Word};
use crate::dispatch::Room;
use crate::ring::{self, Bad, Frame, Header, Payload, Reader, Writer, frame_len};
use polyproc_sync::{Deadline, Spin};
use polyproc_sys::control::{leave_processor, processor};
use polyproc_sys::memory;
use polyproc_sys::poll;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// A worker that has written so much beyond what it knows to be read looks how far that is.
const GLANCE_BYTES: u64 = 8 << 10;

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
        is_closed && !self.control.is_bell_closed.swap(true, Ordering::Relaxed)
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
