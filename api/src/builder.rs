//! Starting processes.

use crate::call::{self, CallError};
use crate::error::SpawnError;
use crate::item::Item;
use crate::process::Process;
use polyproc_process::{Command, OnParentDeath, StartMethod, Stdio};
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

/// A process as a type of one's own: with state, and a method that runs in the process.
///
/// ```
/// use polyproc::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Countdown { from: u32 }
///
/// impl Run for Countdown {
///     type Output = Vec<u32>;
///     fn run(self) -> Vec<u32> { (0..self.from).rev().collect() }
/// }
///
/// let process = polyproc::start(Countdown { from: 3 })?;
/// assert_eq!(process.join()?, [2, 1, 0]);
/// # Ok::<(), polyproc::Error>(())
/// ```
pub trait Run: Item {
    /// What the process gives to its parent.
    type Output: Item;

    /// What the process does.
    fn run(self) -> Self::Output;
}

/// A process with settings.
///
/// ```
/// use polyproc::prelude::*;
///
/// let process = Process::builder()
///     .name("greeter")
///     .start_method(StartMethod::Spawn)
///     .env("GREETING", "hello")
///     .spawn(|who: String| format!("{} {who}", std::env::var("GREETING").unwrap()), "you".into())?;
/// assert_eq!(process.name(), "greeter");
/// assert_eq!(process.join()?, "hello you");
/// # Ok::<(), polyproc::Error>(())
/// ```
#[derive(Debug, Default)]
#[must_use = "it starts nothing until one of `spawn`, `start` and `fork` is called"]
pub struct Builder {
    command: Command,
}

impl Builder {
    /// With the program's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    fn with(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
        self
    }

    /// Its name, instead of `Process-1` and so on. Anything without a zero character.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with(|command| command.name(name.into()))
    }

    /// Whether it is ended (`SIGTERM`, and two seconds later `SIGKILL`), instead of waited for, when
    /// this process ends in good order. By default as this process itself is.
    pub fn daemon(self, daemon: bool) -> Self {
        self.with(|command| command.daemon(daemon))
    }

    /// How to start it, instead of [`start_method`](crate::start_method).
    pub fn start_method(self, method: StartMethod) -> Self {
        self.with(|command| command.method(method))
    }

    /// Sets a variable of its environment, which otherwise is this process's at the start.
    pub fn env(self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let (name, value) = (name.as_ref().to_owned(), value.as_ref().to_owned());
        self.with(|command| command.env(name, Some(value)))
    }

    /// Removes a variable from its environment.
    pub fn env_remove(self, name: impl AsRef<OsStr>) -> Self {
        self.with(|command| command.env(name.as_ref().to_owned(), None))
    }

    /// Starts from an empty environment.
    pub fn env_clear(self) -> Self {
        self.with(Command::env_clear)
    }

    /// Its working directory, instead of this process's at the start.
    pub fn current_dir(self, directory: impl AsRef<Path>) -> Self {
        self.with(|command| command.directory(directory.as_ref().to_owned()))
    }

    /// Where its standard output goes. (Its standard input is always empty.)
    ///
    /// A pipe ([`Stdio::Piped`]) has to be read while the process runs: it holds 64 KiB, and a
    /// process that has more to write waits for the reader, and so does who joins it.
    pub fn stdout(self, output: Stdio) -> Self {
        self.with(|command| command.stdout(output))
    }

    /// Where its standard error goes.
    pub fn stderr(self, output: Stdio) -> Self {
        self.with(|command| command.stderr(output))
    }

    /// What happens to it when this process is gone, however that ended.
    pub fn on_parent_death(self, choice: OnParentDeath) -> Self {
        self.with(|command| command.on_parent_death(choice))
    }

    /// How long it may take until it has reached its function: one minute by default. More for a
    /// program that loads for long, or a [`preload`](crate::preload) that does.
    pub fn start_timeout(self, timeout: Duration) -> Self {
        self.with(|command| command.start_timeout(timeout))
    }

    /// Starts a process that runs `function(arguments)`.
    ///
    /// Any function of one parameter will do that captures nothing: `fn` items, also generic ones,
    /// and closures without captures. Several arguments are one tuple (`|(a, b): (u32, u32)| …`),
    /// none is `()` (`|()| …`; one that never returns needs a type, `|()| -> () { … }`). Arguments
    /// and results are owned types that serde can take: `String` and not `&str`, an error's text
    /// and not `io::Error`. What only formats with names can hold (serde's `flatten`, `untagged`, `tag` and
    /// `skip_serializing_if`) is an error that says where.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing is left of a process that did not start.
    #[expect(clippy::needless_pass_by_value, reason = "the arguments move into the process")]
    pub fn spawn<A, R>(self, function: fn(A) -> R, arguments: A) -> Result<Process<R>, SpawnError>
    where
        A: Item,
        R: Item,
    {
        let call = call::encode_call(function, &arguments).map_err(|error| match error {
            CallError::NoImage => SpawnError::NoImage,
            CallError::Encode(error) => SpawnError::Encode(error),
        })?;
        Ok(Process::new(self.command.start(call)?))
    }

    /// Starts a process that runs `value.run()`.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub fn start<T: Run>(self, value: T) -> Result<Process<T::Output>, SpawnError> {
        self.spawn(T::run, value)
    }

    /// Copies this process; the copy runs `body`, which may capture anything, and ends. Nothing but
    /// the result is encoded, and no `init` is needed. Whatever start method was set, this is a
    /// fork. See [`fork`](crate::fork).
    ///
    /// # Errors
    /// [`StartError::Threads`](crate::StartError::Threads) while other threads run; else as
    /// [`spawn`](Self::spawn).
    #[expect(unsafe_code, reason = "the check that the engine asks for is made here")]
    pub fn fork<R>(self, body: impl FnOnce() -> R) -> Result<Process<R>, SpawnError>
    where
        R: Item,
    {
        Command::check_single_threaded()?;
        // SAFETY: there are no other threads.
        unsafe { self.fork_unchecked(body) }
    }

    /// [`fork`](Self::fork) whatever threads run.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    ///
    /// # Safety
    /// In the copy only the calling thread exists. Locks that other threads held stay locked, and
    /// what they were changing stays half changed (the memory allocator of glibc is an exception):
    /// `body` must not touch such things.
    #[expect(unsafe_code, reason = "passes the caller's promise on")]
    pub unsafe fn fork_unchecked<R>(
        self,
        body: impl FnOnce() -> R,
    ) -> Result<Process<R>, SpawnError>
    where
        R: Item,
    {
        // SAFETY: passed on to the caller.
        let child = unsafe { self.command.fork(|| call::run_copy(body)) }?;
        Ok(Process::new(child))
    }
}

