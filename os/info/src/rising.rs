//! Counters that never go down, although the kernel's start again: at 2^32 where they are 32 bits
//! wide (the times of a disk are), and when a device was away and has come back.
//!
//! # Design
//!
//! A number that is smaller than at the look before has started again, so what it had reached is
//! added from then on. Whether it went once round or the device was a new one nobody can tell: what
//! comes out is the least that has happened. Each number of a device is judged by itself, also after
//! the device was away: moved to another network namespace and back it counts on, and what goes on is
//! not added twice.
//!
//! psutil's `nowrap` promises the same and forgets a device at the first look without it: then its
//! counters, and the sum of all, go down.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::ops::AddAssign;

/// How many devices that are away are remembered by name: a machine full of containers makes new
/// interfaces for ever.
const MOST_AWAY: usize = 1024;

/// Numbers of a device that only grow, or start again.
pub(crate) trait Counters: Copy + Default + AddAssign {
    /// Each number that is smaller `now` than it was, as it was; 0 for the others.
    fn lost(self, now: Self) -> Self;
}

/// What `before` was, when it is more than there is `now`.
pub(crate) fn lost<T: Copy + Ord + Default>(before: T, now: T) -> T {
    if now < before { before } else { T::default() }
}

/// The devices that were seen, and what has become of their counters. Pure: what the kernel says goes
/// in at each look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rising<C> {
    devices: HashMap<OsString, Device<C>>,
    /// What those had done that are remembered by name no more.
    forgotten: C,
    looks: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Device<C> {
    last: C,
    /// What it had reached each time that it started again.
    lost: C,
    is_in_total: bool,
    /// The last look that saw it.
    look: u64,
}

impl<C: Counters> Device<C> {
    fn see(&mut self, now: C) {
        self.lost += self.last.lost(now);
        self.last = now;
    }

    fn sum(&self) -> C {
        let mut sum = self.lost;
        sum += self.last;
        sum
    }
}

impl<C: Counters> Rising<C> {
    /// What all devices together have done, those that are away too, and what each has that is there
    /// `now`, in that order. `is_in_total` says of a name whether the sum counts it.
    pub(crate) fn see(
        &mut self,
        mut now: Vec<(OsString, C)>,
        is_in_total: impl Fn(&OsStr) -> bool,
    ) -> (C, Vec<(OsString, C)>) {
        self.looks += 1;
        for (name, counters) in &mut now {
            let device = self.devices.entry(name.clone()).or_default();
            device.see(*counters);
            device.look = self.looks;
            // Once counted it stays so, or the sum would go down.
            device.is_in_total = device.is_in_total || is_in_total(name);
            *counters = device.sum();
        }
        self.forget();
        (self.total(), now)
    }

    fn total(&self) -> C {
        let mut total = self.forgotten;
        self.devices.values().filter(|one| one.is_in_total).for_each(|one| total += one.sum());
        total
    }

