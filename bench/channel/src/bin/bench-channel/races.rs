//! Who runs against whom, over what.

use crate::Error;
use crate::floor::{BareFutex, BareRing};
#[cfg(feature = "iceoryx2")]
use crate::iceoryx::Iceoryx;
use crate::ours::{InPlace, OurPipe, OurQueue};
use crate::peers::{Crossbeam, Interprocess, IpcChannel};
use crate::way::{Crew, Load, Way, one_way, one_way_in_threads, round_trip, round_trip_in_threads};
use polyproc_bench::{Kind, Options, Race, Row, Unit};
use polyproc_bench_ipc::play::Shared;
use polyproc_bench_ipc::players::Rally;
use polyproc_shm::Arena;
use std::io;

const IPC_CHANNEL: &str = "ipc-channel 0.23";
#[cfg(feature = "iceoryx2")]
const ICEORYX: &str = "iceoryx2 0.10, polling";
const INTERPROCESS: &str = "interprocess 2.4, unnamed pipe";
const CROSSBEAM: &str = "crossbeam-channel 0.5, threads";
const RING: &str = "a bare ring, spinning";
const FUTEX: &str = "bare futex";

const ROUNDS: usize = 5;

/// Bytes; how many messages one way and how many round trips take about a tenth of a second, of ours
/// and of a peer that copies through the kernel; how it is written.
struct Size {
    bytes: usize,
    ours: [u64; 2],
    theirs: [u64; 2],
    name: &'static str,
    /// Of what is sent one way.
    unit: Unit,
}

const SIZES: [Size; 3] = [
    Size {
        bytes: 64,
        ours: [400_000, 50_000],
        theirs: [60_000, 3000],
        name: "64 B",
        unit: Unit::MillionsPerSecond,
    },
    Size {
        bytes: 4096,
        ours: [80_000, 20_000],
        theirs: [10_000, 2000],
        name: "4 KiB",
        unit: Unit::MillionsPerSecond,
    },
    Size {
        bytes: 1 << 20,
        ours: [2000, 1000],
        theirs: [200, 100],
        name: "1 MiB",
        unit: Unit::ThousandsPerSecond,
    },
];

/// The races, and what came of those that were run.
pub(crate) struct Races {
    options: Options,
    only: Option<String>,
    arena: Arena,
    pub(crate) rows: Vec<Row>,
}

type Outcome = Result<(), Error>;
/// A way between processes, and how many messages and round trips of it make a race.
type Peer<'a> = ([&'a dyn Way; 2], [u64; 2]);

impl Size {
    /// A rate in this size's unit, of millions a second.
    fn rate(&self, millions: io::Result<f64>) -> io::Result<f64> {
        let unit = if self.unit == Unit::ThousandsPerSecond { 1e3 } else { 1.0 };
        millions.map(|millions| millions * unit)
    }
}

impl Races {
    pub(crate) fn new(options: Options, only: Option<String>) -> Result<Self, Error> {
        Ok(Self { options, only, arena: Arena::create()?, rows: Vec::new() })
    }

    pub(crate) fn run(&mut self) -> Outcome {
        for size in &SIZES {
            self.pipes(size)?;
            self.queues(size)?;
        }
        let [_, longer @ ..] = &SIZES;
        longer.iter().try_for_each(|size| self.in_place(size))?;
        self.asleep()?;
        match (&self.only, self.rows.is_empty()) {
            (Some(only), true) => Err(format!("no race has {only:?} in it").into()),
            _ => Ok(()),
        }
    }

    fn is_wanted(&self, race: &Race) -> bool {
        let name = format!("{} {} {}", race.group, race.workload, race.peer);
        self.only.as_ref().is_none_or(|only| name.contains(only))
    }

    /// Measures both in turns, if this race is wanted.
    fn race(
        &mut self,
        race: Race,
        unit: Unit,
        ours: impl Fn() -> io::Result<f64>,
        peer: impl Fn() -> io::Result<f64>,
    ) -> Outcome {
        if !self.is_wanted(&race) {
            return Ok(());
        }
        let Race { group, workload, peer: name, .. } = race;
        let failed = |who| move |error| format!("{group}, {workload}, {who}: {error}");
        let rounds = if race.peer == FUTEX { 21 } else { ROUNDS };
        let medians = self.options.try_medians(
            rounds,
            || ours().map_err(failed("polyproc")),
            || peer().map_err(failed(name)),
        )?;
        self.rows.push(race.row(unit, medians));
        Ok(())
    }

    /// Ours against a way that is between processes as well: there and back, and one way.
    fn against(
        &mut self,
        (group, peer): (&'static str, &'static str),
        size: &Size,
        ours: [&dyn Way; 2],
        (theirs, counts): Peer<'_>,
    ) -> Outcome {
        let bytes = &*vec![7; size.bytes];
        let trip = |ways, rounds| round_trip(ways, awake(rounds), bytes);
        let rate = |ways: [&dyn Way; 2], messages| {
            size.rate(one_way(ways[0], Load { crew: PAIR, messages, bytes }))
        };
        let race = race(group, named(format!("round trip, {}, awake", size.name)), peer);
        let unit = Unit::Microseconds;
        self.race(race, unit, || trip(ours, size.ours[1]), || trip(theirs, counts[1]))?;
        let race = Race { workload: one_way_name(group, size, PAIR), ..race };
        self.race(race, size.unit, || rate(ours, size.ours[0]), || rate(theirs, counts[0]))
    }

