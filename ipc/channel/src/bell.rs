//! Tells of a channel those who cannot sleep on it: a thread that waits as any producer or consumer
//! would, and then makes a descriptor readable and wakes futures.

use crate::channel::{Channel, Hold, Role};
use crate::position::Position;
use polyproc_sync::{Ringer, Rope, Wait};
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::OnceLock;
use std::task::Waker;

/// What may be there, and rings when something can be taken, or put.
#[derive(Debug)]
pub(crate) struct Bell {
    role: Role,
    rung: OnceLock<Rung>,
}

/// What the thread has to know is where the consumers were before a producer last found no room.
#[derive(Debug)]
struct Rung {
    ringer: Ringer<Position>,
    channel: Channel,
}

/// A future's place at a bell. Nothing of it is left there when it is dropped.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    bell: &'a Bell,
    hold: &'a Hold,
    number: Option<u64>,
}

impl Bell {
    pub(crate) fn new(role: Role) -> Self {
        Self { role, rung: OnceLock::new() }
    }

    pub(crate) fn descriptor(&self, hold: &Hold) -> io::Result<BorrowedFd<'_>> {
        self.rope(hold)?.descriptor()
    }

    pub(crate) fn place<'a>(&'a self, hold: &'a Hold) -> Place<'a> {
        Place { bell: self, hold, number: None }
    }

    fn rope(&self, hold: &Hold) -> io::Result<&Rope<Position>> {
        if self.rung.get().is_none() {
            let rung = Rung::start(hold, self.role)?;
            // Another thread may have been faster; then ours stops.
            self.rung.get_or_init(|| rung);
        }
        self.own().ok_or_else(|| {
            io::Error::other("the thread that was made before a fork stays with the parent")
        })
    }

    /// The one there is, if it is this process's.
    #[inline]
    fn own(&self) -> Option<&Rope<Position>> {
        self.rung.get().filter(|rung| rung.ringer.is_own()).map(|rung| rung.ringer.rope())
    }

    /// After a look at the channel: when that is empty, the event is taken back.
    #[inline]
    pub(crate) fn hush(&self, channel: &Channel) {
        if let Some(rope) = self.own()
            && channel.sides().len() == 0
        {
            rope.show(&mut rope.lock(), false);
        }
    }
}

impl Place<'_> {
    /// Has `waker` woken when it is worth another look at the channel. The caller looks once more after
    /// this: what happened before is not told.
    pub(crate) fn register(&mut self, waker: &Waker) -> io::Result<()> {
        let rope = self.bell.rope(self.hold)?;
        let number = rope.enter(self.number, waker, |state| {
            state.known = self.hold.channel.sides().head();
            // Also when it rings: it may have rung for somebody who never looked.
            rope.show(state, false);
        });
        self.number = Some(number);
        Ok(())
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let (Some(number), Some(rope)) = (self.number, self.bell.own()) {
            rope.leave(number);
        }
    }
}

impl Rung {
    fn start(hold: &Hold, role: Role) -> io::Result<Self> {
        let channel = hold.channel.clone();
        let of_thread = channel.clone();
        let head = channel.sides().head();
        let ringer = Ringer::start(head, move |rope| watch(rope, &of_thread, role))?;
        Ok(Self { ringer, channel })
    }
}

/// What the thread does. It holds no end: that would keep it open.
fn watch(rope: &Rope<Position>, channel: &Channel, role: Role) {
    let gone = |thorough| rope.is_stopped() || channel.is_alone(role, thorough);
    while !rope.is_stopped() {
        // Something can be done, or the end: in both cases the next look finds out which.
        match role {
            Role::Take => drop(channel.poll(Some(Wait::FOREVER), Some(&gone))),
            Role::Put => {
                let seen = rope.lock().known;
                channel.sides().await_taken(seen, &gone);
            }
        }
        if !rope.is_stopped() {
            let mut state = rope.lock();
            rope.show(&mut state, true);
            rope.wake(state);
            // Somebody has to find out why.
            rope.await_hush();
        }
    }
}

impl Drop for Rung {
    fn drop(&mut self) {
        let Self { ringer, channel } = self;
        ringer.stop(|| channel.sides().wake_all());
    }
}
