//! Waiting for something that no descriptor announces.

use std::time::{Duration, Instant};

/// Looks again and again, at first often, until `look` finds something or `within` has passed (then
/// `None`). Looks at least once, and once more at the very end.
pub fn eventually<T>(within: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    const SHORTEST: Duration = Duration::from_micros(100);
    const LONGEST: Duration = Duration::from_millis(20);
    let started = Instant::now();
    let mut pause = SHORTEST;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        let left = within.saturating_sub(started.elapsed());
        if left.is_zero() {
            return None;
        }
        #[expect(clippy::disallowed_methods, reason = "this is what others call instead")]
        std::thread::sleep(pause.min(left));
        pause = LONGEST.min(pause * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_with_the_first_find() {
        let mut looks = 0;
        let found = eventually(Duration::from_mins(1), || {
            looks += 1;
            (looks == 3).then_some("it")
        });
        assert_eq!((found, looks), (Some("it"), 3));
    }

    #[test]
    fn gives_up_but_looks_at_least_once() {
        let mut looks = 0;
        let found: Option<()> = eventually(Duration::ZERO, || {
            looks += 1;
            None
        });
        assert_eq!((found, looks), (None, 1));
    }
}
