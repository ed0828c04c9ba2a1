//! The board: what pools are doing, posted for whoever looks on from outside (see `observer`). It lies
//! in the roster's file, behind the places of the members. Nobody in the family reads it, so nothing
//! depends on what stands there; it costs its writers plain stores.
//!
//! # What lies where, in words
//!
//! | from | what | written by |
//! |---|---|---|
//! | 0 | 48 *states*, as those of the roster's places: `Free`, `Claimed`, `Running` | the pool's process, by compare-and-swap |
//! | 48 | 48 *posts* of 2048 words: | |
//! | +0 | a moment at which that process ran; the name's length; the name (16 words) | it, while the state is `Claimed` |
//! | +18 | workers wanted, tasks queued, with workers, done | it, one word at a time |
//! | +32 | by seat (224): worker's pid (32 bits), whether it is ready (1) | it |
//! | +256 | by seat, a cache line: since when (8 bytes; nanoseconds on the clock of [`moment`]), then its own pid (32), whether it is in a task (1), tasks done (31) | the worker |
//!
//! # Invariants
//! 1. A post belongs to the process in its state as long as that runs. It is taken from a dead one when
//!    all 48 are taken. A pool that finds none, and a worker beyond the last seat, are not posted.
//! 2. A name is read between two looks at the state, which counts a generation up with every claim.
//! 3. Each number is one word: a reader sees it as it was at one time, whatever the others were. A worker's
//!    word names it, so what a dead one left in a seat is not taken for its successor's.
//! 4. A forked copy writes nothing: it has another pid.

use crate::member;
use crate::roster::{self, CLAIMED, FREE, NAME_WORDS, RUNNING, Roster, State};
use polyproc_sys::{moment, stat};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Duration;

/// How many pools of a family are posted at once.
const POSTS: usize = 48;
/// How many workers of a pool.
const SEATS: usize = 224;
const NAME_LENGTH: usize = 1;
const NAME: usize = 2;
const COUNTS: usize = NAME + NAME_WORDS;
const SEATS_AT: usize = 32;
const LINES_AT: usize = SEATS_AT + SEATS;
/// Words of a cache line: workers do not disturb each other.
const LINE: usize = 8;
const POST_WORDS: usize = LINES_AT + SEATS * LINE;
const WORD: usize = size_of::<u64>();
/// Words of all of it.
pub(crate) const WORDS: usize = POSTS + POSTS * POST_WORDS;

/// A bit, and a number below it, in the lower half of a seat's words.
const MARK: u64 = 1 << 31;
const NUMBER: u64 = MARK - 1;

/// How much a pool has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolCounts {
    /// How many workers there may be.
    pub workers: u64,
    /// Tasks that no worker has.
    pub queued: u64,
    /// Tasks that workers have, and whose results the pool has not read.
    pub in_flight: u64,
    /// Tasks that have their result.
    pub done: u64,
}

/// A pool of a family, as it is seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolListing {
    /// A number that no other pool of the family has, now or for a long time.
    pub id: u64,
    /// Its name, cut to 128 bytes.
    pub name: String,
    /// The process that it belongs to.
    pub parent_pid: u32,
    /// How long ago it was posted: with its first worker.
    pub age: Duration,
    /// How much it has to do.
    pub counts: PoolCounts,
    /// Its workers, as far as there are [seats](Self::SEATS).
    pub workers: Vec<WorkerListing>,
}

impl PoolListing {
    /// So many workers of a pool are listed at most.
    pub const SEATS: usize = SEATS;
}

/// A worker of a pool, as it is seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerListing {
    /// Its pid.
    pub pid: u32,
    /// What it does.
    pub work: Work,
    /// How long it has done that; zero before its first task.
    pub time: Duration,
    /// How many tasks it has done.
    pub done: u64,
}

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// It comes up, or runs its initializer.
    Starting,
    /// It waits for a task.
    Idle,
    /// It is in a task.
    Busy,
}

/// The post of a pool: for the process that it belongs to.
#[derive(Debug)]
pub struct PoolPost {
    roster: &'static Roster,
    place: usize,
    state: State,
}

impl PoolPost {
    /// Takes a place for a pool; `None` when all are taken, or this process is in no family.
    pub fn open(name: &str) -> Option<Self> {
        Self::claim(member::existing()?.roster(), name)
    }

