//! What tasks have in common: bytes that a worker gets once, before the first task that needs them.
//!
//! A definition may be large. When nobody will submit tasks with it any more it is retired, and when
//! the last of its tasks has an outcome, its bytes are gone; its number may then mean another one.

use crate::numbered::Numbered;
use std::sync::Arc;

#[derive(Debug)]
struct Entry {
    bytes: Arc<[u8]>,
    /// Its tasks without an outcome.
    out: usize,
    is_retired: bool,
}

/// All definitions, by number.
#[derive(Debug, Default)]
pub(crate) struct Definitions(Numbered<Entry>);

impl Definitions {
    /// Takes one in; gives its number.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> u32 {
        self.0.add(Entry { bytes: bytes.into(), out: 0, is_retired: false })
    }

    pub(crate) fn bytes(&self, number: u32) -> Option<Arc<[u8]>> {
        self.0.get(number).map(|entry| Arc::clone(&entry.bytes))
    }

    /// So many tasks with it were submitted.
    pub(crate) fn submitted(&mut self, number: u32, tasks: usize) {
        if let Some(entry) = self.0.get_mut(number) {
            entry.out += tasks;
        }
    }

    /// One of its tasks has an outcome; says whether that was the end of the definition.
    pub(crate) fn done(&mut self, number: u32) -> bool {
        let Some(entry) = self.0.get_mut(number) else { return false };
        entry.out -= 1;
        entry.is_retired && self.end(number)
    }

    /// No more tasks with it will be submitted; says whether that was the end of the definition.
    pub(crate) fn retire(&mut self, number: u32) -> bool {
        if let Some(entry) = self.0.get_mut(number) {
            entry.is_retired = true;
        }
        self.end(number)
    }

    fn end(&mut self, number: u32) -> bool {
        let is_over =
            self.0.get_mut(number).is_some_and(|entry| entry.is_retired && entry.out == 0);
        if is_over {
            self.0.remove(number);
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retired_definition_ends_with_its_last_task() {
        let mut definitions = Definitions::default();
        let (kept, large) = (definitions.add(b"kept"), definitions.add(b"large"));
        definitions.submitted(kept, 1);
        definitions.submitted(large, 2);
        assert!(!definitions.retire(large));
        assert!(!definitions.done(large));
        assert!(definitions.bytes(large).is_some(), "a task may still be tried again");
        assert!(definitions.done(large));
        assert!(definitions.bytes(large).is_none());
        assert!(!definitions.done(kept));
        assert_eq!(definitions.add(b"another"), large);
        assert_eq!(definitions.bytes(kept).as_deref(), Some(&b"kept"[..]));
    }
}
