//! Messages first in, first out: records in a chain of segments. What a kill at each step leaves, and
//! who repairs it: `docs/design/0020-channels.md`.

use crate::cache;
use crate::core::Core;
use crate::error::Problem;
use crate::message::{Message, Received};
use crate::position::Position;
use crate::record::{self, Record, TICKET_WORDS, Ticket, load, read_ticket, store, write_ticket};
use crate::sides::{Sides, Store};
use crate::tally::{self, Tally};
use polyproc_shm::{Arena, Handle, ticket_words};
use polyproc_sync::{Host, Kind, crash_point};
use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;

/// Messages up to this many bytes, tickets included, lie in the segments.
pub(crate) const INLINE: usize = 16 << 10;

/// The first segment's bytes: most channels never hold more.
const FIRST_SEGMENT: usize = 4 << 10;
/// As far as segments grow by themselves; tests of deaths want many of them.
const USUAL_SEGMENT: usize = if cfg!(feature = "crash-points") { 4 << 10 } else { 64 << 10 };
/// As far as they grow with the backlog.
const LARGEST_SEGMENT: usize = 1 << 20;

/// Words of a segment before its cells: start, end, next.
const SEGMENT_HEADER: usize = 8;
const END: usize = 1;
const NEXT: usize = 2;
/// In the word of the end: there is one.
const HAS_END: u64 = 1 << 32;
const CELL_WORDS: usize = 2;
/// Each record begins in a cache line that no other has a part of: else who writes the next one would
/// wait for who reads this one.
const LINE_CELLS: usize = 4;

/// How many cells a record of so many words takes.
#[inline]
fn cells(words: usize) -> u32 {
    words.div_ceil(CELL_WORDS).next_multiple_of(LINE_CELLS) as u32
}

/// A channel's messages, as one call sees them.
pub(crate) struct Fifo<'a, 'm> {
    pub(crate) arena: &'a Arena,
    pub(crate) core: &'a Core,
    /// The core's block: it keeps segments and what messages carry.
    pub(crate) keeper: &'a Handle,
    /// Where takers count what they have not done yet.
    pub(crate) tally: Option<&'a Tally>,
    pub(crate) message: PhantomData<Message<'m>>,
}

/// A segment's words.
#[derive(Clone, Copy)]
struct Segment<'a>(&'a [AtomicU64]);

impl<'a> Segment<'a> {
    fn of(keeper: &'a Handle, ticket: Ticket) -> Option<Self> {
        keeper.kept_words(ticket).filter(|words| words.len() > SEGMENT_HEADER).map(Self)
    }

    /// The words from `position` on; none when that is not in this segment.
    #[inline]
    fn from(self, position: Position) -> Option<&'a [AtomicU64]> {
        let cells = position.cells().wrapping_sub(load(&self.0[0]) as u32);
        self.0.get(SEGMENT_HEADER + cells as usize * CELL_WORDS..)
    }

    /// Whether the chain goes on in the next segment at `position`.
    #[inline]
    fn ends_at(self, position: Position) -> bool {
        load(&self.0[END]) == HAS_END | u64::from(position.cells())
    }

    fn next(self) -> Ticket {
        read_ticket(&self.0[NEXT..NEXT + TICKET_WORDS])
    }
}

impl<'a> Fifo<'a, '_> {
    fn segment(&self, ticket: Ticket) -> Result<Segment<'a>, Problem> {
        Segment::of(self.keeper, ticket).ok_or(Problem::Corrupt)
    }

    /// Makes the first segment of a new channel, which nobody else knows of yet.
    pub(crate) fn start(&self) -> Result<(), Problem> {
        let handle = self.new_segment(FIRST_SEGMENT, Position(0))?;
        let parcel = handle.send()?;
        for places in [&self.core.put_places.0, &self.core.take_places.0] {
            places.of(0).set(ticket_words(parcel.ticket()), 0);
        }
        _ = parcel.into_bytes_kept_by(self.keeper);
        Ok(())
    }

    fn new_segment(&self, bytes: usize, start: Position) -> Result<Handle, Problem> {
        let handle = self.arena.allocate_unzeroed(bytes, Kind::Bytes)?;
        let header = &handle.words()[..SEGMENT_HEADER];
        for word in header {
            store(word, 0);
        }
        store(&header[0], u64::from(start.cells()));
        Ok(handle)
    }

    /// Makes the chain go on in a new segment that has room for a record of so many words.
    #[cold]
    fn extend(&self, old: Segment<'_>, tail: Position, words: usize) -> Result<Ticket, Problem> {
        let backlog = tail.cells().wrapping_sub(self.core.sides.head().cells()) as usize;
        let usual = (old.0.len() * 16).min(USUAL_SEGMENT);
        let wanted = usual.max(backlog * 4).min(LARGEST_SEGMENT);
        let least = (SEGMENT_HEADER + words + CELL_WORDS) * 8;
        let bytes = wanted.max(least).next_power_of_two();
        let handle = self.new_segment(bytes, tail)?;
        crash_point!("segment.allocated");
        let parcel = handle.send()?;
        let ticket = ticket_words(parcel.ticket());
        write_ticket(&old.0[NEXT..NEXT + TICKET_WORDS], ticket);
        crash_point!("segment.linked");
        store(&old.0[END], HAS_END | u64::from(tail.cells()));
        crash_point!("segment.ended");
        _ = parcel.into_bytes_kept_by(self.keeper);
        crash_point!("segment.kept");
        Ok(ticket)
    }

    /// How many bytes the messages in it have, at one moment.
    pub(crate) fn held_bytes(&self) -> u64 {
        let sides = &self.core.sides;
        let now = || (sides.tail(), sides.head());
        let mut seen = now();
        loop {
            let put = self.core.put_places.0.of(seen.0.count()).bytes();
            let taken = self.core.take_places.0.of(seen.1.count()).bytes();
            // A place is written again when its cursor has moved on, and not before.
            std::sync::atomic::fence(std::sync::atomic::Ordering::Acquire);
            match now() {
                same if same == seen => return put.wrapping_sub(taken),
                other => seen = other,
            }
        }
    }

    /// The segment in which the record at `head` lies.
    #[inline]
    fn segment_at(&self, ticket: Ticket, head: Position) -> Result<(Segment<'a>, Ticket), Problem> {
        let segment = self.segment(ticket)?;
        if !segment.ends_at(head) {
            return Ok((segment, ticket));
        }
        let next = segment.next();
        Ok((self.segment(next)?, next))
    }
}

