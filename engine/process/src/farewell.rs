//! What a process does about its children when it ends in good order, as Python's multiprocessing
//! does: daemonic ones are ended, the others are waited for. (When it ends in any other way, the
//! lifeline ends them all.)

use crate::error::StartError;
use crate::member;
use polyproc_sys::clock::Deadline;
use polyproc_sys::fork;
use polyproc_sys::signal::Signal;
use std::sync::OnceLock;
use std::time::Duration;

/// How long daemonic children have to follow `SIGTERM` before they are killed, and after how long
/// the wait for the others is worth a word in the log.
const PATIENCE: Duration = Duration::from_secs(2);

/// To be called before a child starts: has the exit of this program look after children, and refuses when
/// that has begun.
pub(crate) fn prepare() -> Result<(), StartError> {
    static HOOK: OnceLock<()> = OnceLock::new();
    if member::existing().is_some_and(member::Member::is_leaving) {
        return Err(StartError::Leaving);
    }
    if HOOK.get().is_none() {
        fork::at_exit(at_exit)
            .map_err(|source| StartError::system("register what an exit does", source))?;
        HOOK.get_or_init(|| ());
    }
    Ok(())
}

/// The hook of `exit` and of returning from `main`.
extern "C" fn at_exit() {
    // Unwinding out of an exit hook would abort.
    drop(std::panic::catch_unwind(say_goodbye));
}

/// Ends or awaits the children. A second call finds nothing to do.
pub(crate) fn say_goodbye() {
    let Some(member) = member::existing() else {
        return;
    };
    // While others are waited for, a pool would put new workers in the place of those that are ended.
    member.leave();
    let children = member.children();
    let (daemons, others): (Vec<_>, Vec<_>) = children.iter().partition(|child| child.daemon());
    for daemon in &daemons {
        drop(daemon.send_signal(Signal::TERM));
    }
    for child in others {
        if !matches!(child.wait(Deadline::after(PATIENCE)), Ok(Some(_))) {
            let (name, pid) = (child.name(), child.pid());
            tracing::warn!(name, pid, "this process ends when that child has ended (no daemon)");
            drop(child.wait(Deadline::NEVER));
        }
    }
    let patience = Deadline::after(PATIENCE);
    for daemon in daemons {
        if !matches!(daemon.wait(patience), Ok(Some(_))) {
            // One that we may not kill (we have given up the privileges that it has) follows us by
            // its lifeline.
            if daemon.send_signal(Signal::KILL).is_ok() {
                drop(daemon.wait(Deadline::NEVER));
            }
        }
    }
    member.stop_server();
}
