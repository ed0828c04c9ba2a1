//! One process: which files its attributes need, and what it means when one of them fails.

use super::{Name, Reader, terminal};
use crate::attributes::Attributes;
use crate::error::{Error, Fact, Missing, Result, is_absent};
use crate::facts::{Facts, IoPriority};
use crate::parse::cgroup::Membership;
use crate::parse::files::DELETED;
use crate::parse::limits::Limits;
use crate::parse::memory::{Memory, MemoryDetail, MemoryMap};
use crate::parse::process::{Stat, Thread};
use crate::parse::status::{Identities, IoCounters, Status};
use crate::parse::words::{Arguments, CUT_NAME, Environment, long_name};
use polyproc_sys::pidfd::PidFd;
use polyproc_sys::{control, files};
use std::ffi::{CStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// How the kernel gives out a file.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// A read that leaves room was the last.
    Piece,
    /// Until a read gives nothing.
    List,
}

/// A process that is being read.
pub(crate) struct Body<'r> {
    pub(super) reader: &'r mut Reader,
    pub(super) pid: u32,
    /// `/proc/PID`.
    process: BorrowedFd<'r>,
    /// Of a process whose first thread has ended: the directory of another one, where what they
    /// share can still be read.
    thread: Option<OwnedFd>,
    stat: Stat,
    /// Told by pidfd.
    identities: Option<Identities>,
}

impl<'r> Body<'r> {
    /// Reads `/proc/PID/stat`, which tells what kind of process it is.
    pub(super) fn new(
        reader: &'r mut Reader,
        pid: u32,
        directory: &'r OwnedFd,
        attributes: Attributes,
    ) -> Result<Self> {
        let process = directory.as_fd();
        // Before the state: see there.
        let identities = reader.identities_by_pidfd(pid, attributes);
        let stat = reader.file(process, c"stat", Stat::parse);
        let stat = stat.map_err(|error| Error::of_process(pid, "state", &error))?;
        let mut body = Self { reader, pid, process, thread: None, stat, identities };
        if body.stat.has_lost_its_leader() {
            body.thread = body.other_thread();
        }
        Ok(body)
    }

    pub(super) fn read(mut self, attributes: Attributes) -> Result<Facts> {
        let mut facts = Facts::new(self.pid, self.stat.clone(), self.reader.boot_time);
        let asked = |attribute| attributes.contains(attribute);
        self.identities(&mut facts, attributes)?;
        if asked(Attributes::ARGUMENTS) || (asked(Attributes::NAME) && self.has_cut_name()) {
            self.arguments(&mut facts, attributes)?;
        }
        if asked(Attributes::TERMINAL) {
            facts.terminal = Ok(terminal::path(&self.reader.system, self.stat.terminal));
        }
        if asked(Attributes::MEMORY) {
            facts.memory = self.memory()?;
        }
        if asked(Attributes::EXE) {
            let has_none = self.stat.is_kernel_thread();
            facts.exe = if has_none { Ok(None) } else { self.link(c"exe")? };
        }
        if asked(Attributes::CWD) {
            facts.cwd = self.link(c"cwd")?;
        }
        if asked(Attributes::ENVIRONMENT) {
            facts.environment = self.of_memory(c"environ", Form::Piece, Environment::new)?;
        }
        if asked(Attributes::IO) {
            facts.io = self.file(c"io", IoCounters::parse)?;
        }
        if asked(Attributes::THREADS) {
            facts.threads = self.threads()?;
        }
        if attributes
            .intersects(Attributes::DESCRIPTORS | Attributes::OPEN_FILES | Attributes::CONNECTIONS)
        {
            self.descriptors(&mut facts, attributes)?;
        }
        self.read_rarer(&mut facts, attributes)?;
        Ok(facts)
    }

    /// What few ask for.
    fn read_rarer(&mut self, facts: &mut Facts, attributes: Attributes) -> Result<()> {
        let asked = |attribute| attributes.contains(attribute);
        if asked(Attributes::MEMORY_DETAIL) {
            facts.memory_detail = self.memory_detail()?;
        }
        if asked(Attributes::MEMORY_MAPS) {
            facts.memory_maps = self.of_memory(c"smaps", Form::List, MemoryMap::parse_all)?;
        }
        if asked(Attributes::LIMITS) {
            facts.limits = self.file(c"limits", |bytes| Some(Limits::parse(bytes)))?;
        }
        if asked(Attributes::CGROUPS) {
            facts.cgroups = self.file(c"cgroup", |bytes| Some(Membership::parse_all(bytes)))?;
        }
        if asked(Attributes::IO_PRIORITY) {
            facts.io_priority = self.io_priority();
        }
        Ok(())
    }

    fn has_cut_name(&self) -> bool {
        self.stat.name.len() >= CUT_NAME && !self.stat.is_kernel_thread()
    }

