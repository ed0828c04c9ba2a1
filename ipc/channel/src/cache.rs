//! Hints to the processor's caches: they change nothing but when something is there.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "an instruction that only hints"))]

use std::sync::atomic::AtomicU64;

const LINE_WORDS: usize = 8;
/// Short messages have no more.
const LINES: usize = 2;

/// Begins to fetch the first lines of `words`, to be read soon.
#[inline]
pub(crate) fn fetch(words: &[AtomicU64]) {
    words.iter().step_by(LINE_WORDS).take(LINES).for_each(fetch_line);
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn fetch_line(word: &AtomicU64) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: it may be given any address, and reads nothing that the program could see.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(word).cast()) };
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn fetch_line(_: &AtomicU64) {}
