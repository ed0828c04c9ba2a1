//! Copying between our memory and words that another process may be writing to at the same time.
//!
//! Nobody does so in good order, but damaged words may say that a message lies where one is being
//! written. A copy by `memcpy` would then be a data race, which is undefined behaviour; by atomics, or by an
//! instruction that the compiler does not look into, it gives bytes of both.
#![expect(unsafe_code, reason = "an instruction that copies many bytes")]

use std::sync::atomic::{AtomicU64, Ordering};

/// From this length on one instruction for all bytes is faster than one for each word.
const LONG: usize = 512;

/// Fills `bytes` from `words`; they are enough.
#[inline]
pub(crate) fn read_bytes(words: &[AtomicU64], bytes: &mut [u8]) {
    if bytes.len() >= LONG && bytes.len() <= words.len() * 8 {
        // SAFETY: both ranges are live and that long, and one of them is borrowed by us alone.
        if unsafe { copy(words.as_ptr().cast(), bytes.as_mut_ptr(), bytes.len()) } {
            return;
        }
    }
    let mut chunks = bytes.chunks_exact_mut(8);
    let mut words = words.iter();
    for (chunk, word) in (&mut chunks).zip(&mut words) {
        chunk.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
    }
    let rest = chunks.into_remainder();
    if let (false, Some(word)) = (rest.is_empty(), words.next()) {
        rest.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes()[..rest.len()]);
    }
}

/// Writes `bytes` to `words`; they are enough.
#[inline]
pub(crate) fn write_bytes(words: &[AtomicU64], bytes: &[u8]) {
    if bytes.len() >= LONG && bytes.len() <= words.len() * 8 {
        // SAFETY: as above; words may be written through a shared reference, being atomics.
        if unsafe { copy(bytes.as_ptr(), words.as_ptr().cast_mut().cast(), bytes.len()) } {
            return;
        }
    }
    let mut chunks = bytes.chunks_exact(8);
    let mut words = words.iter();
    for (chunk, word) in (&mut chunks).zip(&mut words) {
        let mut whole = [0; 8];
        whole.copy_from_slice(chunk);
        word.store(u64::from_ne_bytes(whole), Ordering::Relaxed);
    }
    let rest = chunks.remainder();
    if let (false, Some(word)) = (rest.is_empty(), words.next()) {
        let mut whole = [0; 8];
        whole[..rest.len()].copy_from_slice(rest);
        word.store(u64::from_ne_bytes(whole), Ordering::Relaxed);
    }
}

/// Copies by one instruction, where there is one. False elsewhere, and nothing is done.
///
/// # Safety
/// `len` bytes at `from` can be read, and at `to` written; they do not overlap.
#[cfg(target_arch = "x86_64")]
#[inline]
unsafe fn copy(from: *const u8, to: *mut u8, len: usize) -> bool {
    // SAFETY: by the caller's word. The direction flag is clear, as the ABI wants it.
    unsafe {
        std::arch::asm!(
            "rep movsb",
            inout("rcx") len => _,
            inout("rsi") from => _,
            inout("rdi") to => _,
            options(nostack, preserves_flags)
        );
    }
    true
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn copy(_from: *const u8, _to: *mut u8, _len: usize) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..2000)) {
            let words: Vec<_> = (0..bytes.len().div_ceil(8)).map(|_| AtomicU64::new(0)).collect();
            write_bytes(&words, &bytes);
            let mut same = vec![0; bytes.len()];
            read_bytes(&words, &mut same);
            proptest::prop_assert_eq!(same, bytes);
        }
    }
}
