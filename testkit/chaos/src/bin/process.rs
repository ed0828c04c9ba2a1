//! Kills processes at random moments between their start and their end: children, parents with all
//! their children, and the fork server. After each round nothing may be left, and every `join` must
//! have said what happened.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;
use polyproc_chaos::Options;
use polyproc_testkit::{Census, Leak, Rng, eventually, process};
use std::fmt::Debug;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// After this, a wait is a hang.
const PATIENCE: Duration = Duration::from_mins(1);

type Work = fn(u64) -> u64;

/// What a child does, and whether it comes to an end by itself.
const WORK: [(Work, bool); 4] =
    [(answers, true), (works, true), (hangs, false), (hangs_with_children, false)];

fn main() -> ExitCode {
    polyproc::init();
    polyproc_chaos::main(worker)
}

fn worker(options: Options) -> Result<(), String> {
    let mut chaos = Chaos::new(options.seed)?;
    for round in 0..options.rounds {
        chaos.round().map_err(|error| format!("round {round}: {error}"))?;
    }
    let Chaos { children, parents, servers, worst, .. } = chaos;
    println!(
        "killed {children} children, {parents} parents, {servers} fork servers: no hang, nothing \
         left behind; the slowest family was gone after {:.1} ms",
        worst.as_secs_f64() * 1e3
    );
    Ok(())
}

struct Chaos {
    rng: Rng,
    /// With a fork server, and nothing else.
    clean: Census,
    children: u32,
    parents: u32,
    servers: u32,
    /// From the death of a parent to the end of all its children.
    worst: Duration,
}

impl Chaos {
    fn new(seed: u64) -> Result<Self, String> {
        Ok(Self {
            rng: Rng::new(seed),
            clean: with_fork_server()?,
            children: 0,
            parents: 0,
            servers: 0,
            worst: Duration::ZERO,
        })
    }

    fn round(&mut self) -> Result<(), String> {
        match self.rng.below(10) {
            0 => self.kill_the_fork_server()?,
            1..=3 => self.kill_a_parent()?,
            _ => self.kill_a_child()?,
        }
        nothing_left(&self.clean, PATIENCE)
    }

    fn kill_a_child(&mut self) -> Result<(), String> {
        self.children += 1;
        let method = *self.rng.pick(&StartMethod::ALL);
        let (work, ends) = *self.rng.pick(&WORK);
        // Not SIGSEGV: std's handler takes one that nobody can see the cause of for spent.
        let signal = *self.rng.pick(&[Signal::KILL, Signal::KILL, Signal::TERM, Signal::USR1]);
        let child = by(method).spawn(work, self.rng.below(3000)).map_err(text)?;
        pause(self.rng.below(4000));
        child.send_signal(signal).map_err(text)?;
        match child.join_timeout(PATIENCE) {
            Ok(1) if ends => Ok(()),
            Err(JoinError::Signaled { signal: how, .. }) if how == signal => Ok(()),
            other => Err(format!("{method:?}, {signal}: {other:?}")),
        }
    }

    fn kill_a_parent(&mut self) -> Result<(), String> {
        self.parents += 1;
        let method = *self.rng.pick(&StartMethod::ALL);
        let parent = by(method).spawn(hangs_with_children, 0).map_err(text)?;
        pause(self.rng.below(30_000));
        parent.kill().map_err(text)?;
        let killed = Instant::now();
        match parent.join_timeout(PATIENCE) {
            Err(JoinError::Signaled { signal: Signal::KILL, .. }) => {}
            other => return Err(format!("{method:?}, parent: {other:?}")),
        }
        drop(parent);
        nothing_left(&self.clean, PATIENCE)
            .map_err(|error| format!("{method:?}, after its parent was killed: {error}"))?;
        self.worst = self.worst.max(killed.elapsed());
        Ok(())
    }

    /// Its children are told by the kernel, or lost: but nobody hangs, and the next start works.
    fn kill_the_fork_server(&mut self) -> Result<(), String> {
        self.servers += 1;
        let child = by(StartMethod::ForkServer).spawn(hangs, 0).map_err(text)?;
        let server = process::facts(child.pid()).map_or(0, |facts| facts.stat.parent);
        if server == std::process::id() {
            return Err("the fork server is not the parent of its children".into());
        }
        pause(self.rng.below(2000));
        process::facts(server).ok_or("there is no fork server")?.kill();
        child.kill().map_err(text)?;
        match child.join_timeout(PATIENCE) {
            Err(JoinError::Signaled { .. } | JoinError::Lost { .. }) => {}
            other => return Err(format!("child of a killed fork server: {other:?}")),
        }
        drop(child);
        let descriptors = self.clean.descriptors();
        self.clean = with_fork_server()?;
        let now = self.clean.descriptors();
        if now == descriptors {
            Ok(())
        } else {
            Err(format!("{descriptors} descriptors before the fork server was killed, now {now}"))
        }
    }
}

/// Starts a fork server unless there is one, waits until it is alone, and counts.
fn with_fork_server() -> Result<Census, String> {
    let child = by(StartMethod::ForkServer).spawn(answers, 0).map_err(text)?;
    child.join_timeout(PATIENCE).map_err(text)?;
    drop(child);
    let own = std::process::id();
    let alone = || (process::descendants(&process::all(), own).len() == 1).then_some(());
    eventually(PATIENCE, alone).ok_or("more than a fork server is left")?;
    Ok(Census::take())
}

fn nothing_left(clean: &Census, patience: Duration) -> Result<(), String> {
    match clean.lasting_leaks(patience).as_slice() {
        [] => Ok(()),
        leaks => {
            let lines: Vec<_> = leaks.iter().map(Leak::to_string).collect();
            Err(format!("left behind: {}", lines.join("; ")))
        }
    }
}

/// Daemonic, so that a worker that gives up does not wait for children that hang.
fn by(method: StartMethod) -> polyproc::Builder {
    Process::builder().start_method(method).daemon(true)
}

fn text(error: impl Debug) -> String {
    format!("{error:?}")
}

fn answers(_: u64) -> u64 {
    1
}

fn works(micros: u64) -> u64 {
    pause(micros);
    1
}

#[expect(clippy::infinite_loop, reason = "every child has the same type")]
fn hangs(_: u64) -> u64 {
    loop {
        std::thread::park();
    }
}

/// A child by every method that is possible, and one of them with a child too.
fn hangs_with_children(depth: u64) -> u64 {
    let next = if depth == 0 { hangs_with_children } else { hangs };
    let methods = [StartMethod::Fork, StartMethod::ForkServer, StartMethod::Spawn];
    let children: Vec<_> =
        methods.into_iter().map(|method| by(method).spawn(next, depth + 1)).collect();
    let end = hangs(0);
    drop(children);
    end
}

/// Most of the time is in the kernel anyway; what matters is that it is another moment each time.
fn pause(micros: u64) {
    let end = Instant::now() + Duration::from_micros(micros);
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}
