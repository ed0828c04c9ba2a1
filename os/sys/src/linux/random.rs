//! Bytes that nobody can guess.
#![expect(unsafe_code, reason = "getrandom has no wrapper in std")]

use super::{check_size, retry};
use std::io;

/// Fills `bytes` with what the kernel gives out for keys. Needs no descriptor and no `/dev`.
///
/// # Errors
/// `ENOSYS` where a sandbox forbids the call.
pub fn fill(bytes: &mut [u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let got = retry(|| {
            // SAFETY: `rest` is a live slice of that length.
            check_size(unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) })
        })?;
        rest = &mut rest[got..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same() {
        let mut two = [[0; 300]; 2];
        for one in &mut two {
            fill(one).unwrap();
        }
        assert_ne!(two[0], two[1]);
        assert_ne!(two[0][260..], [0; 40], "filled to the end");
    }
}
