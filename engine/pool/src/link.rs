//! What the parent holds of one worker, and all workers together as the dispatcher's hands.

use crate::bytes::Bytes;
use crate::control::Control;
use crate::definitions::Definitions;
use crate::dispatch::{Hands, Room, Task};
use crate::outcome::Run;
use crate::region::{Order, ParentSide, Preface};
use crate::ring::Payload;
use polyproc_process::{Child, Signal};
use std::fmt;
use std::io::PipeReader;
use std::sync::Arc;

/// A task.
#[derive(Default)]
pub(crate) struct Work {
    pub(crate) bytes: Bytes,
    /// Before the bytes.
    pub(crate) run: Option<Run>,
    /// The submitter's own number.
    pub(crate) index: u64,
    /// See [`Sinks`](crate::sinks::Sinks).
    pub(crate) sink: u32,
}

impl Work {
    pub(crate) fn payload(&self) -> Payload<'_> {
        Payload { run: Run::of(self.run.as_ref()), bytes: &self.bytes }
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("index", &self.index).finish_non_exhaustive()
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Link {
    /// `None` in a rehearsal.
    pub(crate) child: Option<Arc<Child>>,
    pub(crate) side: ParentSide,
    /// By definition: whether the worker has it.
    known: Vec<bool>,
    /// Definitions that it has and will not need again: it is told before its next task.
    stale: Vec<u32>,
    /// How many tasks it was given since somebody counted.
    pub(crate) fresh: u64,
    /// It wrote what no worker writes, or refused: nothing of it is read any more.
    pub(crate) is_mute: bool,
    /// It is dead, and nobody has said yet how it ended.
    pub(crate) is_dead: bool,
}

impl Link {
    pub(crate) fn new(child: Option<Arc<Child>>, side: ParentSide) -> Self {
        let (known, stale) = (Vec::new(), Vec::new());
        Self { child, side, known, stale, fresh: 0, is_mute: false, is_dead: false }
    }

    fn knows(&self, definition: u32) -> bool {
        self.known.get(definition as usize).copied().unwrap_or(false)
    }

    fn learns(&mut self, definition: u32) {
        let place = definition as usize;
        self.known.resize(self.known.len().max(place + 1), false);
        self.known[place] = true;
    }

    /// Gives a task before which the worker has to learn its definition, or to forget others.
    fn give_first(
        &mut self,
        (sequence, definition): (u64, u32),
        payload: Payload<'_>,
        bytes: Option<&[u8]>,
    ) -> Room {
        let stale = self.stale.iter().map(|stale| (Order::Forget, *stale, &[][..]));
        let new = bytes.map(|bytes| (Order::Define, definition, bytes));
        let prefaces: Vec<Preface<'_>> = stale.chain(new).collect();
        let room = self.side.give((sequence, definition), payload, &prefaces);
        if room == Room::Given {
            self.stale.clear();
            self.learns(definition);
        }
        room
    }

    fn forgets(&mut self, definition: u32) {
        if self.knows(definition) {
            self.known[definition as usize] = false;
            self.stale.push(definition);
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, |child| child.pid())
    }

    pub(crate) fn kill(&self) {
        if let Some(child) = &self.child {
            drop(child.send_signal(Signal::KILL));
        }
    }
}

/// One worker, for a thread that sleeps until it has something to say.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) slot: usize,
    pub(crate) child: Arc<Child>,
    pub(crate) bell: Arc<PipeReader>,
    pub(crate) control: Arc<Control>,
}

impl Watch {
    fn new(slot: usize, link: &Link) -> Option<Self> {
        let (bell, control) = (Arc::clone(link.side.bell()), Arc::clone(link.side.control()));
        Some(Self { slot, child: link.child.clone()?, bell, control })
    }
}

/// All workers, by slot.
#[derive(Debug, Default)]
pub(crate) struct Crew {
    pub(crate) links: Vec<Option<Link>>,
    pub(crate) definitions: Definitions,
    /// For threads that sleep over them; `None` when somebody has come or gone.
    roster: Option<Arc<[Watch]>>,
}

impl Crew {
    pub(crate) fn get(&mut self, slot: usize) -> Option<&mut Link> {
        self.links.get_mut(slot)?.as_mut()
    }

    pub(crate) fn add(&mut self, slot: usize, link: Link) {
        if self.links.len() <= slot {
            self.links.resize_with(slot + 1, || None);
        }
        self.links[slot] = Some(link);
        self.roster = None;
    }

    /// Takes a dead one's link.
    pub(crate) fn remove(&mut self, slot: usize) -> Option<Link> {
        self.roster = None;
        self.links.get_mut(slot)?.take()
    }

    /// It is dead, but nobody has said how.
    pub(crate) fn miss(&mut self, slot: usize) {
        if let Some(link) = self.get(slot) {
            link.is_dead = true;
            self.roster = None;
        }
    }

    /// Everybody who has to be watched.
    pub(crate) fn watches(&mut self) -> Arc<[Watch]> {
        let links = self.links.iter().enumerate();
        let watches = || {
            let links = links.filter_map(|(slot, link)| Some((slot, link.as_ref()?)));
            // A dead worker has nothing to say any more, and its pidfd would end every sleep.
            let living = links.filter(|(_, link)| !link.is_dead);
            living.filter_map(|(slot, link)| Watch::new(slot, link)).collect()
        };
        Arc::clone(self.roster.get_or_insert_with(watches))
    }

    /// No more tasks with this definition will come.
    pub(crate) fn retire(&mut self, definition: u32) {
        if self.definitions.retire(definition) {
            self.links.iter_mut().flatten().for_each(|link| link.forgets(definition));
        }
    }

    /// A task with this definition has its outcome.
    pub(crate) fn done(&mut self, definition: u32) {
        if self.definitions.done(definition) {
            self.links.iter_mut().flatten().for_each(|link| link.forgets(definition));
        }
    }

    /// Tells a worker to end in good order.
    pub(crate) fn dismiss(&mut self, slot: usize) {
        if let Some(link) = self.get(slot) {
            link.side.dismiss();
        }
    }

    /// Lets the workers see what they were given; tells `count` who got how much.
    pub(crate) fn publish(&mut self, mut count: impl FnMut(usize, u64)) {
        for (slot, link) in self.links.iter_mut().enumerate() {
            if let Some(link) = link.as_mut().filter(|link| link.fresh > 0) {
                link.side.publish();
                count(slot, std::mem::take(&mut link.fresh));
            }
        }
    }
}

impl Hands<Work> for Crew {
    fn give(&mut self, slot: usize, sequence: u64, task: &Task<Work>) -> Room {
        let definition = task.kind;
        let Some(Some(link)) = self.links.get_mut(slot) else { return Room::Full };
        let (what, payload) = ((sequence, definition), task.payload.payload());
        let is_known = link.knows(definition);
        let room = if is_known && link.stale.is_empty() {
            link.side.give(what, payload, &[])
        } else {
            let bytes = if is_known { None } else { self.definitions.bytes(definition) };
            link.give_first(what, payload, bytes.as_deref())
        };
        link.fresh += u64::from(room == Room::Given);
        room
    }

    fn revoke(&mut self, slot: usize, sequence: u64) -> bool {
        self.get(slot).is_some_and(|link| link.side.revoke(sequence))
    }
}
