//! Reading values from strangers: bounds on what their bytes can make this process do.
//!
//! A format whose lengths are announced has two holes. A type that contains itself is read as deep as the
//! message says, which overflows the stack. And a sequence of elements that take no bytes (`Vec<()>`) is as
//! long as the message says, which takes for ever. So levels are counted, and elements of sequences and maps.

use super::fault::Fault;

/// How deep values may be nested: each list, tuple, struct, map, enum with content and `Some` is a level.
/// As deep as `serde_json` goes.
pub(super) const MOST_LEVELS: u32 = 128;
/// How many elements that take no bytes a message may hold; those that take some are at most as many as
/// its bytes.
pub(super) const MOST_EMPTY: usize = 1 << 16;

/// What is left for one message.
#[derive(Debug)]
pub(super) struct Bounds {
    levels: u32,
    elements: usize,
}

impl Bounds {
    /// For a message of so many bytes.
    pub(super) fn of(bytes: usize) -> Self {
        Self { levels: MOST_LEVELS, elements: bytes.saturating_add(MOST_EMPTY) }
    }

    /// One level down.
    pub(super) fn enter(&mut self) -> Result<(), Fault> {
        let left = self.levels.checked_sub(1);
        self.levels = left.ok_or_else(|| {
            Fault::new("it is nested deeper than 128 levels, the most that is read from others")
        })?;
        Ok(())
    }

    /// And up again.
    pub(super) fn leave(&mut self) {
        self.levels += 1;
    }

    /// One more element of those that are as many as the message says.
    pub(super) fn count(&mut self) -> Result<(), Fault> {
        let left = self.elements.checked_sub(1);
        self.elements =
            left.ok_or_else(|| Fault::new("it announces more elements than its bytes can hold"))?;
        Ok(())
    }
}