impl<'m> Store<Host> for Fifo<'_, 'm> {
    type Message = Message<'m>;
    type Taken = Received;
    type Error = Problem;

    #[inline]
    fn has_room(&self, tail: Position, head: Position, message: &Message<'m>) -> bool {
        let items = tail.since(head);
        if items >= self.core.most_items() {
            return false;
        }
        let most = self.core.most_bytes();
        if most == u64::MAX || items == 0 {
            return true;
        }
        let put = self.core.put_places.0.of(tail.count()).bytes();
        let fits = |taken| put.wrapping_sub(taken).saturating_add(message.len() as u64) <= most;
        let noted = &self.core.sides.put.0.noted;
        if fits(load(noted)) {
            return true;
        }
        // A place of an older head may show what was taken since: that is free as well.
        let taken = self.core.take_places.0.of(head.count()).bytes();
        store(noted, taken);
        fits(taken)
    }

    #[inline]
    fn put(&self, tail: Position, message: &mut Message<'m>) -> Result<Position, Problem> {
        let places = &self.core.put_places.0;
        let place = places.of(tail.count());
        let mut ticket = place.segment.get();
        let mut segment = self.segment(ticket)?;
        let words = record::words_of(message);
        let has_room = segment.from(tail).ok_or(Problem::Corrupt)?.len() >= words;
        if !has_room {
            ticket = self.extend(segment, tail, words)?;
            segment = self.segment(ticket)?;
        }
        let space = segment.from(tail).and_then(|space| space.get(..words));
        let len = message.len() as u64;
        record::write(space.ok_or(Problem::Corrupt)?, tail.next(), message);
        crash_point!("fifo.recorded");
        record::keep(message, self.keeper);
        places.of(tail.next()).set(ticket, place.bytes().wrapping_add(len));
        Ok(tail.after(cells(words)))
    }

    #[inline]
    fn take(&self, head: Position, into: &mut Received) -> Result<(bool, Position), Problem> {
        let places = &self.core.take_places.0;
        let place = places.of(head.count());
        let (segment, ticket) = self.segment_at(place.segment.get(), head)?;
        let words = segment.from(head).ok_or(Problem::Corrupt)?;
        let record = Record::read(words, head.next()).ok_or(Problem::Corrupt)?;
        let received = tally::counted(self.tally, || record.take(self.arena, self.keeper, into))?;
        crash_point!("fifo.taken");
        places.of(head.next()).set(ticket, place.bytes().wrapping_add(record.len()));
        Ok((received, head.after(cells(record.words))))
    }

    #[inline]
    fn coming(&self, tail: Position) -> impl Fn() {
        let place = self.core.take_places.0.of(tail.count());
        let segment = self.segment(place.segment.get()).ok();
        let words = segment.and_then(|segment| segment.from(tail)).unwrap_or_default();
        move || cache::fetch(words)
    }

    #[inline]
    fn left(&self, from: Position) {
        let places = &self.core.take_places.0;
        let (old, new) = (places.of(from.count()), places.of(from.next()));
        if !old.segment.is(&new.segment) {
            record::give_back(self.arena, old.segment.get());
        }
    }

    #[cold]
    fn repair_put(&self, sides: &Sides) {
        let tail = sides.tail();
        let Ok(segment) = self.segment(self.core.put_places.0.of(tail.count()).segment.get())
        else {
            return;
        };
        let give_back = |segment: Segment<'_>| {
            let record = segment.from(tail).and_then(|words| Record::read(words, tail.next()));
            if let Some(record) = record {
                record.give_back(self.arena, self.keeper);
            }
        };
        give_back(segment);
        let next = segment.next();
        if segment.ends_at(tail) {
            Segment::of(self.keeper, next).map(give_back);
            record::give_back(self.arena, next);
            crash_point!("fifo.next-given-back");
        }
        store(&segment.0[END], 0);
    }

    #[cold]
    fn repair_take(&self, sides: &Sides) {
        let (head, places) = (sides.head(), &self.core.take_places.0);
        let here = places.of(head.count()).segment.get();
        let other = places.of(head.next()).segment.get();
        // It may also be the one to come.
        let was_left = |other: Segment<'_>| other.next() == here && load(&other.0[END]) != 0;
        if other != here && Segment::of(self.keeper, other).is_some_and(was_left) {
            record::give_back(self.arena, other);
        }
    }
}

const _: () = assert!(INLINE + 1024 < LARGEST_SEGMENT);
