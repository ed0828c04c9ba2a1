//! The calling thread, as the kernel numbers it.
#![expect(unsafe_code, reason = "gettid has no wrapper in std")]

/// The calling thread's id. Unique in the system while the thread runs; the id of a process's first
/// thread is its pid. A bare system call: keep the answer, but not across a fork.
pub fn current_id() -> u32 {
    // SAFETY: gettid has no precondition.
    unsafe { libc::gettid() }.unsigned_abs()
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_threads_have_two_ids() {
        let other = std::thread::spawn(super::current_id).join().unwrap();
        assert_ne!(other, super::current_id());
    }
}
