//! The machine's memory and swap space.

use super::System;
use crate::error::{Error, Result};
use crate::parse::memory::{Table, low_watermarks};
use crate::percent;
use polyproc_sys::constants;

/// The machine's memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VirtualMemory {
    /// All of it.
    pub total: u64,
    /// What programs can get without swapping: the number to look at.
    pub available: u64,
    /// `total` less `available`.
    pub used: u64,
    /// `used` in percent of `total`.
    pub percent: f64,
    /// What nothing uses at all; little on a machine that has run for a while.
    pub free: u64,
    /// Used of late.
    pub active: u64,
    /// Not used of late.
    pub inactive: u64,
    /// For blocks of devices.
    pub buffers: u64,
    /// For files; what the kernel can give up of its own is in, too.
    pub cached: u64,
    /// Shared memory and files in memory.
    pub shared: u64,
    /// The kernel's own.
    pub slab: u64,
}

impl VirtualMemory {
    /// `bytes` in percent of all memory: of any of a process's amounts.
    ///
    /// ```
    /// use polyproc_info::{Process, System};
    ///
    /// let own = Process::current()?.memory_detail()?.unique;
    /// assert!(System::new().virtual_memory()?.percent_of(own) < 100.0);
    /// # Ok::<(), polyproc_info::Error>(())
    /// ```
    pub fn percent_of(&self, bytes: u64) -> f64 {
        percent(bytes, self.total)
    }
}

/// Space on disks for memory that is not used of late, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SwapMemory {
    /// All of it.
    pub total: u64,
    /// In use.
    pub used: u64,
    /// Not in use.
    pub free: u64,
    /// `used` in percent of `total`.
    pub percent: f64,
    /// Read back since boot.
    pub swapped_in: u64,
    /// Written since boot.
    pub swapped_out: u64,
}

impl System {
    /// The machine's memory: in a container, too, see [`System::limits`] for that one's own.
    ///
    /// # Errors
    /// When `/proc/meminfo` cannot be read.
    pub fn virtual_memory(&self) -> Result<VirtualMemory> {
        let table = Table::parse(&self.read("proc/meminfo")?);
        let bytes = |name| table.bytes(name).unwrap_or(0);
        let total = table.bytes("MemTotal").ok_or_else(|| Error::malformed("/proc/meminfo"))?;
        let free = bytes("MemFree");
        let known = table.bytes("MemAvailable").filter(|&available| available > 0);
        let available = known.unwrap_or_else(|| self.estimate_available(&table));
        // Some containers' made-up files say more than there is.
        let available = if available > total { free } else { available };
        let used = total.saturating_sub(available);
        Ok(VirtualMemory {
            total,
            available,
            used,
            percent: percent(used, total),
            free,
            active: bytes("Active"),
            inactive: bytes("Inactive"),
            buffers: bytes("Buffers"),
            cached: bytes("Cached").saturating_add(bytes("SReclaimable")),
            shared: table.bytes("Shmem").unwrap_or_else(|| bytes("MemShared")),
            slab: bytes("Slab"),
        })
    }

    /// Kernels before 3.14 do not say: what is free, and half of the caches at least, less what the
    /// kernel keeps back for itself (the same formula as in those that say it).
    fn estimate_available(&self, table: &Table) -> u64 {
        let free = table.bytes("MemFree").unwrap_or(0);
        let files = table.bytes("Active(file)").zip(table.bytes("Inactive(file)"));
        let parts = files.zip(table.bytes("SReclaimable"));
        let (Some(((active, inactive), slab)), Some(zones)) =
            (parts, self.read_if_there("proc/zoneinfo"))
        else {
            return free.saturating_add(table.bytes("Cached").unwrap_or(0));
        };
        let kept = low_watermarks(&zones).saturating_mul(constants::page_size());
        let cache = active.saturating_add(inactive);
        let usable = |part: u64| part - (part / 2).min(kept);
        free.saturating_sub(kept).saturating_add(usable(cache)).saturating_add(usable(slab))
    }

    /// Swap space. All zeros where there is none.
    ///
    /// # Errors
    /// When `/proc/meminfo` cannot be read.
    pub fn swap_memory(&self) -> Result<SwapMemory> {
        let table = Table::parse(&self.read("proc/meminfo")?);
        let events = Table::parse(&self.read_if_there("proc/vmstat").unwrap_or_default());
        let (total, free) =
            (table.bytes("SwapTotal").unwrap_or(0), table.bytes("SwapFree").unwrap_or(0));
        let used = total.saturating_sub(free);
        let moved = |name| events.get(name).unwrap_or(0).saturating_mul(constants::page_size());
        Ok(SwapMemory {
            total,
            used,
            free,
            percent: percent(used, total),
            swapped_in: moved("pswpin"),
            swapped_out: moved("pswpout"),
        })
    }
}
