//! Where the outcomes of tasks go. Many tasks have the same sink: each holds its number, and the sink
//! goes when the last of them has its outcome.

use crate::outcome::Sink;
use std::fmt;
use std::sync::Arc;

struct Entry {
    sink: Arc<dyn Sink>,
    /// Its tasks without an outcome.
    out: usize,
}

/// All sinks, by number.
#[derive(Default)]
pub(crate) struct Sinks {
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
}

impl fmt::Debug for Sinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sinks").field("places", &self.entries.len()).finish_non_exhaustive()
    }
}

impl Sinks {
    /// Takes one in; gives its number.
    pub(crate) fn add(&mut self, sink: Arc<dyn Sink>) -> u32 {
        let entry = Some(Entry { sink, out: 0 });
        if let Some(number) = self.free.pop() {
            self.entries[number as usize] = entry;
            return number;
        }
        self.entries.push(entry);
        self.entries.len() as u32 - 1
    }

    /// So many tasks with it were submitted.
    pub(crate) fn submitted(&mut self, number: u32, tasks: usize) {
        if let Some(Some(entry)) = self.entries.get_mut(number as usize) {
            entry.out += tasks;
        }
    }

    pub(crate) fn get(&self, number: u32) -> Option<&dyn Sink> {
        Some(&*self.entries.get(number as usize)?.as_ref()?.sink)
    }

    /// So many of its tasks have their outcomes. Gives the sink when these were the last: to drop it may
    /// run foreign code.
    pub(crate) fn done(&mut self, number: u32, tasks: usize) -> Option<Arc<dyn Sink>> {
        let place = self.entries.get_mut(number as usize)?;
        let entry = place.as_mut()?;
        entry.out -= tasks;
        if entry.out > 0 {
            return None;
        }
        self.free.push(number);
        place.take().map(|entry| entry.sink)
    }
}
