//! One pass over processes: for each an open directory, and from it only the files that the asked
//! attributes need, each read once into a buffer that is used again.
//!
//! The directory goes on meaning the same process: after its end every file in it fails, also when
//! its number has a new owner. So what is read here is of one process, or [`Error::Gone`].

mod descriptors;
mod name;
mod owners;
mod process;
pub(crate) mod sockets;
mod terminal;

use crate::attributes::Attributes;
use crate::error::{Error, Result, is_denied};
use crate::facts::Facts;
use crate::parse::cpu::Processors;
use crate::parse::number;
use crate::parse::process::Stat;
use crate::parse::status::Status;
use crate::system::System;
pub(crate) use name::Name;
use owners::Owners;
use polyproc_sys::{constants, files};
use process::Body;
use sockets::Sockets;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How often a list without this process is read again: another pid namespace's has it never.
const MOST_SHORT_LISTS: u32 = 3;

/// What all processes of one pass share.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) system: System,
    /// `/proc`.
    proc: OwnedFd,
    page: u64,
    boot_time: u64,
    buffer: Vec<u8>,
    /// For what is read while `buffer` is in use: lists and links.
    names: Vec<u8>,
    owners: Owners,
    sockets: Sockets,
    /// Whether the kernel tells identities by pidfd (Linux 6.13), as far as is known.
    pidfd_tells: bool,
}

impl Reader {
    /// For many processes, or for several attributes.
    pub(crate) fn new(system: &System) -> Result<Self> {
        let mut reader = Self::without_boot_time(system)?;
        let stat = reader.read_system(c"stat", |bytes| Some(Processors::parse(bytes).boot_time));
        reader.boot_time = stat.ok().flatten().unwrap_or(0);
        Ok(reader)
    }

    /// For one attribute of one process: [`Facts::create_time`] means nothing.
    pub(crate) fn without_boot_time(system: &System) -> Result<Self> {
        let path = system.path("proc");
        let proc = std::fs::File::open(&path);
        let proc = proc.map_err(|error| Error::of(path.display().to_string(), error))?;
        Ok(Self {
            system: system.clone(),
            proc: proc.into(),
            page: constants::page_size(),
            boot_time: 0,
            buffer: Vec::with_capacity(64 * 1024),
            names: Vec::with_capacity(16 * 1024),
            owners: Owners::default(),
            sockets: Sockets::default(),
            pidfd_tells: system.is_live(),
        })
    }

    /// `/proc`.
    pub(crate) fn proc(&self) -> BorrowedFd<'_> {
        self.proc.as_fd()
    }

    /// A new pass: what other processes do in the meantime is looked at again.
    pub(crate) fn start_again(&mut self) {
        self.sockets = Sockets::default();
    }

    /// The numbers of all processes that can be seen, in ascending order.
    ///
    /// While many processes come and go, the kernel's list may end too early (seen on Linux 6.18: once
    /// in some ten thousand lists). This process is there for certain, and among the youngest: a list
    /// without it is read again.
    pub(crate) fn pids(&mut self) -> Result<Vec<u32>> {
        let mut pids = self.listed_pids()?;
        for _ in 0..MOST_SHORT_LISTS {
            if !self.system.is_live() || pids.binary_search(&std::process::id()).is_ok() {
                break;
            }
            pids = self.listed_pids()?;
        }
        Ok(pids)
    }

    fn listed_pids(&mut self) -> Result<Vec<u32>> {
        let mut pids = Vec::new();
        let list = files::rewind(self.proc.as_fd()).and_then(|()| {
            files::list(self.proc.as_fd(), &mut self.names, |name| {
                pids.extend(number(name).and_then(|pid| u32::try_from(pid).ok()));
            })
        });
        list.map_err(|error| Error::of("list of processes", error))?;
        pids.sort_unstable();
        Ok(pids)
    }

    /// Reads what is asked for of the process that has `pid` now.
    pub(crate) fn read(&mut self, pid: u32, attributes: Attributes) -> Result<Facts> {
        let directory = self.directory(pid)?;
        Body::new(self, pid, &directory, attributes)?.read(attributes)
    }

    /// Holds the directory of a process.
    pub(crate) fn directory(&self, pid: u32) -> Result<OwnedFd> {
        files::hold_at(self.proc.as_fd(), Name::number(pid).as_c_str())
            .map_err(|error| Error::of_process(pid, "directory", &error))
    }

    /// Whether `pid` is a process and not one of a process's further threads, which have hidden
    /// directories of their own.
    pub(crate) fn is_process(&mut self, pid: u32) -> bool {
        let Ok(directory) = self.directory(pid) else {
            return false;
        };
        let status = self.file(directory.as_fd(), c"status", |bytes| Some(Status::parse(bytes)));
        match status {
            Ok(status) => status.thread_group.is_none_or(|group| group == pid),
            Err(error) => {
                is_denied(&error) || self.file(directory.as_fd(), c"stat", Stat::parse).is_ok()
            }
        }
    }

    /// Reads a file that the kernel makes in one piece.
    pub(crate) fn file<T>(
        &mut self,
        at: BorrowedFd<'_>,
        name: &CStr,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> io::Result<T> {
        let file = files::open_at(at, name)?;
        files::read_piece(file.as_fd(), &mut self.buffer)?;
        parse(&self.buffer).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Reads a file that comes in pieces.
    pub(crate) fn list<T>(
        &mut self,
        at: BorrowedFd<'_>,
        name: &CStr,
        parse: impl FnOnce(&[u8]) -> T,
    ) -> io::Result<T> {
        let file = files::open_at(at, name)?;
        files::read_whole(file.as_fd(), &mut self.buffer)?;
        Ok(parse(&self.buffer))
    }

    fn read_system<T>(
        &mut self,
        name: &CStr,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> io::Result<T> {
        let file = files::open_at(self.proc.as_fd(), name)?;
        files::read_whole(file.as_fd(), &mut self.buffer)?;
        parse(&self.buffer).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}
