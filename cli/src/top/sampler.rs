//! Looks at the machine, again and again.

use super::sample::{Machine, Sample};
use crate::host::Host;
use crate::process::read::Scale;
use crate::process::{Families, Pool, Row};
use crate::units;
use polyproc_info::{
    Attributes, CgroupLimits, Limit, Monitor, Process, ProcessorMeter, Resource, Result,
};
use std::collections::HashMap;
use std::time::Duration;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Sampler {
    host: Host,
    monitor: Monitor,
    processors: ProcessorMeter,
    families: Families,
    /// How many tasks each pool had done at the look before.
    done: HashMap<(u64, u64), u64>,
    limits: CgroupLimits,
    scale: Scale,
}

impl Sampler {
    /// Takes the first look, with which later ones are compared.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub(crate) fn new(host: Host) -> Result<Self> {
        let attributes = Attributes::NAME
            | Attributes::IDENTITIES
            | Attributes::USERNAME
            | Attributes::ARGUMENTS
            | Attributes::IO;
        keep_more_open();
        let mut monitor = Monitor::new(&host.system, attributes)?;
        monitor.tick()?;
        let mut sampler = Self {
            monitor,
            processors: ProcessorMeter::new(&host.system)?,
            families: Families::default(),
            done: HashMap::new(),
            // They do not change while a container runs, or hardly ever.
            limits: host.system.limits().unwrap_or_default(),
            scale: Scale::of(&host)?,
            host,
        };
        // Pools are compared as well.
        sampler.rows(Duration::ZERO);
        Ok(sampler)
    }

    /// Looks again.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub(crate) fn sample(&mut self) -> Result<Sample> {
        self.monitor.tick()?;
        let before = std::mem::replace(&mut self.scale.uptime, self.host.uptime());
        let between = self.scale.uptime.saturating_sub(before);
        let machine = self.machine()?;
        let (rows, pools) = self.rows(between);
        Ok(Sample { machine, rows, pools })
    }

    /// The processes, with their roles, and the pools.
    fn rows(&mut self, between: Duration) -> (Vec<Row>, Vec<Pool>) {
        let scale = self.scale;
        let mut rows: Vec<_> = self.monitor.rows().map(|seen| row(seen, &scale, between)).collect();
        let mut pools = Vec::new();
        if self.host.is_live() {
            pools = self.families.assign(&mut rows);
            self.compare(&mut pools, between);
        }
        (rows, pools)
    }

    /// How fast pools were since the look before; one that is new keeps the rate of its life.
    fn compare(&mut self, pools: &mut [Pool], between: Duration) {
        let seconds = between.as_secs_f64();
        for pool in pools.iter_mut().filter(|_| seconds > 0.0) {
            if let Some(&before) = self.done.get(&pool.id) {
                pool.rate = units::float(pool.done.saturating_sub(before)) / seconds;
            }
        }
        self.done = pools.iter().map(|pool| (pool.id, pool.done)).collect();
    }

    fn machine(&mut self) -> Result<Machine> {
        let system = &self.host.system;
        let (memory, swap) = (system.virtual_memory()?, system.swap_memory()?);
        let (_, each) = self.processors.usage()?;
        Ok(Machine {
            cpus: each.into_iter().map(|(_, usage)| usage.busy).collect(),
            memory_used: memory.total - memory.available.min(memory.total),
            memory_total: memory.total,
            swap_used: swap.used,
            swap_total: swap.total,
            memory_limit: self.limits.memory.filter(|&limit| limit < memory.total),
            cpu_limit: self.limits.processors,
            load: system.load_average()?,
            uptime: self.scale.uptime,
            hidden: self.monitor.hidden().len(),
        })
    }
}

/// The monitor keeps two files of each process open, as far as the limit goes that we may raise. If
/// we may not, a look costs more, and that is all.
fn keep_more_open() {
    let raised = Process::current().and_then(|own| {
        let limit = own.limit(Resource::OpenFiles)?;
        own.set_limit(Resource::OpenFiles, Limit { soft: limit.hard, hard: limit.hard })
    });
    drop(raised);
}

fn row(seen: &polyproc_info::Row, scale: &Scale, between: Duration) -> Row {
    let (row, traffic) = (Row::of(&seen.facts, scale), seen.facts.io.is_ok());
    // Seen for the first time there is nothing to compare with; but all of its life was since then.
    let is_new = row.age < between;
    Row {
        cpu: if is_new { row.cpu } else { Some(seen.cpu_percent) },
        read_rate: traffic.then_some(seen.read_rate),
        write_rate: traffic.then_some(seen.write_rate),
        ..row
    }
}
