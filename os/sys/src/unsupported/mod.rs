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

pub(crate) mod cgroup {
    use crate::cgroup::MemoryLimit;

    /// The limit on memory: none is known.
    pub fn memory_limit() -> Option<MemoryLimit> {
        None
    }
}

/// Names of users.
pub mod accounts {
    /// The name of the user with that number: not known.
    pub fn user_name(_uid: u32) -> Option<Vec<u8>> {
        None
    }
}

/// What this process's allocator holds.
pub mod heap {
    /// Nobody can tell.
    pub fn usage() -> Option<(u64, u64)> {
        None
    }

    /// Nothing is given back.
    pub fn trim() -> bool {
        false
    }
}

/// Units that the kernel counts in.
pub mod constants {
    /// Bytes in a page of memory: a guess that nothing is counted by.
    pub fn page_size() -> u64 {
        4096
    }

    /// Clock ticks in a second: as on Linux.
    pub fn ticks_per_second() -> u64 {
        100
    }
}

/// What the scheduler and the limits of any process are, and changing them.
pub mod control {
    use super::{io, unsupported};

    /// Makes a process nicer or greedier.
    ///
    /// # Errors
    /// Always.
    pub fn set_nice(_pid: u32, _nice: i32) -> io::Result<()> {
        unsupported()
    }

    /// How nice a process is.
    ///
    /// # Errors
    /// Always.
    pub fn nice(_pid: u32) -> io::Result<i32> {
        unsupported()
    }

    /// A process's I/O priority.
    ///
    /// # Errors
    /// Always.
    pub fn io_priority(_pid: u32) -> io::Result<u16> {
        unsupported()
    }

    /// Sets it.
    ///
    /// # Errors
    /// Always.
    pub fn set_io_priority(_pid: u32, _word: u16) -> io::Result<()> {
        unsupported()
    }

    /// The limits of a process on a resource.
    ///
    /// # Errors
    /// Always.
    pub fn limit(_pid: u32, _resource: u32) -> io::Result<(u64, u64)> {
        unsupported()
    }

    /// Sets both.
    ///
    /// # Errors
    /// Always.
    pub fn set_limit(_pid: u32, _resource: u32, _limits: (u64, u64)) -> io::Result<()> {
        unsupported()
    }

    /// The processors that a process may run on.
    ///
    /// # Errors
    /// Always.
    pub fn affinity(_pid: u32) -> io::Result<Vec<usize>> {
        unsupported()
    }

    /// Binds a process to some of them.
    ///
    /// # Errors
    /// Always.
    pub fn set_affinity(_pid: u32, _processors: &[usize]) -> io::Result<()> {
        unsupported()
    }

    /// The processor of the calling thread: not known.
    pub fn processor() -> Option<usize> {
        None
    }

    /// Has it go on on another one.
    ///
    /// # Errors
    /// Always.
    pub fn leave_processor(_processor: usize) -> io::Result<bool> {
        unsupported()
    }
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

/// An event with a descriptor.
pub mod eventfd {
    use super::{AsFd, BorrowedFd, OwnedFd, io, unsupported};

    /// An event with a descriptor.
    #[derive(Debug)]
    pub struct EventFd(OwnedFd);

    impl EventFd {
        /// Not set.
        ///
        /// # Errors
        /// Always.
        pub fn new() -> io::Result<Self> {
            unsupported()
        }

        /// Sets it.
        pub fn set(&self) {}

        /// Clears it; it was not set.
        pub fn clear(&self) -> bool {
            false
        }
    }

    impl AsFd for EventFd {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

pub(crate) mod endpoint {
    use super::{BorrowedFd, io, unsupported};
    use crate::endpoint::Endpoint;

