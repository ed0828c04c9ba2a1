//! Queues and pipes against their peers: one way and round trip, in one run.

#[cfg(feature = "iceoryx2")]
mod iceoryx;
mod ours;
mod peers;
mod way;

#[cfg(feature = "iceoryx2")]
use iceoryx::Iceoryx;
use ours::{InPlace, OurPipe, OurQueue};
use peers::{BareFutex, Crossbeam, Interprocess, IpcChannel};
use polyproc_bench::{Kind, Options, Race, Row, Unit, print};
use polyproc_bench_ipc::play::{Shared, ping_pong};
use polyproc_shm::Arena;
use std::process::ExitCode;
use way::{Crew, Way, one_way, one_way_in_threads, round_trip, round_trip_in_threads};

type Error = Box<dyn std::error::Error>;

const IPC_CHANNEL: &str = "ipc-channel 0.23";
#[cfg(feature = "iceoryx2")]
const ICEORYX: &str = "iceoryx2 0.10, polling, in place";
const INTERPROCESS: &str = "interprocess 2.4, unnamed pipe";
const CROSSBEAM: &str = "crossbeam-channel 0.5, threads";

const PAIR: Crew = Crew { senders: 1, receivers: 1 };

/// Bytes; how many messages of ours and of a peer that copies through the kernel; how it is written.
struct Size {
    bytes: usize,
    ours: u64,
    theirs: u64,
    name: &'static str,
}

const SIZES: [Size; 3] = [
    Size { bytes: 64, ours: 400_000, theirs: 60_000, name: "64 B" },
    Size { bytes: 4096, ours: 80_000, theirs: 10_000, name: "4 KiB" },
    Size { bytes: 1 << 20, ours: 2000, theirs: 200, name: "1 MiB" },
];

fn main() -> ExitCode {
    polyproc_bench::main(run)
}

fn run(options: Options) -> Result<(), Error> {
    polyproc_bench_ipc::refuse_crash_points("channel")?;
    let arena = Arena::create()?;
    let mut rows = round_trips(options, &arena)?;
    for size in &SIZES {
        rows.extend(pipes(options, &arena, size)?);
        rows.extend(queues(options, &arena, size)?);
    }
    rows.push(in_place(options, &arena)?);
    #[cfg(feature = "iceoryx2")]
    rows.extend(against_iceoryx(options, &arena)?);
    print(&rows, options.json);
    Ok(())
}

/// Names of workloads live as long as the program.
fn named(text: String) -> &'static str {
    text.leak()
}

fn race(group: &'static str, workload: &'static str, peer: &'static str) -> Race {
    let kind = if peer == CROSSBEAM || peer == FUTEX { Kind::Bound } else { Kind::Peer };
    Race { group, workload, kind, peer }
}

const ROUNDS: usize = 5;

/// Ours against a way that is between processes as well.
fn against(
    options: Options,
    race: Race,
    size: &Size,
    ours: &dyn Way,
    (theirs, messages): (&dyn Way, u64),
) -> Row {
    let bytes = vec![7; size.bytes];
    let rate = |way, messages| one_way(way, PAIR, messages, &bytes).unwrap_or(f64::NAN);
    let medians = options.medians(ROUNDS, || rate(ours, size.ours), || rate(theirs, messages));
    race.row(Unit::MillionsPerSecond, medians)
}

fn against_threads(options: Options, race: Race, size: &Size, ours: &dyn Way, crew: Crew) -> Row {
    let (bytes, theirs) = (vec![7; size.bytes], Crossbeam::new());
    let medians = options.medians(
        ROUNDS,
        || one_way(ours, crew, size.ours, &bytes).unwrap_or(f64::NAN),
        || one_way_in_threads(&theirs, crew, size.ours, &bytes),
    );
    race.row(Unit::MillionsPerSecond, medians)
}

fn pipes(options: Options, arena: &Arena, size: &Size) -> Result<Vec<Row>, Error> {
    let workload = named(format!("one way, {}", size.name));
    let ours = OurPipe::new(arena)?;
    let race = |peer| race("pipe", workload, peer);
    let run = |peer, theirs: (&dyn Way, u64)| against(options, race(peer), size, &ours, theirs);
    Ok(vec![
        run(IPC_CHANNEL, (&IpcChannel::new()?, size.theirs)),
        run(INTERPROCESS, (&Interprocess::new()?, size.theirs)),
        against_threads(options, race(CROSSBEAM), size, &ours, PAIR),
    ])
}

fn queues(options: Options, arena: &Arena, size: &Size) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    let alone = race("queue", named(format!("one way, {}, 1:1", size.name)), IPC_CHANNEL);
    let peer = IpcChannel::new()?;
    let ours = OurQueue::new(arena)?;
    rows.push(against(options, alone, size, &ours, (&peer, size.theirs)));
    for many in [1, 2, 4] {
        let workload = named(format!("one way, {}, {many}:{many}", size.name));
        let crew = Crew { senders: many, receivers: many };
        let race = race("queue", workload, CROSSBEAM);
        rows.push(against_threads(options, race, size, &ours, crew));
    }
    Ok(rows)
}

