//! `/proc/stat`, `/proc/loadavg`, `/proc/cpuinfo`: what the processors do.

use super::process::ticks;
use super::{lines, number, split, value_after};
use std::ops::Sub;
use std::time::Duration;

/// Where a processor's time went, by steps of 10 ms. Machines that run as guests under Linux count
/// in `user` and `nice`, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ProcessorTimes {
    /// Programs.
    pub user: Duration,
    /// Programs that are nice.
    pub nice: Duration,
    /// The kernel.
    pub system: Duration,
    /// Nothing to do.
    pub idle: Duration,
    /// Nothing to do but to wait for a device.
    pub io_wait: Duration,
    /// Interrupts.
    pub irq: Duration,
    /// What interrupts left to do.
    pub soft_irq: Duration,
    /// Taken by other guests of the machine below.
    pub steal: Duration,
    /// Guests; part of `user`.
    pub guest: Duration,
    /// Nice guests; part of `nice`.
    pub guest_nice: Duration,
}

impl ProcessorTimes {
    fn parse(words: &mut dyn Iterator<Item = &[u8]>) -> Self {
        // An older kernel has fewer columns.
        let mut next = || words.next().and_then(number).map_or(Duration::ZERO, ticks);
        Self {
            user: next(),
            nice: next(),
            system: next(),
            idle: next(),
            io_wait: next(),
            irq: next(),
            soft_irq: next(),
            steal: next(),
            guest: next(),
            guest_nice: next(),
        }
    }

    /// All of it. Guests' time is counted once.
    pub fn total(&self) -> Duration {
        self.busy() + self.idle + self.io_wait
    }

    /// All of it but idle and waiting.
    pub fn busy(&self) -> Duration {
        self.user + self.nice + self.system + self.irq + self.soft_irq + self.steal
    }
}

/// What passed in between; never negative, though the kernel's counters sometimes go back.
impl Sub for ProcessorTimes {
    type Output = Self;
    fn sub(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            nice: self.nice.saturating_sub(earlier.nice),
            system: self.system.saturating_sub(earlier.system),
            idle: self.idle.saturating_sub(earlier.idle),
            io_wait: self.io_wait.saturating_sub(earlier.io_wait),
            irq: self.irq.saturating_sub(earlier.irq),
            soft_irq: self.soft_irq.saturating_sub(earlier.soft_irq),
            steal: self.steal.saturating_sub(earlier.steal),
            guest: self.guest.saturating_sub(earlier.guest),
            guest_nice: self.guest_nice.saturating_sub(earlier.guest_nice),
        }
    }
}

/// What has happened on all processors since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CpuStats {
    /// How often one process gave way to another.
    pub context_switches: u64,
    /// Interrupts.
    pub interrupts: u64,
    /// Of these, what was done later.
    pub soft_interrupts: u64,
    /// Processes and threads that were ever made.
    pub forks: u64,
    /// Processes that run or could run now.
    pub running: u64,
    /// Processes that wait for a device now.
    pub blocked: u64,
}

/// `/proc/stat`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Processors {
    pub(crate) total: ProcessorTimes,
    /// Number and times of each; one that is offline is not there.
    pub(crate) each: Vec<(usize, ProcessorTimes)>,
    pub(crate) stats: CpuStats,
    /// Seconds from 1970 to the boot.
    pub(crate) boot_time: Option<u64>,
}

impl Processors {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        for line in lines(bytes) {
            if let Some(rest) = line.strip_prefix(b"cpu") {
                found.times(rest);
            } else {
                found.line(line);
            }
        }
        found
    }

    fn times(&mut self, rest: &[u8]) {
        if rest.first().is_some_and(u8::is_ascii_digit) {
            let mut words = split(rest);
            if let Some(index) = words.next().and_then(number) {
                self.each.push((index as usize, ProcessorTimes::parse(&mut words)));
            }
        } else {
            self.total = ProcessorTimes::parse(&mut split(rest));
        }
    }

    fn line(&mut self, line: &[u8]) {
        let stats = &mut self.stats;
        for (place, key) in [
            (&mut stats.context_switches, &b"ctxt "[..]),
            (&mut stats.interrupts, b"intr "),
            (&mut stats.soft_interrupts, b"softirq "),
            (&mut stats.forks, b"processes "),
            (&mut stats.running, b"procs_running "),
            (&mut stats.blocked, b"procs_blocked "),
        ] {
            *place = value_after(line, key).unwrap_or(*place);
        }
        self.boot_time = value_after(line, b"btime ").or(self.boot_time);
    }
}

