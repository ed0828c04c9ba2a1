//! A started process from inside: from its arrival to its exit.
#![expect(unsafe_code, reason = "the environment of a forked copy")]

use crate::birth::Birth;
use crate::farewell;
use crate::front::{Call, Outcome};
use crate::member::{self, Inheritance, Member};
use crate::wire::{self, Tag};
use polyproc_shm::{Delivery, Parcel, Payload};
use polyproc_sys::socket::Mode;
use polyproc_sys::{directory, fork, lifeline, socket};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::panic::AssertUnwindSafe;

/// A new process with all that it needs to become what its parent wants.
pub(crate) struct Arrival {
    pub(crate) birth: Birth,
    /// None when it does not look like one.
    pub(crate) call: Option<Delivery>,
    /// To the parent.
    pub(crate) socket: OwnedFd,
    pub(crate) inheritance: Inheritance,
    /// Where it is to be; `None` in an executed child, where everything is in place.
    pub(crate) place: Option<Place>,
    /// For the front.
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// What a forked copy has to move to.
pub(crate) struct Place {
    /// Standard output and error.
    pub(crate) outputs: [OwnedFd; 2],
    /// The working directory, if it is not where the copy is.
    pub(crate) directory: Option<OwnedFd>,
}

/// How a child leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Through `exit`: hooks run, C's buffers are written.
    InOrder,
    /// At once: hooks and buffers are copies of the parent's.
    Now,
}

/// Runs the call of a new process and ends it.
pub(crate) fn run(mut arrival: Arrival, end: End, call: impl FnOnce(Call) -> Outcome) -> ! {
    if let Some(place) = arrival.place.take() {
        // A panic here must not unwind into the caller's frames, either.
        match std::panic::catch_unwind(AssertUnwindSafe(|| settle(&arrival, &place))) {
            Ok(Ok(())) => {}
            Ok(Err((what, error))) => fail(&arrival.socket, &format!("cannot {what}: {error}")),
            Err(_panic) => fail(&arrival.socket, "cannot take its place: a panic"),
        }
    }
    let Arrival { birth, call: message, socket, inheritance, descriptors, .. } = arrival;
    let Some(message) = message else {
        fail(&socket, "cannot read its call");
    };
    let roster = inheritance.roster;
    if let Err(error) = member::join(&birth, socket, inheritance) {
        // The socket went with the failed attempt: the exit code and the phase tell the parent.
        tracing::error!(%error, "cannot join the family");
        fork::exit_now(1);
    }
    roster.run(birth.ticket);
    // A front catches panics itself; one that gets here must not run on into the caller's frames.
    let run = AssertUnwindSafe(|| call(Call { message, descriptors }));
    let outcome = std::panic::catch_unwind(run);
    let Outcome { report, code } =
        outcome.unwrap_or_else(|_| Outcome { code: 101, ..Outcome::default() });
    let sent = if report.is_empty() { Ok(()) } else { report_early(report) };
    if let Err(error) = &sent {
        explain(error);
    }
    roster.end(birth.ticket);
    leave(end, if sent.is_ok() { code } else { 1 })
}

/// Puts a forked copy into its place: an executed child has all this from `exec`.
fn settle(arrival: &Arrival, place: &Place) -> Result<(), (&'static str, io::Error)> {
    if let Some(signal) = arrival.birth.on_parent_death.signal() {
        lifeline::arm(&arrival.inheritance.line, signal)
            .map_err(|error| ("tie the process to its parent", error))?;
    }
    let failed = |error| ("set up the standard streams", error);
    let null = File::open("/dev/null").map_err(failed)?;
    socket::replace_stream(&null, 0).map_err(failed)?;
    socket::replace_stream(&place.outputs[0], 1).map_err(failed)?;
    socket::replace_stream(&place.outputs[1], 2).map_err(failed)?;
    if let Some(place) = &place.directory {
        directory::enter(place).map_err(|error| ("enter its working directory", error))?;
    }
    if let Some(environment) = &arrival.birth.environment {
        for (name, _) in std::env::vars_os().filter(can_change) {
            // SAFETY: a forked copy has one thread (or its maker has answered for that).
            unsafe { std::env::remove_var(name) };
        }
        for (name, value) in environment.iter().filter(|variable| can_change(variable)) {
            // SAFETY: as above.
            unsafe { std::env::set_var(name, value) };
        }
    }
    Ok(())
}

/// An environment may hold a line like `=a=b`. libc refuses to change it, and std panics then.
fn can_change((name, _): &(OsString, OsString)) -> bool {
    !name.is_empty() && !name.as_bytes().contains(&b'=')
}

/// Ends a process that cannot become what it should; its parent is told why.
pub(crate) fn fail(socket: &OwnedFd, reason: &str) -> ! {
    drop(wire::send(socket, (Tag::Failed, 0), &[reason.as_bytes()], &[], Mode::Try));
    fork::exit_now(1)
}

#[expect(clippy::disallowed_methods, clippy::exit, reason = "the one place where a child ends")]
fn leave(end: End, code: i32) -> ! {
    farewell::say_goodbye();
    drop(io::stdout().flush());
    match end {
        End::InOrder => std::process::exit(code),
        End::Now => fork::exit_now(code),
    }
}

/// Sends the report of a call before its end: for a front that sees an abort coming.
///
/// # Errors
/// When there is no memory or no descriptor for a large one.
pub fn report_early(report: Payload) -> io::Result<()> {
    let Some((member, socket)) = member::existing().and_then(|m| Some((m, m.socket()?))) else {
        return Ok(());
    };
    let (packed, parcels) = report.pack();
    hand_over(member, &parcels);
    wire::send(socket, (Tag::Report, 0), &packed.parts(), &[], Mode::Try)?;
    // The parent has them now; given back here they would be gone before it looks.
    for parcel in parcels {
        _ = parcel.into_bytes();
    }
    Ok(())
}

/// The parent reads the report when this process is gone, so it is the parent that answers for them.
fn hand_over(member: &Member, parcels: &[Parcel]) {
    if parcels.is_empty() {
        return;
    }
    if let Some(parent) = member.living_parent() {
        for parcel in parcels {
            parcel.hand_over(parent);
        }
    }
}

/// Tells the parent why there is no report. (If it is gone, so is this process soon.)
fn explain(error: &io::Error) {
    if let Some(socket) = member::existing().and_then(Member::socket) {
        let reason = error.to_string();
        drop(wire::send(socket, (Tag::Failed, 0), &[reason.as_bytes()], &[], Mode::Try));
    }
}