/// One MiB that nobody copies: written where it is read. Threads pass a pointer.
fn in_place(options: Options, arena: &Arena) -> Result<Row, Error> {
    let [.., size] = &SIZES;
    let race = race("pipe", "one way, 1 MiB, in place", CROSSBEAM);
    Ok(against_threads(options, race, size, &InPlace(OurPipe::new(arena)?), PAIR))
}

/// Its receivers read in place; the last row is the one where ours do so, too.
#[cfg(feature = "iceoryx2")]
fn against_iceoryx(options: Options, arena: &Arena) -> Result<Vec<Row>, Error> {
    let there_and_back = [OurPipe::new(arena)?, OurPipe::new(arena)?];
    let ours: [&dyn Way; 2] = [&there_and_back[0], &there_and_back[1]];
    let theirs = [Iceoryx::new("there", 64), Iceoryx::new("back", 64)];
    let theirs: [&dyn Way; 2] = [&theirs[0], &theirs[1]];
    let medians = options.medians(ROUNDS, || trip(ours, 50_000), || trip(theirs, 50_000));
    let mut rows =
        vec![race("pipe", "round trip, 64 B, awake", ICEORYX).row(Unit::Microseconds, medians)];
    let mut add = |workload, size: &Size, ours: &dyn Way| {
        let theirs = Iceoryx::new(workload, size.bytes);
        let race = race("pipe", workload, ICEORYX);
        rows.push(against(options, race, size, ours, (&theirs, size.ours / 4)));
    };
    for size in &SIZES {
        add(named(format!("one way, {}", size.name)), size, &OurPipe::new(arena)?);
    }
    let [.., largest] = &SIZES;
    add("one way, 1 MiB, in place", largest, &InPlace(OurPipe::new(arena)?));
    Ok(rows)
}

const FUTEX: &str = "bare futex";

fn round_trips(options: Options, arena: &Arena) -> Result<Vec<Row>, Error> {
    let pipe = [OurPipe::new(arena)?, OurPipe::new(arena)?];
    let queue = [OurQueue::new(arena)?, OurQueue::new(arena)?];
    let ipc_channel = [IpcChannel::new()?, IpcChannel::new()?];
    let crossbeam = [Crossbeam::new(), Crossbeam::new()];
    let awake = |group, ours: [&dyn Way; 2], peer, theirs: [&dyn Way; 2], rounds| {
        let medians = options.medians(ROUNDS, || trip(ours, 50_000), || trip(theirs, rounds));
        race(group, "round trip, 64 B, awake", peer).row(Unit::Microseconds, medians)
    };
    let threads = || round_trip_in_threads(&crossbeam, 20_000);
    let pipe_ways: [&dyn Way; 2] = [&pipe[0], &pipe[1]];
    let queue_ways: [&dyn Way; 2] = [&queue[0], &queue[1]];
    let by_threads = options.medians(ROUNDS, || trip(pipe_ways, 50_000), threads);
    let mut rows = vec![
        awake("pipe", pipe_ways, IPC_CHANNEL, [&ipc_channel[0], &ipc_channel[1]], 3000),
        race("pipe", "round trip, 64 B, awake", CROSSBEAM).row(Unit::Microseconds, by_threads),
        awake("queue", queue_ways, IPC_CHANNEL, [&ipc_channel[0], &ipc_channel[1]], 3000),
    ];
    rows.extend(asleep(options, [("pipe", pipe_ways), ("queue", queue_ways)])?);
    Ok(rows)
}

fn asleep(options: Options, ours: [(&'static str, [&dyn Way; 2]); 2]) -> Result<Vec<Row>, Error> {
    let bare = Shared::new([BareFutex::new(), BareFutex::new()])?;
    let futex = || ping_pong(300, |side| bare[side].set(), |side| bare[side].sleep(), true);
    let row = |(group, ways): (&'static str, [&dyn Way; 2])| {
        let medians = options.medians(21, || sleepy_trip(ways), futex);
        race(group, "round trip, 64 B, both asleep", FUTEX).row(Unit::Microseconds, medians)
    };
    Ok(ours.into_iter().map(row).collect())
}

fn trip(ways: [&dyn Way; 2], rounds: u32) -> f64 {
    round_trip(ways, rounds).unwrap_or(f64::NAN)
}

fn sleepy_trip(ways: [&dyn Way; 2]) -> f64 {
    let receive = |side: usize| assert_eq!(ways[side].receive(), 64);
    ping_pong(300, |side| ways[side].send(&[7; 64]), receive, true)
}
