//! What one look at the machine gives.

use crate::process::{Pool, Row};
use crate::units;
use std::time::Duration;

/// The machine as a whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    /// How busy each processor was since the look before, in hundredths.
    pub(crate) cpus: Vec<f64>,
    pub(crate) memory_used: u64,
    pub(crate) memory_total: u64,
    pub(crate) swap_used: u64,
    pub(crate) swap_total: u64,
    /// What the container may use, where that is less than the machine has.
    pub(crate) memory_limit: Option<u64>,
    /// The same for processors.
    pub(crate) cpu_limit: Option<f64>,
    pub(crate) load: [f64; 3],
    pub(crate) uptime: Duration,
    /// How many processes there are besides, of which nothing may be seen.
    pub(crate) hidden: usize,
}

impl Machine {
    /// How busy all processors were on average.
    pub(crate) fn cpu(&self) -> f64 {
        self.cpus.iter().sum::<f64>() / units::float(self.cpus.len().max(1) as u64)
    }

    pub(crate) fn memory_percent(&self) -> f64 {
        units::share(self.memory_used, self.memory_total)
    }

    pub(crate) fn swap_percent(&self) -> f64 {
        units::share(self.swap_used, self.swap_total)
    }
}

/// See the [module](self).
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<Row>,
    /// Those of the families that use polyproc.
    pub(crate) pools: Vec<Pool>,
}
