//! How many processors there are, and how many of them this process may use.

pub use crate::imp::cpu::count;

/// The three numbers of processors that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CpuCount {
    /// Processors that the system runs, hyper-threads counted each.
    pub logical: usize,
    /// Cores, hyper-threads of one core counted once.
    pub physical: usize,
    /// How many this process can keep busy: its affinity mask, and no more than its cgroups' quota
    /// of processor time (rounded up). At least 1.
    pub usable: usize,
}
