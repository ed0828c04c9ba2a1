//! Many items through a pool: cut into chunks by what they cost, a bounded number of them under way, and
//! their results as blocks.

use super::chunk;
use super::error::{TaskError, TaskFacts};
use super::task::{self, Failure, Values};
use super::{Inner, Job};
use crate::CodecError;
use crate::panic;
use polyproc_pool::{Cause, Deadline, Lane, Loss, NewTask, Notice, Outcome, Refused, Sink};
use polyproc_shm::Parcel;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A chunk is to take so long: much longer than its way to the worker and back.
const CHUNK_NS: u64 = 300_000;
/// And be no larger, so that it stays in a processor's cache.
const CHUNK_BYTES: usize = 128 << 10;
/// A chunk is at most so many times as large as the one before.
const GROWTH: usize = 16;
/// So many chunks are under way for each worker, when they are cut by cost.
const CHUNKS_OF_WORKER: usize = 4;
/// So many tasks are under way when every item is one, or the chunks are cut by hand.
const TASKS: usize = 4096;

/// With so many bytes under way, one chunk for each worker and one in reserve are enough: more would only
/// take memory, and push each other out of the processors' caches.
const HEAVY: usize = 8 << 20;

/// What came of a chunk.
#[derive(Debug)]
struct Arrival {
    chunk: u64,
    outcome: Outcome,
    cost: u64,
}

/// Where the outcomes of chunks go.
#[derive(Debug, Default)]
pub(super) struct Feed {
    inbox: Mutex<Inbox>,
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inbox {
    arrived: Vec<Arrival>,
    /// What is to happen when so many have arrived.
    reminders: (usize, Vec<Notice>),
}

/// Results that nobody took.
impl Drop for Inbox {
    fn drop(&mut self) {
        self.arrived.iter().for_each(|arrival| task::give_back(&arrival.outcome));
    }
}

impl Sink for Feed {
    fn deliver(&self, chunk: u64, outcome: Outcome, cost: u64, notices: &mut Vec<Notice>) {
        task::arrived(&outcome);
        let mut inbox = self.lock();
        inbox.arrived.push(Arrival { chunk, outcome, cost });
        if inbox.arrived.len() >= inbox.reminders.0 {
            notices.append(&mut inbox.reminders.1);
        }
        self.count.store(inbox.arrived.len(), Ordering::Release);
    }
}

impl Feed {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<Arrival> {
        let mut inbox = self.lock();
        self.count.store(0, Ordering::Release);
        let arrived = std::mem::take(&mut inbox.arrived);
        inbox.reminders.0 = inbox.reminders.0.saturating_sub(arrived.len());
        arrived
    }

    /// Keeps what is to happen when `wanted` outcomes are there; gives it back if they are.
    fn remind(&self, wanted: usize, notice: Notice) -> Option<Notice> {
        let mut inbox = self.lock();
        if inbox.arrived.len() >= wanted {
            return Some(notice);
        }
        inbox.reminders.0 = wanted;
        inbox.reminders.1.push(notice);
        None
    }
}

/// How items are cut into chunks, and how many are under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cutting {
    /// By hand.
    pub(super) size: Option<usize>,
    /// So many items may be under way or wait to be taken.
    pub(super) window: usize,
}

/// The next chunk's size.
#[derive(Debug)]
struct Cutter {
    fixed: Option<usize>,
    size: usize,
    most: usize,
    workers: usize,
}

impl Cutter {
    fn new<A>(fixed: Option<usize>, workers: usize) -> Self {
        let most = (CHUNK_BYTES / size_of::<A>().max(1)).max(1);
        Self { fixed: fixed.map(|size| size.max(1)), size: 1, most, workers }
    }

    /// How many items go into the next chunk, of which `left` or more are there.
    fn next(&self, left: usize) -> usize {
        let fair = left / (2 * self.workers);
        self.fixed.unwrap_or_else(|| self.size.min(fair.max(1)))
    }