    fn pipes(&mut self, size: &Size) -> Outcome {
        let pipes = [OurPipe::new(&self.arena)?, OurPipe::new(&self.arena)?];
        let ours: [&dyn Way; 2] = [&pipes[0], &pipes[1]];
        let peer = [IpcChannel::new()?, IpcChannel::new()?];
        self.against(("pipe", IPC_CHANNEL), size, ours, ([&peer[0], &peer[1]], size.theirs))?;
        let peer = [Interprocess::new()?, Interprocess::new()?];
        self.against(("pipe", INTERPROCESS), size, ours, ([&peer[0], &peer[1]], size.theirs))?;
        #[cfg(feature = "iceoryx2")]
        {
            let peer = ["there", "back"].map(|name| Iceoryx::new(name, size.bytes, false));
            self.against(("pipe", ICEORYX), size, ours, ([&peer[0], &peer[1]], size.ours))?;
        }
        let ring = || BareRing::new(&self.arena, size.bytes, false);
        let peer = [ring()?, ring()?];
        self.against(("pipe", RING), size, ours, ([&peer[0], &peer[1]], size.ours))?;
        self.trip_against_threads(size, ours)?;
        self.against_threads("pipe", size, ours[0], PAIR)
    }

    fn queues(&mut self, size: &Size) -> Outcome {
        let queues = [OurQueue::new(&self.arena)?, OurQueue::new(&self.arena)?];
        let ours: [&dyn Way; 2] = [&queues[0], &queues[1]];
        let peer = [IpcChannel::new()?, IpcChannel::new()?];
        self.against(("queue", IPC_CHANNEL), size, ours, ([&peer[0], &peer[1]], size.theirs))?;
        let ring = || BareRing::new(&self.arena, size.bytes, false);
        let peer = [ring()?, ring()?];
        self.against(("queue", RING), size, ours, ([&peer[0], &peer[1]], size.ours))?;
        [1, 2, 4].into_iter().try_for_each(|many| {
            let crew = Crew { senders: many, receivers: many };
            self.against_threads("queue", size, ours[0], crew)
        })
    }

    /// Threads pass a pointer: their bytes are written once, and copied by nobody.
    fn against_threads(
        &mut self,
        group: &'static str,
        size: &Size,
        ours: &dyn Way,
        crew: Crew,
    ) -> Outcome {
        let bytes = &*vec![7; size.bytes];
        let (load, theirs) = (Load { crew, messages: size.ours[0], bytes }, Crossbeam::new());
        let race = race(group, one_way_name(group, size, crew), CROSSBEAM);
        let by_ours = || size.rate(one_way(ours, load));
        self.race(race, size.unit, by_ours, || size.rate(one_way_in_threads(&theirs, load)))
    }

    fn trip_against_threads(&mut self, size: &Size, ours: [&dyn Way; 2]) -> Outcome {
        let (bytes, theirs) = (&*vec![7; size.bytes], [Crossbeam::new(), Crossbeam::new()]);
        let race = race("pipe", named(format!("round trip, {}, awake", size.name)), CROSSBEAM);
        let (rounds, theirs) = (size.ours[1], [&theirs[0], &theirs[1]]);
        self.race(
            race,
            Unit::Microseconds,
            || round_trip(ours, awake(rounds), bytes),
            || round_trip_in_threads(theirs, (rounds / 3) as u32, bytes),
        )
    }

    /// What nobody copies: filled with one byte where it is to be read. Nobody looks at it.
    fn in_place(&mut self, size: &Size) -> Outcome {
        let bytes = &*vec![7; size.bytes];
        let workload = named(format!("one way, {}, in place", size.name));
        let ours = InPlace(OurPipe::new(&self.arena)?);
        let ring = BareRing::new(&self.arena, size.bytes, true)?;
        let load = Load { crew: PAIR, messages: size.ours[0], bytes };
        let mut against = |name, theirs: &dyn Way| {
            let race = race("pipe", workload, name);
            let rate = |way| size.rate(one_way(way, load));
            self.race(race, size.unit, || rate(&ours), || rate(theirs))
        };
        #[cfg(feature = "iceoryx2")]
        against(ICEORYX, &Iceoryx::new("in place", size.bytes, true))?;
        against(RING, &ring)
    }

    fn asleep(&mut self) -> Outcome {
        let bare = Shared::new([BareFutex::new(), BareFutex::new()])?;
        let pipes = [OurPipe::new(&self.arena)?, OurPipe::new(&self.arena)?];
        let queues = [OurQueue::new(&self.arena)?, OurQueue::new(&self.arena)?];
        let rally = Rally { rounds: 300, asleep: true };
        let trip = |ways: [&dyn Way; 2]| round_trip(ways, rally, &[7; 64]);
        let mut against = |group, ours: [&dyn Way; 2]| {
            let race = race(group, "round trip, 64 B, both asleep", FUTEX);
            self.race(race, Unit::Microseconds, || trip(ours), || trip([&bare[0], &bare[1]]))
        };
        against("pipe", [&pipes[0], &pipes[1]])?;
        against("queue", [&queues[0], &queues[1]])
    }
}

const PAIR: Crew = Crew { senders: 1, receivers: 1 };

fn awake(rounds: u64) -> Rally {
    Rally { rounds: rounds as u32, asleep: false }
}

/// Names of workloads live as long as the program.
fn named(text: String) -> &'static str {
    text.leak()
}

fn one_way_name(group: &str, size: &Size, crew: Crew) -> &'static str {
    let crew = match group {
        "queue" => format!(", {}:{}", crew.senders, crew.receivers),
        _ => String::new(),
    };
    named(format!("one way, {}{crew}", size.name))
}

fn race(group: &'static str, workload: &'static str, peer: &'static str) -> Race {
    let kind = if [CROSSBEAM, FUTEX, RING].contains(&peer) { Kind::Bound } else { Kind::Peer };
    Race { group, workload, kind, peer }
}
