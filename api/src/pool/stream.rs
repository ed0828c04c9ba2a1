//! Many items through a pool: cut into chunks by what they cost, a bounded number of them under way, and
//! their results as blocks.

use super::calls::Gathered;
use super::chunk::{self, Encoded};
use super::error::{TaskError, TaskFacts};
use super::task::{self, Failure};
use super::{Inner, Job};
use crate::CodecError;
use crate::panic::{self, Panic};
use polyproc_pool::{
    Bytes, Cause, Deadline, Delivery, Lane, Loss, NewTask, Notice, Outcome, Refused, Sink, Spares,
};
use polyproc_shm::Parcel;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A chunk is to take so long: much longer than its way to the worker and back.
const CHUNK_NS: u64 = 300_000;
/// And be no larger, so that it stays in a processor's cache.
const CHUNK_BYTES: usize = 32 << 10;
/// A chunk is at most so many times as large as the one before.
const GROWTH: usize = 16;
/// So many chunks are under way for each worker, when they are cut by cost.
const CHUNKS_OF_WORKER: usize = 4;
/// So many tasks are under way when every item is one, or the chunks are cut by hand.
const TASKS: usize = 4096;

/// So many are submitted at a time.
const BATCH: usize = 256;

/// Where the outcomes of chunks go.
#[derive(Debug, Default)]
pub(super) struct Feed {
    arrived: Mutex<Vec<Delivery>>,
    count: AtomicUsize,
}

impl Sink for Feed {
    fn deliver(&self, deliveries: &mut Vec<Delivery>, _notices: &mut Vec<Notice>) {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.append(deliveries);
        self.count.store(arrived.len(), Ordering::Release);
    }
}

impl Feed {
    /// Takes all, and leaves an empty list for the next ones.
    fn take(&self, into: &mut Vec<Delivery>) {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        self.count.store(0, Ordering::Release);
        std::mem::swap(&mut *arrived, into);
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let arrived = self.arrived.get_mut().unwrap_or_else(PoisonError::into_inner);
        for delivery in arrived {
            if let Outcome::Value(bytes) = &delivery.outcome {
                task::give_back(bytes);
            }
        }
    }
}

/// How items are cut into chunks, and how many are under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cutting {
    /// By hand.
    pub(super) size: Option<usize>,
    /// So many items may be under way or wait to be taken.
    pub(super) window: usize,
    /// Whether results are wanted in the items' order.
    pub(super) in_order: bool,
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

    fn most_chunks(&self) -> usize {
        if self.fixed.is_some() { TASKS } else { CHUNKS_OF_WORKER * self.workers }
    }
}

/// A chunk that is under way.
#[derive(Debug)]
struct Chunk {
    first: u64,
    len: usize,
    /// How many bytes it is.
    bytes: usize,
    /// What holds the handles in it until they are received.
    _parcels: Vec<Parcel>,
}

/// How far a chunk has come.
#[derive(Debug)]
enum Place {
    UnderWay(Chunk),
    /// It has all its values, and its turn has not come.
    Waits(Chunk, Bytes),
    Gone,
}

/// The chunks by their numbers, which follow each other.
#[derive(Debug, Default)]
struct Chunks {
    /// The number of the first.
    first: u64,
    places: VecDeque<Place>,
    /// How many are under way.
    count: usize,
}

impl Chunks {
    fn len(&self) -> usize {
        self.count
    }

    fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Gives the chunk the next number.
    fn push(&mut self, chunk: Chunk) -> u64 {
        self.places.push_back(Place::UnderWay(chunk));
        self.count += 1;
        self.first + self.places.len() as u64 - 1
    }

