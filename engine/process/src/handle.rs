//! A started process as its parent sees it.
//!
//! Its end is learned from the pidfd, which nothing can fake or delay. What it reported lies in the
//! socket by then. Who reaps it, and so knows its exit status and cost, is its direct parent: this
//! process, or the fork server, which passes both on over the same socket. If the fork server is
//! gone or silent, the kernel's own record stands in (Linux 6.15), else [`ExitStatus::Unknown`].

use crate::awaited::Futures;
use crate::memory;
use crate::policy::StartMethod;
use crate::roster::{Phase, Roster, Ticket};
use crate::wire::{self, Packet, Tag, Taker};
use polyproc_shm::{Delivery, Ended, Expected, Parcel};
use polyproc_sys::clock::Deadline;
use polyproc_sys::pidfd::PidFd;
use polyproc_sys::signal::Signal;
use polyproc_sys::socket::Mode;
use polyproc_sys::stat::{self, RunState};
use polyproc_sys::wait::{self, Status, Usage};
use polyproc_sys::{moment, poll};
use std::fmt;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the fork server may take to pass on how a child ended, once it has. It waits for no one but a
/// processor, and when it is dead that shows at once: this is for one that was stopped.
const RELAY_GRACE: Duration = Duration::from_secs(10);
/// How long to leave a child that has ended to the debugger that it has.
const TRACER_PAUSE: Duration = Duration::from_millis(1);
/// How often to look for the fork server's word before sleeping: a few ten microseconds in all.
const RELAY_GLANCES: u32 = 30;
/// The errno of a process that may open no more descriptors.
const EMFILE: i32 = 24;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitStatus {
    /// By itself, with this code (0 to 255).
    Exited(i32),
    /// Of a signal.
    Signaled {
        /// Which.
        signal: Signal,
        /// Whether a core image was written.
        core_dumped: bool,
    },
    /// Somebody else asked the kernel first: `SIGCHLD` is ignored, foreign code waits for any
    /// child, or the fork server was killed (on kernels older than 6.15).
    Unknown,
}

impl ExitStatus {
    /// As Python gives it: the code, or the negative number of the signal.
    pub fn code(self) -> Option<i32> {
        match self {
            Self::Exited(code) => Some(code),
            Self::Signaled { signal, .. } => Some(-signal.number()),
            Self::Unknown => None,
        }
    }

    /// Whether it is exit code 0.
    pub fn success(self) -> bool {
        self == Self::Exited(0)
    }
}

impl From<Status> for ExitStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Exited(code) => Self::Exited(code),
            Status::Signaled { signal, core_dumped } => Self::Signaled { signal, core_dumped },
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Signaled { signal, core_dumped: false } => write!(f, "{signal}"),
            Self::Signaled { signal, core_dumped: true } => write!(f, "{signal} (core dumped)"),
            Self::Unknown => f.write_str("unknown exit status"),
        }
    }
}

/// What is known of a process that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// How.
    pub status: ExitStatus,
    /// What it cost; `None` when the status is unknown or came from the kernel's record.
    pub usage: Option<Usage>,
    /// How far it had come.
    pub phase: Phase,
    /// Whether we killed it because it had not reached its function within the start timeout.
    pub overdue: bool,
}

/// What a start method hands over of the process that it made.
#[derive(Debug)]
pub(crate) struct Newborn {
    pub(crate) pid: u32,
    pub(crate) pidfd: PidFd,
    /// Whether it is our own child, or the fork server's.
    pub(crate) direct: bool,
    /// Its place in the arena, if it was forked by this process.
    pub(crate) place: Option<Expected>,
}

/// What is fixed before the process exists.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) daemon: bool,
    pub(crate) method: StartMethod,
    pub(crate) roster: &'static Roster,
    pub(crate) ticket: Ticket,
    pub(crate) start_timeout: Duration,
    pub(crate) stdout: Option<PipeReader>,
    pub(crate) stderr: Option<PipeReader>,
    /// What holds the handles in its call.
    pub(crate) parcels: Vec<Parcel>,
}

/// A process that this process has started.
#[derive(Debug)]
pub struct Child {
    name: String,
    daemon: bool,
    method: StartMethod,
    ticket: Ticket,
    pid: u32,
    pidfd: PidFd,
    socket: OwnedFd,
    direct: bool,
    place: Option<Expected>,
    /// The process that started it, by pid.
    starter: u32,
    roster: &'static Roster,
    /// When a child that has not reached its function is given up.
    start_deadline: Deadline,
    /// A moment at which it ran.
    seen: u64,
    progress: Mutex<Progress>,
    pipes: Mutex<[Option<PipeReader>; 2]>,
    futures: Futures,
    /// Handles come from it by another way than its report.
    hands_over: AtomicBool,
}