    fn claim(roster: &'static Roster, name: &str) -> Option<Self> {
        let try_claim = |place| Self::try_claim(roster, place, name, |_| false);
        (0..POSTS).find_map(try_claim).or_else(|| {
            let of_dead = |owner| !roster::runs(owner);
            (0..POSTS).find_map(|place| Self::try_claim(roster, place, name, of_dead))
        })
    }

    fn try_claim(
        roster: &'static Roster,
        place: usize,
        name: &str,
        is_gone: impl Fn(u32) -> bool,
    ) -> Option<Self> {
        let state = state(roster, place);
        let old = State::from_word(state[0].load(Ordering::Acquire));
        if old.phase != FREE && !is_gone(old.owner) {
            return None;
        }
        let claimed = old.next(CLAIMED, std::process::id());
        roster::swap(state, old, claimed)?;
        // Readers that see one of the words below must not see the old state with it.
        fence(Ordering::Release);
        let words = post(roster, place);
        words[0].store(moment::now(), Ordering::Relaxed);
        roster::store_name(&words[NAME_LENGTH], &words[NAME..COUNTS], name);
        words[COUNTS..SEATS_AT].iter().for_each(|word| word.store(0, Ordering::Relaxed));
        words[SEATS_AT..LINES_AT].iter().for_each(|seat| seat.store(0, Ordering::Relaxed));
        let open = State { phase: RUNNING, ..claimed };
        roster::swap(state, claimed, open)?;
        Some(Self { roster, place, state: open })
    }

    /// Says how much there is to do.
    #[inline]
    pub fn count(&self, counts: PoolCounts) {
        let PoolCounts { workers, queued, in_flight, done } = counts;
        let words = &post(self.roster, self.place)[COUNTS..SEATS_AT];
        for (word, number) in words.iter().zip([workers, queued, in_flight, done]) {
            word.store(number, Ordering::Relaxed);
        }
    }

    /// Says who sits in a seat (pid 0: nobody), and whether it is ready.
    pub fn seat(&self, seat: usize, pid: u32, is_ready: bool) {
        if let Some(word) = post(self.roster, self.place)[SEATS_AT..LINES_AT].get(seat) {
            word.store(half_and_mark(pid, is_ready, 0), Ordering::Relaxed);
        }
    }

    /// What the worker of a seat needs for its [`SeatPost`]; 0 where there is none.
    pub fn ticket(&self, seat: usize) -> u64 {
        if seat < SEATS { (self.place * SEATS + seat) as u64 + 1 } else { 0 }
    }
}

impl Drop for PoolPost {
    fn drop(&mut self) {
        // A forked copy of the owner leaves it alone.
        if self.state.owner == std::process::id() {
            let free = State { phase: FREE, owner: 0, ..self.state };
            roster::swap(state(self.roster, self.place), self.state, free);
        }
    }
}

/// The line of a seat: for the worker that sits there.
#[derive(Debug)]
pub struct SeatPost {
    line: &'static [AtomicU64],
    pid: u32,
    done: u64,
}

impl SeatPost {
    /// From what [`PoolPost::ticket`] gave; `None` for anything else.
    pub fn of(ticket: u64) -> Option<Self> {
        let member = member::existing()?;
        let line = line(member.roster(), usize::try_from(ticket).ok()?.checked_sub(1)?)?;
        Some(Self { line, pid: member.pid(), done: 0 })
    }

    /// A task begins, at a moment as [`moment::now`] gives them.
    #[inline]
    pub fn begin(&self, at: u64) {
        self.store(at, true);
    }

    /// It has ended.
    #[inline]
    pub fn end(&mut self, at: u64) {
        self.done += 1;
        self.store(at, false);
    }

    fn store(&self, at: u64, is_busy: bool) {
        self.line[0].store(at, Ordering::Relaxed);
        self.line[1].store(half_and_mark(self.pid, is_busy, self.done), Ordering::Relaxed);
    }
}

fn half_and_mark(half: u32, mark: bool, number: u64) -> u64 {
    u64::from(half) << 32 | if mark { MARK } else { 0 } | number & NUMBER
}

/// As a slice of one, which is what a compare-and-swap of the roster takes.
fn state(roster: &Roster, place: usize) -> &[AtomicU64] {
    &roster.board()[place..][..1]
}

fn post(roster: &Roster, place: usize) -> &[AtomicU64] {
    &roster.board()[POSTS + place * POST_WORDS..][..POST_WORDS]
}