    fn place(&mut self, number: u64) -> Option<&mut Place> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.places.get_mut(place)
    }

    /// The chunk has arrived.
    fn remove(&mut self, number: u64) -> Option<Chunk> {
        let place = self.place(number).filter(|place| matches!(place, Place::UnderWay(_)))?;
        let Place::UnderWay(chunk) = std::mem::replace(place, Place::Gone) else { return None };
        self.count -= 1;
        self.tidy();
        Some(chunk)
    }

    /// The chunk has arrived, and waits for its turn.
    fn keep(&mut self, number: u64, bytes: Bytes) {
        let Some(place) = self.place(number) else { return };
        if let Place::UnderWay(chunk) = std::mem::replace(place, Place::Gone) {
            *place = Place::Waits(chunk, bytes);
            self.count -= 1;
        }
    }

    /// The chunk whose turn it is, if it has arrived.
    fn take_first(&mut self) -> Option<(Chunk, Bytes)> {
        let first = self.places.pop_front_if(|first| matches!(first, Place::Waits(..)))?;
        self.first += 1;
        self.tidy();
        let Place::Waits(chunk, bytes) = first else { return None };
        Some((chunk, bytes))
    }

    fn tidy(&mut self) {
        while self.places.pop_front_if(|first| matches!(first, Place::Gone)).is_some() {
            self.first += 1;
        }
    }

    fn numbers(&self) -> Vec<u64> {
        let numbered = (self.first..).zip(&self.places);
        let under_way = numbered.filter(|(_, place)| matches!(place, Place::UnderWay(_)));
        under_way.map(|(number, _)| number).collect()
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        for place in &self.places {
            if let Place::Waits(_, bytes) = place {
                task::give_back(bytes);
            }
        }
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
    /// What was taken from it last: nothing, but its memory.
    arrived: Vec<Delivery>,
    chunks: Chunks,
    /// Whether results are wanted in the items' order.
    in_order: bool,
    /// Items under way, or in blocks that were not taken yet.
    out: usize,
    next_item: u64,
    ready: VecDeque<Block<R>>,
    items: Vec<A>,
    tasks: Vec<NewTask>,
    spares: Spares,
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
            arrived: Vec::new(),
            chunks: Chunks::default(),
            in_order: cutting.in_order,
            out: 0,
            next_item: 0,
            ready: VecDeque::new(),
            items: Vec::new(),
            tasks: Vec::new(),
            spares: Spares::default(),
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
            match self.chunks.take_first() {
                Some((chunk, bytes)) => self.take_values(&chunk, bytes),
                None if self.advance(in_bulk) => {}
                None => return None,
            }
        }
    }

    /// Appends the next values to those that were gathered, in their order; waits for them. Gives how
    /// many came, `None` at the end.
    ///
    /// # Errors
    /// The first that comes.
    pub(super) fn gather(
        &mut self,
        gathered: &mut Gathered<R>,
    ) -> Result<Option<usize>, TaskError> {
        loop {
            let mut count = 0;
            while let Some((chunk, bytes)) = self.chunks.take_first() {
                count += self.gather_chunk(&chunk, bytes, gathered)?;
            }
            while let Some(block) = self.ready.pop_front() {
                count += block.len();
                gathered.add(block.first, block.values)?;
            }
            if count > 0 {
                self.taken(count);
                return Ok(Some(count));
            }
            if !self.advance(true) {
                return Ok(None);
            }
        }
    }

    /// Gives how many values it has gathered; 0 if there are errors now in their place.
    fn gather_chunk(
        &mut self,
        chunk: &Chunk,
        bytes: Bytes,
        gathered: &mut Gathered<R>,
    ) -> Result<usize, TaskError> {
        if chunk.first == gathered.in_order.len() as u64 {
            let is_good = self.decode(chunk, bytes, &mut gathered.in_order);
            return Ok(if is_good { chunk.len } else { 0 });
        }
        let mut values = Vec::with_capacity(chunk.len);
        if !self.decode(chunk, bytes, &mut values) {
            return Ok(0);
        }
        gathered.add(chunk.first, BlockValues::All(values))?;
        Ok(chunk.len)
    }

    /// Submits what there is room for, and waits until something comes; `false` at the end.
    fn advance(&mut self, in_bulk: bool) -> bool {
        self.fill();
        if self.ready.is_empty() && self.chunks.is_empty() {
            return false;
        }
        if self.ready.is_empty() {
            self.absorb(in_bulk);
        }
        true
    }

    /// What was taken makes room for more.
    pub(super) fn taken(&mut self, items: usize) {
        self.out -= items;
    }

    /// Submits chunks until enough is under way.
    pub(super) fn fill(&mut self) {
        while self.chunks.len() < self.cutter.most_chunks() && self.out < self.window {
            if !self.cut() {
                break;
            }
            if self.tasks.len() == BATCH {
                self.submit();
            }
        }
        self.submit();
    }

    /// Everything at once.
    pub(super) fn fill_all(&mut self) {
        while self.cut() {
            self.submit();
        }
    }

    /// Makes a task of the next items; says whether there were any.
    fn cut(&mut self) -> bool {
        let room = self.window.saturating_sub(self.out).max(1);
        let Some(source) = self.source.as_mut() else { return false };
        let left = source.size_hint().1.unwrap_or(usize::MAX);
        let size = self.cutter.next(left).min(room);
        let mut items = std::mem::take(&mut self.items);
        items.extend(source.by_ref().take(size));
        if items.len() < size {
            self.source = None;
        }
        let is_some = !items.is_empty();
        if is_some {
            self.pack(&mut items);
        }
        items.clear();
        self.items = items;
        is_some
    }

    /// A chunk of the next items as a task; items that cannot be encoded are done at once.
    fn pack(&mut self, items: &mut Vec<A>) {
        let (first, len) = (self.next_item, items.len());
        self.next_item += len as u64;
        self.out += len;
        self.pack_items(first, items);
    }

    fn pack_items(&mut self, first: u64, items: &mut Vec<A>) {
        let len = items.len();
        match chunk::encode(items, &mut self.spares) {
            Ok(Encoded { bytes, parcels }) => {
                let chunk = Chunk { first, len, bytes: bytes.len(), _parcels: parcels };
                let index = self.chunks.push(chunk);
                let sink = Arc::clone(&self.feed) as Arc<dyn Sink>;
                self.tasks.push(NewTask { bytes, index, sink });
            }
            Err(source) if len == 1 => {
                let task = TaskFacts { index: Some(first), ..TaskFacts::default() };
                let source = Box::new(source);
                self.finish_one(first, Err(TaskError::Arguments { task, verb: "encoded", source }));
            }
            // Whose fault it is shows one by one.
            Err(_) => self.pack_singly(first, std::mem::take(items)),
        }
    }

    fn pack_singly(&mut self, first: u64, items: Vec<A>) {
        for (number, item) in (first..).zip(items) {
            self.pack_items(number, &mut vec![item]);
        }
    }

    /// Submits what was packed.
    fn submit(&mut self) {
        let Some(first) = self.tasks.first().map(|task| task.index) else { return };
        let numbers = first..first + self.tasks.len() as u64;
        let place = (self.lane, self.job.definition);
        if let Err(refused) = self.pool.engine.submit(place, self.job.rules, self.tasks.drain(..)) {
            self.source = None;
            numbers.for_each(|number| self.refuse(number, refused));
        }
    }

    fn refuse(&mut self, number: u64, refused: Refused) {
        if let Some(chunk) = self.chunks.remove(number) {
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
        let wanted = if in_bulk { (self.chunks.len() / 2).max(1) } else { 1 };
        let feed = &self.feed;
        self.pool.engine.wait(Deadline::NEVER, || feed.count.load(Ordering::Acquire) >= wanted);
        let mut arrived = std::mem::take(&mut self.arrived);
        self.feed.take(&mut arrived);
        if arrived.is_empty() {
            // Only a copy of the pool's process gets here.
            for number in self.chunks.numbers() {
                self.refuse(number, Refused::NotOurs);
            }
        }
        for delivery in arrived.drain(..) {
            self.take_delivery(delivery);
        }
        self.arrived = arrived;
        // Chunks that were split.
        self.submit();
    }

    /// Whether everything has come that was submitted. Does not wait.
    pub(super) fn has_all(&self) -> bool {
        self.pool.engine.look();
        self.feed.count.load(Ordering::Acquire) >= self.chunks.len()
    }

    /// Waits until everything that was submitted has come, or until `deadline`; says whether.
    pub(super) fn wait_all(&self, deadline: Deadline) -> bool {
        let feed = &self.feed;
        let count = self.chunks.len();
        self.pool.engine.wait(deadline, || feed.count.load(Ordering::Acquire) >= count)
    }

    fn take_delivery(&mut self, delivery: Delivery) {
        let Delivery { index: number, outcome, cost } = delivery;
        let Some(Place::UnderWay(chunk)) = self.chunks.place(number) else { return };
        if let Outcome::Value(bytes) = outcome {
            self.cutter.learn(chunk.len, cost, chunk.bytes.max(bytes.len()));
            if self.in_order && task::has_all_values(&bytes) {
                self.chunks.keep(number, bytes);
            } else if let Some(chunk) = self.chunks.remove(number) {
                self.take_values(&chunk, bytes);
            }
            return;
        }
        let Some(chunk) = self.chunks.remove(number) else { return };
        match outcome {
            Outcome::Lost(loss) if chunk.len > 1 && is_blamed_on_one(&loss) => {
                self.split(&chunk, *loss);
            }
            other => self.fail_all(&chunk, &other),
        }
    }

    fn take_values(&mut self, chunk: &Chunk, bytes: Bytes) {
        let first = chunk.first;
        let mut values = Vec::new();
        if task::has_all_values(&bytes) {
            if self.decode(chunk, bytes, &mut values) {
                self.ready.push_back(Block { first, values: BlockValues::All(values) });
            }
            return;
        }
        let decoded = panic::catch(|| task::decode_some::<R>(&bytes));
        match check(decoded, |values| values.len() == chunk.len) {
            Ok(values) => {
                let results = (first..).zip(values).map(|(index, value)| tell(index, value));
                let values = BlockValues::Some(results.collect());
                self.ready.push_back(Block { first, values });
            }
            Err(error) => self.fail_decoding(chunk, &error),
        }
    }

    /// Appends the values of a chunk of which all items have one; says whether that was possible.
    fn decode(&mut self, chunk: &Chunk, bytes: Bytes, values: &mut Vec<R>) -> bool {
        let before = values.len();
        let spares = &mut self.spares;
        let decoded = panic::catch(|| task::decode_all(bytes, values, spares));
        let checked = check(decoded, |()| values.len() - before == chunk.len);
        if let Err(error) = &checked {
            values.truncate(before);
            self.fail_decoding(chunk, error);
        }
        checked.is_ok()
    }

    fn fail_decoding(&mut self, chunk: &Chunk, error: &CodecError) {
        for index in chunk.first..chunk.first + chunk.len as u64 {
            let task = TaskFacts { index: Some(index), attempts: 1, ..TaskFacts::default() };
            let source = Box::new(error.clone());
            self.finish_one(index, Err(TaskError::Value { task, verb: "decoded", source }));
        }
    }

    /// The worker was lost in a chunk: all items but the one that it was in are tried again, one by one.
    fn split(&mut self, chunk: &Chunk, mut loss: Loss) {
        let (task, mut items) = (std::mem::take(&mut loss.task), Vec::new());
        let decoded = panic::catch(|| chunk::decode_slice::<A>(&task, &mut items));
        if !matches!(decoded, Ok(Ok(()))) || items.len() != chunk.len {
            return self.fail_all(chunk, &Outcome::Lost(Box::new(loss)));
        }
        // The worker's word: within the chunk it can blame nobody else's task.
        let blamed = (loss.item as usize).min(items.len() - 1);
        let after = items.split_off(blamed + 1);
        items.truncate(blamed);
        self.pack_singly(chunk.first, items);
        let index = chunk.first + blamed as u64;
        self.finish_one(index, Err(TaskError::of_loss(loss, Some(index))));
        self.pack_singly(index + 1, after);
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

/// What decoding has given, if it is what is to be expected.
fn check<T>(
    decoded: Result<Result<T, CodecError>, Panic>,
    is_expected: impl FnOnce(&T) -> bool,
) -> Result<T, CodecError> {
    match decoded {
        Ok(Ok(values)) if is_expected(&values) => Ok(values),
        Ok(Ok(_)) => Err(CodecError::of::<T>(&"results of another number of items")),
        Ok(Err(error)) => Err(error),
        Err(panic) => Err(CodecError::of::<T>(&format!("it panicked {panic}"))),
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
        if !self.chunks.is_empty() {
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
