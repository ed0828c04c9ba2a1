//! Many items through a pool: cut into chunks by what they cost, a bounded number of them under way, and
//! their results as blocks.

mod chunks;
mod cutter;
mod feed;

pub(super) use cutter::Cutting;

use super::calls::Gathered;
use super::chunk::Coding;
use super::error::{TaskError, TaskFacts};
use super::task::{self, Failure};
use super::{Inner, Job, handle};
use crate::CodecError;
use crate::panic::{self, Panic};
use chunks::{Chunk, Chunks};
use cutter::Cutter;
use feed::Feed;
use polyproc_pool::{
    Bytes, Cause, Deadline, Delivery, Lane, Loss, NewTask, Notice, Outcome, Refused, Sink, Spares,
};
use polyproc_shm::Parcel;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// So many are submitted at a time.
const BATCH: usize = 256;

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
    coding: Coding<A>,
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
    R: DeserializeOwned + 'static,
{
    pub(super) fn new(
        pool: &Arc<Inner>,
        (job, coding): (Job, Coding<A>),
        cutting: Cutting,
        source: I,
    ) -> Self {
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
            coding,
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
    pub(super) fn next_block(&mut self) -> Option<Block<R>> {
        loop {
            if let Some(block) = self.ready.pop_front() {
                return Some(block);
            }
            match self.chunks.take_first() {
                Some((chunk, bytes)) => self.take_values(&chunk, bytes),
                None if self.advance(None) => {}
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
            let mut count = std::mem::take(&mut gathered.fresh);
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
            if !self.advance(Some(gathered)) {
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
    fn advance(&mut self, gathered: Option<&mut Gathered<R>>) -> bool {
        self.fill();
        if self.ready.is_empty() && self.chunks.is_empty() {
            return false;
        }
        if self.ready.is_empty() {
            self.absorb(gathered);
        }
        true
    }

    /// What was taken makes room for more.
    pub(super) fn taken(&mut self, items: usize) {
        self.out -= items;
    }

    /// Submits chunks until enough is under way.
    pub(super) fn fill(&mut self) {
        while self.has_room() && self.out < self.window {
            if !self.cut() {
                break;
            }
            if self.tasks.len() == BATCH {
                self.submit();
            }
        }
        self.submit();
    }

    fn has_room(&self) -> bool {
        self.chunks.len() < self.cutter.most_chunks(self.chunks.bytes)
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
        let (len, place) = (items.len(), self.tasks.len());
        // Written where it stays: it is large to be moved.
        self.tasks.push(NewTask::default());
        let task = &mut self.tasks[place];
        let mut parcels = Vec::new();
        match (self.coding.encode)(items, &mut self.spares, (task, &mut parcels)) {
            Ok(()) => {
                // What they hold may be large, and is encoded; shared objects go with the message.
                items.clear();
                // With those of shared objects that this process does not hold any more.
                let shared: usize = parcels.iter().map(Parcel::freight).sum();
                let chunk = Chunk { first, len, size: task.len() + shared };
                task.index = self.chunks.push(chunk, parcels);
            }
            Err(source) => {
                self.tasks.truncate(place);
                self.not_encoded(first, std::mem::take(items), source);
            }
        }
    }

    fn not_encoded(&mut self, first: u64, items: Vec<A>, source: CodecError) {
        if items.len() > 1 {
            // Whose fault it is shows one by one.
            return self.pack_singly(first, items);
        }
        let task = TaskFacts { index: Some(first), ..TaskFacts::default() };
        let source = Box::new(source);
        self.finish_one(first, Err(TaskError::Arguments { task, verb: "encoded", source }));
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
        let sink = Arc::clone(&self.feed) as Arc<dyn Sink>;
        let (engine, rules) = (&self.pool.engine, self.job.rules);
        if let Err(refused) = engine.submit(place, rules, sink, self.tasks.drain(..)) {
            self.source = None;
            numbers.for_each(|number| self.refuse(number, refused));
        }
    }

    fn refuse(&mut self, number: u64, refused: Refused) {
        if let Some(chunk) = self.chunks.remove(number) {
            self.chunks.let_go(number);
            for item in chunk.first..chunk.first + chunk.len as u64 {
                self.finish_one(item, Err(refused.into()));
            }
        }
    }

    fn finish_one(&mut self, first: u64, result: Result<R, TaskError>) {
        self.ready.push_back(Block { first, values: BlockValues::Some(vec![result]) });
    }

    /// Waits until something has come, and makes blocks of what cannot be gathered at once.
    fn absorb(&mut self, gathered: Option<&mut Gathered<R>>) {
        // Who gathers everything takes it in fewer, larger parts.
        let wanted = if gathered.is_some() { (self.chunks.len() / 2).max(1) } else { 1 };
        let feed = &self.feed;
        self.pool.engine.wait(Deadline::NEVER, || feed.count.load(Ordering::Acquire) >= wanted);
        if !self.take_arrived(gathered) {
            // Only a copy of the pool's process gets here.
            for number in self.chunks.numbers() {
                self.refuse(number, Refused::NotOurs);
            }
        }
    }

    /// Takes what has come; says whether anything had.
    fn take_arrived(&mut self, mut gathered: Option<&mut Gathered<R>>) -> bool {
        let mut arrived = std::mem::take(&mut self.arrived);
        self.feed.take(&mut arrived);
        let is_some = !arrived.is_empty();
        for delivery in arrived.drain(..) {
            let number = delivery.index;
            self.take_delivery(delivery, gathered.as_deref_mut());
            self.chunks.let_go(number);
        }
        self.arrived = arrived;
        // Chunks that were split.
        self.submit();
        is_some
    }

    /// Waits until everything that was submitted is done, or until `deadline`; says whether.
    pub(super) fn settle(&mut self, deadline: Deadline) -> bool {
        loop {
            self.pool.engine.look();
            self.take_arrived(None);
            // What a crash left undone is under way again by now.
            let (feed, count) = (&self.feed, self.chunks.len());
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
        handle::remind(&self.pool, || self.feed.remind(self.chunks.len(), notice));
    }

    pub(super) fn lane(&self) -> Lane {
        self.lane
    }

    fn take_delivery(&mut self, delivery: Delivery, gathered: Option<&mut Gathered<R>>) {
        let Delivery { index: number, outcome, cost } = delivery;
        let Some(chunk) = self.chunks.get(number) else { return };
        if let Outcome::Value(bytes) = outcome {
            self.cutter.learn(chunk.len, cost, chunk.size.max(bytes.len()));
            if self.in_order && task::has_all_values(&bytes) {
                self.take_in_order(number, bytes, gathered);
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

    /// Gathers the values of a chunk at once if it is its turn.
    fn take_in_order(&mut self, number: u64, bytes: Bytes, gathered: Option<&mut Gathered<R>>) {
        let first = self.chunks.get(number).map(|chunk| chunk.first);
        let is_next = |gathered: &&mut Gathered<R>| first == Some(gathered.in_order.len() as u64);
        let Some(gathered) = gathered.filter(is_next) else {
            return self.chunks.keep(number, bytes);
        };
        if let Some(chunk) = self.chunks.remove(number)
            && self.decode(&chunk, bytes, &mut gathered.in_order)
        {
            gathered.fresh += chunk.len;
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
        match check::<R, _>(decoded, |(_, values)| values.len() == chunk.len) {
            Ok((pid, values)) => {
                let results = (first..).zip(values).map(|(index, value)| tell((index, pid), value));
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
        let decoded = match task::decode_numbers(&bytes, values) {
            // In which no code of a user has run.
            Some(decoded) => {
                drop(spares.keep(bytes));
                Ok(decoded)
            }
            None => panic::catch(|| task::decode_all(bytes, values, spares)),
        };
        let checked = check::<R, _>(decoded, |()| values.len() - before == chunk.len);
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
        let decoded = panic::catch(|| (self.coding.decode)(&task, &mut items));
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

/// What decoding results of type `R` has given, if it is what is to be expected.
fn check<R, T>(
    decoded: Result<Result<T, CodecError>, Panic>,
    is_expected: impl FnOnce(&T) -> bool,
) -> Result<T, CodecError> {
    match decoded {
        Ok(Ok(values)) if is_expected(&values) => Ok(values),
        Ok(Ok(_)) => Err(CodecError::of::<R>(&"results of another number of items")),
        Ok(Err(error)) => Err(error),
        Err(panic) => Err(CodecError::of::<R>(&format!("it panicked {panic}"))),
    }
}

fn tell<R>((index, pid): (u64, u32), value: Result<R, Failure>) -> Result<R, TaskError> {
    value.map_err(|failure| {
        let task = TaskFacts { index: Some(index), pid: Some(pid), attempts: 1, usage: None };
        TaskError::of_failure(failure, task)
    })
}

fn is_blamed_on_one(loss: &Loss) -> bool {
    use Cause::{Breach, Crashed, NoRoom, OverMemory};
    matches!(loss.cause, Crashed | Breach | OverMemory(_) | NoRoom(_))
}

impl<I, A, R> Drop for Stream<I, A, R> {
    fn drop(&mut self) {
        if !self.chunks.is_empty() {
            self.pool.engine.cancel_lane(self.lane);
        }
        self.pool.engine.close_lane(self.lane);
    }
}
