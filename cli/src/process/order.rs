//! In which order.

use super::Row;
use super::columns::{self, ProcessColumn};
use std::cmp::Ordering;

/// By which column, and from which end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) column: &'static ProcessColumn,
    /// Against the order that people usually want of that column.
    pub(crate) reverse: bool,
}

impl Order {
    /// By the column called `name`.
    ///
    /// # Errors
    /// As [`columns::named`].
    pub(crate) fn by(name: &str, reverse: bool) -> Result<Self, String> {
        Ok(Self { column: columns::named(name)?, reverse })
    }

    /// Sorts. What has no value comes last in both directions.
    pub(crate) fn sort(self, rows: &mut [Row]) {
        let column = &self.column.column;
        let downwards = column.kind.is_largest_first() != self.reverse;
        // The values once each, not once for each comparison.
        let mut keyed: Vec<_> = rows
            .iter_mut()
            .map(|row| {
                let value = (column.get)(row);
                (value, std::mem::take(row))
            })
            .collect();
        keyed.sort_by(|(a, one), (b, other)| {
            let order = a.is_missing().cmp(&b.is_missing());
            let by_value = if downwards { b.order(a) } else { a.order(b) };
            let is_known = !a.is_missing() && !b.is_missing();
            let by_value = if is_known { by_value } else { Ordering::Equal };
            order.then(by_value).then_with(|| self.ties(one, other))
        });
        for (place, (_, row)) in rows.iter_mut().zip(keyed) {
            *place = row;
        }
    }
}

impl Order {
    /// Of those that do equally much (most do nothing), the larger ones are of more interest.
    fn ties(self, one: &Row, other: &Row) -> Ordering {
        let by_memory = other.memory.cmp(&one.memory);
        let is_amount = self.column.column.kind.is_largest_first();
        let first = if is_amount { by_memory } else { Ordering::Equal };
        first.then(one.pid().cmp(&other.pid()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Identity;

    fn sorted(by: &str, reverse: bool) -> Vec<u32> {
        let row = |pid, memory, name: &str| Row {
            identity: Identity { pid, start_ticks: 0 },
            memory,
            name: name.into(),
            ..Row::default()
        };
        let mut rows =
            [row(1, None, "b"), row(2, Some(5), "A"), row(4, Some(9), "c"), row(3, Some(5), "d")];
        Order::by(by, reverse).unwrap().sort(&mut rows);
        rows.iter().map(Row::pid).collect()
    }

    #[test]
    fn amounts_from_the_largest_names_from_a_and_the_unknown_last() {
        assert_eq!(sorted("memory", false), [4, 2, 3, 1]);
        assert_eq!(sorted("memory", true), [2, 3, 4, 1]);
        assert_eq!(sorted("name", false), [2, 1, 4, 3]);
        assert_eq!(sorted("pid", true), [4, 3, 2, 1]);
        assert!(Order::by("nothing", false).is_err());
    }
}
