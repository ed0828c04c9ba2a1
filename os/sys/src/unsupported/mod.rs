//! The back end for platforms that are not there yet: every name of the Linux one, every call fails
//! with [`io::ErrorKind::Unsupported`]. Where a call cannot fail, its answer is "nothing".
//!
//! Types that only a successful call could make hold an [`Infallible`]: nobody ever has one.
#![expect(unsafe_code, reason = "a function that is unsafe on one platform is so on all")]
#![expect(
    clippy::unused_self,
    clippy::trivially_copy_pass_by_ref,
    reason = "the signatures are Linux's"
)]

use crate::clock::Deadline;
use crate::signal::Signal;
use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) mod cpu {
    use crate::cpu::CpuCount;

    /// Counts them by what std knows, which is one number for all three.
    pub fn count() -> CpuCount {
        let usable = std::thread::available_parallelism().map_or(1, usize::from);
        CpuCount { logical: usable, physical: usable, usable }
    }
}

pub mod directory {
    //! Directories held by descriptor.

    use super::{AsFd, OwnedFd, io, unsupported};
    use std::path::Path;

    /// Holds a directory.
    ///
    /// # Errors
    /// Always.
    pub fn hold(_path: &Path) -> io::Result<OwnedFd> {
        unsupported()
    }

    /// Makes it the working directory.
    ///
    /// # Errors
    /// Always.
    pub fn enter(_directory: &impl AsFd) -> io::Result<()> {
        unsupported()
    }
}

pub(crate) mod exec {
    use crate::exec::{ExecError, Program, Started, Step};
    use std::ffi::CStr;
    use std::io;

    /// Starts `program`.
    ///
    /// # Errors
    /// Always, at [`Step::Clone`].
    pub fn start(_program: &Program<'_>) -> Result<Started, ExecError> {
        Err(ExecError { step: Step::Clone, source: io::ErrorKind::Unsupported.into() })
    }

    /// Does nothing.
    pub fn set_short_name(_name: &CStr) {}
}

pub(crate) mod fork {
    use super::{io, unsupported};
    use crate::fork::Fork;

    /// Copies this process.
    ///
    /// # Errors
    /// Always.
    ///
    /// # Safety
    /// In the child only the calling thread would exist.
    pub unsafe fn fork() -> io::Result<Fork> {
        unsupported()
    }

    /// Has `hook` called in the child of every fork.
    ///
    /// # Errors
    /// Always.
    pub fn at_fork_in_child(_hook: extern "C" fn()) -> io::Result<()> {
        unsupported()
    }

    /// Has `hook` called when this process ends.
    ///
    /// # Errors
    /// Always.
    pub fn at_exit(_hook: extern "C" fn()) -> io::Result<()> {
        unsupported()
    }

    /// As whom this process acts: not known.
    pub fn authority() -> (u32, u32) {
        (0, 0)
    }

    /// Ends this process at once. Only a forked child asks for it, and there is none: so without
    /// the code.
    pub fn exit_now(_code: i32) -> ! {
        std::process::abort()
    }
}

/// Hooks on both sides of a fork.
pub mod fork_hooks {
    use super::{io, unsupported};

    /// Has hooks called around every `fork`.
    ///
    /// # Errors
    /// Always.
    pub fn around_fork(
        _before: extern "C" fn(),
        _in_parent: extern "C" fn(),
        _in_child: extern "C" fn(),
    ) -> io::Result<()> {
        unsupported()
    }
}

pub(crate) mod futex {
    use super::{Deadline, io, unsupported};
    use crate::futex::Woken;
    use std::sync::atomic::AtomicU32;

    /// Sleeps while `word` holds `expected`.
    ///
    /// # Errors
    /// Always.
    pub fn wait(_word: &AtomicU32, _expected: u32, _deadline: Deadline) -> io::Result<Woken> {
        unsupported()
    }

    /// Wakes sleepers on `word`: there are none.
    pub fn wake(_word: &AtomicU32, _count: u32) -> u32 {
        0
    }
}

/// A signal that does nothing but end waits.
pub mod handler {
    use super::{Signal, io, unsupported};

    /// Has `signal` end waits.
    ///
    /// # Errors
    /// Always.
    pub fn interrupt_on(_signal: Signal) -> io::Result<()> {
        unsupported()
    }
}

pub(crate) mod image {
    use crate::image::Image;

    /// The image whose code holds `address`: not known.
    pub fn holding(_address: usize) -> Option<Image> {
        None
    }

    /// The image with that name: not known.
    pub fn named(_name: &[u8]) -> Option<Image> {
        None
    }
}

/// Ties a process to another.
pub mod lifeline {
    use super::{AsFd, Infallible, OwnedFd, RawFd, Signal, io, unsupported};

    /// The holder's side.
    #[derive(Debug)]
    pub struct Lifeline(Infallible);