/// What has been learned so far.
#[expect(clippy::struct_excessive_bools, reason = "facts that are learned one by one")]
#[derive(Debug, Default)]
struct Progress {
    closed: bool,
    report: Option<Delivery>,
    /// What holds the handles in its call, until its end.
    sent: Vec<Parcel>,
    taken: bool,
    failure: Option<String>,
    status: Option<ExitStatus>,
    usage: Option<Usage>,
    /// When we saw that it is dead, while the fork server has not said how.
    silent_since: Option<Instant>,
    overdue: bool,
    /// It is dead, and a debugger keeps its status from us.
    withheld: bool,
    ending: Option<Ending>,
}

impl Child {
    pub(crate) fn new(plan: Plan, socket: OwnedFd, newborn: Newborn) -> Self {
        Self {
            name: plan.name,
            daemon: plan.daemon,
            method: plan.method,
            ticket: plan.ticket,
            pid: newborn.pid,
            pidfd: newborn.pidfd,
            socket,
            direct: newborn.direct,
            place: newborn.place,
            starter: std::process::id(),
            roster: plan.roster,
            start_deadline: Deadline::after(plan.start_timeout),
            seen: moment::now(),
            progress: Mutex::new(Progress { sent: plan.parcels, ..Progress::default() }),
            pipes: Mutex::new([plan.stdout, plan.stderr]),
            futures: Futures::default(),
            hands_over: AtomicBool::new(false),
        }
    }

    /// Its pid. Do not signal it by this number: see [`Child::send_signal`].
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it ends with our orderly end.
    pub fn daemon(&self) -> bool {
        self.daemon
    }

    /// How it was started.
    pub fn start_method(&self) -> StartMethod {
        self.method
    }

