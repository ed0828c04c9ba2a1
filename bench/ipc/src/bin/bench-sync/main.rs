//! `polyproc-sync` and `polyproc-shm` against their peers: locks, events, the arena.
#![expect(clippy::print_stderr, reason = "a program for the terminal")]

mod peer;
mod python;

use peer::{BareEvent, PosixSync, PthreadMutex};
use polyproc_bench::{Kind, Options, Race, Row, Unit, median, print};
use polyproc_bench_ipc::play::{self, Shared, both_busy, per_step};
use polyproc_bench_ipc::players::Rally;
use polyproc_shm::Arena;
use polyproc_sync::{Event, Mutex, raw};
use std::hint::black_box;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

type Error = Box<dyn std::error::Error>;

const PTHREAD: &str = "robust pshared pthread mutex";

fn main() -> ExitCode {
    polyproc_bench::main(run)
}

fn run(options: Options) -> Result<(), Error> {
    polyproc_bench_ipc::refuse_crash_points("sync")?;
    let mut rows = uncontended(options)?;
    for contenders in [&TWO, &SIX] {
        rows.extend(contended(options, contenders)?);
    }
    rows.extend(event_round_trips(options)?);
    match cpython(options) {
        Ok(more) => rows.extend(more),
        Err(error) => eprintln!("without CPython: {error}"),
    }
    rows.extend(inherited(options)?);
    rows.extend(arena(options)?);
    print(&rows, options.json);
    Ok(())
}

const fn race(group: &'static str, workload: &'static str, kind: Kind, peer: &'static str) -> Race {
    Race { group, workload, kind, peer }
}

fn add_one(mutex: &Mutex<u64>) {
    if let Ok(mut guard) = mutex.lock() {
        *guard = black_box(*guard + 1);
    }
}

fn uncontended(options: Options) -> io::Result<Vec<Row>> {
    const STEPS: u32 = 200_000;
    const WORKLOAD: &str = "lock + unlock";
    let ours = Shared::new(Mutex::new(0_u64))?;
    let pthread = Shared::new(PthreadMutex::new())?;
    pthread.init(true);
    let posix_sync = PosixSync::new();
    let std = std::sync::Mutex::new(0_u64);
    let std_step = || {
        if let Ok(mut guard) = std.lock() {
            *guard = black_box(*guard + 1);
        }
    };
    let by_ours = || per_step(STEPS, || add_one(&ours));
    let by_pthread = || per_step(STEPS, || pthread.add_one());
    let by_std = || per_step(STEPS, std_step);
    let against_pthread = race("lock", WORKLOAD, Kind::Peer, PTHREAD);
    let by_posix_sync = || per_step(STEPS, || posix_sync.add_one());
    let against_posix_sync = race("lock", WORKLOAD, Kind::Peer, "posix-sync 0.2, robust");
    let against_std = race("lock", WORKLOAD, Kind::Bound, "std Mutex, threads only");
    Ok(vec![
        against_pthread.row(Unit::Nanoseconds, options.medians(21, by_ours, by_pthread)),
        against_posix_sync.row(Unit::Nanoseconds, options.medians(21, by_ours, by_posix_sync)),
        against_std.row(Unit::Nanoseconds, options.medians(21, by_ours, by_std)),
    ])
}

/// Processes that want one lock all the time, and what two rows say of them.
struct Contenders {
    count: usize,
    rate: &'static str,
    share: &'static str,
}

const TWO: Contenders = Contenders {
    count: 2,
    rate: "lock + unlock, 2 processes contending",
    share: "the slowest of 2 contending (1 = fair)",
};

const SIX: Contenders = Contenders {
    count: 6,
    rate: "lock + unlock, 6 processes contending",
    share: "the slowest of 6 contending (1 = fair)",
};

fn contended(options: Options, contenders: &Contenders) -> io::Result<[Row; 2]> {
    let ours = Shared::new(Mutex::new(0_u64))?;
    let pthread = Shared::new(PthreadMutex::new())?;
    pthread.init(true);
    let (mut shares, mut peer_shares) = (Vec::new(), Vec::new());
    let note = |run: io::Result<(f64, f64)>, shares: &mut Vec<f64>| {
        run.map_or(0.0, |(rate, share)| {
            shares.push(share);
            rate
        })
    };
    let rates = options.medians(
        7,
        || note(both_busy(contenders.count, || add_one(&ours)), &mut shares),
        || note(both_busy(contenders.count, || pthread.add_one()), &mut peer_shares),
    );
    let against = |workload| race("lock", workload, Kind::Peer, PTHREAD);
    Ok([
        against(contenders.rate).row(Unit::MillionsPerSecond, rates),
        against(contenders.share).row(Unit::Share, [shares, peer_shares].map(median)),
    ])
}