    fn learn(&mut self, items: usize, cost: u64, bytes: usize) {
        let each = (cost / items as u64).max(1);
        let by_cost = usize::try_from(CHUNK_NS / each).unwrap_or(1).max(1);
        let by_bytes = (CHUNK_BYTES * items / bytes.max(1)).max(1);
        let goal = by_cost.min(by_bytes).min(self.most);
        // A chunk of one tells little of the others; so grow step by step, and shrink at once.
        self.size = goal.min(GROWTH * items.max(self.size / GROWTH));
    }

    /// How many chunks may be under way, if they are so many `bytes`.
    fn most_chunks(&self, bytes: usize) -> usize {
        if bytes >= HEAVY {
            return self.workers + 1;
        }
        if self.fixed.is_some() { TASKS } else { CHUNKS_OF_WORKER * self.workers }
    }
}

/// A chunk that is under way.
#[derive(Debug)]
struct Chunk {
    first: u64,
    len: usize,
    /// Without a long run: only a chunk of several items is looked at again.
    bytes: Arc<Vec<u8>>,
    /// How many bytes it is, with that, and with shared objects that only go with it.
    size: usize,
    /// What holds the handles in it until they are received.
    _parcels: Vec<Parcel>,
}

/// The chunks that are under way, by their numbers, which follow each other.
#[derive(Debug, Default)]
struct UnderWay {
    /// The number of the first.
    first: u64,
    chunks: VecDeque<Option<Chunk>>,
    count: usize,
    bytes: usize,
}

impl UnderWay {
    fn len(&self) -> usize {
        self.count
    }

    fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Gives the chunk the next number.
    fn push(&mut self, chunk: Chunk) -> u64 {
        self.bytes += chunk.size;
        self.chunks.push_back(Some(chunk));
        self.count += 1;
        self.first + self.chunks.len() as u64 - 1
    }

    fn remove(&mut self, number: u64) -> Option<Chunk> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let chunk = self.chunks.get_mut(place)?.take()?;
        self.count -= 1;
        self.bytes -= chunk.size;
        while matches!(self.chunks.front(), Some(None)) {
            self.chunks.pop_front();
            self.first += 1;
        }
        Some(chunk)
    }

    fn numbers(&self) -> Vec<u64> {
        let numbered = (self.first..).zip(&self.chunks);
        numbered.filter(|(_, chunk)| chunk.is_some()).map(|(number, _)| number).collect()
    }
}

/// Results of items that follow each other.
#[derive(Debug)]
pub(super) struct Block<R> {
    pub(super) first: u64,
    pub(super) values: BlockValues<R>,
}

#[derive(Debug)]
pub(super) enum BlockValues<R> {
    All(Vec<R>),
    Some(Vec<Result<R, TaskError>>),
}

impl<R> Block<R> {
    pub(super) fn len(&self) -> usize {
        match &self.values {
            BlockValues::All(values) => values.len(),
            BlockValues::Some(values) => values.len(),
        }
    }

    pub(super) fn into_results(self) -> Vec<Result<R, TaskError>> {
        match self.values {
            BlockValues::All(values) => values.into_iter().map(Ok).collect(),
            BlockValues::Some(values) => values,
        }
    }
}

/// See the [module](self).
pub(super) struct Stream<I, A, R> {
    pool: Arc<Inner>,
    job: Job,
    lane: Lane,
    source: Option<I>,
    cutter: Cutter,
    window: usize,
    feed: Arc<Feed>,
    under_way: UnderWay,
    /// Items under way, or in blocks that were not taken yet.
    out: usize,
    next_item: u64,
    ready: VecDeque<Block<R>>,
    arguments: PhantomData<fn(A)>,
}

impl<I, A, R> fmt::Debug for Stream<I, A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("next_item", &self.next_item).finish_non_exhaustive()
    }
}