    /// A descriptor that becomes readable when it has ended.
    pub fn sentinel(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Whether the calling process is the one that started it (and not a forked copy).
    pub fn is_ours(&self) -> bool {
        self.starter == std::process::id()
    }

    /// What it is doing.
    pub fn state(&self) -> RunState {
        if self.poll().is_some() {
            return RunState::Gone;
        }
        match stat::read(self.pid) {
            Ok(Some(stat)) if stat::is_running_since(self.pid, self.seen) => stat.state,
            Ok(Some(_)) => RunState::Zombie,
            _ => RunState::Gone,
        }
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        let ending = if self.is_ours() { self.lock().ending } else { None };
        ending.map_or_else(|| self.roster.phase(self.ticket), |ending| ending.phase)
    }

    /// Sends a signal; to a process that has ended it does nothing.
    ///
    /// # Errors
    /// `EPERM` when the process has changed its user.
    pub fn send_signal(&self, signal: Signal) -> io::Result<()> {
        if matches!(signal, Signal::STOP | Signal::TSTP | Signal::TTIN | Signal::TTOU) {
            self.await_settled()?;
        }
        self.pidfd.send_signal(signal)
    }

    /// A copy that is stopped before it has settled would hold what it inherited: its lifeline is
    /// not armed, and its parent's is still open in it. So nobody stops it before.
    fn await_settled(&self) -> io::Result<()> {
        const PAUSE: Duration = Duration::from_micros(50);
        let may_be_unsettled =
            self.method != StartMethod::Spawn && !self.start_deadline.has_passed();
        while may_be_unsettled && self.roster.phase(self.ticket) == Phase::Starting {
            if poll::readable([Some(self.pidfd.as_fd())], Deadline::after(PAUSE))?[0] {
                break;
            }
        }
        Ok(())
    }

    /// The reading end of its standard output, once, if it was started with [`Stdio::Piped`].
    ///
    /// [`Stdio::Piped`]: crate::Stdio::Piped
    pub fn take_stdout(&self) -> Option<PipeReader> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner)[0].take()
    }

    /// The same for its standard error.
    pub fn take_stderr(&self) -> Option<PipeReader> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner)[1].take()
    }

    /// What it reported, once, after its end. Whoever takes it receives the handles in it, or gives
    /// them back.
    pub fn take_report(&self) -> Option<Delivery> {
        let mut progress = self.lock();
        let report = progress.report.take();
        progress.taken |= report.is_some();
        report
    }

    /// Whether [`take_report`](Self::take_report) has given a report before.
    pub fn is_taken(&self) -> bool {
        self.lock().taken
    }

    /// Why it could not reach its function, or send its report, as it said itself.
    pub fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }

    /// How it ended, if it has. Does not wait.
    pub fn poll(&self) -> Option<Ending> {
        // A copy must not touch the lock: a thread of the original may have held it.
        if self.is_ours() { self.advance(&mut self.lock()) } else { self.look_from_copy() }
    }

    /// From now on it may hand handles over to this process by another way than its report: its end does
    /// not give them back. Who reads that way calls [`settle`](Self::settle) when he has read everything.
    pub fn hands_over(&self) {
        self.hands_over.store(true, Ordering::Relaxed);
    }

    /// When it has ended: gives back what it handed over and what has not arrived.
    pub fn settle(&self) {
        if let Some(arena) = memory::attached().filter(|_| self.is_ours()) {
            arena.give_back_handed_over(self.pid);
        }
    }

    /// Waits until it has ended, or until `deadline`: then `Ok(None)`.
    ///
    /// A child that has not reached its function by the end of its start timeout is killed.
    ///
    /// # Errors
    /// Only what polling a descriptor may give, such as `ENOMEM`.
    pub fn wait(&self, deadline: Deadline) -> io::Result<Option<Ending>> {
        Ok(Self::wait_any(&[self], deadline)?.and_then(|_| self.poll()))
    }

    /// Waits until one of `children` has ended, or until `deadline`: then `Ok(None)`. Says which,
    /// the first in order if several have; its ending is known by then.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_any(children: &[&Self], deadline: Deadline) -> io::Result<Option<usize>> {
        loop {
            if let Some(index) = children.iter().position(|child| child.poll().is_some()) {
                return Ok(Some(index));
            }
            if deadline.has_passed() {
                return Ok(None);
            }
            let events = children.iter().map(|child| child.next_event(deadline));
            let (fds, ends): (Vec<_>, Vec<_>) = events.unzip();
            let fds: Vec<_> = fds.into_iter().flatten().collect();
            poll::any_readable(&fds, ends.into_iter().fold(deadline, Deadline::earlier))?;
        }
    }

    /// Those who await its end.
    pub(crate) fn futures(&self) -> &Futures {
        &self.futures
    }

    /// The descriptor to wait for, and when to look again at the latest.
    pub(crate) fn next_event(&self, deadline: Deadline) -> (Option<BorrowedFd<'_>>, Deadline) {
        if !self.is_ours() {
            return (Some(self.pidfd.as_fd()), deadline);
        }
        let mut progress = self.lock();
        if let Some(since) = progress.silent_since {
            let grace = Deadline::at(since + RELAY_GRACE);
            return (Some(self.socket.as_fd()), deadline.earlier(grace));
        }
        if progress.withheld {
            // A debugger has to be told first. No descriptor announces when it has been.
            return (None, deadline.earlier(Deadline::after(TRACER_PAUSE)));
        }
        // Its report can wait in the socket: only its end matters.
        let end = Some(self.pidfd.as_fd());
        if self.roster.phase(self.ticket) != Phase::Starting {
            return (end, deadline);
        }
        if self.start_deadline.has_passed() && !progress.overdue {
            progress.overdue = true;
            drop(self.send_signal(Signal::KILL));
        }
        let overdue = progress.overdue;
        let start = if overdue { Deadline::NEVER } else { self.start_deadline };
        (end, deadline.earlier(start))
    }

    /// Learns what there is to learn now.
    fn advance(&self, progress: &mut Progress) -> Option<Ending> {
        if progress.ending.is_none() && self.is_dead() {
            if self.direct {
                self.reap(progress);
                self.read_packets(progress);
            } else {
                self.expect_relay(progress);
            }
            if let Some(status) = progress.status {
                progress.ending = Some(self.finish(progress, status));
            }
        }
        progress.ending
    }

    /// In a forked copy: what there is to learn belongs to the process that started the child.
    fn look_from_copy(&self) -> Option<Ending> {
        let (status, usage) = (ExitStatus::Unknown, None);
        self.is_dead().then_some(Ending { status, usage, phase: Phase::Ended, overdue: false })
    }

    fn is_dead(&self) -> bool {
        matches!(poll::readable([Some(self.pidfd.as_fd())], Deadline::now()), Ok([true]))
    }

    fn reap(&self, progress: &mut Progress) {
        match wait::reap(&self.pidfd) {
            Ok(Some(reaped)) => {
                progress.status = Some(reaped.status.into());
                progress.usage = Some(reaped.usage);
            }
            Ok(None) => progress.withheld = true,
            Err(_not_ours_any_more) => progress.status = Some(self.status_by_kernel()),
        }
    }

    fn status_by_kernel(&self) -> ExitStatus {
        self.pidfd
            .status_after_reaping()
            .map_or(ExitStatus::Unknown, |raw| Status::from_wait_status(raw).into())
    }

    fn read_packets(&self, progress: &mut Progress) {
        while !progress.closed {
            match wire::receive(&self.socket, Mode::Try) {
                Ok(Some(packet)) => take_packet(progress, packet),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // It ended without reading its birth record. What it sent comes next.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                // The packet was taken, but there was no memory or no descriptor for its body.
                Err(error) if matches!(error.raw_os_error(), None | Some(EMFILE)) => {
                    progress.failure = Some(error.to_string());
                }
                // The other end is closed; or somebody has closed ours.
                Ok(None) | Err(_) => progress.closed = true,
            }
        }
    }

    /// It is dead, but only the fork server can say how: wait for that, though not for ever.
    fn expect_relay(&self, progress: &mut Progress) {
        // The server was woken by the same event as we were: it is about to tell. A nap would cost
        // more than its answer takes; giving way to it costs nothing.
        for _ in 0..RELAY_GLANCES {
            self.read_packets(progress);
            if progress.status.is_some() || progress.closed {
                break;
            }
            std::thread::yield_now();
        }
        let since = *progress.silent_since.get_or_insert_with(Instant::now);
        if progress.status.is_none() && (progress.closed || since.elapsed() >= RELAY_GRACE) {
            progress.status = Some(self.status_by_kernel());
        }
    }

    fn finish(&self, progress: &mut Progress, status: ExitStatus) -> Ending {
        let sent = std::mem::take(&mut progress.sent);
        if let Some(arena) = memory::attached() {
            let reported = progress.report.as_ref().map_or(&[][..], |report| &report.tickets);
            let reported = (!self.hands_over.load(Ordering::Relaxed)).then_some(reported);
            arena.settle(&Ended { pid: self.pid, place: self.place }, sent, reported);
        }
        let phase = self.roster.free(self.ticket);
        tracing::debug!(pid = self.pid, name = self.name, %status, "process ended");
        Ending { status, usage: progress.usage, phase, overdue: progress.overdue }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Child {
    /// A report that nobody will read gives its handles back.
    fn drop(&mut self) {
        if !self.is_ours() {
            return;
        }
        let progress = self.progress.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(report) = &progress.report {
            memory::give_back(report);
        }
    }
}

fn take_packet(progress: &mut Progress, packet: Packet) {
    match packet.tag {
        Tag::Report => progress.report = Delivery::unpack(packet.body),
        Tag::Failed => {
            progress.failure = Some(String::from_utf8_lossy(&packet.body).into_owned());
        }
        Tag::Ended => {
            if let Some((status, usage)) = decode_end(&packet.body) {
                progress.status = Some(status.into());
                progress.usage = Some(usage);
            }
        }
        _ => {}
    }
}

/// The body of a [`Tag::Ended`] packet.
pub(crate) fn encode_end(status: Status, usage: &Usage) -> Vec<u8> {
    let mut out = wire::Putter::default();
    out.number(status.to_wait_status() as u64);
    out.number(usage.user.as_micros() as u64).number(usage.system.as_micros() as u64);
    out.number(usage.peak_memory);
    out.0
}

fn decode_end(bytes: &[u8]) -> Option<(Status, Usage)> {
    let mut input = Taker(bytes);
    let status = Status::from_wait_status(input.number()? as i32);
    let user = Duration::from_micros(input.number()?);
    let system = Duration::from_micros(input.number()?);
    Some((status, Usage { user, system, peak_memory: input.number()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_arrives_as_it_was_sent() {
        let status = Status::Signaled { signal: Signal::SEGV, core_dumped: true };
        let usage = Usage {
            user: Duration::from_millis(1500),
            system: Duration::from_micros(7),
            peak_memory: 1 << 40,
        };
        assert_eq!(decode_end(&encode_end(status, &usage)), Some((status, usage)));
        assert_eq!(decode_end(&[1, 2, 3]), None);
    }

    #[test]
    fn codes_are_pythons() {
        let killed = ExitStatus::Signaled { signal: Signal::KILL, core_dumped: false };
        assert_eq!((killed.code(), ExitStatus::Exited(3).code()), (Some(-9), Some(3)));
        assert_eq!(ExitStatus::Unknown.code(), None);
        assert_eq!(killed.to_string(), "SIGKILL");
    }
}
