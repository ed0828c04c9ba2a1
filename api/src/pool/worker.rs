//! Workers: how they are started, and what they do first.

use super::task::{self, Failure, State};
use crate::call::{self, CallError};
use crate::function::{Address, CodeRef};
use crate::panic;
use polyproc_info::Process;
use polyproc_pool::{Handler, Server, Starter};
use polyproc_process::{Child, Command, Payload, StartError, StartMethod, Stdio};
use polyproc_sync::Owner;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// One more than the place of this worker; 0 in a process that is none.
static PLACE: AtomicU32 = AtomicU32::new(0);

/// The number of this worker in its pool, from 0: `Some` in a task, an initializer, and a worker's exit
/// function. A worker that replaces another has its number.
pub fn worker_id() -> Option<usize> {
    PLACE.load(Ordering::Relaxed).checked_sub(1).map(|place| place as usize)
}

/// What a worker is told.
#[derive(Debug, Serialize, Deserialize)]
struct Instructions<I> {
    place: u32,
    /// The one processor that it runs on, if it is bound to one.
    processor: Option<usize>,
    /// The parent, as a word of [`Owner`].
    parent: u64,
    initializer: CodeRef,
    exit: Option<CodeRef>,
    argument: I,
}

/// Which worker is started.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seat {
    pub(super) place: usize,
    pub(super) processor: Option<usize>,
}

/// Makes the call of the worker of a seat.
pub(super) type MakeCall = Box<dyn Fn(Seat) -> Result<Payload, CallError> + Send + Sync>;

/// What has the workers call `initializer` with `argument` first, and `exit` last.
pub(super) fn make_call<I, S>(initializer: fn(I) -> S, argument: I, exit: Option<fn(S)>) -> MakeCall
where
    I: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    S: 'static,
{
    Box::new(move |Seat { place, processor }| {
        let code = |address| CodeRef::of(address).ok_or(CallError::NoImage);
        let instructions = Instructions {
            place: place as u32,
            processor,
            parent: Owner::me().to_word(),
            initializer: code(Address::of(initializer).number())?,
            exit: exit.map(|exit| code(Address::of(exit).number())).transpose()?,
            argument: argument.clone(),
        };
        call::encode_call(work::<I, S>, &instructions)
    })
}

/// A worker's whole life. A panic here is reported as any process's.
#[expect(clippy::panic, reason = "the end of a worker that cannot work")]
#[expect(unsafe_code, reason = "calls functions by their places")]
fn work<I, S: 'static>(instructions: Instructions<I>) {
    PLACE.store(instructions.place + 1, Ordering::Relaxed);
    let Some(parent) = Owner::from_word(instructions.parent) else { return };
    let start = || {
        let initializer = instructions.initializer.resolve().map_err(Failure::NotHere)?;
        let exit = instructions.exit.map(|exit| exit.resolve()).transpose();
        let exit = exit.map_err(Failure::NotHere)?;
        // SAFETY: the parent put the place of a `fn(I) -> S` there, of the same `I` and `S` as this
        // function's, and image and build-id agree.
        let initializer = unsafe { initializer.function::<I, S>() };
        // SAFETY: the same for a `fn(S)`.
        let exit = exit.map(|exit| unsafe { exit.function::<S, ()>() });
        let state = panic::catch(|| {
            instructions.processor.into_iter().for_each(bind);
            initializer(instructions.argument)
        });
        let state: Box<dyn Any> = Box::new(state.map_err(Failure::Panicked)?);
        Ok(Worker { state: Rc::new(RefCell::new(state)), exit, parent })
    };
    let start = || start().map_err(|failure: Failure| failure.encode());
    if let Err(error) = polyproc_pool::serve(call::take_descriptors(), start) {
        panic!("a pool's worker cannot go on: {error}");
    }
}

/// Before the initializer: threads that it starts are bound as well.
#[expect(clippy::panic, reason = "told as that of an initializer")]
fn bind(processor: usize) {
    let bound = Process::current().and_then(|worker| worker.set_affinity(&[processor]));
    if let Err(error) = bound {
        panic!("a pool's worker cannot run on processor {processor}: {error}");
    }
}

struct Worker<S> {
    state: State,
    exit: Option<fn(S)>,
    parent: Owner,
}

impl<S: 'static> Server for Worker<S> {
    fn define(&mut self, definition: &[u8]) -> Handler {
        task::define(definition, &self.state, self.parent)
    }

    fn leave(&mut self) {
        let state = self.state.replace(Box::new(()));
        // A panic has been printed, and nobody waits for anything else from here.
        drop(panic::catch(|| {
            if let (Some(exit), Ok(state)) = (self.exit, state.downcast::<S>()) {
                exit(*state);
            }
        }));
    }
}

/// How the workers of a pool are started.
pub(super) struct Workers {
    pub(super) call: MakeCall,
    pub(super) name: String,
    pub(super) method: StartMethod,
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) env_of_worker: Option<EnvOfWorker>,
    /// The processors that workers are bound to, in turn; none: they are not.
    pub(super) processors: Vec<usize>,
    pub(super) start_timeout: Duration,
    pub(super) stdout: Option<StreamOfWorker>,
    pub(super) stderr: Option<StreamOfWorker>,
}

/// Where a stream of one worker goes.
pub(super) type StreamOfWorker = Box<dyn Fn(usize) -> Stdio + Send + Sync>;

/// The variables of one worker.
pub(super) type EnvOfWorker = Box<dyn Fn(usize) -> Vec<(String, String)> + Send + Sync>;

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Starter for Workers {
    fn start(&self, place: usize, descriptors: Vec<OwnedFd>) -> Result<Arc<Child>, StartError> {
        let processor = self.processors.iter().cycle().nth(place).copied();
        let call = (self.call)(Seat { place, processor }).map_err(|error| StartError::System {
            doing: "tell a worker what it is to do",
            source: io::Error::other(match error {
                CallError::NoImage => "a function is in no loaded program file".to_owned(),
                CallError::Encode(error) => error.to_string(),
            }),
        })?;
        let mut command = Command::default();
        command.name(format!("{}-{}", self.name, place + 1));
        command.daemon(true);
        command.method(self.method);
        command.start_timeout(self.start_timeout);
        if let Some(stdout) = &self.stdout {
            command.stdout(stdout(place));
        }
        if let Some(stderr) = &self.stderr {
            command.stderr(stderr(place));
        }
        for (name, value) in &self.env {
            command.env(name.clone(), Some(value.clone()));
        }
        for (name, value) in self.env_of_worker.iter().flat_map(|env| env(place)) {
            command.env(name.into(), Some(value.into()));
        }
        for descriptor in descriptors {
            command.descriptor(descriptor);
        }
        command.start(call)
    }

    fn copies(&self) -> bool {
        self.method == StartMethod::Fork
    }

    fn name(&self) -> &str {
        &self.name
    }
}
