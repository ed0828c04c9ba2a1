//! Bounds on what a message can make its reader do.
//!
//! A format whose lengths are announced has two holes. A type that contains itself is read as deep as the
//! message says, which overflows the stack. And a sequence of elements that take no bytes (`Vec<()>`) is as
//! long as the message says, which takes for ever. So levels are counted, and elements of sequences and maps.
//!
//! Strangers may not mean well, and get little. The family may go as deep as the reader's stack and have a
//! billion of nothing: no value of a program comes near that, but a worker that writes wild does, and its parent
//! has to live on. So does a thread whose stack is smaller than that of the process which made the value.

use super::fault::Fault;
use super::form::Form;
use polyproc_sys::stack;

/// How deep values of strangers may be nested: each list, tuple, struct, map, enum with content and `Some` is a
/// level. As deep as `serde_json` goes.
const MOST_LEVELS: u32 = 128;
/// How many elements that take no bytes a stranger's message may hold; those that take some are at most as many
/// as its bytes.
const MOST_EMPTY: usize = 1 << 16;
/// And one of the family.
const MOST_EMPTY_OF_FAMILY: usize = 1 << 30;
/// Values of the family that are nested no deeper fit every stack.
const SHALLOW: u32 = 64;
/// What a value leaves of the stack, for who reads one part of it; a quarter if that is less.
const RESERVE: usize = 256 << 10;

/// What is left for one message.
#[derive(Debug)]
pub(super) struct Bounds {
    level: u32,
    elements: usize,
}

impl Bounds {
    /// For a message of so many bytes.
    pub(super) fn of<F: Form>(bytes: usize) -> Self {
        let elements =
            if F::IS_BOUNDED { bytes.saturating_add(MOST_EMPTY) } else { MOST_EMPTY_OF_FAMILY };
        Self { level: 0, elements }
    }

    /// One level down.
    #[inline]
    pub(super) fn enter<F: Form>(&mut self) -> Result<(), Fault> {
        if F::IS_BOUNDED && self.level == MOST_LEVELS {
            return Err(Fault::new(
                "it is nested deeper than 128 levels, the most that is read from others",
            ));
        }
        if !F::IS_BOUNDED && self.level >= SHALLOW && !has_stack() {
            return Err(Fault::new("it is nested deeper than this thread's stack allows"));
        }
        self.level += 1;
        Ok(())
    }

    /// And up again.
    #[inline]
    pub(super) fn leave(&mut self) {
        self.level -= 1;
    }

    /// So many elements are announced, with so many bytes left: for those of the family. Which are more than
    /// there are bytes are counted at once.
    #[inline]
    pub(super) fn announce<F: Form>(&mut self, elements: usize, bytes: usize) -> Result<(), Fault> {
        if F::IS_BOUNDED || elements <= bytes {
            return Ok(());
        }
        self.spend(elements - bytes)
    }

    /// One more element of those that are as many as the message says: for those of strangers.
    #[inline]
    pub(super) fn count<F: Form>(&mut self) -> Result<(), Fault> {
        if F::IS_BOUNDED { self.spend(1) } else { Ok(()) }
    }

    #[inline]
    fn spend(&mut self, elements: usize) -> Result<(), Fault> {
        let left = self.elements.checked_sub(elements);
        self.elements =
            left.ok_or_else(|| Fault::new("it announces more elements than its bytes can hold"))?;
        Ok(())
    }
}

/// Whether the stack has room for another level.
fn has_stack() -> bool {
    stack::left().is_none_or(|(left, whole)| left > RESERVE.min(whole / 4))
}
