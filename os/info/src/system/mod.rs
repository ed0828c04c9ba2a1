//! The system: where it is looked at, and what concerns it as a whole.

pub(crate) mod cgroup;
pub(crate) mod cpu;
pub(crate) mod disk;
pub(crate) mod memory;
pub(crate) mod network;
pub(crate) mod sensors;
pub(crate) mod users;

use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::parse::sockets::{Connection, Kinds};
use crate::process::Process;
use crate::reader::Reader;
use crate::snapshot::Snapshot;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A system to look at: this one, or a tree of files that looks like one.
///
/// Cheap to make and to copy; holds no descriptor, and nothing is remembered between two calls.
///
/// ```
/// use polyproc_info::System;
///
/// let system = System::new();
/// let memory = system.virtual_memory()?;
/// println!("{} of {} bytes are available", memory.available, memory.total);
/// println!("{} processes", system.pids()?.len());
/// # Ok::<(), polyproc_info::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct System {
    /// `None` for this system.
    root: Option<Arc<Path>>,
}

impl Default for System {
    fn default() -> Self {
        Self::new()
    }
}

impl System {
    /// This one.
    pub const fn new() -> Self {
        Self { root: None }
    }

    /// The one whose `/proc`, `/sys`, `/etc` and so on are below `root`: a host's, as a container
    /// sees it, or made-up ones for tests. What needs a system call instead of a file (signals,
    /// priorities, the space of a file system, network addresses) fails there.
    pub fn at(root: impl AsRef<Path>) -> Self {
        Self { root: Some(root.as_ref().into()) }
    }

    /// Whether system calls are about the same system as its files.
    pub(crate) fn is_live(&self) -> bool {
        self.root.is_none()
    }

    /// [`System::is_live`], or an error about `what`.
    pub(crate) fn must_be_live(&self, what: &str) -> Result<()> {
        if self.is_live() {
            return Ok(());
        }
        Err(Error::Os { what: what.to_owned(), source: std::io::ErrorKind::Unsupported.into() })
    }

    /// Where `relative` (`proc/stat`) is.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.as_deref().unwrap_or(Path::new("/")).join(relative)
    }

    /// A path of the system as it is to be opened here.
    pub(crate) fn inside(&self, absolute: &Path) -> PathBuf {
        match &self.root {
            None => absolute.to_path_buf(),
            Some(root) => root.join(absolute.strip_prefix("/").unwrap_or(absolute)),
        }
    }

    /// A whole file.
    pub(crate) fn read(&self, relative: &str) -> Result<Vec<u8>> {
        let path = self.path(relative);
        std::fs::read(&path).map_err(|error| Error::of(path.display().to_string(), error))
    }

    /// A file that need not be there.
    pub(crate) fn read_if_there(&self, relative: &str) -> Option<Vec<u8>> {
        std::fs::read(self.path(relative)).ok()
    }

    /// The entries of a folder by name, in order; none when it is not there.
    pub(crate) fn entries(&self, relative: &str) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(self.path(relative)) else {
            return Vec::new();
        };
        let name =
            |entry: std::io::Result<std::fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        let mut names: Vec<_> = folder.filter_map(name).collect();
        names.sort_unstable_by(|one, two| (one.len(), one).cmp(&(two.len(), two)));
        names
    }

    /// The numbers of all processes that can be seen, in ascending order.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn pids(&self) -> Result<Vec<u32>> {
        Reader::without_boot_time(self)?.pids()
    }

    /// Whether there is a process with that number (a zombie is one, a further thread of a process
    /// is none).
    pub fn pid_exists(&self, pid: u32) -> bool {
        Reader::without_boot_time(self).is_ok_and(|mut reader| reader.is_process(pid))
    }

    /// The process that has the number `pid` now.
    ///
    /// # Errors
    /// [`Error::Gone`] when there is none, [`Error::Denied`] when nothing of it may be seen.
    pub fn process(&self, pid: u32) -> Result<Process> {
        Process::at(self, pid)
    }

    /// All processes that can be seen, by number. One that ends in the meantime is left out.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    #[doc(alias = "process_iter")]
    pub fn processes(&self) -> Result<Vec<Process>> {
        let snapshot = self.snapshot(Attributes::NONE)?;
        Ok(snapshot.processes.iter().map(|facts| Process::of(self, facts)).collect())
    }

    /// All processes that can be seen, with these attributes.
    ///
    /// # Errors
    /// When `/proc` cannot be read, or at the limit on descriptors (it takes up to five).
    pub fn snapshot(&self, attributes: Attributes) -> Result<Snapshot> {
        Snapshot::take(&mut Reader::new(self)?, attributes)
    }

    /// Sockets of this process's network namespace, each with who has it (as far as we may know):
    /// one that several processes share is there once for each. A socket that nobody has (any more)
    /// has no process.
    ///
    /// # Errors
    /// When neither the kernel's dump nor `/proc/net` can be read.
    #[doc(alias = "net_connections")]
    pub fn connections(&self, kinds: Kinds) -> Result<Vec<Connection>> {
        crate::connections::of_all(self, kinds)
    }
}
