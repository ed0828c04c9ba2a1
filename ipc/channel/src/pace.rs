//! Copying long bytes to where another process will read them.
//!
//! That process may still have in its caches what lay there before, and an ordinary store waits until it has
//! given that up. Between processors that share a cache this costs nothing; between others 0.4 us for each
//! KiB, ten times as much as the copy. Stores that go past the caches do not wait, but take twice as long as
//! ordinary ones that need not wait either. Which it is depends on where the system, or its host, has put the
//! two, and changes by itself. So copies are ordinary as long as they are fast; after a slow one a number of
//! them go past the caches, and then one is tried again.
#![expect(unsafe_code, reason = "stores past the caches are instructions of their own")]

use polyproc_sys::memory::copy_to_shared;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// Bytes in a nanosecond: an ordinary copy that is slower has waited (or was interrupted, which does no harm).
const SLOWEST: u128 = 4;

/// So many go past the caches before the next one is tried: that one may take ten times as long.
const STREAK: u32 = 64;

/// How many are left to go past the caches.
static LEFT: AtomicU32 = AtomicU32::new(0);

/// Copies `bytes` to `to`, which is as long.
pub(crate) fn copy(bytes: &[u8], to: &mut [u8]) {
    let less = |left: u32| left.checked_sub(1);
    if LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok() {
        assert_eq!(bytes.len(), to.len(), "room for all and no more");
        // SAFETY: as long as the bytes, and borrowed by us alone.
        unsafe { copy_to_shared(bytes, NonNull::from(to).cast()) };
        return;
    }
    let start = Instant::now();
    to.copy_from_slice(bytes);
    if start.elapsed().as_nanos() * SLOWEST > bytes.len() as u128 {
        LEFT.store(STREAK, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_way_copies_all() {
        for len in [0, 1, 4095, 4097, 100_001] {
            let bytes: Vec<u8> = (0..len).map(|index: u32| (index % 251) as u8).collect();
            for left in [0, 1] {
                LEFT.store(left, Ordering::Relaxed);
                let mut to = vec![255; bytes.len()];
                copy(&bytes, &mut to);
                assert!(to == bytes, "{len} bytes, {left}");
            }
        }
    }
}