impl<I, A, R> Stream<I, A, R>
where
    I: Iterator<Item = A>,
    A: Serialize + DeserializeOwned + 'static,
    R: DeserializeOwned + 'static,
{
    pub(super) fn new(pool: &Arc<Inner>, job: Job, cutting: Cutting, source: I) -> Self {
        let lane = pool.engine.open_lane();
        // A task with a limit of its own, or that may be tried again, is an item.
        let is_single = job.rules.timeout.is_some() || job.rules.retries > 0;
        let size = if is_single { Some(1) } else { cutting.size };
        Self {
            pool: Arc::clone(pool),
            job,
            lane,
            source: Some(source),
            cutter: Cutter::new::<A>(size, pool.engine.workers().max(1)),
            window: cutting.window.max(1),
            feed: Arc::default(),
            under_way: UnderWay::default(),
            out: 0,
            next_item: 0,
            ready: VecDeque::new(),
            arguments: PhantomData,
        }
    }

    /// How many items are known to come, those that have come included; `None` when nobody knows.
    pub(super) fn total(&self) -> Option<u64> {
        let left = match &self.source {
            Some(source) => source.size_hint().1?,
            None => 0,
        };
        Some(self.next_item + left as u64)
    }

    /// The next block, in whatever order; waits for it. `None` at the end.
    pub(super) fn next_block(&mut self, in_bulk: bool) -> Option<Block<R>> {
        loop {
            if let Some(block) = self.ready.pop_front() {
                return Some(block);
            }
            self.fill();
            if self.ready.is_empty() && self.under_way.is_empty() {
                return None;
            }
            if self.ready.is_empty() {
                self.absorb(in_bulk);
            }
        }
    }

    /// What was taken makes room for more.
    pub(super) fn taken(&mut self, items: usize) {
        self.out -= items;
    }

    /// Submits chunks until enough is under way.
    pub(super) fn fill(&mut self) {
        let mut tasks = Vec::new();
        while self.has_room() && self.out < self.window {
            let Some(items) = self.cut() else { break };
            tasks.extend(self.pack(items));
        }
        self.submit(tasks);
    }

    fn has_room(&self) -> bool {
        self.under_way.len() < self.cutter.most_chunks(self.under_way.bytes)
    }

    /// Everything at once.
    pub(super) fn fill_all(&mut self) {
        while let Some(items) = self.cut() {
            let task = self.pack(items);
            self.submit(task.into_iter().collect());
        }
    }

    fn cut(&mut self) -> Option<Vec<A>> {
        let room = self.window.saturating_sub(self.out).max(1);
        let source = self.source.as_mut()?;
        let left = source.size_hint().1.unwrap_or(usize::MAX);
        let size = self.cutter.next(left).min(room);
        let items: Vec<A> = source.by_ref().take(size).collect();
        if items.len() < size {
            self.source = None;
        }
        (!items.is_empty()).then_some(items)
    }

    /// A chunk of the next items as a task; items that cannot be encoded are done at once.
    fn pack(&mut self, items: Vec<A>) -> Option<NewTask> {
        let (first, len) = (self.next_item, items.len());
        self.next_item += len as u64;
        self.out += len;
        self.pack_items(first, items)
    }

    fn pack_items(&mut self, first: u64, mut items: Vec<A>) -> Option<NewTask> {
        let len = items.len();
        match chunk::encode(&mut items) {
            Ok(encoded) => {
                drop(items);
                let size = encoded.len();
                let (run, parcels) = (encoded.run, encoded.parcels);
                let bytes = Arc::new(encoded.bytes);
                let chunk =
                    Chunk { first, len, bytes: Arc::clone(&bytes), size, _parcels: parcels };
                let number = self.under_way.push(chunk);
                let sink = Arc::clone(&self.feed) as Arc<dyn Sink>;
                Some(NewTask { bytes, run, index: number, sink })
            }
            Err(source) if len == 1 => {
                let task = TaskFacts { index: Some(first), ..TaskFacts::default() };
                let source = Box::new(source);
                self.finish_one(first, Err(TaskError::Arguments { task, verb: "encoded", source }));
                None
            }
            // Whose fault it is shows one by one.
            Err(_) => {
                self.submit_singly(first, items);
                None
            }
        }
    }

    fn submit_singly(&mut self, first: u64, items: Vec<A>) {
        let numbered = (first..).zip(items);
        let tasks: Vec<_> =
            numbered.filter_map(|(number, item)| self.pack_items(number, vec![item])).collect();
        self.submit(tasks);
    }

    fn submit(&mut self, tasks: Vec<NewTask>) {
        if tasks.is_empty() {
            return;
        }
        let numbers: Vec<_> = tasks.iter().map(|task| task.index).collect();
        let place = (self.lane, self.job.definition);
        if let Err(refused) = self.pool.engine.submit(place, self.job.rules, tasks) {
            self.source = None;
            for number in numbers {
                self.refuse(number, refused);
            }
        }
    }

    fn refuse(&mut self, number: u64, refused: Refused) {
        if let Some(chunk) = self.under_way.remove(number) {
            for item in chunk.first..chunk.first + chunk.len as u64 {
                self.finish_one(item, Err(refused.into()));
            }
        }
    }

    fn finish_one(&mut self, first: u64, result: Result<R, TaskError>) {
        self.ready.push_back(Block { first, values: BlockValues::Some(vec![result]) });
    }

    /// Waits until something has come, and makes blocks of it.
    fn absorb(&mut self, in_bulk: bool) {
        // Who wants everything takes it in fewer, larger parts.
        let wanted = if in_bulk { (self.under_way.len() / 2).max(1) } else { 1 };
        let feed = &self.feed;
        self.pool.engine.wait(Deadline::NEVER, || feed.count.load(Ordering::Acquire) >= wanted);
        let arrived = self.feed.take();
        if arrived.is_empty() {
            // Only a copy of the pool's process gets here.
            for number in self.under_way.numbers() {
                self.refuse(number, Refused::NotOurs);
            }
        }
        for arrival in arrived {
            self.take_arrival(arrival);
        }
    }

    /// Waits until everything that was submitted is done, or until `deadline`; says whether.
    pub(super) fn settle(&mut self, deadline: Deadline) -> bool {
        loop {
            self.pool.engine.look();
            self.feed.take().into_iter().for_each(|arrival| self.take_arrival(arrival));
            // What a crash left undone is under way again by now.
            let (feed, count) = (&self.feed, self.under_way.len());
            let has_all = || feed.count.load(Ordering::Acquire) >= count;
            if count == 0 || !self.pool.engine.wait(deadline, has_all) {
                return count == 0;
            }
        }
    }

    /// Whether any item is known to have failed.
    pub(super) fn has_failures(&self) -> bool {
        self.ready.iter().any(|block| match &block.values {
            BlockValues::All(_) => false,
            BlockValues::Some(values) => values.iter().any(Result::is_err),
        })
    }

    /// Has something happen when everything that is under way has come, or some of it has.
    pub(super) fn remind(&self, notice: Notice) {
        let engine = &self.pool.engine;
        engine.attend(1);
        if let Some(notice) = self.feed.remind(self.under_way.len(), notice) {
            engine.attend_not(1);
            engine.notify(vec![notice]);
        }
    }

    pub(super) fn lane(&self) -> Lane {
        self.lane
    }

    fn take_arrival(&mut self, arrival: Arrival) {
        let Arrival { chunk, outcome, cost } = arrival;
        let Some(chunk) = self.under_way.remove(chunk) else { return };
        match outcome {
            Outcome::Value(bytes) => {
                self.cutter.learn(chunk.len, cost, chunk.size.max(bytes.len()));
                self.take_values(&chunk, bytes);
            }
            Outcome::Lost(loss) if chunk.len > 1 && is_blamed_on_one(&loss) => {
                self.split(&chunk, *loss);
            }
            other => self.fail_all(&chunk, &other),
        }
    }

    fn take_values(&mut self, chunk: &Chunk, bytes: Vec<u8>) {
        let decoded = panic::catch(|| task::decode_values::<R>(bytes));
        let first = chunk.first;
        let error = match decoded {
            Ok(Ok(Values::All(values))) if values.len() == chunk.len => {
                self.ready.push_back(Block { first, values: BlockValues::All(values) });
                return;
            }
            Ok(Ok(Values::Some(values))) if values.len() == chunk.len => {
                let results = (first..).zip(values).map(|(index, value)| tell(index, value));
                let values = BlockValues::Some(results.collect());
                self.ready.push_back(Block { first, values });
                return;
            }
            Ok(Ok(_)) => CodecError::of::<R>(&"results of another number of items"),
            Ok(Err(error)) => error,
            Err(panic) => CodecError::of::<R>(&format!("it panicked {panic}")),
        };
        for index in first..first + chunk.len as u64 {
            let task = TaskFacts { index: Some(index), attempts: 1, ..TaskFacts::default() };
            let source = Box::new(error.clone());
            self.finish_one(index, Err(TaskError::Value { task, verb: "decoded", source }));
        }
    }

    /// The worker was lost in a chunk: all items but the one that it was in are tried again, one by one.
    fn split(&mut self, chunk: &Chunk, loss: Loss) {
        let decoded = panic::catch(|| chunk::decode_slice::<A>(&chunk.bytes));
        let Ok(Ok(mut items)) = decoded else {
            return self.fail_all(chunk, &Outcome::Lost(Box::new(loss)));
        };
        // The worker's word: within the chunk it can blame nobody else's task.
        let blamed = (loss.item as usize).min(items.len() - 1);
        let after = items.split_off(blamed + 1);
        items.truncate(blamed);
        self.submit_singly(chunk.first, items);
        let index = chunk.first + blamed as u64;
        self.finish_one(index, Err(TaskError::of_loss(loss, Some(index))));
        self.submit_singly(index + 1, after);
    }

    /// A chunk failed as a whole: with the same error for each of its items.
    fn fail_all(&mut self, chunk: &Chunk, outcome: &Outcome) {
        for index in chunk.first..chunk.first + chunk.len as u64 {
            let error = match outcome {
                Outcome::Lost(loss) => TaskError::of_loss((**loss).clone(), Some(index)),
                Outcome::Failed { report, pid, attempts } => {
                    let (pid, attempts) = (Some(*pid), *attempts);
                    let task = TaskFacts { index: Some(index), pid, attempts, usage: None };
                    TaskError::of_failure(Failure::decode(report), task)
                }
                Outcome::Value(_) => return,
            };
            self.finish_one(index, Err(error));
        }
    }
}