    /// Users and groups: by pidfd where the kernel tells them so (a third of the price), else by
    /// `status`, which also has what else may be asked for.
    fn identities(&mut self, facts: &mut Facts, attributes: Attributes) -> Result<()> {
        if !attributes.intersects(IN_STATUS | OF_OWNER) {
            return Ok(());
        }
        if let Some(identities) = self.identities {
            facts.identities = Ok(identities);
        } else {
            let status = self.file(c"status", |bytes| Some(Status::parse(bytes)))?;
            let identities = |status: &Status| status.identities.ok_or(Missing::Os(INVALID));
            facts.identities = status.as_ref().map_err(|missing| *missing).and_then(identities);
            facts.switches = status.as_ref().map(|status| status.switches).map_err(|why| *why);
            facts.affinity = status.map(|status| status.processors);
        }
        if attributes.contains(Attributes::USERNAME) {
            let Reader { owners, system, .. } = &mut *self.reader;
            facts.username = facts.identities.map(|all| owners.name(system, all.users.real));
        }
        Ok(())
    }

    fn arguments(&mut self, facts: &mut Facts, attributes: Attributes) -> Result<()> {
        let stat = &self.stat;
        let short = self.has_cut_name().then(|| stat.name.clone());
        let read = |bytes: &[u8]| {
            let name = short.and_then(|short| long_name(&short, bytes));
            (name, Arguments::new(bytes))
        };
        let found = self.of_memory(c"cmdline", Form::Piece, read)?;
        let (name, arguments) = match found {
            Ok((name, arguments)) => (name, Ok(arguments)),
            Err(missing) => (None, Err(missing)),
        };
        if attributes.contains(Attributes::NAME) {
            facts.long_name = name;
        }
        if attributes.contains(Attributes::ARGUMENTS) {
            facts.arguments = arguments;
        }
        Ok(())
    }

    fn memory(&mut self) -> Result<Fact<Memory>> {
        if self.stat.is_kernel_thread() {
            return Ok(Ok(Memory::default()));
        }
        let page = self.reader.page;
        self.file(c"statm", |bytes| Memory::parse(bytes, page))
    }

    fn memory_detail(&mut self) -> Result<Fact<MemoryDetail>> {
        let short = self.of_memory(c"smaps_rollup", Form::Piece, MemoryDetail::parse)?;
        match short {
            // Kernels before 4.14 have only the long form.
            Err(Missing::Os(NOT_FOUND)) => {
                self.of_memory(c"smaps", Form::List, MemoryDetail::parse)
            }
            other => Ok(other),
        }
    }

    fn io_priority(&self) -> Fact<IoPriority> {
        if !self.reader.system.is_live() {
            return Err(Missing::Os(NOT_SUPPORTED));
        }
        let word = control::io_priority(self.pid).map(IoPriority::from_word);
        word.map_err(|error| if is_absent(&error) { Missing::Zombie } else { Missing::of(&error) })
    }

    /// Whether the process's own times may stand for those of its only thread: nobody has used any, up
    /// to one tick, since the kernel rounds the two apart. Else they differ by more even for a kernel
    /// thread: the kernel divides them into user and system in two places.
    fn has_one_idle_thread(&self) -> bool {
        self.stat.threads == 1 && self.stat.user_ticks == 0 && self.stat.system_ticks == 0
    }

    /// Each thread's own times. The process's hold those of threads that have ended, too, so they
    /// cannot stand in even for a single thread that has used any.
    fn threads(&mut self) -> Result<Fact<Vec<Thread>>> {
        if self.has_one_idle_thread() {
            return Ok(Ok(vec![Thread::of(self.pid, self.stat.clone())]));
        }
        let ids = if self.stat.threads == 1 { Ok(vec![self.pid]) } else { self.list(c"task") };
        let ids = match ids {
            Ok(ids) => ids,
            Err(error) => return self.settle(Err(error)),
        };
        let mut threads = Vec::with_capacity(ids.len());
        for id in ids {
            let name = Name::join(&[b"task/"], id, b"/stat");
            let parse = |bytes: &[u8]| Thread::parse(id, bytes);
            match self.reader.file(self.process, name.as_c_str(), parse) {
                Ok(thread) => threads.push(thread),
                // This thread has ended, or the process has.
                Err(error) if is_absent(&error) => self.look_again()?,
                Err(error) => return Ok(Err(Missing::of(&error))),
            }
        }
        Ok(Ok(threads))
    }

    /// The numbers that name the entries of a folder of the process, in ascending order.
    fn list(&mut self, name: &CStr) -> io::Result<Vec<u32>> {
        let folder = files::open_at(self.process, name)?;
        self.reader.numbers(folder.as_fd())
    }

    fn other_thread(&mut self) -> Option<OwnedFd> {
        let ids = self.list(c"task").ok()?;
        let other = ids.into_iter().find(|id| *id != self.pid)?;
        files::hold_at(self.process, Name::join(&[b"task/"], other, b"").as_c_str()).ok()
    }

