//! How much of its stack a thread has left: for code that goes as deep as its input says.
#![expect(unsafe_code, reason = "the attributes of a thread have no wrapper in std")]

use std::cell::OnceCell;
use std::mem::MaybeUninit;
use std::ops::Range;

thread_local! {
    /// The addresses of the calling thread's stack; `None` when they cannot be found out.
    static STACK: OnceCell<Option<Range<usize>>> = const { OnceCell::new() };
}

/// How many bytes are left below the caller, and how many there are in all. `None` when nobody knows: on a
/// stack that the program made itself.
pub fn left() -> Option<(usize, usize)> {
    let marker = 0_u8;
    let here = (&raw const marker).addr();
    STACK.with(|stack| {
        let stack = stack.get_or_init(find).as_ref()?;
        stack.contains(&here).then(|| (here - stack.start, stack.len()))
    })
}

/// Asks the C library, which reads `/proc/self/maps` for a program's first thread.
fn find() -> Option<Range<usize>> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: it has no precondition.
    let thread = unsafe { libc::pthread_self() };
    // SAFETY: the calling thread lives, and there is room for its attributes.
    let failed = unsafe { libc::pthread_getattr_np(thread, attributes.as_mut_ptr()) };
    if failed != 0 {
        return None;
    }
    let (mut start, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes were filled in, and both places are ours.
    let failed =
        unsafe { libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut start, &raw mut size) };
    // SAFETY: they were filled in, and nobody uses them afterwards.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    (failed == 0).then(|| start.addr()..start.addr().saturating_add(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_knows_its_stack() {
        for size in [256 << 10, 4 << 20] {
            let thread = std::thread::Builder::new().stack_size(size).spawn(left).unwrap();
            let (left, whole) = thread.join().unwrap().unwrap();
            assert!(whole >= size && left <= whole && left > size / 2, "{left} of {whole}");
        }
    }
}
