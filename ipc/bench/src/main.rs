//! Measures `polyproc-sync` and `polyproc-shm` against their peers, side by side in one run.
//!
//! Prints one JSON object a line: `ratio` above 1 means that ours is better; `kind` tells a peer from a
//! bound, the least that the machine needs for the job. Figures are medians over rounds in which ours
//! and the peer take turns.
#![expect(clippy::print_stdout, reason = "prints what it measured")]

mod peer;
mod play;

use peer::{BareEvent, PthreadMutex};
use play::{Shared, both_busy, median_pair, per_step, ping_pong};
use polyproc_shm::Arena;
use polyproc_sync::{Event, Kind, Mutex, raw};
use std::hint::black_box;
use std::io;

/// One line of the result. `unit` is of a time, or `1/us` where more is better.
fn line(workload: &str, [ours, peer]: [f64; 2], peer_name: &str, kind: &str, unit: &str) {
    let ratio = if unit.starts_with("1/") {
        ours / peer
    } else {
        peer / ours
    };
    println!(
        r#"{{"group":"sync","workload":"{workload}","ours":{ours:.2},"peer":{peer:.2},"peer_name":"{peer_name}","kind":"{kind}","unit":"{unit}","ratio":{ratio:.2}}}"#
    );
}

fn main() -> io::Result<()> {
    if polyproc_sync::crash::COMPILED_IN {
        return Err(io::Error::other(
            "built with crash points: build this package by itself, with -p polyproc-bench-ipc",
        ));
    }
    uncontended()?;
    contended(2)?;
    contended(6)?;
    event_round_trips()?;
    inherited()?;
    arena()
}

fn uncontended() -> io::Result<()> {
    const STEPS: u32 = 200_000;
    let ours = Shared::new(Mutex::new(0_u64))?;
    let pthread = Shared::new(PthreadMutex::new())?;
    pthread.init(true);
    let std = std::sync::Mutex::new(0_u64);
    let our_step = || {
        if let Ok(mut guard) = ours.lock() {
            *guard = black_box(*guard + 1);
        }
    };
    let pair = median_pair(
        21,
        || per_step(STEPS, our_step),
        || per_step(STEPS, || pthread.add_one()),
    );
    line(
        "lock+unlock, uncontended",
        pair,
        "robust pshared pthread mutex",
        "peer",
        "ns",
    );
    let pair = median_pair(
        21,
        || per_step(STEPS, our_step),
        || {
            per_step(STEPS, || {
                if let Ok(mut guard) = std.lock() {
                    *guard = black_box(*guard + 1);
                }
            })
        },
    );
    line(
        "lock+unlock, uncontended",
        pair,
        "std::sync::Mutex (threads only)",
        "bound",
        "ns",
    );
    Ok(())
}

/// Two or more processes on two processors.
fn contended(processes: usize) -> io::Result<()> {
    let ours = Shared::new(Mutex::new(0_u64))?;
    let pthread = Shared::new(PthreadMutex::new())?;
    pthread.init(true);
    let (mut shares, mut peer_shares) = (Vec::new(), Vec::new());
    let pair = median_pair(
        7,
        || {
            let run = both_busy(processes, || {
                if let Ok(mut guard) = ours.lock() {
                    *guard = black_box(*guard + 1);
                }
            });
            run.map_or(0.0, |(rate, share)| {
                shares.push(share);
                rate
            })
        },
        || {
            let run = both_busy(processes, || pthread.add_one());
            run.map_or(0.0, |(rate, share)| {
                peer_shares.push(share);
                rate
            })
        },
    );
    let workload = format!("lock+unlock, {processes} processes contending");
    line(
        &workload,
        pair,
        "robust pshared pthread mutex",
        "peer",
        "1/us",
    );
    let shares = [shares, peer_shares].map(play::median);
    let workload = format!("share of the slowest of {processes} contending (1 = fair)");
    line(
        &workload,
        shares,
        "robust pshared pthread mutex",
        "peer",
        "1/1",
    );
    Ok(())
}

fn event_round_trips() -> io::Result<()> {
    let ours = Shared::new([Event::new(), Event::new()])?;
    let bare = Shared::new([BareEvent::new(), BareEvent::new()])?;
    let our_set = |side: usize| ours[side].set();
    let our_wait = |side: usize| {
        ours[side].wait();
        ours[side].clear();
    };
    let pair = median_pair(
        7,
        || ping_pong(100_000, our_set, our_wait, false),
        || {
            ping_pong(
                100_000,
                |side| bare[side].set(),
                |side| bare[side].spin(),
                false,
            )
        },
    );
    line(
        "event round trip, both awake",
        pair,
        "bare spinning on a word",
        "bound",
        "us",
    );
    let pair = median_pair(
        21,
        || ping_pong(300, our_set, our_wait, true),
        || {
            ping_pong(
                300,
                |side| bare[side].set(),
                |side| bare[side].sleep(),
                true,
            )
        },
    );
    line(
        "event round trip, both asleep",
        pair,
        "bare futex",
        "bound",
        "us",
    );
    let _hogs = play::Hogs::start(4)?;
    let busy = median_pair(
        7,
        || ping_pong(2000, our_set, our_wait, false),
        || {
            ping_pong(
                2000,
                |side| bare[side].set(),
                |side| bare[side].sleep(),
                false,
            )
        },
    );
    line(
        "event round trip, 4 busy processes beside",
        busy,
        "bare futex",
        "bound",
        "us",
    );
    Ok(())
}

/// From the kill of a holder to the moment at which a sleeping taker has the lock.
fn inherited() -> io::Result<()> {
    let lock = Shared::new(raw::Lock::new())?;
    let mut times = Vec::new();
    for _ in 0..11 {
        times.push(play::inherit(&lock)?);
    }
    let workload = "holder killed, sleeping taker has the lock (median)";
    let promise = "promised: 100";
    line(
        workload,
        [play::median(times.clone()), 100.0],
        promise,
        "bound",
        "ms",
    );
    let slowest = times.iter().copied().fold(0.0, f64::max);
    let workload = "holder killed, sleeping taker has the lock (slowest)";
    line(workload, [slowest, 100.0], promise, "bound", "ms");
    Ok(())
}

fn arena() -> io::Result<()> {
    let arena = Arena::create().map_err(io::Error::other)?;
    for size in [64, 4096, 1 << 20] {
        let steps = if size > 4096 { 200 } else { 50_000 };
        let pair = median_pair(
            11,
            || per_step(steps, || drop(black_box(arena.allocate(size, Kind::Bytes)))),
            || per_step(steps, || drop(black_box(vec![0_u8; black_box(size)]))),
        );
        let workload = format!("alloc+free, {size} zero bytes");
        line(&workload, pair, "malloc in one process", "bound", "ns");
    }
    let attach = || {
        let fd = arena.fd().try_clone_to_owned().map_err(polyproc_io);
        drop(black_box(fd.and_then(Arena::attach)));
    };
    let map = || drop(black_box(play::map_and_touch(&arena)));
    let pair = median_pair(
        11,
        || per_step(50, attach) / 1000.0,
        || per_step(50, map) / 1000.0,
    );
    line(
        "attach+leave",
        pair,
        "dup, mmap, touch, munmap",
        "bound",
        "us",
    );
    Ok(())
}

fn polyproc_io(source: io::Error) -> polyproc_shm::Error {
    polyproc_shm::Error::Named {
        name: "descriptor".into(),
        source,
    }
}
