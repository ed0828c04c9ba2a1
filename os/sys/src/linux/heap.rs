//! What the C library's allocator holds for this process. glibc alone says that; by name at run time, so
//! that a program that was built with it also starts where it is older (`mallinfo2` came with 2.33).
#![expect(unsafe_code, reason = "mallinfo2 and malloc_trim are C functions")]

/// Bytes in use in the heap, and in blocks with mappings of their own; `None` where nobody can tell.
#[cfg(target_env = "gnu")]
pub fn usage() -> Option<(u64, u64)> {
    // SAFETY: a C string; the name stands for nothing else in any library.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"mallinfo2".as_ptr()) };
    if address.is_null() {
        return None;
    }
    // SAFETY: glibc documents this function under this name with this type.
    let ask: extern "C" fn() -> libc::mallinfo2 = unsafe { std::mem::transmute(address) };
    let known = ask();
    Some((known.uordblks as u64, known.hblkhd as u64))
}

/// Gives memory that is not in use back to the system; says whether there was any.
#[cfg(target_env = "gnu")]
pub fn trim() -> bool {
    // SAFETY: it may be called at any time, by any thread.
    unsafe { libc::malloc_trim(0) == 1 }
}

/// musl keeps no account of it.
#[cfg(not(target_env = "gnu"))]
pub fn usage() -> Option<(u64, u64)> {
    None
}

/// musl gives back by itself.
#[cfg(not(target_env = "gnu"))]
pub fn trim() -> bool {
    false
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    #[test]
    fn a_large_block_is_counted_while_it_is_held() {
        let before = super::usage().unwrap();
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        let held = super::usage().unwrap();
        assert!(held.0 + held.1 >= before.0 + before.1 + (60 << 20), "{before:?} {held:?}");
        drop(block);
        super::trim();
    }
}
