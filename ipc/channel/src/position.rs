//! What a cursor of a channel counts.

/// No more will be put.
const CLOSED: u64 = 1 << 62;
const COUNT_BITS: u32 = 30;
const COUNT: u32 = (1 << COUNT_BITS) - 1;

/// The most messages that a channel holds.
pub(crate) const MOST_ITEMS: u32 = COUNT;

/// How many messages have passed a cursor, and where in the chain of segments the next one lies, in
/// cells of 16 bytes. Both wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position(pub(crate) u64);

impl Position {
    /// Of how many messages, wrapping.
    #[inline]
    pub(crate) fn count(self) -> u32 {
        (self.0 >> 32) as u32 & COUNT
    }

    /// Where, in cells.
    #[inline]
    pub(crate) fn cells(self) -> u32 {
        self.0 as u32
    }

    /// Whether the channel is closed (only tails are).
    #[inline]
    pub(crate) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// The same place, closed.
    pub(crate) fn closed(self) -> Self {
        Self(self.0 | CLOSED)
    }

    /// One message of so many cells later.
    #[inline]
    #[must_use]
    pub(crate) fn after(self, cells: u32) -> Self {
        self.at(self.count().wrapping_add(1), self.cells().wrapping_add(cells))
    }

    /// Another count at the same place.
    #[must_use]
    pub(crate) fn with_count(self, count: u32) -> Self {
        self.at(count, self.cells())
    }

    fn at(self, count: u32, cells: u32) -> Self {
        Self(self.0 & CLOSED | u64::from(count & COUNT) << 32 | u64::from(cells))
    }

    /// How many messages lie between `head` and this.
    #[inline]
    pub(crate) fn since(self, head: Self) -> u32 {
        self.count().wrapping_sub(head.count()) & COUNT
    }

    /// The number of the next message.
    #[inline]
    pub(crate) fn next(self) -> u32 {
        self.count().wrapping_add(1) & COUNT
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn counts_and_cells_wrap_by_themselves() {
        let last = Position(0).with_count(COUNT);
        let last = Position(last.0 | 0xffff_fffe);
        let next = last.closed().after(5);
        assert_eq!((next.count(), next.cells(), next.is_closed()), (0, 3, true));
        assert_eq!((next.since(last), last.next()), (1, 0));
    }
}
