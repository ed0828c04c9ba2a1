//! The table of all members of a family, in memory that they all share. Any member (and any later
//! tool) reads it without anybody's help, and a member that was killed leaves nothing that the
//! others have to repair. Behind it, in the same file, lies the [`board`].
//!
//! # A place, and what a death leaves
//!
//! Word 0 of a place is its *state*: generation (24 bits), phase (8), owner's pid (32), changed only
//! by compare-and-swap. The other words are written while the phase is `Claimed`, by its owner.
//!
//! | phase | owner | who goes on | a kill of the owner leaves |
//! |---|---|---|---|
//! | `Free` | – | a parent, to `Claimed` | – |
//! | `Claimed` | the parent, which is writing the words | the parent, to `Starting` | a place without a reader; freed by the next claimer |
//! | `Starting` | the parent | the child, to `Running`; the parent, to `Free` | the same |
//! | `Running` | the child: it has reached its function | the child, to `Ended`; the parent, to `Free` | a place whose owner is gone: passed over by readers, freed by the parent or the next claimer |
//! | `Ended` | the child: its function is over | the parent, to `Free` | the same |
//!
//! Invariants:
//! 1. Only the owner writes words, and only in `Claimed`.
//! 2. Every claim counts the generation up, so a compare-and-swap with an old state fails, and a
//!    reader that sees the same state before and after its copy has a copy of one time.
//! 3. A place is taken from an owner only when that process is gone.

use crate::board;
use crate::policy::StartMethod;
use polyproc_sys::{memory, moment, stat};
use std::array;
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};

/// How many members a family may have at once.
pub(crate) const PLACES: usize = 4096;
/// Words of a place: state, parent's pid, parent's moment, own moment, flags, name.
pub(crate) const PLACE_WORDS: usize = 32;
/// Words for a name.
pub(crate) const NAME_WORDS: usize = 16;
const NAME_AT: usize = 8;
pub(crate) const HEADER_WORDS: usize = PLACE_WORDS;
/// Behind the last place: what pools do.
pub(crate) const BOARD_AT: usize = HEADER_WORDS + PLACES * PLACE_WORDS;
pub(crate) const BYTES: usize = (BOARD_AT + board::WORDS) * size_of::<u64>();
/// "polyproc" read as a number, and the version of this layout.
pub(crate) const MAGIC: u64 = u64::from_be_bytes(*b"polyproc");
pub(crate) const VERSION: u64 = 2;
/// What the file is called in `/proc/PID/fd`.
pub(crate) const NAME: &CStr = c"polyproc-family";

/// A process that can be told from a later one with the same pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    /// A moment at which it ran: see [`polyproc_sys::moment::now`].
    pub(crate) seen: u64,
}

/// How far a process has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It has not reached its function.
    Starting,
    /// It has.
    Running,
    /// Its function is over.
    Ended,
}

/// A claim on a place: which place, and the generation of the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    place: u32,
    generation: u32,
}

impl Ticket {
    pub(crate) fn to_number(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.place)
    }

    pub(crate) fn from_number(number: u64) -> Self {
        Self { place: number as u32, generation: (number >> 32) as u32 }
    }
}

/// What the roster says of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Its pid; 0 while it is being started.
    pub pid: u32,
    /// Its name, cut to 128 bytes.
    pub name: String,
    /// The process that started it; 0 for the program itself.
    pub parent_pid: u32,
    /// How far it has come.
    pub phase: Phase,
    /// How it was started; `None` for the program itself.
    pub start_method: Option<StartMethod>,
    /// Whether it ends with its parent's orderly end.
    pub daemon: bool,
    /// Whether it is the family's fork server.
    pub fork_server: bool,
}

/// What the claimer of a place writes into it.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    pub(crate) parent: Identity,
    pub(crate) method: Option<StartMethod>,
    pub(crate) daemon: bool,
    pub(crate) fork_server: bool,
}

/// State word, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) generation: u32,
    pub(crate) phase: u8,
    pub(crate) owner: u32,
}

