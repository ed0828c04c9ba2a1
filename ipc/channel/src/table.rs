//! Messages in another order than they were put: entries in a table that grows by whole chunks, and a
//! heap of their numbers. The entries are the truth, the heap can be made anew from them.

use crate::copy::{read_bytes, write_bytes};
use crate::core::{CHUNKS, Core, Order};
use crate::error::Problem;
use crate::message::{Key, MOST_KEY_BYTES, Message, Received};
use crate::position::Position;
use crate::record::{self, Record, TICKET_WORDS, load, store};
use crate::sides::{Sides, Store};
use crate::tally::{self, Tally};
use polyproc_shm::{Arena, Handle, ticket_words};
use polyproc_sync::{Host, Kind, crash_point};
use std::cmp::Ordering;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering as Memory};

/// Messages up to this many bytes, tickets included, lie in their entries.
pub(crate) const INLINE: usize = 160;

/// Entries of the first two chunks.
const FIRST_CHUNK: u32 = 64;

/// An empty table of more entries gives back all but the first chunk.
const MOST_KEPT: u32 = 1024;

/// Words of an entry: state, a heap's place, the key's length, the key, the record.
const STATE: usize = 0;
const HEAP: usize = 1;
const KEY_LEN: usize = 2;
const KEY: usize = 3;
const RECORD: usize = KEY + MOST_KEY_BYTES / 8;
const ENTRY_WORDS: usize = 32;
const RECORD_WORDS: usize = ENTRY_WORDS - RECORD;
const _: () = assert!(record::HEADER_WORDS + INLINE / 8 <= RECORD_WORDS);

/// In the state: there is a message in it, whose number is the rest.
const LIVE: u64 = 1;

/// A channel's messages, as one call sees them.
pub(crate) struct Ordered<'a, 'm> {
    pub(crate) arena: &'a Arena,
    pub(crate) core: &'a Core,
    /// The core's block: it keeps chunks and what messages carry.
    pub(crate) keeper: &'a Handle,
    /// Where takers count what they have not done yet.
    pub(crate) tally: Option<&'a Tally>,
    pub(crate) message: PhantomData<Message<'m>>,
}

/// The chunks, looked up once per call.
struct View<'a> {
    chunks: [&'a [AtomicU64]; CHUNKS],
    /// How many entries they have.
    len: u32,
    order: Order,
}

/// An entry and its number.
type Numbered<'a> = (u32, &'a [AtomicU64]);

/// The first entry of a chunk, and how many it has.
fn chunk_range(chunk: usize) -> (u32, u32) {
    match chunk {
        0 => (0, FIRST_CHUNK),
        _ => (FIRST_CHUNK << (chunk - 1), FIRST_CHUNK << (chunk - 1)),
    }
}

impl<'a> View<'a> {
    fn entry(&self, number: u32) -> Result<&'a [AtomicU64], Problem> {
        let chunk = (number / FIRST_CHUNK).checked_ilog2().map_or(0, |log| log as usize + 1);
        let at = (number - chunk_range(chunk.min(CHUNKS)).0.min(number)) as usize * ENTRY_WORDS;
        let words = self.chunks.get(chunk).and_then(|words| words.get(at..at + ENTRY_WORDS));
        words.filter(|_| number < self.len).ok_or(Problem::Corrupt)
    }

    /// The entry at a place of the heap.
    fn at(&self, place: u32) -> Result<Numbered<'a>, Problem> {
        let number = load(&self.entry(place)?[HEAP]) as u32;
        Ok((number, self.entry(number)?))
    }

    fn place(&self, place: u32, number: u32) -> Result<(), Problem> {
        store(&self.entry(place)?[HEAP], u64::from(number));
        Ok(())
    }

    /// Which of two entries is to be taken first.
    fn compare(&self, one: &[AtomicU64], other: &[AtomicU64]) -> Ordering {
        let by_number = load(&one[STATE]).cmp(&load(&other[STATE]));
        match self.order {
            Order::Lifo => by_number.reverse(),
            _ => key(one).cmp(&key(other)).then(by_number),
        }
    }

    /// Moves the entry at `place` up to where it belongs.
    fn sift_up(&self, mut place: u32) -> Result<(), Problem> {
        let (number, entry) = self.at(place)?;
        while place > 0 {
            let parent = (place - 1) / 2;
            let (above, parent_entry) = self.at(parent)?;
            if self.compare(entry, parent_entry) != Ordering::Less {
                break;
            }
            self.place(place, above)?;
            place = parent;
        }
        self.place(place, number)
    }

    /// The place on the `left` or the one beside it, and what is there.
    fn better_child(&self, left: u32, len: u32) -> Result<(u32, Numbered<'a>), Problem> {
        let one = self.at(left)?;
        if left + 1 >= len {
            return Ok((left, one));
        }
        let other = self.at(left + 1)?;
        let is_better = self.compare(other.1, one.1) == Ordering::Less;
        Ok(if is_better { (left + 1, other) } else { (left, one) })
    }

    /// Moves the entry at `place` down to where it belongs in a heap of `len`.
    fn sift_down(&self, mut place: u32, len: u32) -> Result<(), Problem> {
        let (number, entry) = self.at(place)?;
        loop {
            let left = 2 * place + 1;
            if left >= len {
                break;
            }
            let (child, best) = self.better_child(left, len)?;
            if self.compare(entry, best.1) != Ordering::Greater {
                break;
            }
            self.place(place, best.0)?;
            place = child;
        }
        self.place(place, number)
    }

    /// Makes the heap anew: live entries first and in order, free ones behind. Says how many live.
    fn rebuild(&self) -> Result<u32, Problem> {
        let (mut live, mut free) = (Vec::new(), Vec::new());
        for number in 0..self.len {
            let is_live = load(&self.entry(number)?[STATE]) & LIVE != 0;
            if is_live { &mut live } else { &mut free }.push(number);
        }
        for (place, &number) in (0..).zip(live.iter().chain(&free)) {
            self.place(place, number)?;
        }
        let len = live.len() as u32;
        for place in (0..len / 2).rev() {
            self.sift_down(place, len)?;
        }
        Ok(len)
    }
}

