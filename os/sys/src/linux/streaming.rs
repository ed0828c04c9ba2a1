//! Copies that another processor reads next.
//!
//! An ordinary store to memory that another processor has in its cache waits until that one has given it up,
//! line by line: 0.4 us for each KiB on a virtual machine, ten times as long as the copy itself. Stores
//! that bypass the cache do not wait. Whoever writes here does not read it again soon, so nothing is lost.
#![expect(unsafe_code, reason = "such stores are instructions of their own")]

/// Shorter copies stay in the cache of who reads them, if he is quick.
const SHORTEST: usize = 4 << 10;

/// Copies `len` bytes.
///
/// # Safety
/// As for [`std::ptr::copy_nonoverlapping`].
pub(crate) unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    if len < SHORTEST {
        // SAFETY: the caller's promise.
        return unsafe { std::ptr::copy_nonoverlapping(from, to, len) };
    }
    // SAFETY: the caller's promise; it is long enough.
    unsafe { copy_long(from, to, len) };
}

/// # Safety
/// As for [`copy`], and `len` is at least a line.
#[cfg(target_arch = "x86_64")]
unsafe fn copy_long(from: *const u8, to: *mut u8, len: usize) {
    use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_sfence, _mm_stream_si128};
    const LINE: usize = 64;
    let head = to.align_offset(LINE).min(len);
    // SAFETY: within both ranges.
    unsafe { std::ptr::copy_nonoverlapping(from, to, head) };
    let end = len - (len - head) % LINE;
    for at in (head..end).step_by(size_of::<__m128i>()) {
        // SAFETY: within the source; such a load needs no alignment.
        let part = unsafe { _mm_loadu_si128(from.wrapping_add(at).cast()) };
        // SAFETY: within the target, and aligned since the head was left out.
        unsafe { _mm_stream_si128(to.wrapping_add(at).cast(), part) };
    }
    // SAFETY: within both ranges.
    unsafe {
        std::ptr::copy_nonoverlapping(from.wrapping_add(end), to.wrapping_add(end), len - end);
    };
    // What says that the bytes are there must not be seen before them: such stores are not ordered by others.
    // SAFETY: every processor of this architecture has it.
    unsafe { _mm_sfence() };
}

/// # Safety
/// As for [`copy`].
#[cfg(not(target_arch = "x86_64"))]
unsafe fn copy_long(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { std::ptr::copy_nonoverlapping(from, to, len) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_place_is_copied_exactly() {
        let from: Vec<u8> = (0..20_000_u32).map(|number| number as u8 | 1).collect();
        for len in (0..200).chain(SHORTEST - 2..SHORTEST + 130) {
            for place in [0, 1, 15, 16, 63, 64] {
                let mut to = vec![0_u8; len + 200];
                // SAFETY: both have that many bytes.
                unsafe { copy(from[3..].as_ptr(), to[place..].as_mut_ptr(), len) };
                assert_eq!(to[place..place + len], from[3..3 + len], "{len} bytes at {place}");
                assert!(to[..place].iter().chain(&to[place + len..]).all(|byte| *byte == 0));
            }
        }
    }
}
