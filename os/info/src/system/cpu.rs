//! Processors: how many, how busy, how fast.

use super::System;
use crate::error::{Error, Result};
use crate::parse::cpu::{CpuStats, ProcessorTimes, Processors, load_average, megahertz, model};
use crate::parse::number;
use crate::wait::share;
use polyproc_sys::clock::Deadline;
use polyproc_sys::cpu::{self, CpuCount};
use polyproc_sys::poll;
use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How fast a processor runs, in megahertz.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Frequency {
    /// Now.
    pub current: f64,
    /// At least; 0 where the driver does not say.
    pub min: f64,
    /// At most; 0 where the driver does not say.
    pub max: f64,
}

/// Where a processor's time went, in percent of the time that has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// All but idle and waiting for devices.
    pub busy: f64,
    /// Programs.
    pub user: f64,
    /// Programs that are nice.
    pub nice: f64,
    /// The kernel.
    pub system: f64,
    /// Nothing to do.
    pub idle: f64,
    /// Nothing to do but to wait for a device.
    pub io_wait: f64,
    /// Interrupts.
    pub irq: f64,
    /// What interrupts left to do.
    pub soft_irq: f64,
    /// Taken by other guests of the machine below.
    pub steal: f64,
    /// Guests; part of `user`.
    pub guest: f64,
    /// Nice guests; part of `nice`.
    pub guest_nice: f64,
}

impl Usage {
    /// From what passed between two looks. All zeros when nothing did.
    fn of(passed: ProcessorTimes) -> Self {
        let total = passed.total();
        let share = |part| share(part, total);
        Self {
            busy: share(passed.busy()),
            user: share(passed.user),
            nice: share(passed.nice),
            system: share(passed.system),
            idle: share(passed.idle),
            io_wait: share(passed.io_wait),
            irq: share(passed.irq),
            soft_irq: share(passed.soft_irq),
            steal: share(passed.steal),
            guest: share(passed.guest),
            guest_nice: share(passed.guest_nice),
        }
    }
}

/// How busy the processors are, between one look and the next. The state is in this value, so two
/// that look do not disturb each other.
///
/// ```
/// use polyproc_info::{ProcessorMeter, System};
///
/// let mut meter = ProcessorMeter::new(&System::new())?;
/// let (all, each) = meter.usage()?;
/// assert!(all.busy >= 0.0 && !each.is_empty());
/// # Ok::<(), polyproc_info::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProcessorMeter {
    system: System,
    last: Processors,
}

impl ProcessorMeter {
    /// Takes the first look.
    ///
    /// # Errors
    /// When `/proc/stat` cannot be read.
    pub fn new(system: &System) -> Result<Self> {
        Ok(Self { system: system.clone(), last: system.processors()? })
    }

    /// All together, and each by number, since the last look. The kernel counts by 10 ms, so a tenth
    /// of a second should lie between. A processor that was not there before is left out.
    ///
    /// # Errors
    /// When `/proc/stat` cannot be read.
    pub fn usage(&mut self) -> Result<(Usage, Vec<(usize, Usage)>)> {
        let now = self.system.processors()?;
        let last = std::mem::replace(&mut self.last, now);
        let before = |number| last.each.iter().find(|one| one.0 == number).map(|one| one.1);
        let passed = |&(number, times): &(usize, ProcessorTimes)| {
            Some((number, Usage::of(times - before(number)?)))
        };
        let each = self.last.each.iter().filter_map(passed).collect();
        Ok((Usage::of(self.last.total - last.total), each))
    }
}

impl System {
    fn processors(&self) -> Result<Processors> {
        Ok(Processors::parse(&self.read("proc/stat")?))
    }

    /// How many processors there are: all, cores, and those that this process may use.
    pub fn cpu_count(&self) -> CpuCount {
        if self.is_live() { cpu::count() } else { self.cpu_count_by_files() }
    }

    /// Of another root the files are all there is.
    fn cpu_count_by_files(&self) -> CpuCount {
        let logical = self.processors().map_or(0, |found| found.each.len()).max(1);
        let siblings = |name: String| {
            let topology = format!("sys/devices/system/cpu/{name}/topology");
            let file = |name| self.read_if_there(&format!("{topology}/{name}"));
            file("core_cpus_list").or_else(|| file("thread_siblings_list"))
        };
        let cores: HashSet<_> =
            self.entries("sys/devices/system/cpu").into_iter().filter_map(siblings).collect();
        let quota = self.limits().ok().and_then(|limits| limits.processors);
        CpuCount {
            logical,
            physical: if cores.is_empty() { logical } else { cores.len() },
            usable: quota.map_or(logical, |quota| logical.min(quota.ceil().max(1.0) as usize)),
        }
    }

    /// Where the time of all processors together went since boot.
    ///
    /// # Errors
    /// When `/proc/stat` cannot be read.
    pub fn cpu_times(&self) -> Result<ProcessorTimes> {
        Ok(self.processors()?.total)
    }

