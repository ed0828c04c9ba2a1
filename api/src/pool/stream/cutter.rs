//! How large chunks are, and how many of them are under way: by what they cost, and how heavy they are.

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
/// With so many bytes under way, one chunk for each worker and one in reserve are enough: more would only
/// take memory, and push each other out of the processors' caches.
const HEAVY: usize = 8 << 20;

/// How items are cut into chunks, and how many are under way.
#[derive(Clone, Copy, Debug)]
pub(in crate::pool) struct Cutting {
    /// By hand.
    pub(in crate::pool) size: Option<usize>,
    /// So many items may be under way or wait to be taken.
    pub(in crate::pool) window: usize,
    /// Whether results are wanted in the items' order.
    pub(in crate::pool) in_order: bool,
}

/// The next chunk's size.
#[derive(Debug)]
pub(super) struct Cutter {
    fixed: Option<usize>,
    size: usize,
    most: usize,
    workers: usize,
}

impl Cutter {
    pub(super) fn new<A>(fixed: Option<usize>, workers: usize) -> Self {
        let most = (CHUNK_BYTES / size_of::<A>().max(1)).max(1);
        Self { fixed: fixed.map(|size| size.max(1)), size: 1, most, workers }
    }

    /// How many items go into the next chunk, of which `left` or more are there.
    pub(super) fn next(&self, left: usize) -> usize {
        self.fixed.unwrap_or_else(|| self.size.min((left / (2 * self.workers)).max(1)))
    }

    pub(super) fn learn(&mut self, items: usize, cost: u64, bytes: usize) {
        if self.fixed.is_some() {
            return;
        }
        let each = (cost / items as u64).max(1);
        let by_cost = usize::try_from(CHUNK_NS / each).unwrap_or(1).max(1);
        let by_bytes = (CHUNK_BYTES * items / bytes.max(1)).max(1);
        let goal = by_cost.min(by_bytes).min(self.most);
        // A chunk of one tells little of the others; so grow step by step, and shrink at once.
        self.size = goal.min(GROWTH * items.max(self.size / GROWTH));
    }

    /// How many chunks may be under way, if they are so many `bytes`.
    pub(super) fn most_chunks(&self, bytes: usize) -> usize {
        if bytes >= HEAVY {
            return self.workers + 1;
        }
        if self.fixed.is_some() { TASKS } else { CHUNKS_OF_WORKER * self.workers }
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
