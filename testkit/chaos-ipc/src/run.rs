//! Starting workers, killing them, and watching that the others go on.

use crate::Workload;
use crate::process::{Child, Stage, pause};
use polyproc_sync::{Deadline, crash};
use polyproc_sys::signal::Signal;
use polyproc_sys::wait::Status;
use polyproc_testkit::Rng;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fmt, io};

/// How long a worker may be without progress before that counts as a hang.
const HANG: Duration = Duration::from_mins(1);
/// How long a point that is reached only after others died in the right places may take to be reached.
const REACH: Duration = Duration::from_mins(2);
/// How long a worker that is to die may live.
const LIFE: Duration = Duration::from_millis(100);
const WORKERS: usize = 4;

/// What workers and their parent say to each other: the steps that each place has done, and at the end
/// whether to stop.
type Shared = Stage<[AtomicU64; WORKERS + 1]>;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Workers killed from outside, at any instruction.
    pub killed: u64,
    /// Workers that died at a named point.
    pub crashed: u64,
    /// Workers that were stopped at any instruction, and went on after a while.
    pub stopped: u64,
    /// Operations that all workers finished.
    pub steps: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { killed, crashed, stopped, steps } = self;
        write!(
            f,
            "{killed} killed, {crashed} died at named points, {stopped} stopped for a while, \
             {steps} operations finished"
        )
    }
}

