//! Where the outcomes of tasks go. Many tasks have the same sink: each holds its number, and the sink
//! goes when the last of them has its outcome.

use crate::numbered::Numbered;
use crate::outcome::Sink;
use std::fmt;
use std::sync::Arc;

struct Entry {
    sink: Arc<dyn Sink>,
    /// Its tasks without an outcome.
    out: usize,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("out", &self.out).finish_non_exhaustive()
    }
}

/// All sinks, by number.
#[derive(Debug, Default)]
pub(crate) struct Sinks(Numbered<Entry>);

impl Sinks {
    /// Takes one in; gives its number.
    pub(crate) fn add(&mut self, sink: Arc<dyn Sink>) -> u32 {
        self.0.add(Entry { sink, out: 0 })
    }

    /// So many tasks with it were submitted.
    pub(crate) fn submitted(&mut self, number: u32, tasks: usize) {
        if let Some(entry) = self.0.get_mut(number) {
            entry.out += tasks;
        }
    }

    pub(crate) fn get(&self, number: u32) -> Option<&dyn Sink> {
        self.0.get(number).map(|entry| &*entry.sink)
    }

    /// So many of its tasks have their outcomes. Gives the sink when these were the last: to drop it may
    /// run foreign code.
    pub(crate) fn done(&mut self, number: u32, tasks: usize) -> Option<Arc<dyn Sink>> {
        let entry = self.0.get_mut(number)?;
        entry.out -= tasks;
        if entry.out > 0 {
            return None;
        }
        self.0.remove(number).map(|entry| entry.sink)
    }
}
