//! All processes at one moment.

use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::facts::Facts;
use crate::reader::Reader;
use std::collections::{BTreeSet, HashMap};

/// All processes that could be seen, read in one pass.
///
/// ```
/// use polyproc_info::{Attributes, System};
///
/// let snapshot = System::new().snapshot(Attributes::ARGUMENTS | Attributes::MEMORY)?;
/// for process in &snapshot.processes {
///     if let Ok(memory) = &process.memory {
///         println!("{} {} KiB", process, memory.resident / 1024);
///     }
/// }
/// # Ok::<(), polyproc_info::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// By number.
    pub processes: Vec<Facts>,
    /// Numbers of processes of which nothing may be seen (`hidepid=1`).
    pub hidden: Vec<u32>,
}

impl Snapshot {
    pub(crate) fn take(reader: &mut Reader, attributes: Attributes) -> Result<Self> {
        reader.start_again();
        let mut snapshot = Self::default();
        for pid in reader.pids()? {
            match reader.read(pid, attributes) {
                Ok(facts) => snapshot.processes.push(facts),
                // It ended while we looked.
                Err(Error::Gone { .. }) => {}
                Err(Error::Denied { .. }) => snapshot.hidden.push(pid),
                Err(error) => return Err(error),
            }
        }
        Ok(snapshot)
    }

    /// The process with that number.
    pub fn get(&self, pid: u32) -> Option<&Facts> {
        let at = self.processes.binary_search_by_key(&pid, |facts| facts.pid).ok()?;
        self.processes.get(at)
    }

    /// The parent of a process. Not one that started later: that has the number of a parent that is
    /// gone.
    pub fn parent(&self, facts: &Facts) -> Option<&Facts> {
        let parent = self.get(facts.parent()?)?;
        (parent.stat.start_ticks <= facts.stat.start_ticks).then_some(parent)
    }

    /// The parent, its parent, and so on.
    pub fn parents(&self, facts: &Facts) -> Vec<&Facts> {
        let mut line: Vec<&Facts> = Vec::new();
        let mut next = self.parent(facts);
        while let Some(parent) = next {
            // Read one after the other, processes may seem to be each other's parents.
            if parent.pid == facts.pid || line.iter().any(|known| known.pid == parent.pid) {
                break;
            }
            line.push(parent);
            next = self.parent(parent);
        }
        line
    }

    /// The children of a process, by number; with `recursive` theirs, too, the nearer first.
    pub fn children(&self, pid: u32, recursive: bool) -> Vec<&Facts> {
        let mut by_parent: HashMap<u32, Vec<&Facts>> = HashMap::new();
        for facts in &self.processes {
            if self.parent(facts).is_some() {
                by_parent.entry(facts.stat.parent).or_default().push(facts);
            }
        }
        let mut found: Vec<&Facts> = by_parent.get(&pid).cloned().unwrap_or_default();
        let mut known: BTreeSet<u32> = found.iter().map(|facts| facts.pid).chain([pid]).collect();
        let mut at = 0;
        while recursive && at < found.len() {
            let next = by_parent.get(&found[at].pid).map_or(&[][..], Vec::as_slice);
            found.extend(next.iter().filter(|facts| known.insert(facts.pid)));
            at += 1;
        }
        found
    }
}
