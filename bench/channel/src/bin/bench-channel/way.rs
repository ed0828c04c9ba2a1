//! A way to send messages, and races over it.
#![expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]

use polyproc_bench_ipc::play::{Shared, child, join};
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

/// What all players of a race know.
struct Field {
    ready: AtomicU64,
    go: AtomicU64,
    /// When the last receiver was done, in nanoseconds since the race was made up.
    end: AtomicU64,
}

impl Field {
    fn wait_for_go(&self) {
        self.ready.fetch_add(1, Ordering::AcqRel);
        while self.go.load(Ordering::Acquire) == 0 {
            std::hint::spin_loop();
        }
    }
}

/// Millions of messages a second from first to last, between processes.
pub(crate) fn one_way(way: &dyn Way, crew: Crew, messages: u64, bytes: &[u8]) -> io::Result<f64> {
    let field = Shared::new([const { AtomicU64::new(0) }; 3])?;
    let [ready, go, end] = &*field;
    let base = Instant::now();
    let wait_for_go = || {
        ready.fetch_add(1, Ordering::AcqRel);
        while go.load(Ordering::Acquire) == 0 {
            std::hint::spin_loop();
        }
    };
    let mut players = Vec::new();
    for _ in 0..crew.receivers {
        players.push(child(|| {
            way.open_to_receive();
            wait_for_go();
            for _ in 0..messages / crew.receivers {
                assert_eq!(way.receive(), bytes.len());
            }
            end.fetch_max(base.elapsed().as_nanos() as u64, Ordering::AcqRel);
            way.leave();
        })?);
    }
    for _ in 0..crew.senders {
        players.push(child(|| {
            way.open_to_send();
            wait_for_go();
            for _ in 0..messages / crew.senders {
                way.send(bytes);
            }
            // What it sent may be gone with it.
            while end.load(Ordering::Acquire) == 0 {
                std::thread::yield_now();
            }
            way.leave();
        })?);
    }
    while ready.load(Ordering::Acquire) != crew.senders + crew.receivers {
        std::thread::yield_now();
    }
    let start = base.elapsed().as_nanos() as u64;
    go.store(1, Ordering::Release);
    for player in &players {
        join(player)?;
    }
    Ok(messages as f64 * 1e3 / (end.load(Ordering::Acquire) - start) as f64)
}

/// The same between threads.
pub(crate) fn one_way_in_threads(
    way: &(impl Way + Sync),
    crew: Crew,
    messages: u64,
    bytes: &[u8],
) -> f64 {
    let field = Field { ready: AtomicU64::new(0), go: AtomicU64::new(0), end: AtomicU64::new(0) };
    let base = Instant::now();
    let receive = || {
        field.wait_for_go();
        for _ in 0..messages / crew.receivers {
            assert_eq!(way.receive(), bytes.len());
        }
        field.end.fetch_max(base.elapsed().as_nanos() as u64, Ordering::AcqRel);
    };
    let send = || {
        field.wait_for_go();
        for _ in 0..messages / crew.senders {
            way.send(bytes);
        }
    };
    let start = std::thread::scope(|scope| {
        for _ in 0..crew.receivers {
            scope.spawn(receive);
        }
        for _ in 0..crew.senders {
            scope.spawn(send);
        }
        while field.ready.load(Ordering::Acquire) != crew.senders + crew.receivers {
            std::thread::yield_now();
        }
        let start = base.elapsed().as_nanos() as u64;
        field.go.store(1, Ordering::Release);
        start
    });
    messages as f64 * 1e3 / (field.end.load(Ordering::Acquire) - start) as f64
}

/// Microseconds of a round trip between two processes that both stay awake.
pub(crate) fn round_trip(ways: [&dyn Way; 2], rounds: u32) -> io::Result<f64> {
    let bytes = [7; 64];
    let gone = Shared::new(AtomicU64::new(0))?;
    let other = child(|| {
        ways[0].open_to_receive();
        ways[1].open_to_send();
        for _ in 0..=rounds {
            assert_eq!(ways[0].receive(), bytes.len());
            ways[1].send(&bytes);
        }
        // What it sent may be gone with it.
        while gone.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
        for way in ways {
            way.leave();
        }
    })?;
    ways[1].open_to_receive();
    ways[0].open_to_send();
    let turn = || {
        ways[0].send(&bytes);
        assert_eq!(ways[1].receive(), bytes.len());
    };
    // The first one waits for the other to be there.
    turn();
    let start = Instant::now();
    (0..rounds).for_each(|_| turn());
    let time = start.elapsed();
    gone.store(1, Ordering::Release);
    for way in ways {
        way.leave();
    }
    join(&other)?;
    Ok(time.as_secs_f64() * 1e6 / f64::from(rounds))
}

/// Microseconds of a round trip between two threads.
pub(crate) fn round_trip_in_threads(ways: &[impl Way + Sync; 2], rounds: u32) -> f64 {
    let bytes = [7; 64];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..rounds {
                ways[0].receive();
                ways[1].send(&bytes);
            }
        });
        let start = Instant::now();
        for _ in 0..rounds {
            ways[0].send(&bytes);
            ways[1].receive();
        }
        start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds)
    })
}