/// A key, padded with zeros, and its length: in the order of the bytes.
fn key(entry: &[AtomicU64]) -> ([u8; MOST_KEY_BYTES], u64) {
    let mut bytes = [0; MOST_KEY_BYTES];
    read_bytes(&entry[KEY..RECORD], &mut bytes);
    (bytes, load(&entry[KEY_LEN]))
}

fn write_key(entry: &[AtomicU64], key: Key<'_>) {
    let mut bytes = [0; MOST_KEY_BYTES];
    let len = match key {
        Key::None | Key::Number(_) => {
            let number = if let Key::Number(number) = key { number } else { 0 };
            // As unsigned numbers, big end first, so that bytes compare as numbers do.
            let number = number.cast_unsigned() ^ 1 << 63;
            bytes[..8].copy_from_slice(&number.to_be_bytes());
            8
        }
        Key::Bytes(key) => {
            let len = key.len().min(MOST_KEY_BYTES);
            bytes[..len].copy_from_slice(&key[..len]);
            len
        }
    };
    store(&entry[KEY_LEN], len as u64);
    write_bytes(&entry[KEY..RECORD], &bytes);
}

impl<'a> Ordered<'a, '_> {
    fn view(&self) -> View<'a> {
        let mut view = View { chunks: [&[]; CHUNKS], len: 0, order: self.core.order() };
        for (chunk, slip) in self.core.table.chunks.iter().enumerate() {
            let (first, count) = chunk_range(chunk);
            let words = self.keeper.kept_words(slip.get());
            match words.filter(|words| words.len() >= count as usize * ENTRY_WORDS) {
                Some(words) => (view.chunks[chunk], view.len) = (words, first + count),
                None => break,
            }
        }
        view
    }

    /// A chunk more.
    #[cold]
    fn grow(&self, view: &mut View<'a>) -> Result<(), Problem> {
        let chunk = view.chunks.iter().position(|words| words.is_empty());
        let slip = chunk.and_then(|chunk| Some((chunk, self.core.table.chunks.get(chunk)?)));
        let (chunk, slip) = slip.ok_or(Problem::Corrupt)?;
        let (first, count) = chunk_range(chunk);
        let bytes = count as usize * ENTRY_WORDS * 8;
        let handle = self.arena.allocate(bytes, Kind::Bytes)?;
        for (number, entry) in (first..).zip(handle.words().chunks_exact(ENTRY_WORDS)) {
            store(&entry[HEAP], u64::from(number));
        }
        let parcel = handle.send()?;
        let ticket = ticket_words(parcel.ticket());
        slip.set(ticket);
        crash_point!("table.named");
        _ = parcel.into_bytes_kept_by(self.keeper);
        crash_point!("table.grown");
        view.chunks[chunk] = self.keeper.kept_words(ticket).ok_or(Problem::Corrupt)?;
        view.len = first + count;
        Ok(())
    }

    /// Gives back all chunks but the first; nothing is in the table.
    #[cold]
    fn shrink(&self, view: &View<'a>) -> Result<(), Problem> {
        for slip in self.core.table.chunks[1..].iter().rev() {
            record::give_back(self.arena, slip.get());
            crash_point!("table.shrunk");
        }
        // The free entries' numbers may be those of chunks that are gone.
        let first = view.len.min(FIRST_CHUNK);
        (0..first).try_for_each(|place| view.place(place, place))
    }

    fn record(entry: &[AtomicU64]) -> Option<Record<'_>> {
        let sequence = (load(&entry[STATE]) >> 1) as u32;
        Record::read(&entry[RECORD..], sequence)
    }

    /// How many bytes the messages in it have.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.core.put_places.0.of(0).bytes()
    }

    fn len(&self) -> u32 {
        self.core.sides.tail().since(self.core.sides.head())
    }
}

