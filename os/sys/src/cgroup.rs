//! What the control groups leave this process.

pub use crate::imp::cgroup::memory_limit;

/// A limit on memory that holds for this process and others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimit {
    /// Bytes in all.
    pub limit: u64,
    /// Bytes that are left now, file cache that can be dropped included.
    pub free: u64,
}
