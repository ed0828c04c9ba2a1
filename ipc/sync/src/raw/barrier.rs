//! A meeting point for a fixed number of parties.
//!
//! | bits of `state` | meaning |
//! |---|---|
//! | 0 | somebody may sleep |
//! | 1 | broken, until `reset` |
//! | 2 | tripping: all have arrived, the last one runs the action |
//! | 3 | the generation before this one was broken |
//! | 4–15 | how many have arrived |
//! | 16–31 | generation |
//!
//! Every change is one compare-and-exchange, so a party that is killed has arrived or has not.

use super::lock::leave;
use crate::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::crash_point;
use crate::owner::Owner;
use crate::park::{EAGER, Host, Outcome, Park, SLICE, Slice, Wait, sleep_slice};
use crate::report::{Kind, Report};
use std::marker::PhantomData;

const SLEEPERS: u32 = 1;
const BROKEN: u32 = 2;
const TRIPPING: u32 = 4;
const BROKEN_BEFORE: u32 = 8;
const ONE: u32 = 1 << 4;
const COUNT: u32 = 0xfff;
const GENERATION: u32 = 1 << 16;
/// How many processes can enroll.
const ENROLLED: usize = 32;

fn count(state: u32) -> u32 {
    (state / ONE) & COUNT
}

/// The start of the next generation.
fn next(state: u32) -> u32 {
    (state & !(GENERATION - 1)).wrapping_add(GENERATION)
}

/// A meeting point for a fixed number of parties.
///
/// A party that dies after it arrived has arrived. One that dies before would keep the others for
/// ever: give them a timeout, or have the parties [`enroll`](Barrier::enroll).
#[derive(Debug)]
#[repr(C)]
pub struct Barrier<P = Host> {
    /// As above. Also the futex.
    state: AtomicU32,
    parties: u32,
    /// How many sleep: for onlookers.
    waiters: AtomicU32,
    reserved: u32,
    /// Who runs the action while tripping; 0 otherwise.
    leader: AtomicU64,
    /// Processes whose death breaks the barrier.
    enrolled: [AtomicU64; ENROLLED],
    park: PhantomData<P>,
}

/// How a wait at a barrier ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Arrival {
    /// All are here.
    Passed {
        /// How many had arrived before this one, from 0.
        index: u32,
        /// Whether this one was the last.
        leader: bool,
    },
    /// Somebody gave up, aborted, reset, or died: nobody passes until [`Barrier::reset`].
    Broken,
    /// A signal handler ran. This party has arrived: go on with [`Barrier::wait_on`].
    Interrupted(Ticket),
}

/// The place of a party that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    generation: u32,
    index: u32,
}

impl<P> Barrier<P> {
    /// For `parties`, at most 4,095; none are taken as one.
    #[cfg(not(loom))]
    pub const fn new(parties: u32) -> Self {
        Self {
            state: AtomicU32::new(0),
            parties: if parties > COUNT { COUNT } else { parties },
            waiters: AtomicU32::new(0),
            reserved: 0,
            leader: AtomicU64::new(0),
            enrolled: [const { AtomicU64::new(0) }; ENROLLED],
            park: PhantomData,
        }
    }

    /// For `parties`, for the model.
    #[cfg(loom)]
    pub fn new(parties: u32) -> Self {
        Self {
            state: AtomicU32::new(0),
            parties,
            waiters: AtomicU32::new(0),
            reserved: 0,
            leader: AtomicU64::new(0),
            enrolled: std::array::from_fn(|_| AtomicU64::new(0)),
            park: PhantomData,
        }
    }

    /// How many have to arrive.
    pub fn parties(&self) -> u32 {
        self.parties.clamp(1, COUNT)
    }

    /// How many have arrived and wait.
    pub fn waiting(&self) -> u32 {
        count(self.state.load(Ordering::Relaxed))
    }

    /// Whether it is broken.
    pub fn is_broken(&self) -> bool {
        self.state.load(Ordering::Relaxed) & BROKEN != 0
    }

