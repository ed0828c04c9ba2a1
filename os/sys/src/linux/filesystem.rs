//! How full a file system is.
#![expect(unsafe_code, reason = "statvfs has no wrapper in std")]

use super::{check, retry};
use crate::filesystem::Space;
use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The space of the file system that holds `path`. On a network file system whose server does not
/// answer this call may take as long as that: nothing can end it.
///
/// # Errors
/// `ENOENT`, `EACCES`, `EIO`.
pub fn space(path: &Path) -> io::Result<Space> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut facts = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: a C string, and room for the answer.
    retry(|| check(unsafe { libc::statvfs(path.as_ptr(), facts.as_mut_ptr()) }))?;
    // SAFETY: zeroed, which is valid, and filled since.
    let facts = unsafe { facts.assume_init() };
    let unit = facts.f_frsize;
    Ok(Space {
        total: facts.f_blocks * unit,
        free: facts.f_bfree * unit,
        available: facts.f_bavail * unit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_has_some() {
        let space = space(Path::new("/")).unwrap();
        assert!(space.total >= space.free && space.free >= space.available);
        assert!(super::space(Path::new("/no/such/place")).is_err());
    }
}
