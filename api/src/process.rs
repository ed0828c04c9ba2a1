//! Handles of processes: without a type ([`Handle`]), and with the type of the result ([`Process`]).

use crate::call::{Failure, Report};
use crate::codec::CodecError;
use crate::error::{JoinError, Who};
use crate::message;
use polyproc_process::{
    Child, Deadline, Ending, ExitStatus, Phase, RunState, Signal, StartMethod, Usage,
};
use serde::de::DeserializeOwned;
use std::fmt;
use std::io::{self, PipeReader};
use std::marker::PhantomData;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(feature = "async")]
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A process that this process has started, whatever its result.
///
/// Every method may be called from any thread, and while another thread waits in
/// [`Process::join`]. Clones are handles of the same process; dropping them does nothing.
#[derive(Clone)]
pub struct Handle(Arc<Child>);

impl Handle {
    pub(crate) fn new(child: Arc<Child>) -> Self {
        Self(child)
    }

    /// Its name: what it was given, or `Process-1`, and `Process-1:2` for a child's child.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Its pid. When it has ended, the system may give the number to another process: send signals
    /// through this handle, never by number.
    pub fn pid(&self) -> u32 {
        self.0.pid()
    }

    /// Whether it is ended, instead of waited for, when this process ends in good order.
    pub fn daemon(&self) -> bool {
        self.0.daemon()
    }

    /// How it was started.
    pub fn start_method(&self) -> StartMethod {
        self.0.start_method()
    }

    /// Whether it has not ended. Does not wait.
    pub fn is_alive(&self) -> bool {
        self.0.poll().is_none()
    }

    /// What it is doing, as anybody can see it from outside. [`RunState::Gone`] after its end.
    pub fn state(&self) -> RunState {
        self.0.state()
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        self.0.phase()
    }

    /// How it ended; `None` while it runs. Does not wait.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.0.poll().map(|ending| ending.status)
    }

    /// How it ended, as Python gives it: the exit code (101 after a panic), or the negative number
    /// of the signal. `None` while it runs, and when the status is [`ExitStatus::Unknown`].
    #[doc(alias = "exitcode")]
    pub fn exit_code(&self) -> Option<i32> {
        self.exit_status().and_then(ExitStatus::code)
    }

    /// What it used, once it has ended; the children that it waited for are included.
    ///
    /// `None` while it runs, and when nobody could ask the kernel for it (see
    /// [`ExitStatus::Unknown`]).
    pub fn usage(&self) -> Option<Usage> {
        self.0.poll().and_then(|ending| ending.usage)
    }

    /// A descriptor that becomes readable when it has ended: for `poll`, `epoll` and event loops.
    pub fn sentinel(&self) -> BorrowedFd<'_> {
        self.0.sentinel()
    }

    /// Asks it to end: `SIGTERM`. Its destructors do not run.
    ///
    /// Sending any signal to a process that has ended does nothing.
    ///
    /// # Errors
    /// `EPERM` when it has changed its user.
    pub fn terminate(&self) -> io::Result<()> {
        self.send_signal(Signal::TERM)
    }

    /// Ends it: `SIGKILL`. Its own children end with it.
    ///
    /// # Errors
    /// As [`terminate`](Self::terminate).
    pub fn kill(&self) -> io::Result<()> {
        self.send_signal(Signal::KILL)
    }

    /// What Ctrl-C does: `SIGINT`.
    ///
    /// # Errors
    /// As [`terminate`](Self::terminate).
    pub fn interrupt(&self) -> io::Result<()> {
        self.send_signal(Signal::INT)
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// As [`terminate`](Self::terminate).
    pub fn send_signal(&self, signal: Signal) -> io::Result<()> {
        self.0.send_signal(signal)
    }

    /// Waits until it has ended; the result stays for [`Process::join`].
    ///
    /// # Errors
    /// What polling a descriptor may give.
    pub fn wait(&self) -> io::Result<ExitStatus> {
        loop {
            if let Some(ending) = self.0.wait(Deadline::NEVER)? {
                return Ok(ending.status);
            }
        }
    }

    /// [`wait`](Self::wait) for no longer than `timeout`: then `Ok(None)`.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_timeout(&self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        let ending = self.0.wait(Deadline::after(timeout))?;
        Ok(ending.map(|ending| ending.status))
    }

    /// [`wait`](Self::wait) as a future, for any executor.
    ///
    /// One that is dropped leaves nothing behind. All futures of this process that wait for processes are
    /// woken by one thread, which the first of them starts.
    ///
    /// # Errors
    /// At the limits on descriptors and threads; in a forked copy of the process that started it.
    #[cfg(feature = "async")]
    pub async fn wait_async(&self) -> io::Result<ExitStatus> {
        self.0.wait_async().await.map(|ending| ending.status)
    }

    /// The reading end of its standard output, once, if it was started with
    /// [`Stdio::Piped`](crate::Stdio::Piped).
    pub fn take_stdout(&self) -> Option<PipeReader> {
        self.0.take_stdout()
    }

    /// The same for its standard error.
    pub fn take_stderr(&self) -> Option<PipeReader> {
        self.0.take_stderr()
    }

    pub(crate) fn who(&self) -> Who {
        Who { name: self.name().into(), pid: self.pid() }
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sentinel()
    }
}