    impl Lifeline {
        /// A new line.
        ///
        /// # Errors
        /// Always.
        pub fn new() -> io::Result<Self> {
            unsupported()
        }

        /// An end for one dependent.
        ///
        /// # Errors
        /// Nobody can ask.
        pub fn dependent_end(&self) -> io::Result<OwnedFd> {
            match self.0 {}
        }

        /// The number of the end that must not survive in a forked copy.
        pub fn writer(&self) -> RawFd {
            match self.0 {}
        }
    }

    /// Closes the copy of a writer that a fork made: there is none.
    pub fn close_copy(_writer: RawFd) {}

    /// Ties the calling process to the holder of the line behind `end`.
    ///
    /// # Errors
    /// Always.
    pub fn arm(_end: &impl AsFd, _signal: Signal) -> io::Result<()> {
        unsupported()
    }

    /// Frees the calling process from the line.
    ///
    /// # Errors
    /// Always.
    pub fn disarm(_end: &impl AsFd) -> io::Result<()> {
        unsupported()
    }
}

/// Memory that processes share.
pub mod memory {
    use super::{AsFd, File, Infallible, io, unsupported};
    use std::ffi::CStr;
    use std::ptr::NonNull;
    use std::sync::atomic::{AtomicU32, AtomicU64};

    /// A new file in memory without a path.
    ///
    /// # Errors
    /// Always.
    pub fn memfd(_name: &CStr) -> io::Result<File> {
        unsupported()
    }

    /// Makes a file `len` bytes long.
    ///
    /// # Errors
    /// Always.
    pub fn set_size(_file: &File, _len: u64) -> io::Result<()> {
        unsupported()
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// Always.
    pub fn write_all(_file: &File, _bytes: &[u8]) -> io::Result<()> {
        unsupported()
    }

    /// Fixes the size of a file made by [`memfd`].
    ///
    /// # Errors
    /// Always.
    pub fn seal_size(_file: &File) -> io::Result<()> {
        unsupported()
    }

    /// Fixes the least size of a file made by [`memfd`].
    ///
    /// # Errors
    /// Always.
    pub fn seal_shrinking(_file: &File) -> io::Result<()> {
        unsupported()
    }

    /// Makes holes.
    ///
    /// # Errors
    /// Always.
    pub fn punch_hole(_file: &File, _offset: u64, _len: u64) -> io::Result<()> {
        unsupported()
    }

    /// A shared mapping of a file.
    #[derive(Debug)]
    pub struct Mapping(Infallible);

    impl Mapping {
        /// Maps `file`.
        ///
        /// # Errors
        /// Always.
        pub fn shared(_file: &impl AsFd, _len: usize) -> io::Result<Self> {
            unsupported()
        }

        /// The first byte.
        pub fn start(&self) -> NonNull<u8> {
            match self.0 {}
        }

        /// Maps `file` for reading.
        ///
        /// # Errors
        /// Always.
        pub fn read_only(_file: &impl AsFd, _len: usize) -> io::Result<Self> {
            unsupported()
        }

        /// The memory as words.
        pub fn words(&self) -> &[AtomicU64] {
            match self.0 {}
        }

        /// The memory as words of half the size.
        pub fn half_words(&self) -> &[AtomicU32] {
            match self.0 {}
        }

        /// Copies `bytes` to `offset`.
        pub fn copy_in(&self, _offset: usize, _bytes: &[u8]) {
            match self.0 {}
        }

        /// Appends `len` bytes from `offset` on to `bytes`.
        pub fn copy_out(&self, _offset: usize, _len: usize, _bytes: &mut Vec<u8>) {
            match self.0 {}
        }

        /// A part of the memory in place.
        ///
        /// # Safety
        /// It cannot be called.
        pub unsafe fn bytes(&self, _offset: usize, _len: usize) -> &[u8] {
            match self.0 {}
        }

        /// Keeps a forked copy of this process from having this memory.
        pub fn keep_from_forks(&self) {
            match self.0 {}
        }

        /// How many bytes are mapped.
        #[expect(clippy::len_without_is_empty, reason = "an empty mapping cannot be made")]
        pub fn len(&self) -> usize {
            match self.0 {}
        }
    }
}

/// The clock that process start times are counted by.
pub mod moment {
    /// Nanoseconds since the system booted: not known, so nobody seems to have started before it.
    pub fn now() -> u64 {
        0
    }
}

/// A process held by descriptor.
pub mod pidfd {
    use super::{AsFd, BorrowedFd, OwnedFd, Signal, io, unsupported};

    /// A descriptor that refers to one process for good.
    #[derive(Debug)]
    pub struct PidFd(OwnedFd);

    impl PidFd {
        /// Opens the process that has `pid` now.
        ///
        /// # Errors
        /// Always.
        pub fn open(_pid: u32) -> io::Result<Self> {
            unsupported()
        }

        /// Takes over a descriptor.
        pub fn from_owned(fd: OwnedFd) -> Self {
            Self(fd)
        }

