//! Units that the kernel counts in.
#![expect(unsafe_code, reason = "sysconf has no wrapper in std")]

/// Bytes in a page of memory.
pub fn page_size() -> u64 {
    // SAFETY: sysconf takes an integer.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.unsigned_abs()
}

/// Clock ticks in a second, as `/proc` counts processor time.
pub fn ticks_per_second() -> u64 {
    // SAFETY: sysconf takes an integer.
    unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.unsigned_abs()
}

#[cfg(test)]
mod tests {
    #[test]
    fn are_powers_and_hundreds() {
        assert!(super::page_size().is_power_of_two());
        assert_eq!(super::ticks_per_second(), 100);
    }
}
