//! `polyproc-info` against psutil, sysinfo and procfs: the same questions about the same 500 processes.
//!
//! All numbers are processor time of whoever asks, in the program and in the kernel.

mod burden;
mod clock;
mod peers;
mod psutil;

use burden::Burden;
use clock::cpu_milliseconds;
use polyproc_bench::{Kind, Options, Race, Row, Unit, print};
use polyproc_info::{Attributes, Facts, Kinds, Monitor, Process, System};
use psutil::Psutil;
use std::hint::black_box;
use std::process::ExitCode;

type Error = Box<dyn std::error::Error>;

/// What psutil's documentation shows of a process, sockets included.
const FULL: Attributes = LIGHT
    .or(Attributes::ENVIRONMENT)
    .or(Attributes::OPEN_FILES)
    .or(Attributes::CONNECTIONS)
    .or(Attributes::THREADS);
/// The same without what needs a walk through descriptors or threads.
const LIGHT: Attributes = Attributes::TABLE.or(Attributes::EXE).or(Attributes::CWD);
/// What was promised for the full list, in milliseconds.
const PROMISE: f64 = 40.0;

fn main() -> ExitCode {
    polyproc_bench::main(run)
}

fn run(options: Options) -> Result<(), Error> {
    let mut psutil = Psutil::start()?;
    let burden = Burden::start(options.rounds(500))?;
    let mut rows = lists(options, &mut psutil)?;
    rows.push(tick(options)?);
    rows.push(connections(options, &mut psutil, burden.last())?);
    print(&rows, options.json);
    Ok(())
}

fn race(group: &'static str, workload: &'static str, peer: &'static str) -> Race {
    Race { group, workload, kind: Kind::Peer, peer }
}

fn lists(options: Options, psutil: &mut Psutil) -> Result<Vec<Row>, Error> {
    const MANY: usize = 15;
    let system = System::new();
    let ours = |attributes| {
        let system = &system;
        move || {
            cpu_milliseconds(|| {
                let all = system.snapshot(attributes).unwrap_or_default();
                let parents = all.processes.iter().map(|one| all.parent(one).map(Facts::name));
                black_box(parents.count());
                drop(black_box(all));
            })
        }
    };
    let row = |race: Race, medians| race.row(Unit::Milliseconds, medians);
    let full = |peer| race("list", "every attribute", peer);
    let light = |peer| race("list", "light: no files, sockets, threads", peer);
    let procfs_light = options.medians(MANY, ours(LIGHT), || cpu_milliseconds(peers::procfs_light));
    let procfs = options.medians(MANY, ours(FULL), || cpu_milliseconds(peers::procfs_full));
    let sysinfo = options.medians(MANY, ours(LIGHT), || cpu_milliseconds(peers::sysinfo_fresh));
    let expert = options.medians(5, ours(FULL), || psutil.time("expert", 0));
    let psutil_light = options.medians(5, ours(LIGHT), || psutil.time("light", 0));
    let natural = options.medians(3, ours(FULL), || psutil.time("natural", 0));
    psutil.failure()?;
    let promised = Race { kind: Kind::Bound, ..full("our promise") };
    Ok(vec![
        row(promised, [procfs[0], PROMISE]),
        row(full("psutil, one net_connections for all"), expert),
        row(full("psutil, as_dict"), natural),
        row(full("procfs, without positions in files"), procfs),
        row(light("procfs"), procfs_light),
        row(light("psutil"), psutil_light),
        row(light("sysinfo, fewer attributes"), sysinfo),
    ])
}

fn tick(options: Options) -> Result<Row, Error> {
    let mut monitor = Monitor::new(&System::new(), Attributes::MEMORY)?;
    monitor.tick()?;
    let mut sysinfo = peers::Sysinfo::new();
    let ours = || cpu_milliseconds(|| drop(black_box(monitor.tick())));
    let medians = options.medians(60, ours, || cpu_milliseconds(|| sysinfo.tick()));
    let race = race("monitor", "tick: processor time and memory", "sysinfo");
    Ok(race.row(Unit::Milliseconds, medians))
}

fn connections(options: Options, psutil: &mut Psutil, pid: u32) -> Result<Row, Error> {
    /// One call is too short for the clock.
    const CALLS: u32 = 50;
    let process = Process::new(pid)?;
    let found = process.connections(Kinds::INET)?.len();
    if found != 1 {
        return Err(format!("{found} sockets of process {pid}, where one was opened").into());
    }
    let ours = || {
        let all = || (0..CALLS).for_each(|_| drop(black_box(process.connections(Kinds::INET))));
        cpu_milliseconds(all) / f64::from(CALLS)
    };
    let medians = options.medians(15, ours, || psutil.time("connections", pid));
    psutil.failure()?;
    let race = race("connections", "of one process", "psutil");
    Ok(race.row(Unit::Milliseconds, medians))
}
