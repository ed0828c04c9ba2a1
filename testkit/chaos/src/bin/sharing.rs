//! Kills processes at random moments while they share memory: before they have read the handles in
//! their arguments, while they hold a lock, while they make objects and send them back. After each
//! round the lock goes on, and the arena holds nothing but what this process holds.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;
use polyproc::sync::OwnerDied;
use polyproc_chaos::Options;
use polyproc_testkit::{Rng, eventually, process};
use std::fmt::Debug;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// After this, a wait is a hang.
const PATIENCE: Duration = Duration::from_mins(1);

/// Two numbers that are equal whenever nobody holds the lock, unless somebody was killed with it.
type Pair = Shared<Mutex<[u64; 2]>>;
type Made = Vec<(Value<u64>, SharedArray<u8>)>;

fn main() -> ExitCode {
    polyproc::init();
    polyproc_chaos::main(worker)
}

fn worker(options: Options) -> Result<(), String> {
    let mut chaos = Chaos::new(options.seed)?;
    for round in 0..options.rounds {
        chaos.round().map_err(|error| format!("round {round}: {error}"))?;
    }
    let Chaos { killed, answered, died, servers, .. } = chaos;
    println!(
        "killed {killed} of {} children and {servers} fork servers; {died} left a lock in the \
         middle: no hang, nothing left in the arena",
        killed + answered
    );
    Ok(())
}

struct Chaos {
    rng: Rng,
    pair: Pair,
    killed: u32,
    answered: u32,
    /// How often the lock came from a dead holder.
    died: u32,
    servers: u32,
}

impl Chaos {
    fn new(seed: u64) -> Result<Self, String> {
        let pair = Shared::new(Mutex::new([0, 0])).map_err(text)?;
        let rng = Rng::new(seed);
        Ok(Self { rng, pair, killed: 0, answered: 0, died: 0, servers: 0 })
    }

    fn round(&mut self) -> Result<(), String> {
        let before = held()?;
        let count = 1 + self.rng.below(3);
        let children = (0..count).map(|_| self.child()).collect::<Result<Vec<_>, _>>()?;
        if self.rng.below(20) == 0 {
            self.kill_the_fork_server();
        }
        for child in &children {
            self.end(child)?;
        }
        drop(children);
        self.mend()?;
        let settled = eventually(PATIENCE, || (held() == Ok(before)).then_some(()));
        settled.ok_or_else(|| format!("{before:?} before, and now {:?}", held()))
    }

    fn child(&mut self) -> Result<Process<Made>, String> {
        let method = *self.rng.pick(&StartMethod::ALL);
        // Made for this child alone: it is gone with the call, read or not.
        let own = Value::new(self.rng.below(20)).map_err(text)?;
        let builder = Process::builder().start_method(method).daemon(true);
        builder.spawn(share, (self.pair.clone(), own)).map_err(text)
    }

    /// Killed at some moment or not; joined, or its result dropped unread.
    fn end(&mut self, child: &Process<Made>) -> Result<(), String> {
        pause(self.rng.below(1200));
        if self.rng.below(4) != 0 {
            child.kill().map_err(text)?;
        }
        if self.rng.below(4) == 0 {
            child.wait_timeout(PATIENCE).map_err(text)?.ok_or("a child hangs")?;
            self.killed += 1;
            return Ok(());
        }
        match child.join_timeout(PATIENCE) {
            Ok(made) => {
                self.answered += 1;
                check(&made)
            }
            Err(JoinError::Signaled { signal: Signal::KILL, .. } | JoinError::Lost { .. }) => {
                self.killed += 1;
                Ok(())
            }
            Err(other) => Err(text(other)),
        }
    }

    fn mend(&mut self) -> Result<(), String> {
        match self.pair.lock_timeout(PATIENCE) {
            Ok(pair) if pair[0] == pair[1] => Ok(()),
            Ok(pair) => Err(format!("half done, and nobody said so: {:?}", *pair)),
            Err(polyproc::sync::TryLockError::OwnerDied(died)) => {
                self.died += 1;
                let mut pair = died.recover();
                pair[1] = pair[0];
                Ok(())
            }
            Err(error) => Err(text(error)),
        }
    }

    fn kill_the_fork_server(&mut self) {
        let server = polyproc::family().into_iter().find(|member| member.fork_server);
        if let Some(facts) = server.and_then(|server| process::facts(server.pid)) {
            facts.kill();
            self.servers += 1;
        }
    }
}

/// In the child: some steps with the lock, and some objects for the parent.
fn share((pair, count): (Pair, Value<u64>)) -> Made {
    for _ in 0..10 {
        let mut pair = pair.lock().unwrap_or_else(|died| {
            let mut pair = OwnerDied::recover(died);
            pair[1] = pair[0];
            pair
        });
        pair[0] += 1;
        thread::yield_now();
        pair[1] += 1;
    }
    let make = |number| {
        let array = SharedArray::from_slice(&[number as u8; 100]).ok()?;
        Some((Value::new(number).ok()?, array))
    };
    (0..count.get()).map_while(make).collect()
}

fn check(made: &Made) -> Result<(), String> {
    for (number, (value, array)) in (0..).zip(made) {
        let whole = array.to_vec().map_err(text)? == [number as u8; 100];
        if value.get() != number || !whole {
            return Err(format!("object {number} is another one"));
        }
    }
    Ok(())
}

/// How many objects and handles in messages there are.
fn held() -> Result<(u64, usize), String> {
    let stats = polyproc::arena_stats().map_err(text)?;
    Ok((stats.objects, stats.parcels))
}

fn text(error: impl Debug) -> String {
    format!("{error:?}")
}

fn pause(micros: u64) {
    let end = Instant::now() + Duration::from_micros(micros);
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
}
