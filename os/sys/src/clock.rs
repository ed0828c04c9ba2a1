//! Points in time that a wait ends at.

use std::time::{Duration, Instant};

/// When a wait gives up: never, or at a point of the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// A wait that only its event ends.
    pub const NEVER: Self = Self(None);

    /// `timeout` from now; a timeout too long for the clock is never.
    pub fn after(timeout: Duration) -> Self {
        Self(Instant::now().checked_add(timeout))
    }

    /// At `instant`.
    pub const fn at(instant: Instant) -> Self {
        Self(Some(instant))
    }

    /// Already passed: look once, do not sleep.
    pub fn now() -> Self {
        Self(Some(Instant::now()))
    }

    /// Time left, `None` when there is no end; zero once it has passed.
    pub fn remaining(self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// Whether the point has been reached.
    pub fn has_passed(self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end)
    }

    /// The earlier of the two.
    #[must_use]
    pub fn earlier(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Self(Some(a.min(b))),
            (a, b) => Self(a.or(b)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_loses_against_any_end() {
        let end = Deadline::now();
        assert_eq!(Deadline::NEVER.earlier(end), end);
        assert_eq!(end.earlier(Deadline::NEVER), end);
        assert_eq!(Deadline::NEVER.remaining(), None);
        assert!(!Deadline::NEVER.has_passed());
    }

    #[test]
    fn an_endless_timeout_is_never() {
        assert_eq!(Deadline::after(Duration::MAX), Deadline::NEVER);
    }

    #[test]
    fn a_passed_deadline_has_nothing_left() {
        let end = Deadline::now();
        assert!(end.has_passed());
        assert_eq!(end.remaining(), Some(Duration::ZERO));
    }
}