    /// Of too many that are away those that were so the longest leave only their sum.
    fn forget(&mut self) {
        let is_away = |one: &(&OsString, &Device<C>)| one.1.look != self.looks;
        let too_many = self.devices.iter().filter(is_away).count().saturating_sub(MOST_AWAY);
        if too_many == 0 {
            return;
        }
        let away = self.devices.iter().filter(is_away);
        let mut away: Vec<_> = away.map(|(name, device)| (device.look, name.clone())).collect();
        away.sort_unstable();
        for (_, name) in &away[..too_many] {
            let device = self.devices.remove(name).filter(|device| device.is_in_total);
            self.forgotten += device.map(|device| device.sum()).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NetworkCounters;
    use proptest::prelude::*;

    fn bytes(bytes_sent: u64) -> NetworkCounters {
        NetworkCounters { bytes_sent, ..NetworkCounters::default() }
    }

    /// Sums up one number of each device; names that begin with `part` are not in the total.
    #[derive(Default)]
    struct Looker(Rising<NetworkCounters>);

    impl Looker {
        fn look(&mut self, now: &[(&str, u64)]) -> (u64, Vec<u64>) {
            let now = now.iter().map(|(name, sent)| (OsString::from(name), bytes(*sent)));
            let is_in_total = |name: &OsStr| !name.to_string_lossy().starts_with("part");
            let (total, each) = self.0.see(now.collect(), is_in_total);
            (total.bytes_sent, each.iter().map(|one| one.1.bytes_sent).collect())
        }
    }

    #[test]
    fn what_starts_again_goes_on_from_where_it_was() {
        let mut looker = Looker::default();
        assert_eq!(looker.look(&[("a", 100), ("b", 5)]), (105, vec![100, 5]));
        assert_eq!(looker.look(&[("a", 10), ("b", 6)]), (116, vec![110, 6]));
        assert_eq!(looker.look(&[("a", 10), ("b", 2)]), (118, vec![110, 8]));
        assert_eq!(looker.look(&[("a", 4), ("b", 2)]), (122, vec![114, 8]));
    }

    #[test]
    fn a_device_that_was_away_is_remembered() {
        let mut looker = Looker::default();
        assert_eq!(looker.look(&[("a", 100), ("b", 5)]), (105, vec![100, 5]));
        assert_eq!(looker.look(&[("b", 6)]), (106, vec![6]));
        assert_eq!(looker.look(&[]), (106, vec![]));
        // A new one by the same name; then one that was elsewhere and has counted on.
        assert_eq!(looker.look(&[("a", 3)]), (109, vec![103]));
        assert_eq!(looker.look(&[("b", 9), ("a", 3)]), (112, vec![9, 103]));
    }

    #[test]
    fn parts_are_not_counted_again() {
        let mut looker = Looker::default();
        assert_eq!(looker.look(&[("disk", 7), ("part1", 3)]), (7, vec![7, 3]));
        assert_eq!(looker.look(&[("disk", 1), ("part1", 1)]), (8, vec![8, 4]));
    }

    #[test]
    fn names_for_ever_need_no_memory_for_ever() {
        let mut looker = Looker::default();
        let mut total = 0;
        for number in 0..3000 {
            total = looker.look(&[(&format!("veth{number}"), 1)]).0;
        }
        assert_eq!(total, 3000);
        assert_eq!(looker.0.devices.len(), MOST_AWAY + 1);
        // The oldest is known no more, the youngest is.
        assert_eq!(looker.look(&[("veth0", 1), ("veth2998", 0)]).1, [1, 1]);
    }

    /// Up to four devices at each look, all with the same numbers in all fields.
    fn looks() -> impl Strategy<Value = Vec<[Option<u64>; 4]>> {
        let number = prop_oneof![0..5_u64, any::<u32>().prop_map(u64::from), any::<u64>()];
        let device = proptest::option::weighted(0.7, number);
        proptest::collection::vec([device.clone(), device.clone(), device.clone(), device], 0..20)
    }

    const NAMES: [&str; 4] = ["a", "b", "c", "part1"];

    proptest! {
        #[test]
        fn nothing_ever_goes_down(looks in looks()) {
            let (mut looker, mut reached, mut reached_total) = (Looker::default(), HashMap::new(), 0);
            for look in looks {
                let now = |at: usize| look[at].map(|number| (NAMES[at], number));
                let now: Vec<_> = (0..NAMES.len()).filter_map(now).collect();
                let (total, each) = looker.look(&now);
                prop_assert!(total >= reached_total);
                reached_total = total;
                prop_assert_eq!(each.len(), now.len());
                for ((name, kernel), ours) in now.into_iter().zip(each) {
                    prop_assert!(ours >= kernel);
                    prop_assert!(ours >= reached.insert(name, ours).unwrap_or(0));
                }
            }
        }

        #[test]
        fn what_only_grows_is_left_as_it_is(mut looks in looks()) {
            let mut looker = Looker::default();
            for at in 0..NAMES.len() {
                let mut numbers: Vec<_> = looks.iter().filter_map(|look| look[at]).collect();
                numbers.sort_unstable();
                looks.iter_mut().filter_map(|look| look[at].as_mut()).zip(numbers).for_each(|(place, number)| *place = number);
            }
            for look in looks {
                let now = |at: usize| look[at].map(|number| (NAMES[at], number));
                let now: Vec<_> = (0..NAMES.len()).filter_map(now).collect();
                let expected: Vec<_> = now.iter().map(|one| one.1).collect();
                prop_assert_eq!(looker.look(&now).1, expected);
            }
        }
    }
}