/// How many processes ran or wanted to, on average over one, five and fifteen minutes.
pub(crate) fn load_average(bytes: &[u8]) -> Option<[f64; 3]> {
    let mut words = split(bytes).map(|word| std::str::from_utf8(word).ok()?.parse().ok());
    Some([words.next()??, words.next()??, words.next()??])
}

/// The `cpu MHz` lines of `/proc/cpuinfo`, one for each processor (x86 only).
pub(crate) fn megahertz(cpuinfo: &[u8]) -> Vec<f64> {
    let value = |line: &[u8]| {
        let rest = line.strip_prefix(b"cpu MHz")?;
        let text = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii();
        std::str::from_utf8(text).ok()?.parse().ok()
    };
    lines(cpuinfo).filter_map(value).collect()
}

/// The first `model name` of `/proc/cpuinfo`.
pub(crate) fn model(cpuinfo: &[u8]) -> Option<String> {
    let rest = lines(cpuinfo).find_map(|line| line.strip_prefix(b"model name"))?;
    let text = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii();
    Some(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;
    use proptest::prelude::*;

    /// Linux 6.1; processor 1 is offline.
    const STAT: &[u8] = b"cpu  10 20 30 40 50 60 70 80 90 100\ncpu0 1 2 3 4 5 6 7 8 9 10\n\
        cpu2 2 0 0 0 0 0 0 0 0 0\nintr 114930548 113199788 3 0\nctxt 1990473\nbtime 1062191376\n\
        processes 2915\nprocs_running 1\nprocs_blocked 2\nsoftirq 183433 0 21755\n";
    /// Linux 2.6.10 had no guests.
    const OLD: &[u8] = b"cpu  10 20 30 40 50 60 70\n";

    #[test]
    fn columns_and_lines_are_the_right_ones() {
        let found = Processors::parse(STAT);
        let total = found.total;
        assert_eq!(total.user, Duration::from_millis(100));
        assert_eq!(total.guest_nice, Duration::from_secs(1));
        assert_eq!(total.total(), Duration::from_millis(3600), "guests are in user already");
        assert_eq!(total.busy(), Duration::from_millis(2700));
        let numbers: Vec<_> = found.each.iter().map(|one| one.0).collect();
        assert_eq!((numbers, found.boot_time), (vec![0, 2], Some(1_062_191_376)));
        let stats = found.stats;
        assert_eq!((stats.context_switches, stats.interrupts), (1_990_473, 114_930_548));
        assert_eq!((stats.soft_interrupts, stats.forks), (183_433, 2915));
        assert_eq!((stats.running, stats.blocked), (1, 2));
        assert_eq!(Processors::parse(OLD).total.steal, Duration::ZERO);
    }

    #[test]
    fn a_counter_that_goes_back_gives_nothing() {
        let later = ProcessorTimes { user: Duration::from_secs(1), ..ProcessorTimes::default() };
        assert_eq!((ProcessorTimes::default() - later).user, Duration::ZERO);
    }

    #[test]
    fn load_and_clock() {
        assert_eq!(load_average(b"0.20 1.18 0.12 1/80 11206\n"), Some([0.20, 1.18, 0.12]));
        assert_eq!(load_average(b"0.20"), None);
        let info = b"processor\t: 0\nmodel name\t: A B\ncpu MHz\t\t: 2445.404\n\nprocessor\t: 1\ncpu MHz : 1000\n";
        assert_eq!(megahertz(info), [2445.404, 1000.0]);
        assert_eq!(model(info).as_deref(), Some("A B"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in hostile::bytes(), near in hostile::damaged(STAT)) {
            for bytes in [bytes, near] {
                let found = Processors::parse(&bytes);
                let _ = found.total - ProcessorTimes::default();
                load_average(&bytes);
                megahertz(&bytes);
                model(&bytes);
            }
        }
    }
}
