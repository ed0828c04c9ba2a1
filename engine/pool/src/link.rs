//! What the parent holds of one worker, and all workers together as the dispatcher's hands.

use crate::dispatch::{Hands, Room, Task};
use crate::outcome::{Run, Sink};
use crate::region::ParentSide;
use crate::ring::Payload;
use polyproc_process::Child;
use std::fmt;
use std::sync::Arc;

/// A task.
pub(crate) struct Work {
    pub(crate) bytes: Arc<Vec<u8>>,
    /// Before the bytes.
    pub(crate) run: Option<Run>,
    /// The submitter's own number.
    pub(crate) index: u64,
    pub(crate) sink: Arc<dyn Sink>,
}

impl Work {
    fn payload(&self) -> Payload<'_> {
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
    pub(crate) child: Arc<Child>,
    pub(crate) side: ParentSide,
    /// By definition: whether the worker has it.
    known: Vec<bool>,
    /// It wrote what no worker writes, or refused: nothing of it is read any more.
    pub(crate) is_mute: bool,
    /// It is dead, and nobody has said yet how it ended.
    pub(crate) is_dead: bool,
}

impl Link {
    pub(crate) fn new(child: Arc<Child>, side: ParentSide) -> Self {
        Self { child, side, known: Vec::new(), is_mute: false, is_dead: false }
    }
}

/// All workers, by slot.
#[derive(Debug, Default)]
pub(crate) struct Crew {
    pub(crate) links: Vec<Option<Link>>,
    pub(crate) definitions: Vec<Arc<[u8]>>,
    /// The slots that were given tasks since somebody counted.
    pub(crate) given: Vec<usize>,
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
    }

    /// Tells a worker to end in good order.
    pub(crate) fn dismiss(&mut self, slot: usize) {
        if let Some(link) = self.get(slot) {
            link.side.dismiss();
        }
    }

    /// Lets the workers see what they were given.
    pub(crate) fn publish(&mut self) {
        self.links.iter_mut().flatten().for_each(|link| link.side.publish());
    }
}

impl Hands<Work> for Crew {
    fn give(&mut self, slot: usize, sequence: u64, task: &Task<Work>) -> Room {
        let definition = task.kind as usize;
        let Some(Some(link)) = self.links.get_mut(slot) else { return Room::Full };
        let is_known = link.known.get(definition).copied().unwrap_or(false);
        let define = if is_known { None } else { self.definitions.get(definition) };
        let define = define.map(|bytes| &bytes[..]);
        let room = link.side.give((sequence, task.kind), task.payload.payload(), define);
        if room == Room::Given && !is_known {
            link.known.resize(self.definitions.len(), false);
            link.known[definition] = true;
        }
        if room == Room::Given {
            self.given.push(slot);
        }
        room
    }

    fn revoke(&mut self, slot: usize, sequence: u64) -> bool {
        self.get(slot).is_some_and(|link| link.side.revoke(sequence))
    }
}
