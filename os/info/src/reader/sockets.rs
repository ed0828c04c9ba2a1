//! Sockets by their inodes: the kernel's dump, once in a pass, or `/proc/net` where that is not to
//! be had; and the tables of other network namespaces, when a process has sockets that are in none.

use super::Reader;
use super::process::Body;
use crate::error::{Error, Fact, Missing, Result, is_absent};
use crate::parse::sock_diag::{answer, question};
use crate::parse::sockets::{Connection, Kinds, Table};
use polyproc_sys::files;
use polyproc_sys::sock_diag::SockDiag;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// A socket among a process's descriptors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) inode: u64,
    pub(crate) descriptor: i32,
}

type ByInode = HashMap<u64, Connection>;

/// What has been read in this pass.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    /// The inode of this process's own network namespace.
    here: Option<u64>,
    own: Option<ByInode>,
    /// By the inode of the network namespace.
    others: HashMap<u64, ByInode>,
}

impl Reader {
    /// All sockets of this process's network namespace, without their owners.
    pub(crate) fn sockets(&mut self, kinds: Kinds) -> Result<Vec<Connection>> {
        self.tables(kinds).map_err(|error| Error::of("list of sockets", error))
    }

    fn tables(&mut self, kinds: Kinds) -> io::Result<Vec<Connection>> {
        let mut diag = if self.system.is_live() { SockDiag::open().ok() } else { None };
        let mut all = Vec::new();
        for table in Table::ALL.into_iter().filter(|table| kinds.contains(table.kind)) {
            let before = all.len();
            let dumped = diag.as_mut().is_some_and(|diag| {
                let each = |bytes: &[u8]| all.extend(answer(table.kind, bytes));
                diag.dump(&question(table.kind), each).is_ok()
            });
            if !dumped {
                // The kernel was built without a dump for this protocol.
                all.truncate(before);
                all.extend(self.own_table(table)?);
            }
        }
        name_peers(&mut all);
        Ok(all)
    }

    fn own_table(&mut self, table: Table) -> io::Result<Vec<Connection>> {
        let proc = self.proc.try_clone()?;
        self.table(proc.as_fd(), table)
    }

    /// A file of `net/` in `/proc` or in a process's directory.
    fn table(&mut self, at: BorrowedFd<'_>, table: Table) -> io::Result<Vec<Connection>> {
        match self.list(at, table.file, |bytes| table.parse(bytes)) {
            // A protocol that is switched off.
            Err(error) if is_absent(&error) => Ok(Vec::new()),
            other => other,
        }
    }

    fn own_namespace(&mut self) -> Option<u64> {
        if self.sockets.here.is_none() {
            let status = files::status_at(self.proc.as_fd(), c"self/ns/net");
            self.sockets.here = status.ok().map(|status| status.inode);
        }
        self.sockets.here
    }

    /// Reads all sockets, unless that was done in this pass.
    fn know_own_sockets(&mut self) -> io::Result<()> {
        if self.sockets.own.is_none() {
            self.sockets.own = Some(by_inode(self.tables(Kinds::ALL)?));
        }
        Ok(())
    }
}

impl Body<'_> {
    /// What is known of the sockets that were found among the process's descriptors. A socket that
    /// is in no table (not bound, or of another family) is passed over.
    pub(super) fn connections(&mut self, found: &[Found]) -> Fact<Vec<Connection>> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        self.reader.know_own_sockets().map_err(|error| Missing::of(&error))?;
        let is_known = |one: &Found| {
            self.reader.sockets.own.as_ref().is_some_and(|own| own.contains_key(&one.inode))
        };
        let namespace = if found.iter().all(is_known) { None } else { self.know_other_sockets() };
        let Sockets { own, others, .. } = &self.reader.sockets;
        let other = namespace.and_then(|namespace| others.get(&namespace));
        let tables = [own.as_ref(), other];
        let look = |one: &Found| {
            let mut known =
                tables.iter().flatten().find_map(|table| table.get(&one.inode))?.clone();
            (known.pid, known.descriptor) = (Some(self.pid), Some(one.descriptor));
            Some(known)
        };
        Ok(found.iter().filter_map(look).collect())
    }

    /// Reads the sockets of the process's network namespace, if it is another one than ours and was
    /// not read in this pass; which it is.
    fn know_other_sockets(&mut self) -> Option<u64> {
        let namespace = |at| files::status_at(at, c"ns/net").map(|status| status.inode).ok();
        let at = self.directory().try_clone_to_owned().ok()?;
        let theirs = namespace(at.as_fd())?;
        if self.reader.own_namespace() == Some(theirs) {
            return None;
        }
        if !self.reader.sockets.others.contains_key(&theirs) {
            let tables = Table::ALL.map(|table| self.reader.table(at.as_fd(), table));
            let all: Vec<_> = tables.into_iter().flatten().flatten().collect();
            self.reader.sockets.others.insert(theirs, by_inode(all));
        }
        Some(theirs)
    }
}

fn by_inode(all: Vec<Connection>) -> ByInode {
    let owned = all.into_iter().filter(|one| one.inode != 0);
    owned.map(|one| (one.inode, one)).collect()
}

/// A Unix socket that is connected has the name of its other end, if that has one.
fn name_peers(all: &mut [Connection]) {
    let names: HashMap<_, _> = all
        .iter()
        .filter(|one| one.kind() == Kinds::UNIX)
        .map(|one| (one.inode, one.local.clone()))
        .collect();
    for one in all {
        if let Some(name) = one.peer_inode.and_then(|peer| names.get(&peer)) {
            one.remote = name.clone();
        }
    }
}
