//! One message in shared memory: a header, tickets, bytes. All words are atomics, and nothing that
//! stands in them is believed.
//!
//! | words | |
//! |---|---|
//! | 1 | sequence (32 bits), bytes that follow inline (32 bits) |
//! | 1 | tickets that follow (16 bits), flags |
//! | 3 | with [`LIST`]: the ticket of a block full of tickets, which are not here then |
//! | 4 | with [`BLOCK`]: the ticket of the block with the bytes, and their number |
//! | 3 each | tickets |
//! | rest | bytes |

use crate::copy::{read_bytes, write_bytes};
use crate::error::Problem;
use crate::message::{Body, Bytes, Draft, Message, Received, SHORT};
use polyproc_shm::{
    Arena, Error, Handle, PARCEL_WORDS, Parcel, SharedBytes, ticket_bytes, ticket_words,
};
use polyproc_sync::crash_point;
use std::sync::atomic::{AtomicU64, Ordering};

/// A parcel's bytes, as words.
pub(crate) type Ticket = [u64; TICKET_WORDS];

pub(crate) const HEADER_WORDS: usize = 2;
/// Words of a ticket.
pub(crate) const TICKET_WORDS: usize = PARCEL_WORDS;
const BLOCK_WORDS: usize = TICKET_WORDS + 1;
/// More handles than this are damage: the arena has no more on their way.
const MOST_TICKETS: usize = 1 << 16;

const LIST: u64 = 1 << 16;
const BLOCK: u64 = 1 << 17;

#[inline]
pub(crate) fn load(word: &AtomicU64) -> u64 {
    word.load(Ordering::Relaxed)
}

#[inline]
pub(crate) fn store(word: &AtomicU64, value: u64) {
    word.store(value, Ordering::Relaxed);
}

/// The ticket in the first words, which are enough.
#[inline]
pub(crate) fn read_ticket(words: &[AtomicU64]) -> Ticket {
    std::array::from_fn(|index| load(&words[index]))
}

#[inline]
pub(crate) fn write_ticket(words: &[AtomicU64], ticket: Ticket) {
    words.iter().zip(ticket).for_each(|(place, word)| store(place, word));
}

/// Gives back what a ticket stands for, if it was not received.
pub(crate) fn give_back(arena: &Arena, ticket: Ticket) {
    arena.give_back(&ticket_bytes(ticket));
}

/// Moves into blocks what does not go into `room` bytes, so that all that is left to do under the lock
/// is short.
#[inline]
pub(crate) fn prepare(message: &mut Message<'_>, arena: &Arena, room: usize) -> Result<(), Error> {
    if message.parcels.is_empty() && message.len() <= room {
        if let Bytes::Draft(draft) = &mut message.bytes {
            draft.post()?;
        }
        return Ok(());
    }
    prepare_blocks(message, arena, room)
}

#[cold]
fn prepare_blocks(message: &mut Message<'_>, arena: &Arena, room: usize) -> Result<(), Error> {
    let tickets: Vec<u8> = message.parcels.iter().flat_map(Parcel::ticket).collect();
    let extra = 8 * (TICKET_WORDS + BLOCK_WORDS);
    let (inline, has_list) = (tickets.len(), tickets.len() + extra > room);
    if has_list && message.list.is_none() {
        message.list = Some(Box::new(Draft::of(arena, &tickets)?));
    }
    let inline = if has_list { 8 * TICKET_WORDS } else { inline };
    let is_draft = matches!(message.bytes, Bytes::Draft(_));
    if !is_draft && inline + message.len() > room {
        message.bytes = Bytes::Draft(Box::new(Draft::of(arena, message.bytes())?));
    }
    if let Bytes::Draft(draft) = &mut message.bytes {
        draft.post()?;
    }
    message.list.as_mut().map_or(Ok(()), |list| list.post())
}

/// How many words a prepared message takes.
#[inline]
pub(crate) fn words_of(message: &Message<'_>) -> usize {
    let body = match &message.bytes {
        Bytes::Draft(_) => BLOCK_WORDS,
        _ => message.len().div_ceil(8),
    };
    let tickets = if message.list.is_some() { 1 } else { message.parcels.len() };
    HEADER_WORDS + tickets * TICKET_WORDS + body
}

/// Writes a prepared message to `words`, which are [`words_of`] it.
#[inline]
pub(crate) fn write(words: &[AtomicU64], sequence: u32, message: &Message<'_>) {
    let (header, mut rest) = words.split_at(HEADER_WORDS);
    let tickets = if message.list.is_some() { &[] } else { &message.parcels[..] };
    let (mut second, mut len) = (tickets.len() as u64, message.len());
    if let Some(parcel) = message.list.as_ref().and_then(|list| list.parcel.as_ref()) {
        second |= LIST;
        rest = put_ticket(rest, parcel);
    }
    if let Bytes::Draft(draft) = &message.bytes {
        second |= BLOCK;
        if let Some(parcel) = &draft.parcel {
            rest = put_ticket(rest, parcel);
        }
        store(&rest[0], std::mem::take(&mut len) as u64);
        rest = &rest[1..];
    }
    for parcel in tickets {
        rest = put_ticket(rest, parcel);
    }
    if second & BLOCK == 0 {
        write_bytes(rest, message.bytes());
    }
    store(&header[1], second);
    store(&header[0], u64::from(sequence) | (len as u64) << 32);
}