impl<'m> Store<Host> for Ordered<'_, 'm> {
    type Message = Message<'m>;
    type Taken = Received;
    type Error = Problem;

    fn has_one_lock(&self) -> bool {
        true
    }

    fn has_room(&self, tail: Position, head: Position, message: &Message<'m>) -> bool {
        let items = tail.since(head);
        if items >= self.core.most_items() {
            return false;
        }
        let most = self.core.most_bytes();
        let put = self.core.put_places.0.of(0).bytes();
        most == u64::MAX || items == 0 || put.saturating_add(message.len() as u64) <= most
    }

    fn put(&self, tail: Position, message: &mut Message<'m>) -> Result<Position, Problem> {
        let (mut view, len) = (self.view(), self.len());
        if len >= view.len {
            self.grow(&mut view)?;
        }
        let (number, entry) = view.at(len)?;
        let table = &self.core.table;
        let sequence = load(&table.sequence).wrapping_add(1) << 1 >> 1;
        let words = record::words_of(message);
        let space = entry[RECORD..].get(..words).ok_or(Problem::Corrupt)?;
        table.pending.store(number + 1, Memory::Relaxed);
        store(&table.sequence, sequence);
        store(&entry[STATE], sequence << 1);
        write_key(entry, message.key);
        record::write(space, sequence as u32, message);
        crash_point!("table.recorded");
        record::keep(message, self.keeper);
        crash_point!("table.kept");
        store(&entry[STATE], sequence << 1 | LIVE);
        crash_point!("table.live");
        self.count_bytes(message_len(entry), true);
        view.sift_up(len)?;
        Ok(tail.after(0))
    }

    fn take(&self, head: Position, into: &mut Received) -> Result<(bool, Position), Problem> {
        let (view, len) = (self.view(), self.len());
        let (number, entry) = view.at(0)?;
        let state = load(&entry[STATE]);
        let record = Self::record(entry).filter(|_| state & LIVE != 0).ok_or(Problem::Corrupt)?;
        let last = len.checked_sub(1).ok_or(Problem::Corrupt)?;
        self.core.table.pending.store(number + 1, Memory::Relaxed);
        let bytes = message_len(entry);
        let received = tally::counted(self.tally, || record.take(self.arena, self.keeper, into))?;
        crash_point!("table.taken");
        store(&entry[STATE], state & !LIVE);
        crash_point!("table.free");
        self.count_bytes(bytes, false);
        let (moved, _) = view.at(last)?;
        view.place(0, moved)?;
        view.place(last, number)?;
        crash_point!("table.moved");
        if last != 0 {
            view.sift_down(0, last)?;
        } else if view.len > MOST_KEPT {
            self.shrink(&view)?;
        }
        Ok((received, head.after(0)))
    }

    fn left(&self, _from: Position) {}

    /// Whoever died, producer or consumer: the cursors follow from the entries.
    #[cold]
    fn repair_put(&self, sides: &Sides) {
        let (view, pending) = (self.view(), self.core.table.pending.load(Memory::Relaxed));
        let entry = pending.checked_sub(1).and_then(|number| view.entry(number).ok());
        if let Some(entry) = entry.filter(|entry| load(&entry[STATE]) & LIVE == 0)
            && let Some(record) = Self::record(entry)
        {
            record.give_back(self.arena, self.keeper);
        }
        let Ok(live) = view.rebuild() else {
            return;
        };
        crash_point!("table.rebuilt");
        let (tail, head) = (sides.tail(), sides.head());
        let len = tail.since(head);
        if live > len && sides.tail.0.advance(tail.with_count(head.count().wrapping_add(live)).0) {
            sides.tail.0.wake(live - len);
        }
        if live < len && sides.head.0.advance(head.with_count(tail.count().wrapping_sub(live)).0) {
            sides.head.0.wake(len - live);
        }
        sides.take.0.seen.store(sides.tail().0, Memory::Relaxed);
        let all = (0..live).filter_map(|place| Some(message_len(view.at(place).ok()?.1)));
        self.core.put_places.0.of(0).set([0; TICKET_WORDS], all.sum());
    }

    fn repair_take(&self, sides: &Sides) {
        self.repair_put(sides);
    }
}

impl Ordered<'_, '_> {
    /// The bytes of all messages: derived, made anew in a repair.
    fn count_bytes(&self, bytes: u64, more: bool) {
        let place = self.core.put_places.0.of(0);
        let all = place.bytes();
        let all = if more { all.saturating_add(bytes) } else { all.saturating_sub(bytes) };
        place.set([0; TICKET_WORDS], all);
    }
}

fn message_len(entry: &[AtomicU64]) -> u64 {
    Ordered::record(entry).map_or(0, |record| record.len())
}
