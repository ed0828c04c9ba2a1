//! The pool's own thread: drives the pool when nobody waits for a result and somebody has to, buries
//! the dead, and runs callbacks. It ends with the pool.

use crate::core::{Core, Driver};
use crate::link::Watch;
use crate::shared::{Actor, Shared};
use polyproc_process::OwnThread;
use polyproc_sync::Deadline;
use std::cell::Cell;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long callers may stay away before the supervisor takes over from them.
const STAND_BY: Duration = Duration::from_millis(1);
/// How long a start waits for a thread that may copy this process, before it is tried without.
const PATIENCE: Duration = Duration::from_millis(100);

thread_local! {
    static IS_SUPERVISOR: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread is a pool's own.
pub(crate) fn is_supervisor() -> bool {
    IS_SUPERVISOR.get()
}

pub(crate) fn start(shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    let own = OwnThread::announce();
    std::thread::Builder::new().name("polyproc-pool".into()).spawn(move || {
        IS_SUPERVISOR.set(true);
        let own = Some(own.enter());
        let mut supervisor = Supervisor { shared: &shared, own, deferred: None, seen: 0 };
        supervisor.run();
        while !shared.retire() {
            supervisor.run();
        }
    })
}

struct Supervisor<'a> {
    shared: &'a Shared,
    /// `None` while foreign code runs.
    own: Option<OwnThread>,
    /// Since when starts wait for another thread.
    deferred: Option<Instant>,
    /// The callers' activity when it looked last.
    seen: u64,
}

impl Supervisor<'_> {
    fn run(&mut self) {
        loop {
            let seen = &mut self.seen;
            let (watches, drives, look) =
                self.shared.with(Actor::Supervisor, |core| plan(core, seen));
            if self.run_calls() {
                continue;
            }
            if self.shared.is_over() {
                return;
            }
            let end = look.map_or(Deadline::NEVER, Deadline::at).earlier(self.start_deferred());
            let bell = &self.shared.supervisor_bell;
            self.shared.rest((&watches, drives), bell, end, Actor::Supervisor);
        }
    }

    /// Runs what waits to be called; says whether there was anything.
    fn run_calls(&mut self) -> bool {
        let calls = self.shared.take_calls();
        if calls.is_empty() {
            return false;
        }
        // They may take long. What is to be started meanwhile, others do.
        for slot in self.shared.take_starts(false) {
            self.shared.start(slot);
        }
        self.own = None;
        for call in calls {
            // A front catches panics itself; one that gets here must not end the supervisor.
            drop(std::panic::catch_unwind(AssertUnwindSafe(call)));
        }
        self.own = Some(OwnThread::announce().enter());
        self.shared.take_starts(true);
        true
    }

    /// Starts what others left to this thread. What only a user's thread should do it tries when none has come by:
    /// one that waits here will do it, however late it gets to run. Says when to look again.
    fn start_deferred(&mut self) -> Deadline {
        if !self.shared.has_deferred() {
            self.deferred = None;
            return Deadline::NEVER;
        }
        if !self.shared.copies() {
            self.shared.start_all_deferred();
            return Deadline::now();
        }
        let since = *self.deferred.get_or_insert_with(Instant::now);
        if since.elapsed() < PATIENCE || self.shared.is_driven() {
            self.shared.ask_for_starts();
            return Deadline::after(PATIENCE);
        }
        self.deferred = None;
        self.shared.start_all_deferred();
        Deadline::now()
    }
}

/// Whom to watch next, whether as the one who drives, and when to look again.
///
/// A caller that takes results one after the other is the driver again and again. To wake this thread
/// each time in between would cost more than the results: it stands by and takes over when no caller has
/// come for a moment.
fn plan(core: &mut Core, seen: &mut u64) -> (Arc<[Watch]>, bool, Option<Instant>) {
    let is_free = core.driver == Driver::None;
    let is_active = core.activity != std::mem::replace(seen, core.activity);
    core.stands_by = is_free && is_active && core.needs_driver();
    if core.stands_by {
        core.supervised = true;
        core.planned = Some(Instant::now() + STAND_BY);
        return (core.crew.watches(), false, core.planned);
    }
    if is_free {
        core.turn();
    }
    let drives = is_free && core.needs_driver();
    core.supervised = drives;
    let look = core.next_look().filter(|_| drives);
    if is_free {
        core.planned = look;
    }
    (core.crew.watches(), drives, look)
}