impl AsRef<Self> for Handle {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("name", &self.name())
            .field("pid", &self.pid())
            .field("start_method", &self.start_method())
            .field("daemon", &self.daemon())
            .field("exit_status", &self.exit_status())
            .finish()
    }
}

/// A process that this process has started, and that will give an `R`.
///
/// It has all methods of [`Handle`], too. Dropping it lets the process run on; what is left of the
/// process when it ends is cleaned up then (no zombie). When this program ends in good order, it
/// waits for it (or ends it, if it is a [`daemon`](crate::Builder::daemon)); when this program is
/// killed, the process is gone with it, unless
/// [`on_parent_death`](crate::Builder::on_parent_death) says otherwise.
///
/// ```
/// let process = polyproc::spawn(|x: u64| x * x, 9)?;
/// assert_eq!(process.name(), "Process-1");
/// assert_eq!(process.join()?, 81);
/// assert_eq!(process.exit_code(), Some(0));
/// # Ok::<(), polyproc::Error>(())
/// ```
pub struct Process<R> {
    handle: Handle,
    result: PhantomData<fn() -> R>,
}

impl Process<()> {
    /// A process with settings: see [`Builder`](crate::Builder).
    pub fn builder() -> crate::Builder {
        crate::Builder::new()
    }
}

impl<R: DeserializeOwned> Process<R> {
    pub(crate) fn new(child: Arc<Child>) -> Self {
        Self { handle: Handle::new(child), result: PhantomData }
    }

    /// Waits until the process has ended and gives its result, once.
    ///
    /// The process has ended when it is gone, which is later than the return of its function if it
    /// has children of its own to wait for.
    ///
    /// # Errors
    /// [`JoinError`] says how it ended instead.
    pub fn join(&self) -> Result<R, JoinError> {
        self.join_until(Deadline::NEVER, Instant::now())
    }

    /// [`join`](Self::join) for no longer than `timeout`.
    ///
    /// # Errors
    /// [`JoinError::TimedOut`] when the process still runs: it goes on, and may be joined again.
    pub fn join_timeout(&self, timeout: Duration) -> Result<R, JoinError> {
        self.join_until(Deadline::after(timeout), Instant::now())
    }

    /// [`join`](Self::join) until `deadline` at the latest.
    ///
    /// # Errors
    /// As [`join_timeout`](Self::join_timeout).
    pub fn join_deadline(&self, deadline: Instant) -> Result<R, JoinError> {
        self.join_until(Deadline::at(deadline), Instant::now())
    }