    /// Where each processor's time went, by number. One that is offline is not there.
    ///
    /// # Errors
    /// When `/proc/stat` cannot be read.
    pub fn cpu_times_each(&self) -> Result<Vec<(usize, ProcessorTimes)>> {
        Ok(self.processors()?.each)
    }

    /// How busy the processors are during `interval`, which this call takes: all together, and each
    /// by number. [`ProcessorMeter`] does it without waiting.
    ///
    /// # Errors
    /// When `/proc/stat` cannot be read.
    #[doc(alias("cpu_percent", "cpu_times_percent"))]
    pub fn cpu_usage(&self, interval: Duration) -> Result<(Usage, Vec<(usize, Usage)>)> {
        let mut meter = ProcessorMeter::new(self)?;
        let slept = poll::readable::<0>([], Deadline::after(interval));
        slept.map_err(|error| Error::of("interval", error))?;
        meter.usage()
    }

    /// What has happened on all processors since boot.
    ///
    /// # Errors
    /// When `/proc/stat` cannot be read.
    pub fn cpu_stats(&self) -> Result<CpuStats> {
        Ok(self.processors()?.stats)
    }

    /// How many processes ran or wanted to, on average over one, five and fifteen minutes.
    ///
    /// # Errors
    /// When `/proc/loadavg` cannot be read.
    #[doc(alias = "getloadavg")]
    pub fn load_average(&self) -> Result<[f64; 3]> {
        load_average(&self.read("proc/loadavg")?).ok_or_else(|| Error::malformed("/proc/loadavg"))
    }

    /// When the system booted.
    ///
    /// # Errors
    /// When `/proc/stat` cannot be read.
    pub fn boot_time(&self) -> Result<SystemTime> {
        let seconds = self.processors()?.boot_time;
        let time = seconds.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
        time.ok_or_else(|| Error::malformed("/proc/stat"))
    }

    /// What the first processor calls itself, if it does.
    pub fn cpu_model(&self) -> Option<String> {
        model(&self.read_if_there("proc/cpuinfo")?)
    }

    /// How fast each processor (or group of them that share a clock) runs; none where nothing says.
    #[doc(alias = "cpu_freq")]
    pub fn cpu_frequency(&self) -> Vec<Frequency> {
        let now = megahertz(&self.read_if_there("proc/cpuinfo").unwrap_or_default());
        let folders = self.frequency_folders();
        if folders.is_empty() {
            return now
                .into_iter()
                .map(|current| Frequency { current, ..Frequency::default() })
                .collect();
        }
        // What cpuinfo has at hand, a driver may take milliseconds to ask for.
        let at_hand = |index: usize| now.get(index).copied().filter(|_| now.len() == folders.len());
        let look = |(index, folder): (usize, &String)| self.frequency(folder, at_hand(index));
        folders.iter().enumerate().map(look).collect()
    }

    /// How fast they run on average ([`System::cpu_frequency`]); `None` where nothing says.
    pub fn cpu_frequency_mean(&self) -> Option<Frequency> {
        let all = self.cpu_frequency();
        let number = u32::try_from(all.len()).ok().filter(|&number| number > 0)?;
        let mean = |of: fn(&Frequency) -> f64| all.iter().map(of).sum::<f64>() / f64::from(number);
        let (current, min, max) =
            (mean(|one| one.current), mean(|one| one.min), mean(|one| one.max));
        Some(Frequency { current, min, max })
    }

    fn frequency(&self, folder: &str, at_hand: Option<f64>) -> Frequency {
        let read = |name: &str| {
            let text = self.read_if_there(&format!("{folder}/{name}"))?;
            #[expect(clippy::cast_precision_loss, reason = "kilohertz, far below 2^52")]
            number(text.trim_ascii()).map(|kilohertz| kilohertz as f64 / 1000.0)
        };
        let current = at_hand.or_else(|| read("scaling_cur_freq"));
        Frequency {
            // An offline processor has none.
            current: current.or_else(|| read("cpuinfo_cur_freq")).unwrap_or(0.0),
            min: read("scaling_min_freq").unwrap_or(0.0),
            max: read("scaling_max_freq").unwrap_or(0.0),
        }
    }

    fn frequency_folders(&self) -> Vec<String> {
        let numbered = |name: &String, start: &str| {
            name.strip_prefix(start).is_some_and(|rest| number(rest.as_bytes()).is_some())
        };
        let cpus = "sys/devices/system/cpu";
        let policies = self.entries(&format!("{cpus}/cpufreq")).into_iter();
        let policies: Vec<_> = policies
            .filter(|name| numbered(name, "policy"))
            .map(|name| format!("{cpus}/cpufreq/{name}"))
            .collect();
        if !policies.is_empty() {
            return policies;
        }
        let each = self.entries(cpus).into_iter().filter(|name| numbered(name, "cpu"));
        let folders = each.map(|name| format!("{cpus}/{name}/cpufreq"));
        folders.filter(|folder| self.path(folder).is_dir()).collect()
    }
}