pub(crate) const FREE: u8 = 0;
pub(crate) const CLAIMED: u8 = 1;
const STARTING: u8 = 2;
pub(crate) const RUNNING: u8 = 3;
const ENDED: u8 = 4;
const GENERATIONS: u32 = 1 << 24;

impl State {
    pub(crate) fn from_word(word: u64) -> Self {
        Self { generation: (word >> 40) as u32, phase: (word >> 32) as u8, owner: word as u32 }
    }

    pub(crate) fn to_word(self) -> u64 {
        u64::from(self.generation) << 40 | u64::from(self.phase) << 32 | u64::from(self.owner)
    }

    /// That of the next claim.
    pub(crate) fn next(self, phase: u8, owner: u32) -> Self {
        Self { generation: (self.generation + 1) % GENERATIONS, phase, owner }
    }
}

/// The table, mapped into this process.
#[derive(Debug)]
pub(crate) struct Roster {
    file: File,
    mapping: memory::Mapping,
    /// Where the next search for a free place starts.
    hint: AtomicUsize,
}

impl Roster {
    /// For the first process of a family.
    pub(crate) fn create() -> io::Result<Self> {
        let file = memory::memfd(NAME)?;
        memory::set_size(&file, BYTES as u64)?;
        memory::seal_size(&file)?;
        let roster = Self::map(file)?;
        roster.mapping.words()[1].store(VERSION, Ordering::Relaxed);
        roster.mapping.words()[0].store(MAGIC, Ordering::Release);
        Ok(roster)
    }

    /// For a member that got the descriptor at birth.
    pub(crate) fn attach(file: File) -> io::Result<Self> {
        if file.metadata()?.len() != BYTES as u64 {
            return Err(crate::wire::invalid("the family's roster has another size"));
        }
        let roster = Self::map(file)?;
        let words = roster.mapping.words();
        if words[0].load(Ordering::Acquire) != MAGIC || words[1].load(Ordering::Relaxed) != VERSION
        {
            return Err(crate::wire::invalid("the family's roster is of another build"));
        }
        Ok(roster)
    }

    fn map(file: File) -> io::Result<Self> {
        let mapping = memory::Mapping::shared(&file, BYTES)?;
        Ok(Self { file, mapping, hint: AtomicUsize::new(0) })
    }

    fn place(&self, index: usize) -> &[AtomicU64] {
        &self.mapping.words()[HEADER_WORDS + index * PLACE_WORDS..][..PLACE_WORDS]
    }

    /// See [`board`].
    pub(crate) fn board(&self) -> &[AtomicU64] {
        &self.mapping.words()[BOARD_AT..]
    }

    /// Takes a place for a process that is about to start; `None` when all are taken.
    pub(crate) fn claim(&self, entry: &Entry<'_>) -> Option<Ticket> {
        let start = self.hint.load(Ordering::Relaxed);
        let order = (0..PLACES).map(|step| (start + step) % PLACES);
        let free = order.clone().find_map(|index| self.try_claim(index, entry, |_| false));
        // Only a full table is searched for the places of the dead: that costs a look at each.
        let ticket = free.or_else(|| {
            order.clone().find_map(|index| self.try_claim(index, entry, |owner| !runs(owner)))
        })?;
        self.hint.store(ticket.place as usize + 1, Ordering::Relaxed);
        Some(ticket)
    }

    fn try_claim(
        &self,
        index: usize,
        entry: &Entry<'_>,
        is_gone: impl Fn(u32) -> bool,
    ) -> Option<Ticket> {
        let place = self.place(index);
        let old = State::from_word(place[0].load(Ordering::Acquire));
        if old.phase != FREE && !is_gone(old.owner) {
            return None;
        }
        let claimed = old.next(CLAIMED, std::process::id());
        swap(place, old, claimed)?;
        // Readers that see one of the words below must not see the old state with it.
        fence(Ordering::Release);
        write_entry(place, entry);
        swap(place, claimed, State { phase: STARTING, ..claimed })?;
        Some(Ticket { place: index as u32, generation: claimed.generation })
    }