fn put_ticket<'w>(words: &'w [AtomicU64], parcel: &Parcel) -> &'w [AtomicU64] {
    let (place, rest) = words.split_at(TICKET_WORDS);
    write_ticket(place, ticket_words(parcel.ticket()));
    rest
}

/// Has `keeper` hold what the message carries (C4: its tickets stand in the record already).
#[inline]
pub(crate) fn keep(message: &mut Message<'_>, keeper: &Handle) {
    let mut keep = |parcel: Parcel| {
        crash_point!("record.keeping");
        _ = parcel.into_bytes_kept_by(keeper);
        crash_point!("record.kept");
    };
    if let Bytes::Draft(draft) = &mut message.bytes {
        draft.parcel.take().map(&mut keep);
    }
    message.parcels.drain(..).for_each(&mut keep);
    message.list.as_mut().and_then(|list| list.parcel.take()).map(&mut keep);
}

/// A message as it lies there: ranges that were checked, in words that may change.
pub(crate) struct Record<'w> {
    list: Option<Ticket>,
    block: Option<(Ticket, u64)>,
    tickets: &'w [AtomicU64],
    inline: &'w [AtomicU64],
    len: usize,
    /// How many words it takes.
    pub(crate) words: usize,
}

impl<'w> Record<'w> {
    /// The message at the start of `words`, if it has that number and makes sense.
    #[inline]
    pub(crate) fn read(words: &'w [AtomicU64], sequence: u32) -> Option<Self> {
        let (header, mut rest) = words.split_at_checked(HEADER_WORDS)?;
        let (first, second) = (load(&header[0]), load(&header[1]));
        if first as u32 != sequence {
            return None;
        }
        let len = (first >> 32) as usize;
        let mut next = |words: usize| {
            let (these, others) = rest.split_at_checked(words)?;
            rest = others;
            Some(these)
        };
        let list = match second & LIST {
            0 => None,
            _ => Some(read_ticket(next(TICKET_WORDS)?)),
        };
        let block = if second & BLOCK == 0 {
            None
        } else {
            let words = next(BLOCK_WORDS)?;
            Some((read_ticket(words), load(&words[TICKET_WORDS])))
        };
        let tickets = next((second & 0xffff) as usize * TICKET_WORDS)?;
        let inline = next(len.div_ceil(8))?;
        let used = words.len() - rest.len();
        Some(Self { list, block, tickets, inline, len, words: used })
    }

    /// How many bytes the message has.
    pub(crate) fn len(&self) -> u64 {
        self.block.map_or(self.len as u64, |(_, len)| len)
    }

    fn inline_tickets(&self) -> impl Iterator<Item = Ticket> + '_ {
        self.tickets.chunks_exact(TICKET_WORDS).map(read_ticket)
    }

    fn listed_tickets<'k>(&self, keeper: &'k Handle) -> Option<impl Iterator<Item = Ticket> + 'k> {
        let words = self.list.map_or(Some(&[][..]), |list| keeper.kept_words(list))?;
        Some(words.chunks_exact(TICKET_WORDS).take(MOST_TICKETS).map(read_ticket))
    }

    /// Makes this process the holder of all that the message carries, and copies its bytes. False when
    /// some of it is gone: somebody died while it took this message, or it is damaged.
    #[inline]
    pub(crate) fn take(
        &self,
        arena: &Arena,
        keeper: &Handle,
        into: &mut Received,
    ) -> Result<bool, Problem> {
        if self.tickets.is_empty() && self.block.is_none() && self.list.is_none() {
            self.copy(&mut into.body);
            return Ok(true);
        }
        match self.take_all(arena, keeper, into) {
            Ok(true) => Ok(true),
            Ok(false) | Err(Error::Gone | Error::Foreign) => {
                into.handles.clear();
                self.give_back(arena, keeper);
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn take_all(&self, arena: &Arena, keeper: &Handle, into: &mut Received) -> Result<bool, Error> {
        let Some(listed) = self.listed_tickets(keeper) else {
            return Ok(false);
        };
        for ticket in self.inline_tickets().chain(listed) {
            into.handles.push(arena.receive(&ticket_bytes(ticket))?);
            crash_point!("record.received");
        }
        match &self.block {
            None => self.copy(&mut into.body),
            Some((ticket, len)) => {
                let block = SharedBytes::from_handle(arena.receive(&ticket_bytes(*ticket))?);
                crash_point!("record.body-received");
                match block {
                    Ok(block) if block.len() as u64 == *len => into.body = Body::Block(block),
                    _ => return Ok(false),
                }
            }
        }
        if let Some(list) = &self.list {
            give_back(arena, *list);
        }
        Ok(true)
    }

    #[inline]
    fn copy(&self, body: &mut Body) {
        if let (Body::Short { len, bytes }, true) = (&mut *body, self.len <= SHORT) {
            *len = self.len as u8;
            read_bytes(self.inline, &mut bytes[..self.len]);
            return;
        }
        let mut bytes = vec![0; self.len];
        read_bytes(self.inline, &mut bytes);
        *body = Body::Long(bytes);
    }

    /// Gives back all that the message carries. What was received already stays with its holder.
    #[cold]
    pub(crate) fn give_back(&self, arena: &Arena, keeper: &Handle) {
        let listed = self.listed_tickets(keeper).into_iter().flatten();
        for ticket in self.inline_tickets().chain(listed) {
            give_back(arena, ticket);
        }
        let body = self.block.as_ref().map(|(ticket, _)| ticket);
        for ticket in body.into_iter().chain(&self.list) {
            give_back(arena, *ticket);
        }
    }
}
