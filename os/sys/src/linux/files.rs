//! Files by descriptor: found relative to a held directory, read whole into a buffer that is used
//! again. For `/proc`, where thousands of small files are read in a row, and where a directory that
//! is held goes on meaning the same process.
#![expect(unsafe_code, reason = "openat, pread, readlinkat, getdents and fstatat are C calls")]

use super::{check, check_size, retry};
use crate::files::{FileKind, FileStatus};
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// How much room a read gets at least: more than nearly every file of a process needs.
const ROOM: usize = 4096;

/// Holds the directory `name` in `at` without reading it. It is as good as its path, and goes on
/// meaning this directory.
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `EACCES`, `EMFILE`.
pub fn hold_at(at: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    open(at, name, libc::O_PATH | libc::O_DIRECTORY)
}

/// Opens the file or directory `name` in `at` for reading.
///
/// # Errors
/// `ENOENT`, `ESRCH` (a file of a process that has ended), `EACCES`, `EPERM`, `EMFILE`.
pub fn open_at(at: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    open(at, name, libc::O_RDONLY | libc::O_NOCTTY)
}

fn open(at: BorrowedFd<'_>, name: &CStr, flags: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: `name` is a C string.
    let call = || unsafe { libc::openat(at.as_raw_fd(), name.as_ptr(), flags | libc::O_CLOEXEC) };
    let fd = retry(|| check(call()))?;
    // SAFETY: the call just returned this descriptor, so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Reads a file whose content the kernel makes in one piece (`stat`, `status`, `statm`, …) from its
/// beginning into `buffer`: a read that leaves room was the last.
///
/// # Errors
/// `ESRCH` when the process of the file has ended, `EACCES`, `EPERM`.
pub fn read_piece(file: BorrowedFd<'_>, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    while read_more(file, buffer)? && buffer.len() == buffer.capacity() {}
    Ok(())
}

/// Reads a file of any kind from its beginning to its end into `buffer`: lists (`maps`, `net/tcp`)
/// come in pieces of the kernel's choice.
///
/// # Errors
/// As [`read_piece`].
pub fn read_whole(file: BorrowedFd<'_>, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    while read_more(file, buffer)? {}
    Ok(())
}

/// Appends what one read gives; whether it gave anything.
fn read_more(file: BorrowedFd<'_>, buffer: &mut Vec<u8>) -> io::Result<bool> {
    if buffer.capacity() - buffer.len() < ROOM {
        buffer.reserve(ROOM.max(buffer.len()));
    }
    let offset = buffer.len().cast_signed() as libc::off_t;
    let room = buffer.spare_capacity_mut();
    let (start, len) = (room.as_mut_ptr(), room.len());
    // SAFETY: `start` has room for `len` bytes.
    let call = || unsafe { libc::pread(file.as_raw_fd(), start.cast(), len, offset) };
    let got = retry(|| check_size(call()))?;
    // SAFETY: the kernel wrote `got` bytes behind the first `len()`.
    unsafe { buffer.set_len(buffer.len() + got) };
    Ok(got > 0)
}

/// Reads where the link `name` in `at` points to into `buffer`.
///
/// # Errors
/// `ENOENT`, `ESRCH`, `EINVAL` (no link), `EACCES`, `EPERM`.
pub fn read_link(at: BorrowedFd<'_>, name: &CStr, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    buffer.reserve(ROOM);
    loop {
        let room = buffer.spare_capacity_mut();
        let (start, len) = (room.as_mut_ptr(), room.len());
        // SAFETY: `name` is a C string, and `start` has room for `len` bytes.
        let call = unsafe { libc::readlinkat(at.as_raw_fd(), name.as_ptr(), start.cast(), len) };
        let got = check_size(call)?;
        if got < len {
            // SAFETY: the kernel wrote that many bytes at the start.
            unsafe { buffer.set_len(got) };
            return Ok(());
        }
        buffer.reserve(2 * len);
    }
}

/// What kind of file `name` in `at` is, behind all links. A file server is not asked: what is known
/// of its file here has to do, so that one that does not answer holds nobody up.
///
/// # Errors
/// As [`read_link`].
pub fn status_at(at: BorrowedFd<'_>, name: &CStr) -> io::Result<FileStatus> {
    let mut status = MaybeUninit::<libc::statx>::zeroed();
    let mask = libc::STATX_TYPE | libc::STATX_INO | libc::STATX_NLINK;
    let flags = libc::AT_STATX_DONT_SYNC;
    // SAFETY: `name` is a C string, and there is room for a statx.
    check(unsafe { libc::statx(at.as_raw_fd(), name.as_ptr(), flags, mask, status.as_mut_ptr()) })?;
    // SAFETY: zeroed, which is a valid statx, and filled since.
    let status = unsafe { status.assume_init() };
    Ok(FileStatus {
        kind: match u32::from(status.stx_mode) & libc::S_IFMT {
            libc::S_IFREG => FileKind::Regular,
            libc::S_IFSOCK => FileKind::Socket,
            _ => FileKind::Other,
        },
        is_deleted: status.stx_nlink == 0,
        inode: status.stx_ino,
    })
}

/// Calls `each` with the name of every entry of the open `directory`, `.` and `..` included, in the
/// kernel's order. Starts where the last listing of this descriptor ended. For directories of
/// `/proc`, which give all that there is room for: a call that leaves room was the last.
///
/// # Errors
/// `ENOENT` and `ESRCH` when the process of the directory has ended.
pub fn list(
    directory: BorrowedFd<'_>,
    buffer: &mut Vec<u8>,
    mut each: impl FnMut(&[u8]),
) -> io::Result<()> {
    /// Where the length of an entry stands in a `struct linux_dirent64` (getdents(2)).
    const LENGTH: usize = 16;
    /// Where its name starts.
    const NAME: usize = 19;
    /// One call is enough for all but the largest directories.
    const LISTING: usize = 16 * 1024;
    /// More than the largest entry needs.
    const ENTRY: usize = 512;
    buffer.clear();
    buffer.reserve(LISTING);
    loop {
        buffer.clear();
        let room = buffer.spare_capacity_mut();
        let (start, len) = (room.as_mut_ptr(), room.len());
        // SAFETY: `start` has room for `len` bytes.
        let call =
            unsafe { libc::syscall(libc::SYS_getdents64, directory.as_raw_fd(), start, len) };
        let got = check_size(call as isize)?;
        if got == 0 {
            return Ok(());
        }
        // SAFETY: the kernel wrote that many bytes at the start.
        unsafe { buffer.set_len(got) };
        let mut rest = buffer.as_slice();
        while let Some(&[low, high]) = rest.get(LENGTH..LENGTH + 2) {
            let length = usize::from(u16::from_ne_bytes([low, high]));
            let Some(entry) = rest.get(NAME..length) else { break };
            each(entry.split(|&byte| byte == 0).next().unwrap_or_default());
            rest = &rest[length..];
        }
        if got + ENTRY < len {
            return Ok(());
        }
    }
}

/// Where the next listing of `directory` starts: at its beginning again.
///
/// # Errors
/// `ESPIPE` when it is no directory.
pub fn rewind(directory: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: lseek takes integers.
    let place = unsafe { libc::lseek(directory.as_raw_fd(), 0, libc::SEEK_SET) };
    if place == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    fn a_directory_lists_and_its_files_are_read() {
        let folder = std::env::temp_dir().join(format!("polyproc-files-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let text: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
        std::fs::write(folder.join("long"), &text).unwrap();
        std::os::unix::fs::symlink("long", folder.join("link")).unwrap();
        let directory = File::open(&folder).unwrap();
        let (mut names, mut buffer) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            names.clear();
            list(directory.as_fd(), &mut buffer, |name| names.push(name.to_vec())).unwrap();
            rewind(directory.as_fd()).unwrap();
        }
        names.sort();
        assert_eq!(names, [&b"."[..], b"..", b"link", b"long"]);
        read_link(directory.as_fd(), c"link", &mut buffer).unwrap();
        assert_eq!(buffer, b"long");
        let file = open_at(directory.as_fd(), c"link").unwrap();
        for read in [read_piece, read_whole] {
            read(file.as_fd(), &mut buffer).unwrap();
            assert_eq!(buffer, text);
        }
        let status = status_at(directory.as_fd(), c"link").unwrap();
        assert!(status.kind == FileKind::Regular && !status.is_deleted);
        let held = hold_at(directory.as_fd(), c".").unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(open_at(held.as_fd(), c"long").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