    /// The child behind `ticket` is this process, and has reached its function.
    pub(crate) fn run(&self, ticket: Ticket) {
        let place = self.place(ticket.place as usize % PLACES);
        place[3].store(moment::now(), Ordering::Relaxed);
        self.advance(ticket, RUNNING, std::process::id());
    }

    /// This process, the child behind `ticket`, has left its function.
    pub(crate) fn end(&self, ticket: Ticket) {
        self.advance(ticket, ENDED, std::process::id());
    }

    /// Frees the place; says how far its process had come.
    pub(crate) fn free(&self, ticket: Ticket) -> Phase {
        let phase = self.phase(ticket);
        self.advance(ticket, FREE, 0);
        phase
    }

    /// How far the process behind `ticket` has come.
    pub(crate) fn phase(&self, ticket: Ticket) -> Phase {
        let place = self.place(ticket.place as usize % PLACES);
        let state = State::from_word(place[0].load(Ordering::Acquire));
        match state.phase {
            _ if state.generation != ticket.generation => Phase::Ended,
            RUNNING => Phase::Running,
            ENDED => Phase::Ended,
            _ => Phase::Starting,
        }
    }

    /// Moves a place on, unless somebody took it over in the meantime.
    fn advance(&self, ticket: Ticket, phase: u8, owner: u32) {
        let place = self.place(ticket.place as usize % PLACES);
        loop {
            let old = State::from_word(place[0].load(Ordering::Acquire));
            let new = State { generation: ticket.generation, phase, owner };
            if old.generation != ticket.generation || swap(place, old, new).is_some() {
                return;
            }
        }
    }

    /// All members that run now.
    pub(crate) fn members(&self) -> Vec<Listing> {
        (0..PLACES).filter_map(|index| read(self.place(index))).collect()
    }
}

impl AsFd for Roster {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

pub(crate) fn runs(pid: u32) -> bool {
    matches!(stat::read(pid), Ok(Some(stat)) if stat.state != stat::RunState::Zombie)
}

pub(crate) fn swap(place: &[AtomicU64], old: State, new: State) -> Option<()> {
    let (old, new) = (old.to_word(), new.to_word());
    place[0].compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire).ok().map(drop)
}

fn write_entry(place: &[AtomicU64], entry: &Entry<'_>) {
    let put = |word: usize, value| place[word].store(value, Ordering::Relaxed);
    put(1, entry.parent.pid.into());
    put(2, entry.parent.seen);
    put(3, 0);
    let method = entry.method.map_or(0, |method| method as u64 + 1);
    put(4, method | u64::from(entry.daemon) << 8 | u64::from(entry.fork_server) << 9);
    store_name(&place[5], &place[NAME_AT..][..NAME_WORDS], entry.name);
}

/// As much of a name as [`NAME_WORDS`] words hold.
pub(crate) fn store_name(length: &AtomicU64, words: &[AtomicU64], name: &str) {
    let mut bytes = [0; NAME_WORDS * 8];
    let len = name.floor_char_boundary(bytes.len());
    bytes[..len].copy_from_slice(&name.as_bytes()[..len]);
    length.store(len as u64, Ordering::Relaxed);
    for (word, bytes) in words.iter().zip(bytes.as_chunks().0) {
        word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
    }
}

/// What [`store_name`] left, or whatever stands there.
pub(crate) fn load_name(length: u64, words: &[u64]) -> String {
    let length = usize::try_from(length).unwrap_or(0);
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).take(length).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A copy of a place that was in use by a running process all the while.
fn read(place: &[AtomicU64]) -> Option<Listing> {
    let before = place[0].load(Ordering::Acquire);
    phase(before)?;
    let mut words: [u64; PLACE_WORDS] = array::from_fn(|word| place[word].load(Ordering::Relaxed));
    words[0] = before;
    fence(Ordering::Acquire);
    if place[0].load(Ordering::Relaxed) != before {
        return None;
    }
    listing(&words)
}

