//! Pools: against procspawn's (the peer), rayon's threads and bare forked workers (the bounds).

mod bare;
mod large;

use bare::Bare;
use polyproc::prelude::*;
use polyproc_bench::{Kind, Options, Race, Row, Unit, print};
use rayon::prelude::*;
use std::process::ExitCode;
use std::time::{Duration, Instant};

type Error = Box<dyn std::error::Error>;

const WORKERS: usize = 2;

fn increment(x: u64) -> u64 {
    x.wrapping_add(1)
}

fn main() -> ExitCode {
    polyproc::init();
    procspawn::init();
    polyproc_bench::main(run)
}

fn run(options: Options) -> Result<(), Error> {
    // Bare workers first: a process in which threads run is not forked.
    let bare = [Bare::new(false), Bare::new(true)];
    let pool = Pool::new(WORKERS)?;
    let peer = procspawn::Pool::new(WORKERS)?;
    let threads = rayon::ThreadPoolBuilder::new().num_threads(WORKERS).build()?;
    bare[0].rest();
    let mut rows = Vec::new();
    rows.extend(round_trips(options, &pool, &peer, &threads, &bare));
    drop(bare);
    rows.extend(maps(options, &pool, &peer, &threads));
    rows.extend(submissions(options, &pool, &peer));
    rows.extend(large::rows(options, &pool, &peer));
    rows.push(lives(options));
    print(&rows, options.json);
    Ok(())
}

const fn against(workload: &'static str, kind: Kind, peer: &'static str) -> Race {
    Race { group: "pool", workload, kind, peer }
}

/// The time of one of `count` calls, in microseconds.
fn each(count: u32, mut call: impl FnMut()) -> f64 {
    let since = Instant::now();
    (0..count).for_each(|_| call());
    since.elapsed().as_secs_f64() * 1e6 / f64::from(count)
}

/// How many millions of items a call handles in a second.
fn rate(items: u32, call: impl FnOnce()) -> f64 {
    let since = Instant::now();
    call();
    f64::from(items) / 1e6 / since.elapsed().as_secs_f64()
}

fn round_trips(
    options: Options,
    pool: &Pool,
    peer: &procspawn::Pool,
    threads: &rayon::ThreadPool,
    [spinning, sleeping]: &[Bare; 2],
) -> Vec<Row> {
    let ours = || assert_eq!(done(pool.submit(increment, 1).get()), 2);
    let procspawn = || assert_eq!(done(peer.spawn(1, increment).join()), 2);
    let install = || assert_eq!(threads.install(|| increment(1)), 2);
    let pause = Duration::from_millis(2);
    let rested = |call: &dyn Fn()| {
        let_sleep(pause);
        each(1, call)
    };
    let awake = |race: Race, peer: &dyn Fn()| {
        race.row(Unit::Microseconds, options.medians(15, || each(2000, ours), || each(2000, peer)))
    };
    vec![
        awake(against("submit + get, awake", Kind::Peer, "procspawn 1.0"), &procspawn),
        awake(against("submit + get, awake", Kind::Bound, "rayon install"), &install),
        against("submit + get, awake", Kind::Bound, "one word, spinning").row(
            Unit::Microseconds,
            options.medians(
                15,
                || each(2000, ours),
                || {
                    let time = each(2000, || spinning.round_trip());
                    spinning.rest();
                    time
                },
            ),
        ),
        against("submit + get, asleep", Kind::Bound, "one word, futex").row(
            Unit::Microseconds,
            options.medians(200, || rested(&ours), || rested(&|| sleeping.round_trip())),
        ),
    ]
}

/// Lets everybody fall asleep.
fn let_sleep(pause: Duration) {
    std::thread::park_timeout(pause);
}

fn maps(
    options: Options,
    pool: &Pool,
    peer: &procspawn::Pool,
    threads: &rayon::ThreadPool,
) -> Vec<Row> {
    const SINGLE: u32 = 500_000;
    const CHUNKED: u32 = 10_000_000;
    let check = |len: usize, expected: u32| assert_eq!(len, expected as usize);
    let single = || {
        rate(SINGLE, || {
            let all = pool.calls().chunk(1).map(increment, 0..u64::from(SINGLE));
            check(done(all).len(), SINGLE);
        })
    };
    let single_of_rayon = || {
        rate(SINGLE, || {
            let all: Vec<u64> = threads.install(|| {
                (0..SINGLE).into_par_iter().with_max_len(1).map(|x| increment(x.into())).collect()
            });
            check(all.len(), SINGLE);
        })
    };
    let single_of_procspawn = || {
        rate(SINGLE / 500, || {
            let handles: Vec<_> =
                (0..u64::from(SINGLE / 500)).map(|number| peer.spawn(number, increment)).collect();
            let all: Vec<u64> = handles.into_iter().map(|handle| done(handle.join())).collect();
            check(all.len(), SINGLE / 500);
        })
    };
    let chunked = || {
        rate(CHUNKED, || {
            check(done(pool.map(increment, 0..u64::from(CHUNKED))).len(), CHUNKED);
        })
    };
    let chunked_of_rayon = || {
        rate(CHUNKED, || {
            let all: Vec<u64> = threads
                .install(|| (0..u64::from(CHUNKED)).into_par_iter().map(increment).collect());
            check(all.len(), CHUNKED);
        })
    };
    let row = |race: Race, medians| race.row(Unit::MillionsPerSecond, medians);
    vec![
        row(
            against("map, one task a message", Kind::Peer, "procspawn 1.0"),
            options.medians(5, single, single_of_procspawn),
        ),
        row(
            against("map, one task a message", Kind::Bound, "rayon with_max_len(1)"),
            options.medians(5, single, single_of_rayon),
        ),
        row(
            against("map of 10 M, chunked by itself", Kind::Bound, "rayon"),
            options.medians(5, chunked, chunked_of_rayon),
        ),
    ]
}

fn submissions(options: Options, pool: &Pool, peer: &procspawn::Pool) -> Vec<Row> {
    const COUNT: u32 = 1_000_000;
    let ours = || {
        rate(COUNT, || {
            let tasks: Vec<_> =
                (0..u64::from(COUNT)).map(|number| pool.submit(increment, number)).collect();
            let sum: u64 = tasks.into_iter().map(|task| done(task.get())).sum();
            assert!(sum > 0);
        })
    };
    let procspawn = || {
        rate(COUNT / 1000, || {
            let handles: Vec<_> =
                (0..u64::from(COUNT / 1000)).map(|number| peer.spawn(number, increment)).collect();
            let sum: u64 = handles.into_iter().map(|handle| done(handle.join())).sum();
            assert!(sum > 0);
        })
    };
    let race = against("1 M submit, then get", Kind::Peer, "procspawn 1.0");
    vec![race.row(Unit::MillionsPerSecond, options.medians(5, ours, procspawn))]
}

/// A pool from its start over one task to its end.
fn lives(options: Options) -> Row {
    let ours = || {
        let pool = done(Pool::new(WORKERS));
        assert_eq!(done(pool.apply(increment, 1)), 2);
    };
    let procspawn = || {
        let pool = done(procspawn::Pool::new(WORKERS));
        assert_eq!(done(pool.spawn(1, increment).join()), 2);
        pool.shutdown();
    };
    let race = against("Pool(2) start, one task, stop", Kind::Peer, "procspawn 1.0");
    options.times(race, 30, ours, procspawn)
}

#[expect(clippy::panic, reason = "a bench whose task fails has no result")]
fn done<T>(result: Result<T, impl std::fmt::Display>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}
