//! How much a queue may hold.

use polyproc_channel::Settings;

/// How many values a queue may hold, and how many bytes of them: whoever puts more waits.
///
/// ```
/// use polyproc::queue::{Bounds, Queue};
///
/// let queue = Queue::<String>::bounded_by(Bounds::items(100).and_bytes(1 << 20))?;
/// queue.put("far below both".into())?;
/// assert!(!queue.is_full());
/// # Ok::<(), polyproc::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    items: Option<u32>,
    bytes: Option<u64>,
}

impl Bounds {
    /// As many as the family's memory has room for.
    pub const NONE: Self = Self { items: None, bytes: None };

    /// At most `most` values (at least one).
    pub fn items(most: usize) -> Self {
        Self { items: Some(u32::try_from(most).unwrap_or(u32::MAX)), ..Self::NONE }
    }

    /// At most `most` bytes of encoded values. One that is longer has room in an empty queue.
    pub const fn bytes(most: u64) -> Self {
        Self::NONE.and_bytes(most)
    }

    /// The same, and not more than `most` bytes.
    #[must_use]
    pub const fn and_bytes(self, most: u64) -> Self {
        Self { bytes: Some(most), ..self }
    }

    pub(super) fn settings(self) -> Settings {
        Settings { items: self.items, bytes: self.bytes, ..Settings::UNBOUNDED }
    }
}