/// What a state word says of a place that is in use.
pub(crate) fn phase(state: u64) -> Option<Phase> {
    match State::from_word(state).phase {
        STARTING => Some(Phase::Starting),
        RUNNING => Some(Phase::Running),
        ENDED => Some(Phase::Ended),
        _ => None,
    }
}

/// What the words of a place say, all of one time, if its process runs.
pub(crate) fn listing(words: &[u64; PLACE_WORDS]) -> Option<Listing> {
    let (phase, owner) = (phase(words[0])?, State::from_word(words[0]).owner);
    let (parent_pid, moment, flags) = (words[1] as u32, words[3], words[4]);
    let lives = match phase {
        Phase::Starting => runs(owner),
        _ => stat::is_running_since(owner, moment),
    };
    lives.then(|| Listing {
        pid: if phase == Phase::Starting { 0 } else { owner },
        name: load_name(words[5], &words[NAME_AT..][..NAME_WORDS]),
        parent_pid,
        phase,
        start_method: (flags as u8).checked_sub(1).and_then(StartMethod::from_number),
        daemon: flags & 1 << 8 != 0,
        fork_server: flags & 1 << 9 != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(name: &str) -> Entry<'_> {
        Entry {
            name,
            parent: Identity { pid: 9, seen: 1 },
            method: Some(StartMethod::Spawn),
            daemon: true,
            fork_server: false,
        }
    }

    #[test]
    fn a_member_is_listed_from_its_start_to_its_end() {
        let roster = Roster::create().unwrap();
        let ticket = roster.claim(&entry("first")).unwrap();
        let listing = |roster: &Roster| roster.members().pop();
        assert_eq!(listing(&roster).unwrap().pid, 0);
        roster.run(ticket);
        let running = listing(&roster).unwrap();
        assert_eq!((running.pid, running.phase), (std::process::id(), Phase::Running));
        assert_eq!((running.name.as_str(), running.parent_pid), ("first", 9));
        assert_eq!((running.start_method, running.daemon), (Some(StartMethod::Spawn), true));
        roster.end(ticket);
        assert_eq!(roster.free(ticket), Phase::Ended);
        assert_eq!(listing(&roster), None);
    }

    #[test]
    fn a_second_process_sees_the_same_table() {
        let roster = Roster::create().unwrap();
        roster.claim(&entry("seen")).unwrap();
        let other = Roster::attach(roster.file.try_clone().unwrap()).unwrap();
        assert_eq!(other.members()[0].name, "seen");
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let roster = Roster::create().unwrap();
        roster.claim(&entry(&"ü".repeat(100))).unwrap();
        assert_eq!(roster.members()[0].name, "ü".repeat(64));
    }

    #[test]
    fn the_places_of_the_dead_are_taken_when_all_are_taken() {
        let roster = Roster::create().unwrap();
        let tickets: Vec<_> = (0..PLACES).map(|_| roster.claim(&entry("x")).unwrap()).collect();
        assert_eq!(roster.claim(&entry("x")), None);
        // No process has this pid: it is above the kernel's limit.
        roster.advance(tickets[7], RUNNING, 1 << 30);
        let again = roster.claim(&entry("again")).unwrap();
        assert_eq!(again.place, tickets[7].place);
        assert_eq!(roster.free(tickets[7]), Phase::Ended, "an old ticket frees nothing");
        assert_eq!(roster.phase(again), Phase::Starting);
    }

    #[test]
    fn another_file_is_refused() {
        let file = memory::memfd(c"other").unwrap();
        assert!(Roster::attach(file.try_clone().unwrap()).is_err());
        file.set_len(BYTES as u64).unwrap();
        assert!(Roster::attach(file).is_err());
    }

    proptest! {
        #[test]
        fn any_memory_is_read_without_a_panic(words in proptest::collection::vec(any::<u64>(), PLACE_WORDS)) {
            let place: Vec<_> = words.into_iter().map(AtomicU64::new).collect();
            read(&place);
        }
    }
}