    /// The result if the process has ended, else `Ok(None)`. Does not wait.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub fn try_join(&self) -> Result<Option<R>, JoinError> {
        self.check_ours()?;
        self.handle.0.poll().map(|ending| self.read_result(ending)).transpose()
    }

    /// [`join`](Self::join) as a future, for any executor. `process.await` is the same, by value or by
    /// reference.
    ///
    /// One that is dropped has taken nothing: the process goes on, and may be joined again.
    ///
    /// ```
    /// let process = polyproc::spawn(|x: u64| x * x, 9)?;
    /// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// runtime.block_on(async {
    ///     assert_eq!(process.await?, 81);
    ///     let killed = polyproc::spawn(|()| std::thread::park(), ())?;
    ///     killed.kill()?;
    ///     assert!(killed.join_async().await.is_err());
    ///     Ok::<(), polyproc::Error>(())
    /// })?;
    /// # Ok::<(), polyproc::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`join`](Self::join); [`JoinError::Wait`] also at the limits on descriptors and threads.
    #[cfg(feature = "async")]
    pub async fn join_async(&self) -> Result<R, JoinError> {
        self.check_ours()?;
        match self.handle.0.wait_async().await {
            Ok(ending) => self.read_result(ending),
            Err(source) => Err(JoinError::Wait { process: self.who(), source }),
        }
    }

    /// The handle without the type of the result.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    fn join_until(&self, deadline: Deadline, since: Instant) -> Result<R, JoinError> {
        self.check_ours()?;
        match self.handle.0.wait(deadline) {
            Ok(Some(ending)) => self.read_result(ending),
            Ok(None) => Err(JoinError::TimedOut { process: self.who(), waited: since.elapsed() }),
            Err(source) => Err(JoinError::Wait { process: self.who(), source }),
        }
    }

    fn check_ours(&self) -> Result<(), JoinError> {
        if self.handle.0.is_ours() {
            Ok(())
        } else {
            Err(JoinError::NotOurs { process: self.who() })
        }
    }

    fn read_result(&self, ending: Ending) -> Result<R, JoinError> {
        let process = self.who();
        let bad_value = |verb, source: CodecError| JoinError::Value {
            process: self.who(),
            verb,
            source: source.into(),
        };
        let Some(report) = self.handle.0.take_report() else {
            return Err(if self.handle.0.is_taken() {
                JoinError::Taken { process }
            } else {
                self.no_report(process, ending)
            });
        };
        let decoded = Report::decode(&report.body);
        match decoded.map_err(|source| bad_value("decoded", source))? {
            Report::Value(bytes) => {
                message::open(bytes, &report.tickets).map_err(|source| bad_value("decoded", source))
            }
            Report::Failed(Failure::Panicked(panic)) => {
                Err(JoinError::Panicked { process, panic: panic.into(), status: ending.status })
            }
            Report::Failed(Failure::NotHere(reason)) => Err(JoinError::NotStarted {
                process,
                reason: reason.to_string(),
                status: ending.status,
            }),
            Report::Failed(Failure::BadArguments(source)) => {
                Err(JoinError::Arguments { process, source: source.into() })
            }
            Report::Failed(Failure::BadResult(source)) => Err(bad_value("encoded", source)),
        }
    }

    fn no_report(&self, process: Who, ending: Ending) -> JoinError {
        let Ending { status, phase, overdue, .. } = ending;
        if let Some(reason) = self.handle.0.failure() {
            return if phase == Phase::Starting {
                JoinError::NotStarted { process, reason, status }
            } else {
                let (type_name, path) = (std::any::type_name::<R>().into(), String::new());
                let source = CodecError { type_name, path, reason }.into();
                JoinError::Value { process, verb: "passed on", source }
            };
        }
        if overdue {
            let reason = "it was given up at the end of its start timeout: does `main` come to \
                          `polyproc::init()`?";
            return JoinError::NotStarted { process, reason: reason.into(), status };
        }
        match status {
            ExitStatus::Exited(code) if phase == Phase::Starting => JoinError::NotStarted {
                process,
                reason: format!(
                    "its program exited with code {code} before `polyproc::init()` took over (is \
                     that the first statement of `main`, and is it the right program?)"
                ),
                status,
            },
            ExitStatus::Exited(code) => JoinError::Exited { process, code },
            ExitStatus::Signaled { signal, core_dumped } => JoinError::Signaled {
                process,
                signal,
                core_dumped,
                before_function: phase == Phase::Starting,
            },
            ExitStatus::Unknown => JoinError::Lost { process },
        }
    }
}

impl<R> Deref for Process<R> {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

/// The future of a [`Process`]: what [`Process::join_async`] gives.
#[cfg(feature = "async")]
pub type Joining<'a, R> = Pin<Box<dyn Future<Output = Result<R, JoinError>> + Send + 'a>>;

/// Dropping the future drops the process, which runs on: see [`Process`].
#[cfg(feature = "async")]
impl<R: DeserializeOwned + 'static> IntoFuture for Process<R> {
    type Output = Result<R, JoinError>;
    type IntoFuture = Joining<'static, R>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.join_async().await })
    }
}

#[cfg(feature = "async")]
impl<'a, R: DeserializeOwned> IntoFuture for &'a Process<R> {
    type Output = Result<R, JoinError>;
    type IntoFuture = Joining<'a, R>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.join_async())
    }
}

impl<R> AsRef<Handle> for Process<R> {
    fn as_ref(&self) -> &Handle {
        &self.handle
    }
}

impl<R> AsFd for Process<R> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.sentinel()
    }
}

impl<R> Drop for Process<R> {
    fn drop(&mut self) {
        polyproc_process::detach(&self.handle.0);
    }
}

impl<R> fmt::Debug for Process<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}

/// Waits until one of `processes` has ended; says which (the first in order, if several have).
///
/// ```
/// let slow = polyproc::spawn(|()| std::thread::sleep(std::time::Duration::from_secs(100)), ())?;
/// let fast = polyproc::spawn(|()| (), ())?;
/// assert_eq!(polyproc::wait_any(&[slow.handle(), fast.handle()])?, 1);
/// slow.kill()?;
/// # Ok::<(), polyproc::Error>(())
/// ```
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] when there are none to wait for.
pub fn wait_any(processes: &[impl AsRef<Handle>]) -> io::Result<usize> {
    loop {
        if let Some(index) = wait_any_until(processes, Deadline::NEVER)? {
            return Ok(index);
        }
    }
}

/// [`wait_any`] for no longer than `timeout`: then `Ok(None)`.
///
/// # Errors
/// As [`wait_any`].
pub fn wait_any_timeout(
    processes: &[impl AsRef<Handle>],
    timeout: Duration,
) -> io::Result<Option<usize>> {
    wait_any_until(processes, Deadline::after(timeout))
}

fn wait_any_until(
    processes: &[impl AsRef<Handle>],
    deadline: Deadline,
) -> io::Result<Option<usize>> {
    if processes.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "there are no processes to wait for",
        ));
    }
    let children: Vec<_> = processes.iter().map(|process| &*process.as_ref().0).collect();
    Child::wait_any(&children, deadline)
}