        /// Sends `signal`.
        ///
        /// # Errors
        /// Always.
        pub fn send_signal(&self, _signal: Signal) -> io::Result<()> {
            unsupported()
        }

        /// The wait status that the kernel keeps: none.
        pub fn status_after_reaping(&self) -> Option<i32> {
            None
        }
    }

    impl AsFd for PidFd {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

/// Waiting for any of several descriptors.
pub mod poll {
    use super::{BorrowedFd, Deadline, io, unsupported};

    /// Waits until at least one of `fds` is readable.
    ///
    /// # Errors
    /// Always.
    pub fn readable<const N: usize>(
        _fds: [Option<BorrowedFd<'_>>; N],
        _deadline: Deadline,
    ) -> io::Result<[bool; N]> {
        unsupported()
    }

    /// [`readable`] for any number of descriptors.
    ///
    /// # Errors
    /// Always.
    pub fn any_readable(_fds: &[BorrowedFd<'_>], _deadline: Deadline) -> io::Result<Vec<usize>> {
        unsupported()
    }

    /// Whether a message can be sent.
    ///
    /// # Errors
    /// Always.
    pub fn writable(_fd: BorrowedFd<'_>, _deadline: Deadline) -> io::Result<bool> {
        unsupported()
    }

    /// Whether the other end is closed for good: not known.
    pub fn is_hung_up(_fd: BorrowedFd<'_>) -> bool {
        false
    }
}

/// Which signals reach this process, and how.
pub mod signals {
    use super::{AsFd, BorrowedFd, Infallible, Signal, io, unsupported};

    /// A descriptor that becomes readable when a child of this process ends.
    #[derive(Debug)]
    pub struct ChildEvents(Infallible);

    impl ChildEvents {
        /// Starts to collect them.
        ///
        /// # Errors
        /// Always.
        pub fn new() -> io::Result<Self> {
            unsupported()
        }

        /// Forgets the events so far.
        pub fn clear(&mut self) {
            match self.0 {}
        }
    }

    impl AsFd for ChildEvents {
        fn as_fd(&self) -> BorrowedFd<'_> {
            match self.0 {}
        }
    }

    /// What a process does on a signal: unchanged.
    #[derive(Clone, Copy, Debug)]
    pub struct Disposition(());

    impl Disposition {
        /// Puts it back.
        pub fn restore(&self) {}
    }

    /// Leaves `signal` as it is.
    pub fn ignore(_signal: Signal) -> Disposition {
        Disposition(())
    }

    /// Leaves `signal` as it is.
    pub fn reset(_signal: Signal) -> Disposition {
        Disposition(())
    }
}

pub(crate) mod socket {
    use super::{AsFd, BorrowedFd, OwnedFd, RawFd, io, unsupported};
    use crate::socket::Mode;

    /// Two connected ends.
    ///
    /// # Errors
    /// Always.
    pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
        unsupported()
    }

    /// Sends one message.
    ///
    /// # Errors
    /// Always.
    pub fn send(
        _socket: &impl AsFd,
        _parts: &[io::IoSlice<'_>],
        _fds: &[BorrowedFd<'_>],
        _mode: Mode,
    ) -> io::Result<()> {
        unsupported()
    }

    /// Receives one message.
    ///
    /// # Errors
    /// Always.
    pub fn receive(
        _socket: &impl AsFd,
        _buffer: &mut Vec<u8>,
        _mode: Mode,
    ) -> io::Result<Vec<OwnedFd>> {
        unsupported()
    }

    /// Takes over an inherited message socket: there is none.
    ///
    /// # Safety
    /// Nobody else in this process may own that number.
    pub unsafe fn adopt(_number: RawFd) -> Option<OwnedFd> {
        None
    }

    /// [`adopt`] for a descriptor of any kind.
    ///
    /// # Safety
    /// Nobody else in this process may own that number.
    pub unsafe fn adopt_any(_number: RawFd) -> Option<OwnedFd> {
        None
    }

    /// Puts a copy of `fd` under the number of a standard stream.
    ///
    /// # Errors
    /// Always.
    pub fn replace_stream(_fd: &impl AsFd, _number: RawFd) -> io::Result<()> {
        unsupported()
    }
}

/// The calling thread, as the kernel numbers it.
pub mod thread {
    /// The calling thread's id: not known.
    pub fn current_id() -> u32 {
        0
    }
}

pub(crate) mod wait {
    use super::{io, unsupported};
    use crate::pidfd::PidFd;
    use crate::wait::Reaped;

    /// Reaps this child.
    ///
    /// # Errors
    /// Always.
    pub fn reap(_child: &PidFd) -> io::Result<Option<Reaped>> {
        unsupported()
    }

    /// Reaps any child.
    ///
    /// # Errors
    /// Always.
    pub fn reap_any() -> io::Result<Option<Reaped>> {
        unsupported()
    }
}
