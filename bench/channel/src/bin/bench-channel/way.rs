//! A way to send messages, and races over it.
#![expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]

use polyproc_bench_ipc::play::Shared;
use polyproc_bench_ipc::players::{Players, Rally, or_exit};
use polyproc_sync::{Host, Wait, raw};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// One direction between two processes (or threads). Made before the fork; what cannot be inherited
/// is made at the first use.
pub(crate) trait Way {
    fn send(&self, bytes: &[u8]);

    /// Receives one message; says how long it was.
    fn receive(&self) -> usize;

    /// Before the first message, in the sender.
    fn open_to_send(&self) {}

    /// Before the first message, in the receiver.
    fn open_to_receive(&self) {}

    /// After the last message.
    fn leave(&self) {}
}

/// How many of each.
#[derive(Clone, Copy)]
pub(crate) struct Crew {
    pub(crate) senders: u64,
    pub(crate) receivers: u64,
}

/// So many equal messages, by so many.
#[derive(Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) crew: Crew,
    pub(crate) messages: u64,
    pub(crate) bytes: &'a [u8],
}

/// What all players of a race know.
struct Field {
    base: Instant,
    /// How many are at the start.
    ready: AtomicU64,
    /// When the first of them began, and when the last receiver was done: nanoseconds since `base`.
    start: AtomicU64,
    end: AtomicU64,
    /// How many receivers are done, and that all are.
    done: AtomicU64,
    all_done: raw::Event<Host>,
}

impl Field {
    fn new() -> Self {
        Self {
            base: Instant::now(),
            ready: AtomicU64::new(0),
            start: AtomicU64::new(u64::MAX),
            end: AtomicU64::new(0),
            done: AtomicU64::new(0),
            all_done: raw::Event::new(),
        }
    }

    fn now(&self) -> u64 {
        self.base.elapsed().as_nanos() as u64
    }

    /// Waits for all others, and begins with them.
    fn line_up(&self, crew: Crew) {
        self.ready.fetch_add(1, Ordering::AcqRel);
        while self.ready.load(Ordering::Acquire) < crew.senders + crew.receivers {
            std::thread::yield_now();
        }
        self.start.fetch_min(self.now(), Ordering::AcqRel);
    }

    fn receive(&self, way: &dyn Way, load: Load<'_>) {
        way.open_to_receive();
        self.line_up(load.crew);
        for _ in 0..load.messages / load.crew.receivers {
            assert_eq!(way.receive(), load.bytes.len());
        }
        self.end.fetch_max(self.now(), Ordering::AcqRel);
        if self.done.fetch_add(1, Ordering::AcqRel) + 1 == load.crew.receivers {
            self.all_done.set();
        }
        way.leave();
    }

    fn send(&self, way: &dyn Way, load: Load<'_>) {
        way.open_to_send();
        self.line_up(load.crew);
        for _ in 0..load.messages / load.crew.senders {
            way.send(load.bytes);
        }
        // What it sent may be gone with it.
        _ = self.all_done.wait(Wait::FOREVER);
        way.leave();
    }

    /// Millions of messages a second, from the first to the last.
    fn rate(&self, messages: u64) -> f64 {
        let time = self.end.load(Ordering::Acquire) - self.start.load(Ordering::Acquire);
        messages as f64 * 1e3 / time as f64
    }
}

/// Millions of messages a second between processes.
pub(crate) fn one_way(way: &dyn Way, load: Load<'_>) -> io::Result<f64> {
    let field = Shared::new(Field::new())?;
    let mut players = Players::default();
    for _ in 0..load.crew.receivers {
        players.start("receiver", || field.receive(way, load))?;
    }
    for _ in 0..load.crew.senders {
        players.start("sender", || field.send(way, load))?;
    }
    players.finish()?;
    Ok(field.rate(load.messages))
}

/// The same between the threads of one process.
pub(crate) fn one_way_in_threads(way: &(impl Way + Sync), load: Load<'_>) -> io::Result<f64> {
    let field = Shared::new(Field::new())?;
    let mut players = Players::default();
    players.start("process of the threads", || {
        let field: &Field = &field;
        std::thread::scope(|scope| {
            for _ in 0..load.crew.receivers {
                scope.spawn(move || or_exit(|| field.receive(way, load)));
            }
            for _ in 0..load.crew.senders {
                scope.spawn(move || or_exit(|| field.send(way, load)));
            }
        });
    })?;
    players.finish()?;
    Ok(field.rate(load.messages))
}

/// Microseconds of a round trip between two processes, there by the first way and back by the other.
pub(crate) fn round_trip(ways: [&dyn Way; 2], rally: Rally, bytes: &[u8]) -> io::Result<f64> {
    let receive = |side: usize| assert_eq!(ways[side].receive(), bytes.len());
    let leave = || ways.iter().for_each(|way| way.leave());
    rally.play(|side| ways[side].send(bytes), receive, leave)
}

/// The same between two threads, which stay awake.
pub(crate) fn round_trip_in_threads(
    ways: [&(impl Way + Sync); 2],
    rounds: u32,
    bytes: &[u8],
) -> io::Result<f64> {
    let spent = Shared::new(AtomicU64::new(0))?;
    let mut players = Players::default();
    let answer = || {
        for _ in 0..=rounds {
            assert_eq!(ways[0].receive(), bytes.len());
            ways[1].send(bytes);
        }
    };
    let turn = || {
        ways[0].send(bytes);
        assert_eq!(ways[1].receive(), bytes.len());
    };
    players.start("process of the threads", || {
        std::thread::scope(|scope| {
            scope.spawn(|| or_exit(answer));
            turn();
            let start = Instant::now();
            (0..rounds).for_each(|_| turn());
            spent.store(start.elapsed().as_nanos() as u64, Ordering::Release);
        });
    })?;
    players.finish()?;
    Ok(spent.load(Ordering::Acquire) as f64 / 1e3 / f64::from(rounds))
}
