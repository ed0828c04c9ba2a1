//! Pools under fire: workers and the fork server are killed at random while thousands of tasks run, and
//! parents with busy pools as well. Every task has one outcome, and the right one; a kill costs at most
//! the tasks that ran in it.

use polyproc::prelude::*;
use polyproc::{ExitStatus, StartMethod};
use polyproc_chaos::Options;
use polyproc_testkit::{Rng, eventually, process};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_mins(1);
const WORKERS: u64 = 3;
const TASKS: u64 = 300;

fn main() -> ExitCode {
    polyproc::init();
    polyproc_chaos::main(worker)
}

/// What a task does: a little work, so that kills hit it in all places.
fn work(number: u64) -> u64 {
    let since = Instant::now();
    while since.elapsed() < Duration::from_micros(number % 64) {
        std::hint::spin_loop();
    }
    number * 3
}

/// A parent with a busy pool, to be killed.
fn busy_parent(_: ()) {
    let pool = Pool::new(2).map_err(|error| error.to_string());
    if let Ok(pool) = pool {
        drop(pool.map(work, (0..).take(1 << 40)));
    }
}

fn worker(options: Options) -> Result<(), String> {
    let mut rng = Rng::new(options.seed);
    let mut killed = 0;
    let mut lost = 0;
    for round in 0..options.rounds {
        let method = *rng.pick(&StartMethod::ALL);
        polyproc::set_start_method(method);
        let (kills, losses) = one_round(&mut rng, method)
            .map_err(|why| format!("round {round} by {method}: {why}"))?;
        killed += kills;
        lost += losses;
        if rng.one_in(8) {
            kill_a_parent(&mut rng).map_err(|why| format!("round {round}: {why}"))?;
        }
    }
    report(options.rounds, killed, lost);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a program for the terminal")]
fn report(rounds: u64, killed: u64, lost: u64) {
    println!(
        "pool: {rounds} pools of {TASKS} tasks and an imap, {killed} kills, {lost} tasks lost"
    );
}

fn kill(pid: u32) {
    if let Some(facts) = process::facts(pid) {
        facts.kill();
    }
}

/// One pool, with kills in the middle. Gives how many were killed, and how many tasks were lost.
fn one_round(rng: &mut Rng, method: StartMethod) -> Result<(u64, u64), String> {
    let pool = Pool::builder().workers(WORKERS as usize).build().map_err(|e| e.to_string())?;
    let retries = u32::from(rng.one_in(3)) * 100;
    let mut kills = 0;
    let mut tasks = Vec::new();
    for number in 0..TASKS {
        tasks.push(pool.calls().retries(retries).submit(work, number));
        if rng.one_in(60) {
            kills += kill_something(rng, &pool, method);
        }
    }
    kills += kill_something(rng, &pool, method);
    let mut lost = 0;
    for (number, task) in (0..).zip(tasks) {
        match task.get_timeout(LONG) {
            Ok(value) if value == number * 3 => {}
            Ok(value) => return Err(format!("task {number} gave {value}")),
            Err(error) if retries == 0 && is_killing(&error) => lost += 1,
            Err(error) => return Err(format!("task {number}: {error}")),
        }
    }
    let chunks: Vec<_> = pool.imap(work, 0..TASKS).collect();
    let wrong = (0..TASKS).zip(&chunks).find(|(number, value)| match value {
        Ok(value) => *value != number * 3,
        Err(error) => !is_killing(error),
    });
    if let Some((number, value)) = wrong {
        return Err(format!("item {number}: {value:?}"));
    }
    lost += chunks.iter().filter(|value| value.is_err()).count() as u64;
    if lost > kills {
        return Err(format!("{lost} tasks were lost by {kills} kills"));
    }
    end(rng, pool)?;
    Ok((kills, lost))
}

fn is_killing(error: &TaskError) -> bool {
    match error {
        TaskError::Died { status: ExitStatus::Signaled { signal, .. }, .. } => {
            *signal == Signal::KILL
        }
        // The fork server was killed as well, on a kernel that does not remember.
        TaskError::Died { status, .. } => *status == ExitStatus::Unknown,
        _ => false,
    }
}

fn kill_something(rng: &mut Rng, pool: &Pool, method: StartMethod) -> u64 {
    let server = polyproc::family().into_iter().find(|member| member.fork_server);
    if let (StartMethod::ForkServer, Some(server), true) = (method, server, rng.one_in(10)) {
        kill(server.pid);
        return 0;
    }
    let pids = pool.pids();
    if pids.is_empty() {
        return 0;
    }
    kill(*rng.pick(&pids));
    1
}

fn end(rng: &mut Rng, pool: Pool) -> Result<(), String> {
    let pids = pool.pids();
    match rng.below(3) {
        0 => {
            pool.close();
            let ended = pool.join_timeout(LONG).map_err(|error| error.to_string())?;
            if !ended {
                return Err("a closed pool does not end".into());
            }
        }
        1 => pool.terminate(),
        _ => {}
    }
    drop(pool);
    await_ends(&pids)
}

fn await_ends(pids: &[u32]) -> Result<(), String> {
    for pid in pids {
        let gone = || process::facts(*pid).is_none_or(|facts| facts.is_zombie()).then_some(());
        eventually(LONG, gone).ok_or_else(|| format!("pid {pid} is left"))?;
    }
    Ok(())
}

/// A parent in the middle of a map is killed: its workers go with it.
fn kill_a_parent(rng: &mut Rng) -> Result<(), String> {
    let parent = polyproc::spawn(busy_parent, ()).map_err(|error| error.to_string())?;
    let own = std::process::id();
    std::thread::park_timeout(Duration::from_micros(rng.below(20_000)));
    let family: Vec<u32> = polyproc::family()
        .into_iter()
        .filter(|member| member.parent_pid == parent.pid() && member.pid != own)
        .map(|member| member.pid)
        .collect();
    parent.kill().map_err(|error| error.to_string())?;
    parent.wait().map_err(|error| error.to_string())?;
    await_ends(&family)
}