fn tell<R>(index: u64, value: Result<R, Failure>) -> Result<R, TaskError> {
    value.map_err(|failure| {
        let task = TaskFacts { index: Some(index), attempts: 1, ..TaskFacts::default() };
        TaskError::of_failure(failure, task)
    })
}

fn is_blamed_on_one(loss: &Loss) -> bool {
    matches!(loss.cause, Cause::Crashed | Cause::OverMemory(_) | Cause::NoRoom(_))
}

impl<I, A, R> Drop for Stream<I, A, R> {
    fn drop(&mut self) {
        if !self.under_way.is_empty() {
            self.pool.engine.cancel_lane(self.lane);
        }
        self.pool.engine.close_lane(self.lane);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_grow_to_what_their_items_cost() {
        let mut cutter = Cutter::new::<u64>(None, 2);
        assert_eq!(cutter.next(usize::MAX), 1);
        for _ in 0..6 {
            let size = cutter.next(usize::MAX);
            cutter.learn(size, 2 * size as u64, 8 * size);
        }
        assert_eq!(cutter.next(usize::MAX), CHUNK_BYTES / 8, "no larger than the cache");
        assert_eq!(cutter.next(100), 25, "and every worker gets some");
        cutter.learn(1, 1_000_000_000, 8);
        assert_eq!(cutter.next(usize::MAX), 1, "long items go one by one");
        assert_eq!(Cutter::new::<u64>(Some(7), 2).next(usize::MAX), 7);
    }
}