    /// What is known of a socket.
    ///
    /// # Errors
    /// Always.
    pub fn look(_socket: BorrowedFd<'_>) -> io::Result<Endpoint> {
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

pub(crate) mod files {
    use super::{BorrowedFd, OwnedFd, io, unsupported};
    use crate::files::FileStatus;
    use std::ffi::CStr;

    /// Holds a directory.
    ///
    /// # Errors
    /// Always.
    pub fn hold_at(_at: BorrowedFd<'_>, _name: &CStr) -> io::Result<OwnedFd> {
        unsupported()
    }

    /// Opens a file.
    ///
    /// # Errors
    /// Always.
    pub fn open_at(_at: BorrowedFd<'_>, _name: &CStr) -> io::Result<OwnedFd> {
        unsupported()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Always.
    pub fn read_piece(_file: BorrowedFd<'_>, _buffer: &mut Vec<u8>) -> io::Result<()> {
        unsupported()
    }

    /// Reads a file to its end.
    ///
    /// # Errors
    /// Always.
    pub fn read_whole(_file: BorrowedFd<'_>, _buffer: &mut Vec<u8>) -> io::Result<()> {
        unsupported()
    }

    /// Reads a link.
    ///
    /// # Errors
    /// Always.
    pub fn read_link(_at: BorrowedFd<'_>, _name: &CStr, _buffer: &mut Vec<u8>) -> io::Result<()> {
        unsupported()
    }

    /// What kind of file something is.
    ///
    /// # Errors
    /// Always.
    pub fn status_at(_at: BorrowedFd<'_>, _name: &CStr) -> io::Result<FileStatus> {
        unsupported()
    }

    /// Lists a directory.
    ///
    /// # Errors
    /// Always.
    pub fn list(
        _directory: BorrowedFd<'_>,
        _buffer: &mut Vec<u8>,
        _each: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        unsupported()
    }

    /// Has the next listing start at the beginning.
    ///
    /// # Errors
    /// Always.
    pub fn rewind(_directory: BorrowedFd<'_>) -> io::Result<()> {
        unsupported()
    }
}

pub(crate) mod filesystem {
    use super::{io, unsupported};
    use crate::filesystem::Space;
    use std::path::Path;

    /// The space of a file system.
    ///
    /// # Errors
    /// Always.
    pub fn space(_path: &Path) -> io::Result<Space> {
        unsupported()
    }
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

pub(crate) mod interfaces {
    use super::{io, unsupported};
    use crate::interfaces::{InterfaceAddress, Link};

    /// Every address of every interface.
    ///
    /// # Errors
    /// Always.
    pub fn addresses() -> io::Result<Vec<InterfaceAddress>> {
        unsupported()
    }

    /// What an interface does.
    ///
    /// # Errors
    /// Always.
    pub fn link(_name: &[u8]) -> io::Result<Link> {
        unsupported()
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

    /// Whether the kernel will still send the signal: there is no line.
    pub fn is_armed(_end: &impl AsFd) -> bool {
        false
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
    use std::mem::MaybeUninit;
    use std::ops::Deref;
    use std::path::Path;
    use std::ptr::NonNull;
    use std::sync::atomic::{AtomicU32, AtomicU64};

    /// A new file in memory without a path.
    ///
    /// # Errors
    /// Always.
    pub fn memfd(_name: &CStr) -> io::Result<File> {
        unsupported()
    }

    /// Opens the memory file at a path.
    ///
    /// # Errors
    /// Always.
    pub fn open(_path: &Path) -> io::Result<File> {
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

    /// Fixes what is in a file made by [`memfd`].
    ///
    /// # Errors
    /// Always.
    pub fn seal_content(_file: &File) -> io::Result<()> {
        unsupported()
    }

    /// What is in a file that was sealed.
    #[derive(Debug)]
    pub struct Sealed(Infallible);

    impl Sealed {
        /// Maps all of `file`.
        ///
        /// # Errors
        /// Always.
        pub fn map(_file: &File) -> io::Result<Self> {
            unsupported()
        }
    }

    impl Deref for Sealed {
        type Target = [u8];

        fn deref(&self) -> &[u8] {
            match self.0 {}
        }
    }

    /// Copies to memory that is shared.
    ///
    /// # Safety
    /// As many bytes at `to` may be written.
    pub unsafe fn copy_to_shared(from: &[u8], to: NonNull<u8>) {
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to.as_ptr(), from.len()) };
    }

    /// Asks for large pages.
    pub fn prefer_large_pages<T>(_room: &mut [MaybeUninit<T>]) {}

    /// Makes a file that long, with its memory.
    ///
    /// # Errors
    /// Always.
    pub fn reserve(_file: &File, _len: u64) -> io::Result<()> {
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

        /// The same for all of `bytes`.
        pub fn copy_to(&self, _offset: usize, _bytes: &mut [u8]) {
            match self.0 {}
        }

        /// Has the processor fetch what lies at `offset`.
        pub fn fetch(&self, _offset: usize) {
            match self.0 {}
        }

        /// The same for what will be written.
        pub fn fetch_to_write(&self, _offset: usize) {
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
    use super::{AsFd, BorrowedFd, OwnedFd, RawFd, Signal, io, unsupported};

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

        /// As whom the process acts.
        ///
        /// # Errors
        /// Always.
        pub fn identities(&self) -> io::Result<Option<([u32; 4], [u32; 4])>> {
            unsupported()
        }

        /// A copy of one of its descriptors.
        ///
        /// # Errors
        /// Always.
        pub fn duplicate(&self, _number: RawFd) -> io::Result<OwnedFd> {
            unsupported()
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

/// Bytes that nobody can guess.
pub mod random {
    use super::{io, unsupported};

    /// Fills `bytes`.
    ///
    /// # Errors
    /// Always.
    pub fn fill(_bytes: &mut [u8]) -> io::Result<()> {
        unsupported()
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

/// The kernel's own table of sockets.
pub mod sock_diag {
    use super::{Infallible, io, unsupported};

    /// A way to ask for sockets.
    #[derive(Debug)]
    pub struct SockDiag(Infallible);

    impl SockDiag {
        /// Opens it.
        ///
        /// # Errors
        /// Always.
        pub fn open() -> io::Result<Self> {
            unsupported()
        }

        /// Asks `request`.
        ///
        /// # Errors
        /// Nobody can ask.
        pub fn dump(&mut self, _request: &[u8], _each: impl FnMut(&[u8])) -> io::Result<()> {
            match self.0 {}
        }
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

    /// Sends what a stream has room for.
    ///
    /// # Errors
    /// Always.
    pub fn send_some(
        _socket: &impl AsFd,
        _parts: &[io::IoSlice<'_>],
        _fds: &[BorrowedFd<'_>],
        _mode: Mode,
    ) -> io::Result<usize> {
        unsupported()
    }

    /// Receives what a stream holds.
    ///
    /// # Errors
    /// Always.
    pub fn receive_some(
        _socket: &impl AsFd,
        _buffer: &mut Vec<u8>,
        _limit: usize,
        _mode: Mode,
    ) -> io::Result<usize> {
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

/// Stream sockets, where std has no call.
pub mod stream {
    use super::{AsFd, Deadline, io, unsupported};
    use std::os::unix::net::{SocketAddr, UnixStream};
    use std::time::Duration;

    /// Connects to a socket of this machine.
    ///
    /// # Errors
    /// Always.
    pub fn connect_unix(_address: &SocketAddr, _deadline: Deadline) -> io::Result<UnixStream> {
        unsupported()
    }

    /// Makes a socket address of a name without a path.
    ///
    /// # Errors
    /// Always.
    pub fn abstract_address(_name: &[u8]) -> io::Result<SocketAddr> {
        unsupported()
    }

    /// The name of an address that has no path: none has one.
    pub fn abstract_name(_address: &SocketAddr) -> Option<&[u8]> {
        None
    }

    /// Whether it says that something is short: not known.
    pub fn is_scarcity(_error: &io::Error) -> bool {
        false
    }

    /// Changes how many clients may wait to be accepted.
    ///
    /// # Errors
    /// Always.
    pub fn set_backlog(_listener: &impl AsFd, _backlog: u32) -> io::Result<()> {
        unsupported()
    }

    /// Asks a silent peer whether it is still there.
    ///
    /// # Errors
    /// Always.
    pub fn keep_alive(_socket: &impl AsFd, _idle: Duration, _probes: u32) -> io::Result<()> {
        unsupported()
    }
}

/// How much of its stack a thread has left.
pub mod stack {
    /// How many bytes are left below the caller, and how many there are in all: not known.
    pub fn left() -> Option<(usize, usize)> {
        None
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
