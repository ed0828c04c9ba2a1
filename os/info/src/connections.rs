//! Who has which socket.

use crate::attributes::Attributes;
use crate::error::Result;
use crate::parse::sockets::{Connection, Kinds};
use crate::reader::Reader;
use crate::snapshot::Snapshot;
use crate::system::System;
use std::collections::HashSet;

/// Every socket that a process of ours has, then those without an owner that we know.
pub(crate) fn of_all(system: &System, kinds: Kinds) -> Result<Vec<Connection>> {
    let mut reader = Reader::new(system)?;
    // Processes first: a socket that is opened in between has an owner then, and is listed.
    let snapshot = Snapshot::take(&mut reader, Attributes::CONNECTIONS)?;
    let owned = snapshot.processes.into_iter().filter_map(|facts| facts.connections.ok()).flatten();
    let mut all: Vec<_> = owned.filter(|one| kinds.contains(one.kind())).collect();
    let known: HashSet<u64> = all.iter().map(|one| one.inode).collect();
    let rest = reader.sockets(kinds)?;
    all.extend(rest.into_iter().filter(|one| one.inode == 0 || !known.contains(&one.inode)));
    Ok(all)
}
