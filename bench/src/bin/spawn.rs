//! Starting processes: against procspawn, `std::process::Command`, and the floors.
#![expect(unsafe_code, reason = "the floor of a fork is a bare fork")]

use polyproc::StartMethod::{ForkServer, Spawn};
use polyproc::prelude::*;
use polyproc_bench::{Kind, Options, Race, Row, print};
use polyproc_sys::clock::Deadline;
use polyproc_sys::fork::{self, Fork};
use polyproc_sys::{poll, wait};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, ExitCode};

type Error = Box<dyn std::error::Error>;

/// What every process does.
fn increment(x: u64) -> u64 {
    x + 1
}

fn main() -> ExitCode {
    // What `spawn` is compared with: this very program, ending at once.
    if std::env::args().nth(1).as_deref() == Some("--exit") {
        return ExitCode::SUCCESS;
    }
    polyproc::init();
    procspawn::init();
    polyproc_bench::main(run)
}

fn run(options: Options) -> Result<(), Error> {
    // By fork first: a process in which threads run is not forked, and a peer may leave some.
    let mut rows =
        vec![options.times(bound("fork", ONE, "fork + _exit + wait"), 300, by_fork, bare_fork)];
    for (group, method) in [("forkserver", ForkServer), ("spawn", Spawn)] {
        let ours = || by(method);
        rows.push(options.times(peer(group, ONE, "procspawn 1.0"), 300, ours, procspawn));
        rows.push(options.times(bound(group, ONE, "fork + _exit + wait"), 300, ours, bare_fork));
    }
    rows.extend(against_programs(options)?);
    rows.push(options.times(
        peer("forkserver", MANY, "procspawn 1.0"),
        9,
        many_of_ours,
        many_of_procspawn,
    ));
    rows.extend(from_a_large_parent(options));
    print(&rows, options.json);
    Ok(())
}

const ONE: &str = "start + run + join";
const MANY: &str = "200 at once";
const LARGE: &str = "start + run + join, 1 GiB touched";

const fn peer(group: &'static str, workload: &'static str, peer: &'static str) -> Race {
    Race { group, workload, kind: Kind::Peer, peer }
}

const fn bound(group: &'static str, workload: &'static str, peer: &'static str) -> Race {
    Race { group, workload, kind: Kind::Bound, peer }
}

/// A whole process, from the start to its result.
fn by(method: StartMethod) {
    let process = Process::builder().start_method(method).spawn(increment, 1);
    assert_eq!(done(done(process).join()), 2);
}

fn by_fork() {
    let process = done(polyproc::fork(|| increment(1)));
    assert_eq!(done(process.join()), 2);
}

fn procspawn() {
    assert_eq!(done(procspawn::spawn(1, increment).join()), 2);
}

/// The least that a process can cost: a copy that ends at once, without anything to bring back.
fn bare_fork() {
    // SAFETY: the copy calls nothing but _exit.
    match done(unsafe { fork::fork() }) {
        Fork::Child => fork::exit_now(0),
        Fork::Parent { child, .. } => {
            done(poll::readable([Some(child.as_fd())], Deadline::NEVER));
            done(wait::reap(&child));
        }
    }
}

/// Against starting a program in std's way: this one, which is what `spawn` has to do; and the
/// smallest there is, which no program of Rust's can be as fast as.
fn against_programs(options: Options) -> Result<[Row; 2], Error> {
    let own = std::env::current_exe()?;
    let program = |program: &Path| {
        assert!(done(Command::new(program).arg("--exit").status()).success());
    };
    let ours = || by(Spawn);
    Ok([
        options.times(peer("spawn", ONE, "Command: own program"), 300, ours, || program(&own)),
        options.times(bound("spawn", ONE, "Command: /bin/true"), 300, ours, || {
            program(Path::new("/bin/true"));
        }),
    ])
}

fn many_of_ours() {
    let start = |number| done(polyproc::spawn(increment, number));
    let processes: Vec<_> = (0..200).map(start).collect();
    let sum: u64 = processes.iter().map(|process| done(process.join())).sum();
    assert_eq!(sum, 20_100);
}

fn many_of_procspawn() {
    let processes: Vec<_> = (0..200).map(|number| procspawn::spawn(number, increment)).collect();
    let sum: u64 = processes.into_iter().map(|process| done(process.join())).sum();
    assert_eq!(sum, 20_100);
}

/// Ours from a large parent against ours from a small one: about 1 unless the parent is copied.
fn from_a_large_parent(options: Options) -> [Row; 2] {
    let gibibyte = || vec![0xA5_u8; 1 << 30];
    [("forkserver", ForkServer), ("spawn", Spawn)].map(|(group, method)| {
        let race = bound(group, LARGE, "the same from a small parent");
        options.times_under(race, 100, gibibyte, || by(method))
    })
}

#[expect(clippy::panic, reason = "a bench whose process fails has no result")]
fn done<T>(result: Result<T, impl std::fmt::Display>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}