    /// The state at this moment; the holder is who runs the action.
    pub fn report(&self) -> Report {
        Report {
            kind: Kind::Barrier,
            holder: Owner::from_word(self.leader.load(Ordering::Relaxed)),
            thread: None,
            waiters: self.waiters.load(Ordering::Relaxed),
            count: self.waiting(),
            abandoned: self.is_broken(),
        }
    }
}

impl<P: Park> Barrier<P> {
    /// Arrives and waits for the others. A wait that times out breaks the barrier.
    pub fn wait(&self, wait: Wait) -> Arrival {
        self.arrive(wait, None)
    }

    /// The same; the last one to arrive runs `action` before anybody passes. An action that answers
    /// false or panics breaks the barrier, and so does death in it.
    pub fn wait_then(&self, wait: Wait, action: &mut dyn FnMut() -> bool) -> Arrival {
        self.arrive(wait, Some(action))
    }

    /// Goes on with a wait that a signal interrupted.
    pub fn wait_on(&self, ticket: Ticket, wait: Wait) -> Arrival {
        self.wait_for_others(ticket, wait)
    }

    fn arrive(&self, wait: Wait, action: Option<&mut dyn FnMut() -> bool>) -> Arrival {
        let mut state = self.state.load(Ordering::Acquire);
        loop {
            if state & BROKEN != 0 {
                return Arrival::Broken;
            }
            if state & TRIPPING != 0 {
                let ticket = ticket(state);
                match self.wait_for_others(ticket, wait) {
                    Arrival::Passed { .. } => state = self.state.load(Ordering::Acquire),
                    other => return other,
                }
                continue;
            }
            let last = count(state) + 1 >= self.parties();
            let new = match (last, &action) {
                (false, _) => state + ONE,
                (true, None) => next(state),
                (true, Some(_)) => (state + ONE) | TRIPPING,
            };
            if let Err(other) = self.exchange(state, new) {
                state = other;
                continue;
            }
            crash_point!("barrier.arrived");
            return match (last, action) {
                (false, _) => self.wait_for_others(ticket(state), wait),
                (true, None) => self.passed_last(state),
                (true, Some(action)) => self.lead(state, new, action),
            };
        }
    }

    fn passed_last(&self, state: u32) -> Arrival {
        self.wake_marked(state);
        Arrival::Passed { index: count(state), leader: true }
    }

    /// Runs the action and lets the others pass. `state` is from before the last arrival.
    fn lead(&self, state: u32, tripping: u32, action: &mut dyn FnMut() -> bool) -> Arrival {
        self.leader.store(P::me().to_word(), Ordering::Relaxed);
        crash_point!("barrier.leading");
        let broken = BreakOnPanic(self);
        let good = action();
        self.leader.store(0, Ordering::Relaxed);
        broken.disarm();
        let mut current = tripping;
        while good && current & !SLEEPERS == tripping & !SLEEPERS {
            match self.exchange(current, next(current)) {
                Ok(()) => return self.passed_last(state | current & SLEEPERS),
                Err(other) => current = other,
            }
        }
        self.abort();
        Arrival::Broken
    }

    fn exchange(&self, from: u32, to: u32) -> Result<(), u32> {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }

    fn wake_marked(&self, state: u32) {
        crash_point!("barrier.changed");
        if state & SLEEPERS != 0 && P::wake(&self.state, u32::MAX) == 0 {
            self.waiters.store(0, Ordering::Relaxed);
        }
    }