    /// Its own directory.
    pub(super) fn process(&self) -> BorrowedFd<'_> {
        self.process
    }

    /// Where what its threads share is read.
    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.thread.as_ref().map_or(self.process, |thread| thread.as_fd())
    }

    /// A file of what its threads share.
    pub(super) fn shared_file<T>(
        &mut self,
        name: &CStr,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> io::Result<T> {
        let at = self.thread.as_ref().map_or(self.process, |thread| thread.as_fd());
        self.reader.file(at, name, parse)
    }

    fn file<T>(&mut self, name: &CStr, parse: impl FnOnce(&[u8]) -> Option<T>) -> Result<Fact<T>> {
        let found = self.reader.file(self.process, name, parse);
        self.settle(found)
    }

    /// A file that is made from the process's memory: kernel threads have none of it, and what has
    /// ended has it no more.
    fn of_memory<T: Default>(
        &mut self,
        name: &CStr,
        form: Form,
        parse: impl FnOnce(&[u8]) -> T,
    ) -> Result<Fact<T>> {
        if self.stat.is_kernel_thread() {
            return Ok(Ok(T::default()));
        }
        if self.stat.is_zombie() {
            return Ok(Err(Missing::Zombie));
        }
        let at = self.thread.as_ref().map_or(self.process, |thread| thread.as_fd());
        let found = match form {
            Form::Piece => self.reader.file(at, name, |bytes| Some(parse(bytes))),
            Form::List => self.reader.list(at, name, parse),
        };
        self.settle(found)
    }

    fn link(&mut self, name: &CStr) -> Result<Fact<Option<PathBuf>>> {
        if self.stat.is_zombie() {
            return Ok(Err(Missing::Zombie));
        }
        let at = self.thread.as_ref().map_or(self.process, |thread| thread.as_fd());
        let found = files::read_link(at, name, &mut self.reader.names).map(|()| {
            let mut path = self.reader.names.clone();
            if path.ends_with(DELETED) && is_deleted(at, name) {
                path.truncate(path.len() - DELETED.len());
            }
            Some(PathBuf::from(OsString::from_vec(path)))
        });
        match found {
            // Kernel threads have no program, and some no directory.
            Err(error) if is_absent(&error) => {
                self.look_again()?;
                let is_ending = self.stat.is_zombie();
                Ok(if is_ending { Err(Missing::Zombie) } else { Ok(None) })
            }
            other => self.settle(other),
        }
    }

    /// What a failure to read one file means, for this attribute or for the whole process.
    pub(super) fn settle<T>(&mut self, found: io::Result<T>) -> Result<Fact<T>> {
        match found {
            Ok(value) => Ok(Ok(value)),
            Err(error) if is_absent(&error) => {
                self.look_again()?;
                // The process is there and its file is not: an old kernel without such a file, or
                // its memory has gone ahead of it.
                let is_old = error.kind() == io::ErrorKind::NotFound && !self.stat.is_zombie();
                Ok(Err(if is_old { Missing::Os(NOT_FOUND) } else { Missing::Zombie }))
            }
            Err(error) => Ok(Err(Missing::of(&error))),
        }
    }

    /// Asks for the state once more, since the kernel's "not there" may mean the file alone.
    pub(super) fn look_again(&mut self) -> Result<()> {
        let stat = self.reader.file(self.process, c"stat", Stat::parse);
        self.stat = stat.map_err(|error| Error::of_process(self.pid, "state", &error))?;
        Ok(())
    }
}

/// What only `/proc/PID/status` says.
const IN_STATUS: Attributes = Attributes::SWITCHES.or(Attributes::AFFINITY);
/// What a pidfd says, too.
const OF_OWNER: Attributes = Attributes::IDENTITIES.or(Attributes::USERNAME);

impl Reader {
    /// The descriptor is opened by number, so it may be of another process. But the process's
    /// directory was opened before: if its state can be read from there *afterwards*, the number was
    /// its own all the time.
    fn identities_by_pidfd(&mut self, pid: u32, attributes: Attributes) -> Option<Identities> {
        if !self.pidfd_tells || !attributes.intersects(OF_OWNER) || attributes.intersects(IN_STATUS)
        {
            return None;
        }
        match PidFd::open(pid).and_then(|process| process.identities()) {
            Ok(answer) => answer
                .map(|(users, groups)| Identities { users: users.into(), groups: groups.into() }),
            Err(error) => {
                // No such call, or no descriptor left: not worth another try in this pass.
                self.pidfd_tells = is_absent(&error);
                None
            }
        }
    }
}

/// `ENOENT`, `EINVAL` and `EOPNOTSUPP`, the same on every Linux.
const NOT_FOUND: i32 = 2;
const INVALID: i32 = 22;
const NOT_SUPPORTED: i32 = 95;

/// Whether the file behind a link has no name any more. Only it can tell: a file's name may end in
/// ` (deleted)`, too.
pub(super) fn is_deleted(at: BorrowedFd<'_>, name: &CStr) -> bool {
    files::status_at(at, name).is_ok_and(|status| status.is_deleted)
}
