//! What disks and network interfaces have done, and how fast they did it between two looks.

use crate::units::float;
use polyproc_info::{DiskCounters, NetworkCounters, System};
use std::ffi::OsString;
use std::time::{Duration, Instant};

/// All counters at one moment. A kind that cannot be read is empty.
#[derive(Clone, Debug)]
pub(super) struct Counters {
    at: Instant,
    disks: Vec<(OsString, DiskCounters)>,
    interfaces: Vec<(OsString, NetworkCounters)>,
}

/// Something that counts, now and before.
#[derive(Clone, Debug)]
pub(super) struct Counted<T> {
    pub(super) name: OsString,
    pub(super) now: T,
    before: T,
    between: Duration,
}

impl<T> Counted<T> {
    /// How much of it in a second.
    pub(super) fn rate(&self, get: impl Fn(&T) -> u64) -> f64 {
        let count = get(&self.now).saturating_sub(get(&self.before));
        let seconds = self.between.as_secs_f64();
        if seconds > 0.0 { float(count) / seconds } else { 0.0 }
    }

    /// How large a part of the time it did something, in hundredths.
    pub(super) fn share(&self, get: impl Fn(&T) -> Duration) -> f64 {
        let busy = get(&self.now).saturating_sub(get(&self.before)).as_secs_f64();
        let seconds = self.between.as_secs_f64();
        if seconds > 0.0 { (busy * 100.0 / seconds).min(100.0) } else { 0.0 }
    }
}

/// What happened between two looks.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    pub(super) disks: Vec<Counted<DiskCounters>>,
    pub(super) interfaces: Vec<Counted<NetworkCounters>>,
}

impl Counters {
    pub(super) fn read(system: &System) -> Self {
        Self {
            at: Instant::now(),
            disks: system.disk_io_counters().unwrap_or_default(),
            interfaces: system.net_io_counters().unwrap_or_default(),
        }
    }

    pub(super) fn since(self, before: &Self) -> Traffic {
        let between = self.at.duration_since(before.at);
        Traffic {
            disks: counted(self.disks, &before.disks, between),
            interfaces: counted(self.interfaces, &before.interfaces, between),
        }
    }
}

/// Each with what it was before; what was not there before has done nothing yet.
fn counted<T: Clone>(
    now: Vec<(OsString, T)>,
    before: &[(OsString, T)],
    between: Duration,
) -> Vec<Counted<T>> {
    let counted = |(name, now): (OsString, T)| {
        let known = before.iter().find(|one| one.0 == name);
        let before = known.map_or_else(|| now.clone(), |one| one.1.clone());
        Counted { name, now, before, between }
    };
    now.into_iter().map(counted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_between_the_looks() {
        let names = |all: &[(&str, u64)]| -> Vec<_> {
            all.iter().map(|&(name, count)| (OsString::from(name), count)).collect()
        };
        let before = names(&[("a", 100), ("back", 9)]);
        let now = names(&[("a", 300), ("new", 50), ("back", 1)]);
        let counted = counted(now, &before, Duration::from_secs(2));
        let rates: Vec<_> = counted.iter().map(|one| one.rate(|&count| count)).collect();
        assert_eq!(rates, [100.0, 0.0, 0.0]);
    }
}