fn event_round_trips(options: Options) -> io::Result<Vec<Row>> {
    let ours = Shared::new([Event::new(), Event::new()])?;
    let bare = Shared::new([BareEvent::new(), BareEvent::new()])?;
    let set = |side: usize| ours[side].set();
    let wait = |side: usize| {
        ours[side].wait();
        ours[side].clear();
    };
    let bare_set = |side: usize| bare[side].set();
    let (spin, sleep) = (|side: usize| bare[side].spin(), |side: usize| bare[side].sleep());
    let nothing = || ();
    let rally = Rally { rounds: 100_000, asleep: false };
    let awake = options.try_medians(
        7,
        || rally.play(set, wait, nothing),
        || rally.play(bare_set, spin, nothing),
    )?;
    let rally = Rally { rounds: 300, asleep: true };
    let asleep = options.try_medians(
        21,
        || rally.play(set, wait, nothing),
        || rally.play(bare_set, sleep, nothing),
    )?;
    let rally = Rally { rounds: 2000, asleep: false };
    let _hogs = play::hogs(4)?;
    let busy = options.try_medians(
        7,
        || rally.play(set, wait, nothing),
        || rally.play(bare_set, sleep, nothing),
    )?;
    let row = |workload, peer, medians| {
        race("event", workload, Kind::Bound, peer).row(Unit::Microseconds, medians)
    };
    Ok(vec![
        row("round trip, both awake", "bare spinning on a word", awake),
        row("round trip, both asleep", "bare futex", asleep),
        row("round trip, 4 busy processes beside", "bare futex", busy),
    ])
}

/// What the standard library of the other language has. The interpreter's own part is in it.
fn cpython(options: Options) -> io::Result<[Row; 3]> {
    python::measure("lock", 1)?;
    let ours = Shared::new(Mutex::new(0_u64))?;
    let number = |measured: io::Result<f64>| measured.unwrap_or(f64::NAN);
    let lock = options.medians(
        5,
        || per_step(200_000, || add_one(&ours)),
        || number(python::measure("lock", 200_000)),
    );
    let contended = options.medians(
        5,
        || both_busy(TWO.count, || add_one(&ours)).map_or(0.0, |(rate, _)| rate),
        || number(python::measure("contending", 300_000)),
    );
    let events = Shared::new([Event::new(), Event::new()])?;
    let wait = |side: usize| {
        events[side].wait();
        events[side].clear();
    };
    let rally = Rally { rounds: 20_000, asleep: false };
    let event = options.try_medians(
        5,
        || rally.play(|side| events[side].set(), wait, || ()),
        || python::measure("event", 2000),
    )?;
    let against = |group, workload, peer| race(group, workload, Kind::Peer, peer);
    Ok([
        against("lock", "lock + unlock", "CPython's multiprocessing.Lock")
            .row(Unit::Nanoseconds, lock),
        against("lock", TWO.rate, "CPython's multiprocessing.Lock")
            .row(Unit::MillionsPerSecond, contended),
        against("event", "round trip", "CPython's multiprocessing.Event")
            .row(Unit::Microseconds, event),
    ])
}

/// From the kill of a holder to the moment at which a sleeping taker has the lock.
fn inherited(options: Options) -> io::Result<[Row; 2]> {
    const PROMISE_MS: f64 = 100.0;
    let lock = Shared::new(raw::Lock::new())?;
    let times: Vec<_> =
        (0..options.rounds(11)).map(|_| play::inherit(&lock)).collect::<io::Result<_>>()?;
    let row = |workload, ours| {
        race("lock", workload, Kind::Bound, "our promise")
            .row(Unit::Milliseconds, [ours, PROMISE_MS])
    };
    let slowest = times.iter().copied().fold(0.0, f64::max);
    Ok([
        row("holder killed, sleeper has the lock (median)", median(times)),
        row("holder killed, sleeper has the lock (slowest)", slowest),
    ])
}

/// Bytes, how often, and what the row says.
const BLOCKS: [(usize, u32, &str); 3] = [
    (64, 50_000, "alloc + free, 64 zero bytes"),
    (4096, 50_000, "alloc + free, 4 KiB of zeros"),
    (1 << 20, 200, "alloc + free, 1 MiB of zeros"),
];

fn arena(options: Options) -> Result<Vec<Row>, Error> {
    let arena = Arena::create()?;
    let mut rows = Vec::new();
    for (size, steps, workload) in BLOCKS {
        let ours = || drop(black_box(arena.allocate(size, polyproc_sync::Kind::Bytes)));
        let malloc = || drop(black_box(vec![0_u8; black_box(size)]));
        let medians = options.medians(11, || per_step(steps, ours), || per_step(steps, malloc));
        let race = race("arena", workload, Kind::Bound, "malloc in one process");
        rows.push(race.row(Unit::Nanoseconds, medians));
    }
    let attach = || {
        let fd = arena.fd().try_clone_to_owned().map_err(polyproc_io);
        drop(black_box(fd.and_then(|fd| Arena::attach(Arc::new(fd.into())))));
    };
    let map = || drop(black_box(play::map_and_touch(&arena)));
    let medians =
        options.medians(11, || per_step(50, attach) / 1000.0, || per_step(50, map) / 1000.0);
    let race = race("arena", "attach + leave", Kind::Bound, "dup, mmap, touch, munmap");
    rows.push(race.row(Unit::Microseconds, medians));
    Ok(rows)
}

fn polyproc_io(source: io::Error) -> polyproc_shm::Error {
    polyproc_shm::Error::Named { name: "descriptor".into(), source }
}