    fn wait_for_others(&self, ticket: Ticket, wait: Wait) -> Arrival {
        P::spin(EAGER, || end_of(ticket, self.state.load(Ordering::Acquire)).is_some());
        let mut leaderless = false;
        loop {
            let state = self.state.load(Ordering::Acquire);
            if let Some(end) = end_of(ticket, state) {
                return end;
            }
            if state & SLEEPERS == 0 && self.exchange(state, state | SLEEPERS).is_err() {
                continue;
            }
            crash_point!("barrier.marked");
            self.waiters.fetch_add(1, Ordering::Relaxed);
            let slice = sleep_slice::<P>(&self.state, state | SLEEPERS, wait, SLICE);
            leave(&self.waiters);
            match slice {
                Slice::Look => {}
                Slice::Over => leaderless = self.check_parties(state, leaderless),
                Slice::GiveUp(Outcome::Interrupted) => return Arrival::Interrupted(ticket),
                Slice::GiveUp(_) => return self.give_up(ticket),
            }
        }
    }

    /// Breaks it for all, unless it has ended meanwhile.
    fn give_up(&self, ticket: Ticket) -> Arrival {
        loop {
            let state = self.state.load(Ordering::Acquire);
            if let Some(end) = end_of(ticket, state) {
                return end;
            }
            if self.break_from(state) {
                return Arrival::Broken;
            }
        }
    }

    /// Nothing has happened for a slice: breaks it if a leader or an enrolled process is dead. Says
    /// whether it trips without a leader, who was killed between two steps if that is so twice.
    fn check_parties(&self, state: u32, leaderless: bool) -> bool {
        let dead = |word: &AtomicU64| {
            Owner::from_word(word.load(Ordering::Relaxed)).is_some_and(|owner| !P::is_alive(owner))
        };
        let tripping = state & TRIPPING != 0;
        let without = tripping && self.leader.load(Ordering::Relaxed) == 0;
        if tripping && (dead(&self.leader) || (without && leaderless)) {
            self.leader.store(0, Ordering::Relaxed);
            self.break_from(state | SLEEPERS);
        }
        for party in self.enrolled.iter().filter(|party| dead(party)) {
            party.store(0, Ordering::Relaxed);
            self.abort();
        }
        without
    }

    fn break_from(&self, state: u32) -> bool {
        let broken = self.exchange(state, state & !(SLEEPERS | TRIPPING) | BROKEN).is_ok();
        if broken {
            self.wake_marked(state);
        }
        broken
    }

    /// Breaks it: all who wait, and all who come, get [`Arrival::Broken`] until [`Barrier::reset`].
    pub fn abort(&self) {
        let mut state = self.state.load(Ordering::Acquire);
        while state & BROKEN == 0 && !self.break_from(state) {
            state = self.state.load(Ordering::Acquire);
        }
    }

    /// Makes it new: who waits gets [`Arrival::Broken`], who comes later waits for all.
    pub fn reset(&self) {
        let mut state = self.state.load(Ordering::Acquire);
        while state & BROKEN != 0 || count(state) != 0 {
            match self.exchange(state, next(state) | BROKEN_BEFORE) {
                Ok(()) => return self.wake_marked(state),
                Err(other) => state = other,
            }
        }
    }

