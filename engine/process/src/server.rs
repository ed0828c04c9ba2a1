//! The fork server as a member of the family sees it.

use crate::birth::ServerFacts;
use crate::handle::ExitStatus;
use crate::wire::{self, Packet, Tag};
use polyproc_sys::clock::Deadline;
use polyproc_sys::pidfd::PidFd;
use polyproc_sys::signal::Signal;
use polyproc_sys::socket::Mode;
use polyproc_sys::{poll, wait};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Server {
    client: OwnedFd,
    facts: ServerFacts,
    /// Only for the member that started it.
    own: Option<PidFd>,
}

impl Server {
    /// For a member that got the asking end at birth.
    pub(crate) fn inherited(client: OwnedFd, facts: ServerFacts) -> Self {
        Self { client, facts, own: None }
    }

    /// For the member that started it.
    pub(crate) fn own(client: OwnedFd, facts: ServerFacts, process: PidFd) -> Self {
        Self { client, facts, own: Some(process) }
    }

    pub(crate) fn facts(&self) -> ServerFacts {
        self.facts
    }

    pub(crate) fn client(&self) -> BorrowedFd<'_> {
        self.client.as_fd()
    }

    /// Ends it, if it is ours to end.
    pub(crate) fn stop(&self) {
        if let Some(own) = &self.own {
            kill_and_wait(own);
            drop(wait::reap(own));
        }
    }

    /// How it ended, as far as can be said: called when it does not answer any more.
    pub(crate) fn post_mortem(&self) -> PostMortem {
        let unknown = || PostMortem { reason: "it is gone".into(), gave_up: false };
        let Some(own) = &self.own else {
            return unknown();
        };
        // The first look may only say that it left a request unread.
        let last_words = (0..2).find_map(|_| match wire::receive(&self.client, Mode::Try) {
            Ok(Some(Packet { tag: Tag::LastWords, body, .. })) => {
                Some(String::from_utf8_lossy(&body).into_owned())
            }
            _ => None,
        });
        // Its socket is closed, so it is ending; a process that closed it by itself is ended.
        kill_and_wait(own);
        let status = wait::reap(own).ok().flatten();
        let status = status.map(|reaped| ExitStatus::from(reaped.status).to_string());
        let gave_up = last_words.is_some();
        last_words.or(status).map_or_else(unknown, |reason| PostMortem { reason, gave_up })
    }
}

/// What can be said of a server that is gone.
#[derive(Debug)]
pub(crate) struct PostMortem {
    pub(crate) reason: String,
    /// Whether it said the reason itself: the next one would come to the same end.
    pub(crate) gave_up: bool,
}

/// A process that has given up the privileges that its fork server still has may not kill it: then
/// the lifeline does, when this process is gone, and waiting for that here would be for ever.
fn kill_and_wait(server: &PidFd) {
    if server.send_signal(Signal::KILL).is_ok() {
        drop(poll::readable([Some(server.as_fd())], Deadline::NEVER));
    }
}
