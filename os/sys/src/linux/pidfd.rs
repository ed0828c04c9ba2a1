//! A process held by descriptor: whatever happens, it never means another process.
#![expect(unsafe_code, reason = "pidfd_open and its kin have no wrapper in std")]

use super::check;
use crate::signal::Signal;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// A descriptor that refers to one process for good and becomes readable when it ends.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// Opens the process that has `pid` now. Safe from recycled pids for children that have not
    /// been waited for; for others compare [`crate::stat::Stat::start_ticks`].
    ///
    /// # Errors
    /// `ESRCH` when there is no such process; `EMFILE` and `ENFILE` at the limits on descriptors.
    pub fn open(pid: u32) -> io::Result<Self> {
        let flags: libc::c_uint = 0;
        // SAFETY: pidfd_open takes two integers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) };
        let fd = check(i32::try_from(fd).unwrap_or(-1))?;
        // SAFETY: the call just returned this descriptor, so nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Takes over a descriptor that `clone` or a message delivered.
    pub fn from_owned(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Sends `signal`; to a process that has ended it does nothing.
    ///
    /// # Errors
    /// `EPERM` when the process belongs to somebody else.
    pub fn send_signal(&self, signal: Signal) -> io::Result<()> {
        let (info, flags): (*const libc::siginfo_t, libc::c_uint) = (std::ptr::null(), 0);
        // SAFETY: a null siginfo asks the kernel to fill in its own.
        let result = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.0.as_raw_fd(),
                signal.number(),
                info,
                flags,
            )
        };
        match check(i32::try_from(result).unwrap_or(-1)) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            other => other.map(drop),
        }
    }

    /// The wait status that the kernel keeps after somebody else has reaped the process; `None`
    /// before that, and on kernels older than 6.15.
    pub fn status_after_reaping(&self) -> Option<i32> {
        self.info(INFO_EXIT).ok().flatten().map(|info| info.exit_code)
    }

    /// As whom the process acts: real, effective, saved and file system user, and the same of
    /// groups. `Ok(None)` when the process has ended.
    ///
    /// # Errors
    /// On kernels older than 6.13.
    pub fn identities(&self) -> io::Result<Option<([u32; 4], [u32; 4])>> {
        let info = match self.info(INFO_CREDENTIALS) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(None),
            other => other?,
        };
        Ok(info.map(|Info { ids: [_, _, _, ids @ ..], .. }| {
            let [ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid] = ids;
            ([ruid, euid, suid, fsuid], [rgid, egid, sgid, fsgid])
        }))
    }

    /// A copy of the process's descriptor `number`.
    ///
    /// # Errors
    /// `EBADF` when it has none of that number, `ESRCH`, `EPERM` when we may not trace it.
    pub fn duplicate(&self, number: RawFd) -> io::Result<OwnedFd> {
        let flags: libc::c_uint = 0;
        // SAFETY: pidfd_getfd takes three integers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_getfd, self.0.as_raw_fd(), number, flags) };
        let fd = check(i32::try_from(fd).unwrap_or(-1))?;
        // SAFETY: the call just returned this descriptor, so nobody else owns it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// What the kernel says of the process; `None` when it does not say what was asked for.
    fn info(&self, mask: u64) -> io::Result<Option<Info>> {
        let mut info = Info { mask, ..Info::default() };
        // SAFETY: GET_INFO carries the size of Info, and the kernel writes no more than that.
        check(unsafe { libc::ioctl(self.0.as_raw_fd(), GET_INFO, &raw mut info) })?;
        Ok((info.mask & mask != 0).then_some(info))
    }
}

/// `PIDFD_INFO_CREDS` of linux/pidfd.h.
const INFO_CREDENTIALS: u64 = 1 << 1;
/// `PIDFD_INFO_EXIT` of linux/pidfd.h.
const INFO_EXIT: u64 = 1 << 3;
/// `PIDFD_GET_INFO`: `_IOWR(0xFF, 11, struct pidfd_info)`.
const GET_INFO: libc::Ioctl =
    ((3 << 30) | ((size_of::<Info>() as u64) << 16) | (0xFF << 8) | 0x0B) as libc::Ioctl;

/// `struct pidfd_info`, first version (64 bytes).
#[repr(C)]
#[derive(Default)]
struct Info {
    mask: u64,
    cgroup: u64,
    /// pid, thread group, parent; then real, effective, saved and file system user and group.
    ids: [u32; 11],
    exit_code: i32,
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
