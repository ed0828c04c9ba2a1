//! Waiting for the end of any process, and the processor time of one over an interval.

use crate::error::{Error, Result};
use crate::process::Process;
use polyproc_sys::clock::Deadline;
use polyproc_sys::pidfd::PidFd;
use polyproc_sys::poll;
use polyproc_sys::wait::{Status, reap};
use std::collections::HashSet;
use std::fmt;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// A child of ours, or one whose end the kernel has kept: by exit code or signal.
    Known(Status),
    /// Somebody else's child, who alone is told.
    Unknown,
}

impl End {
    /// As Python has it: the exit code, or the negative number of the signal.
    pub fn code(self) -> Option<i32> {
        match self {
            Self::Known(Status::Exited(code)) => Some(code),
            Self::Known(Status::Signaled { signal, .. }) => Some(-signal.number()),
            Self::Unknown => None,
        }
    }
}

/// `exit code 3`, `SIGKILL`, `ended`.
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(Status::Exited(code)) => write!(f, "exit code {code}"),
            Self::Known(Status::Signaled { signal, core_dumped: false }) => write!(f, "{signal}"),
            Self::Known(Status::Signaled { signal, .. }) => write!(f, "{signal} (core dumped)"),
            Self::Unknown => f.write_str("ended"),
        }
    }
}

impl Process {
    /// Waits until it has ended: for ever without a `timeout`, else `Ok(None)` when it has passed. A
    /// child of ours is reaped by this, as by any other way to wait for it.
    ///
    /// # Errors
    /// [`Error::Os`] at the limit on descriptors, and for this process itself, whose end it cannot see.
    /// A process that is gone already is no error.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Option<End>> {
        let deadline = timeout.map_or(Deadline::NEVER, Deadline::after);
        let held = match self.hold_another("end") {
            Err(Error::Gone { .. }) => return Ok(Some(End::Unknown)),
            other => other?,
        };
        let ended = poll::readable([Some(held.as_fd())], deadline);
        let [ended] = ended.map_err(|error| Error::of(format!("end of {self}"), error))?;
        Ok(ended.then(|| how(&held)))
    }
}

impl Process {
    /// A wait for oneself would never end.
    fn hold_another(&self, what: &'static str) -> Result<PidFd> {
        if self.pid() == std::process::id() {
            let source =
                std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is this process");
            return Err(Error::of(format!("{what} of {self}"), source));
        }
        self.hold(what)
    }
}

/// How a process that has ended did: reaped if it is our child, else by the kernel's record.
fn how(held: &PidFd) -> End {
    if let Ok(Some(reaped)) = reap(held) {
        return End::Known(reaped.status);
    }
    let record = held.status_after_reaping();
    record.map_or(End::Unknown, |raw| End::Known(Status::from_wait_status(raw)))
}

/// What [`wait_all`] has found.
#[derive(Clone, Debug, Default)]
pub struct Waited {
    /// Those that have ended, in the order of their ends as far as it was seen.
    pub gone: Vec<(Process, End)>,
    /// Those that still run.
    pub alive: Vec<Process>,
}

/// Waits until all of `processes` have ended, or until `timeout`; calls `each` as they end.
///
/// # Errors
/// [`Error::Os`] at the limit on descriptors (it takes one for each process), and when this process
/// itself is among them.
#[doc(alias = "wait_procs")]
pub fn wait_all(
    processes: &[Process],
    timeout: Option<Duration>,
    mut each: impl FnMut(&Process, End),
) -> Result<Waited> {
    let deadline = timeout.map_or(Deadline::NEVER, Deadline::after);
    let (mut waited, mut running, mut seen) = (Waited::default(), Vec::new(), HashSet::new());
    let mut end = |waited: &mut Waited, process: &Process, how| {
        each(process, how);
        waited.gone.push((process.clone(), how));
    };
    for process in processes.iter().filter(|process| seen.insert(process.identity())) {
        match process.hold_another("end") {
            Ok(held) => running.push((process, held)),
            Err(Error::Gone { .. }) => end(&mut waited, process, End::Unknown),
            Err(error) => return Err(error),
        }
    }
    while !running.is_empty() {
        let fds: Vec<_> = running.iter().map(|(_, held)| held.as_fd()).collect();
        let ended = poll::any_readable(&fds, deadline);
        let ended = ended.map_err(|error| Error::of("ends of processes", error))?;
        if ended.is_empty() {
            break;
        }
        for index in ended.into_iter().rev() {
            let (process, held) = running.swap_remove(index);
            end(&mut waited, process, how(&held));
        }
    }
    waited.alive = running.into_iter().map(|(process, _)| process.clone()).collect();
    waited.alive.sort_by_key(Process::identity);
    Ok(waited)
}

/// What part of the processors' time one process uses, between one look and the next.
///
/// 100 is one processor, fully used; a process with several threads may have more.
///
/// ```
/// use polyproc_info::{CpuMeter, Process};
///
/// let mut meter = CpuMeter::new(&Process::current()?)?;
/// (0..100_000).for_each(|number| { std::hint::black_box(number); });
/// assert!(meter.percent()? >= 0.0);
/// # Ok::<(), polyproc_info::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CpuMeter {
    process: Process,
    used: Duration,
    at: Instant,
}

impl CpuMeter {
    /// Takes the first look.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn new(process: &Process) -> Result<Self> {
        let used = process.cpu_times()?.total();
        Ok(Self { process: process.clone(), used, at: Instant::now() })
    }

    /// Since the last look; 0 when no time has passed. The kernel counts by 10 ms, so a tenth of a
    /// second should lie between.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn percent(&mut self) -> Result<f64> {
        let (used, at) = (self.process.cpu_times()?.total(), Instant::now());
        let (used_before, before) = (self.used, self.at);
        (self.used, self.at) = (used, at);
        Ok(share(used.saturating_sub(used_before), at.duration_since(before)))
    }
}

/// `part` of `whole` in percent, 0 of nothing.
pub(crate) fn share(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 0.0 } else { part.as_secs_f64() / whole.as_secs_f64() * 100.0 }
}

impl Process {
    /// What it uses of a processor during `interval`, which this call takes; see [`CpuMeter`]. When
    /// the process ends, the call does so, too.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn cpu_percent(&self, interval: Duration) -> Result<f64> {
        let mut meter = CpuMeter::new(self)?;
        self.wait_no_reap(interval)?;
        meter.percent()
    }

    fn wait_no_reap(&self, time: Duration) -> Result<()> {
        let held = self.hold("processor time")?;
        let end = poll::readable([Some(held.as_fd())], Deadline::after(time));
        end.map(drop).map_err(|error| Error::of(format!("end of {self}"), error))
    }
}