fn line(roster: &'static Roster, number: usize) -> Option<&'static [AtomicU64]> {
    let (place, seat) = (number / SEATS, number % SEATS);
    (place < POSTS).then(|| &post(roster, place)[LINES_AT + seat * LINE..][..LINE])
}

/// All pools on a board that `read` reads: bytes from an offset on.
pub(crate) fn pools(
    read: impl Fn(&mut [u8], u64) -> io::Result<()>,
) -> io::Result<Vec<PoolListing>> {
    let mut states = [0; POSTS * WORD];
    read(&mut states, 0)?;
    let mut pools = Vec::new();
    for (place, &before) in states.as_chunks::<WORD>().0.iter().enumerate() {
        if !is_open(u64::from_ne_bytes(before)) {
            continue;
        }
        let (mut bytes, mut after) = (vec![0; POST_WORDS * WORD], [0; WORD]);
        read(&mut bytes, ((POSTS + place * POST_WORDS) * WORD) as u64)?;
        read(&mut after, (place * WORD) as u64)?;
        if before == after {
            let words: Vec<_> =
                bytes.as_chunks().0.iter().map(|&word| u64::from_ne_bytes(word)).collect();
            pools.extend(listing((place, u64::from_ne_bytes(before)), &words));
        }
    }
    Ok(pools)
}

fn is_open(state: u64) -> bool {
    State::from_word(state).phase == RUNNING
}

/// What the words of a post say, if the process of its pool runs.
fn listing((place, state): (usize, u64), words: &[u64]) -> Option<PoolListing> {
    let State { owner, generation, .. } = State::from_word(state);
    if !stat::is_running_since(owner, words[0]) {
        return None;
    }
    let now = moment::now();
    let lines = words[LINES_AT..].as_chunks::<LINE>().0.iter();
    let seats = words[SEATS_AT..LINES_AT].iter().zip(lines);
    Some(PoolListing {
        id: u64::from(generation) << 32 | place as u64,
        name: roster::load_name(words[NAME_LENGTH], &words[NAME..COUNTS]),
        parent_pid: owner,
        age: Duration::from_nanos(now.saturating_sub(words[0])),
        counts: PoolCounts {
            workers: words[COUNTS],
            queued: words[COUNTS + 1],
            in_flight: words[COUNTS + 2],
            done: words[COUNTS + 3],
        },
        workers: seats.filter_map(|(&seat, line)| worker(seat, line, now)).collect(),
    })
}

/// Who sits in a seat: what the pool says, and what the worker says, if that is of the same process.
fn worker(seat: u64, &[since, own, ..]: &[u64; LINE], now: u64) -> Option<WorkerListing> {
    let (pid, is_ready) = ((seat >> 32) as u32, seat & MARK != 0);
    let own = ((own >> 32) as u32 == pid).then_some((own & MARK != 0, own & NUMBER));
    let (work, done) = match own {
        Some((true, done)) => (Work::Busy, done),
        Some((false, done)) => (Work::Idle, done),
        None if is_ready => (Work::Idle, 0),
        None => (Work::Starting, 0),
    };
    let time = own.map_or(0, |_| now.saturating_sub(since));
    let time = Duration::from_nanos(time);
    (pid != 0).then_some(WorkerListing { pid, work, time, done })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn roster() -> &'static Roster {
        Box::leak(Box::new(Roster::create().unwrap()))
    }

    fn listed(roster: &Roster) -> Vec<PoolListing> {
        pools(|bytes, at| {
            let words = roster.board()[at as usize / WORD..].iter();
            for (bytes, word) in bytes.as_chunks_mut::<WORD>().0.iter_mut().zip(words) {
                *bytes = word.load(Ordering::Relaxed).to_ne_bytes();
            }
            Ok(())
        })
        .unwrap()
    }

    #[test]
    fn a_pool_is_posted_until_it_ends() {
        let roster = roster();
        let post = PoolPost::claim(roster, "resize").unwrap();
        let counts = PoolCounts { workers: 4, queued: 120, in_flight: 3, done: 99 };
        post.count(counts);
        post.seat(0, 7, false);
        post.seat(2, 8, true);
        post.seat(SEATS, 9, true);
        let pool = listed(roster).pop().unwrap();
        assert_eq!((pool.name.as_str(), pool.parent_pid), ("resize", std::process::id()));
        assert_eq!(pool.counts, counts);
        let works: Vec<_> = pool.workers.iter().map(|one| (one.pid, one.work)).collect();
        assert_eq!(works, [(7, Work::Starting), (8, Work::Idle)]);
        post.seat(0, 0, false);
        assert_eq!(listed(roster)[0].workers.len(), 1);
        drop(post);
        assert_eq!(listed(roster), []);
        assert_ne!(PoolPost::claim(roster, "next").map(|_| listed(roster)[0].id), Some(pool.id));
    }

    #[test]
    fn a_worker_says_itself_what_it_does() {
        let roster = roster();
        let post = PoolPost::claim(roster, "pool").unwrap();
        let line = line(roster, post.ticket(5) as usize - 1).unwrap();
        let mut seat = SeatPost { line, pid: 77, done: 0 };
        let seen = || listed(roster)[0].workers.first().copied();
        seat.begin(moment::now() - 2_000_000_000);
        assert_eq!(seen(), None, "the pool has not said that it sits there");
        post.seat(5, 77, true);
        let busy = seen().unwrap();
        assert_eq!((busy.work, busy.done), (Work::Busy, 0));
        assert!(busy.time >= Duration::from_secs(2));
        seat.end(moment::now());
        assert_eq!(seen().map(|one| (one.work, one.done)), Some((Work::Idle, 1)));
        post.seat(5, 78, false);
        let next = seen().unwrap();
        assert_eq!(
            (next.work, next.done),
            (Work::Starting, 0),
            "what is there is its predecessor's"
        );
    }

    #[test]
    fn posts_of_the_dead_are_taken_when_all_are_taken() {
        let roster = roster();
        let mut posts: Vec<_> = (0..POSTS).map(|_| PoolPost::claim(roster, "x").unwrap()).collect();
        assert!(PoolPost::claim(roster, "more").is_none());
        // No process has this pid: it is above the kernel's limit.
        let dead = State { owner: 1 << 30, ..posts[9].state };
        roster::swap(state(roster, 9), posts[9].state, dead).unwrap();
        assert_eq!(listed(roster).len(), POSTS - 1);
        let again = PoolPost::claim(roster, "again").unwrap();
        assert_eq!(again.place, 9);
        drop(posts.remove(9));
        assert_eq!(listed(roster).len(), POSTS, "who lost a post cannot free it");
    }

    #[test]
    fn a_copy_of_the_owner_frees_nothing() {
        let roster = roster();
        let post = PoolPost::claim(roster, "x").unwrap();
        let of_parent = State { owner: std::process::id() + 1, ..post.state };
        roster::swap(state(roster, 0), post.state, of_parent).unwrap();
        drop(PoolPost { roster, place: 0, state: of_parent });
        assert_eq!(state(roster, 0)[0].load(Ordering::Relaxed), of_parent.to_word());
    }

    #[test]
    fn a_ticket_is_good_for_its_own_seat() {
        let roster = roster();
        let post = PoolPost { roster, place: POSTS - 1, state: State::from_word(0) };
        assert_eq!(post.ticket(SEATS), 0);
        let last = post.ticket(SEATS - 1) as usize - 1;
        let end = roster.board().as_ptr_range().end;
        assert_eq!(line(roster, last).unwrap().as_ptr_range().end, end);
        assert!(line(roster, last + 1).is_none());
    }

    proptest! {
        #[test]
        fn any_memory_is_read_without_a_panic(
            noise in proptest::collection::vec(any::<u64>(), 64),
            is_mine in any::<bool>(),
        ) {
            let own = State::from_word(0).next(RUNNING, std::process::id()).to_word();
            let read = |bytes: &mut [u8], at: u64| {
                let words = noise.iter().cycle().skip(at as usize / WORD % noise.len());
                for (bytes, word) in bytes.as_chunks_mut::<WORD>().0.iter_mut().zip(words) {
                    *bytes = word.to_ne_bytes();
                }
                if is_mine && at < (POSTS * WORD) as u64 {
                    bytes[..WORD].copy_from_slice(&own.to_ne_bytes());
                }
                Ok(())
            };
            for pool in pools(read).unwrap() {
                prop_assert!(pool.workers.len() <= SEATS && pool.name.len() <= 3 * 8 * NAME_WORDS);
            }
        }
    }
}