/// Starts processes by one start method, whatever the program's default: for libraries.
///
/// ```
/// use polyproc::prelude::*;
///
/// let context = polyproc::context(StartMethod::Spawn);
/// let process = context.spawn(|x: i32| -x, 3)?;
/// assert_eq!(process.start_method(), StartMethod::Spawn);
/// assert_eq!(process.join()?, -3);
/// # Ok::<(), polyproc::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    method: StartMethod,
}

/// The [`Context`] of a start method.
pub const fn context(method: StartMethod) -> Context {
    Context { method }
}

impl Context {
    /// Its start method.
    pub const fn start_method(self) -> StartMethod {
        self.method
    }

    /// A process with settings.
    pub fn builder(self) -> Builder {
        Builder::new().start_method(self.method)
    }

    /// As [`polyproc::spawn`](crate::spawn).
    ///
    /// # Errors
    /// As [`Builder::spawn`].
    pub fn spawn<A, R>(self, function: fn(A) -> R, arguments: A) -> Result<Process<R>, SpawnError>
    where
        A: Item,
        R: Item,
    {
        self.builder().spawn(function, arguments)
    }

    /// As [`polyproc::start`](crate::start).
    ///
    /// # Errors
    /// As [`Builder::spawn`].
    pub fn start<T: Run>(self, value: T) -> Result<Process<T::Output>, SpawnError> {
        self.builder().start(value)
    }
}

/// Starts a process that runs `function(arguments)`: [`Builder::spawn`] with the defaults.
///
/// ```
/// fn area((width, height): (u32, u32)) -> u32 { width * height }
///
/// let process = polyproc::spawn(area, (6, 7))?;
/// assert_eq!(process.join()?, 42);
/// # Ok::<(), polyproc::Error>(())
/// ```
///
/// The result may be a `Result`, with an error that serde can take: `String`, an enum of one's own, or
/// [`Error`](crate::Error), into which `?` turns an `io::Error` and whatever this crate gives. `io::Error` itself
/// and `Box<dyn Error>` cannot travel.
///
/// Vectors of numbers are copied as a whole, wherever in an argument or a result they are. Megabytes that are
/// not to be copied at all lie in a [`SharedArray`](crate::SharedArray).
///
/// A closure that captures something is refused by the compiler, since what it captures is in this
/// process's memory: pass it as an argument, or [`fork`].
///
/// ```compile_fail,E0308
/// let factor = 3;
/// polyproc::spawn(|x: u32| x * factor, 2); // closures can only be coerced to `fn` types if they
///                                          // do not capture any variables
/// ```
///
/// # Errors
/// As [`Builder::spawn`].
pub fn spawn<A, R>(function: fn(A) -> R, arguments: A) -> Result<Process<R>, SpawnError>
where
    A: Item,
    R: Item,
{
    Builder::new().spawn(function, arguments)
}

/// Starts a process that runs `value.run()`: [`Builder::start`] with the defaults.
///
/// # Errors
/// As [`Builder::spawn`].
pub fn start<T: Run>(value: T) -> Result<Process<T::Output>, SpawnError> {
    Builder::new().start(value)
}

/// Copies this process with all its memory; the copy runs `body` and ends. What it changes stays
/// its own. `body` may capture anything, also what cannot be encoded.
///
/// This process's copies of what `body` captured are dropped at once: do not move a guard in (a
/// temporary directory, say) that the copy still needs.
///
/// It is refused while this process has other threads: the locks that those hold would stay locked
/// for ever in the copy. (A `#[test]` function runs in a second thread.)
///
/// ```no_run
/// let data = vec![1, 2, 3];
/// let process = polyproc::fork(|| data.iter().sum::<i32>())?;
/// assert_eq!(process.join()?, 6);
/// # Ok::<(), polyproc::Error>(())
/// ```
///
/// # Errors
/// As [`Builder::fork`].
pub fn fork<R>(body: impl FnOnce() -> R) -> Result<Process<R>, SpawnError>
where
    R: Item,
{
    Builder::new().fork(body)
}

/// [`fork`] whatever threads run.
///
/// # Errors
/// As [`Builder::spawn`].
///
/// # Safety
/// As for [`Builder::fork_unchecked`].
#[expect(unsafe_code, reason = "passes the caller's promise on")]
pub unsafe fn fork_unchecked<R>(body: impl FnOnce() -> R) -> Result<Process<R>, SpawnError>
where
    R: Item,
{
    // SAFETY: passed on to the caller.
    unsafe { Builder::new().fork_unchecked(body) }
}