    /// From now on the death of the calling process breaks the barrier for those who wait, within
    /// 100 ms. False when 32 others are enrolled already.
    pub fn enroll(&self) -> bool {
        let me = P::me().to_word();
        self.enrolled.iter().any(|place| {
            place.load(Ordering::Relaxed) == me
                || place.compare_exchange(0, me, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        })
    }

    /// Takes back [`Barrier::enroll`].
    pub fn leave(&self) {
        let me = P::me().to_word();
        for place in &self.enrolled {
            _ = place.compare_exchange(me, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

fn ticket(state: u32) -> Ticket {
    Ticket { generation: state / GENERATION, index: count(state) }
}

/// How it ended for a party that arrived with `ticket`; none while it has not.
fn end_of(ticket: Ticket, state: u32) -> Option<Arrival> {
    let generation = state / GENERATION;
    if generation == ticket.generation {
        return (state & BROKEN != 0).then_some(Arrival::Broken);
    }
    let follows = generation == next(ticket.generation * GENERATION) / GENERATION;
    Some(if follows && state & BROKEN_BEFORE != 0 {
        Arrival::Broken
    } else {
        Arrival::Passed { index: ticket.index, leader: false }
    })
}

/// Breaks the barrier when the action unwinds.
struct BreakOnPanic<'a, P: Park>(&'a Barrier<P>);

impl<P: Park> BreakOnPanic<'_, P> {
    fn disarm(self) {
        let _not_dropped = std::mem::ManuallyDrop::new(self);
    }
}

impl<P: Park> Drop for BreakOnPanic<'_, P> {
    fn drop(&mut self) {
        self.0.leader.store(0, Ordering::Relaxed);
        self.0.abort();
    }
}

#[cfg(all(test, not(loom)))]
#[expect(clippy::excessive_nesting, reason = "threads in scopes")]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn all_pass_together_again_and_again() {
        let (barrier, arrived) = (Barrier::<Host>::new(4), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 1..=200 {
                        arrived.fetch_add(1, Ordering::Relaxed);
                        let arrival = barrier.wait(Wait::FOREVER);
                        assert!(matches!(arrival, Arrival::Passed { index: 0..=3, .. }));
                        assert!(arrived.load(Ordering::Relaxed) >= 4 * round);
                    }
                });
            }
        });
        assert_eq!(barrier.waiting(), 0);
    }

    #[test]
    fn the_last_runs_the_action_before_anybody_passes() {
        let (barrier, ran) = (Barrier::<Host>::new(3), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for round in 1..=100 {
                        let mut action = || {
                            ran.fetch_add(1, Ordering::Relaxed);
                            true
                        };
                        let arrival = barrier.wait_then(Wait::FOREVER, &mut action);
                        assert!(matches!(arrival, Arrival::Passed { .. }));
                        assert!(ran.load(Ordering::Relaxed) >= round);
                    }
                });
            }
        });
        assert_eq!(ran.load(Ordering::Relaxed), 100);
    }

    #[test]
    fn a_timeout_breaks_it_and_reset_mends_it() {
        let barrier: Barrier = Barrier::new(2);
        let soon = Wait::timeout(Duration::from_millis(1));
        assert_eq!(barrier.wait(soon), Arrival::Broken);
        assert_eq!(barrier.wait(Wait::FOREVER), Arrival::Broken);
        barrier.reset();
        assert!(!barrier.is_broken() && barrier.waiting() == 0);
        let failing = &mut || false;
        let one: Barrier = Barrier::new(1);
        assert_eq!(one.wait_then(Wait::FOREVER, failing), Arrival::Broken);
        assert!(one.is_broken());
    }

    #[test]
    fn reset_and_abort_send_the_waiting_away() {
        let barrier: Barrier = Barrier::new(2);
        for send_away in [Barrier::<Host>::reset, Barrier::<Host>::abort] {
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| barrier.wait(Wait::FOREVER));
                while barrier.waiting() == 0 {
                    std::thread::yield_now();
                }
                send_away(&barrier);
                assert_eq!(waiter.join().unwrap(), Arrival::Broken);
            });
        }
    }

    #[test]
    fn the_death_of_an_enrolled_process_breaks_it() {
        let barrier: Barrier = Barrier::new(2);
        assert!(barrier.enroll());
        let dead = Owner::new(Owner::PID_MASK as u32, 7);
        barrier.enrolled[1].store(dead.to_word(), Ordering::Relaxed);
        assert_eq!(barrier.wait(Wait::FOREVER), Arrival::Broken);
    }

    #[test]
    fn a_leader_that_died_in_the_action_breaks_it() {
        for leader in [Owner::new(Owner::PID_MASK as u32, 7).to_word(), 0] {
            let barrier: Barrier = Barrier::new(2);
            barrier.state.store((2 * ONE) | TRIPPING, Ordering::Relaxed);
            barrier.leader.store(leader, Ordering::Relaxed);
            assert_eq!(barrier.wait(Wait::FOREVER), Arrival::Broken);
        }
    }
}