/// Where a worker is to die by itself.
#[derive(Clone, Copy, Debug)]
pub enum Crash {
    /// Nowhere.
    Never,
    /// At a named point, after so many passes.
    At(&'static str, u32),
    /// At any named point, after so many passes of any.
    Any(u32),
}

fn start(
    board: &Shared,
    place: usize,
    seed: u64,
    crash: Crash,
    workload: &(impl Workload + Clone),
) -> io::Result<Child> {
    let mut workload = workload.clone();
    Child::start(move || {
        match crash {
            Crash::Never => {}
            Crash::At(name, skip) => crash::arm(name, skip),
            Crash::Any(skip) => crash::arm_any(skip),
        }
        let mut random = Rng::new(seed);
        while board[WORKERS].load(Ordering::Relaxed) == 0 {
            if let Err(wrong) = workload.step(&mut random) {
                report(wrong);
                return 1;
            }
            board[place].fetch_add(1, Ordering::Relaxed);
        }
        drop(workload);
        0
    })
}

#[expect(clippy::print_stderr, reason = "the parent's only way to learn what was seen")]
fn report(wrong: &str) {
    eprintln!("worker {}: {wrong}", std::process::id());
}

fn board() -> io::Result<Shared> {
    Stage::of(std::array::from_fn(|_| AtomicU64::new(0)))
}

/// Waits until the worker at `place` has done `more` steps, or has ended.
fn progress(board: &Shared, place: usize, more: u64, child: &mut Child) -> io::Result<()> {
    let goal = board[place].load(Ordering::Relaxed) + more;
    let deadline = Deadline::after(HANG);
    while board[place].load(Ordering::Relaxed) < goal {
        if let Some(end) = child.end(Deadline::now())? {
            return match end {
                Status::Exited(_) => Err(io::Error::other(format!("a worker saw it: {end:?}"))),
                Status::Signaled { .. } => Ok(()),
            };
        }
        if deadline.has_passed() {
            return Err(io::Error::other("a worker hangs"));
        }
        pause(Duration::from_micros(500));
    }
    Ok(())
}

/// Has one worker die at the named point `name` while two others work, and checks that those go on.
///
/// What a process does about a dead one needs dead ones: so until then more workers come and die, every
/// second one of them at one of the points `deaths`, in turn.
///
/// # Errors
/// When the point is never reached, a worker hangs, or one sees what it must not.
pub fn crash_at(
    name: &'static str,
    skip: u32,
    deaths: &[&'static str],
    workload: &(impl Workload + Clone),
) -> io::Result<()> {
    let board = board()?;
    let mut others = Vec::new();
    for place in 1..3 {
        others.push(start(&board, place, place as u64, Crash::Never, workload)?);
    }
    let mut victim = start(&board, 0, 77, Crash::At(name, skip), workload)?;
    let deadline = Deadline::after(REACH);
    let mut named = deaths.iter().cycle();
    let mut seed = 100;
    while victim.end(Deadline::after(Duration::from_millis(20)))?.is_none()
        && !deadline.has_passed()
    {
        seed += 1;
        let any = Crash::Any(seed as u32 % 90);
        let at = |name: &&'static str| Crash::At(name, seed as u32 / 2 % 2);
        let crash = if seed % 2 == 0 { any } else { named.next().map_or(any, at) };
        let mut other = start(&board, 3, seed, crash, workload)?;
        if other.end(Deadline::after(LIFE))?.is_none() {
            other.kill()?;
            other.end(Deadline::after(HANG))?;
        }
        workload.ended(other.pid);
    }
    let end = victim.end(Deadline::now())?;
    workload.ended(victim.pid);
    if !matches!(end, Some(Status::Signaled { .. })) {
        return Err(io::Error::other(format!("{name} was not reached: {end:?}")));
    }
    for (place, other) in (1..).zip(&mut others) {
        progress(&board, place, 30, other)?;
    }
    finish(&board, &mut others, workload).map(drop)
}

fn finish(board: &Shared, workers: &mut [Child], workload: &impl Workload) -> io::Result<u64> {
    board[WORKERS].store(1, Ordering::Relaxed);
    for worker in workers {
        match worker.end(Deadline::after(HANG))? {
            Some(Status::Exited(0) | Status::Signaled { .. }) => {}
            Some(end) => return Err(io::Error::other(format!("a worker saw it: {end:?}"))),
            None => return Err(io::Error::other("a worker hangs at the end")),
        }
        workload.ended(worker.pid);
    }
    Ok(board[..WORKERS].iter().map(|steps| steps.load(Ordering::Relaxed)).sum())
}

/// Stops a worker for a while, now and then for longer than a call without a wait bears; says whether it
/// goes on.
fn stop(worker: &Child, random: &mut Rng) -> io::Result<bool> {
    let most = if random.one_in(50) { 400_000 } else { 3000 };
    worker.signal(Signal::STOP)?;
    pause(Duration::from_micros(random.below(most)));
    let goes_on = random.one_in(2);
    if goes_on {
        worker.signal(Signal::CONT)?;
    }
    Ok(goes_on)
}

/// Kills workers until `kills` have died, one way or the other, replacing each. Some are stopped before.
///
/// # Errors
/// When a worker hangs, or sees what it must not.
pub fn chaos(seed: u64, kills: u64, workload: &(impl Workload + Clone)) -> io::Result<Tally> {
    let board = board()?;
    let mut random = Rng::new(seed);
    let mut tally = Tally::default();
    let next = |random: &mut Rng, place| {
        let crash = match random.below(2) {
            0 => Crash::Never,
            _ => Crash::Any(random.below(100) as u32),
        };
        start(&board, place, random.below(u64::MAX), crash, workload)
    };
    let mut workers = Vec::new();
    for place in 0..WORKERS {
        workers.push(next(&mut random, place)?);
    }
    while tally.killed + tally.crashed < kills {
        let place = random.below(WORKERS as u64) as usize;
        let time = Deadline::after(Duration::from_micros(random.below(3000)));
        let worker = &mut workers[place];
        match worker.end(time)? {
            Some(Status::Signaled { .. }) => tally.crashed += 1,
            Some(end) => return Err(io::Error::other(format!("a worker saw it: {end:?}"))),
            None if random.one_in(4) && stop(worker, &mut random)? => {
                tally.stopped += 1;
                continue;
            }
            None => {
                worker.kill()?;
                worker.end(Deadline::after(HANG))?;
                tally.killed += 1;
            }
        }
        workload.ended(worker.pid);
        workers[place] = next(&mut random, place)?;
        if (tally.killed + tally.crashed).is_multiple_of(64) {
            // Those that are left must get on while nobody is killed.
            for (place, worker) in workers.iter_mut().enumerate() {
                progress(&board, place, 5, worker)?;
            }
        }
    }
    tally.steps = finish(&board, &mut workers, workload)?;
    Ok(tally)
}
