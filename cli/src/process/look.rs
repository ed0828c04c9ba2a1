//! A look at all processes: reads no more than the columns and the filter need.

use super::columns::Need;
use super::families::Families;
use super::read::Scale;
use super::{Identity, Pool, Row};
use crate::host::Host;
use polyproc_info::{Attributes, Error};
use polyproc_sys::clock::Deadline;
use polyproc_sys::poll;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What a look has seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) rows: Vec<Row>,
    /// If roles were asked for: all pools.
    pub(crate) pools: Vec<Pool>,
    /// How many processes there are besides, of which nothing may be seen.
    pub(crate) hidden: usize,
}

/// Looks at all processes.
///
/// # Errors
/// When `/proc` cannot be read.
pub(crate) fn look(host: &Host, needs: &[Need]) -> Result<Seen, Error> {
    let scale = Scale::of(host)?;
    let snapshot = host.system.snapshot(attributes(needs))?;
    let mut rows: Vec<_> = snapshot.processes.iter().map(|facts| Row::of(facts, &scale)).collect();
    let has_roles = needs.contains(&Need::Role) && host.is_live();
    let pools = if has_roles { Families::default().assign(&mut rows) } else { Vec::new() };
    Ok(Seen { rows, pools, hidden: snapshot.hidden.len() })
}

/// [`look`] twice, with shares and rates over the time in between.
///
/// # Errors
/// As [`look`].
pub(crate) fn look_twice(host: &Host, needs: &[Need], interval: Duration) -> Result<Seen, Error> {
    let started = Instant::now();
    let earlier = look(host, &[Need::Basics, Need::Traffic])?;
    let earlier: HashMap<Identity, Row> =
        earlier.rows.into_iter().map(|row| (row.identity, row)).collect();
    pause(interval);
    let mut seen = look(host, &[needs, &[Need::Traffic]].concat())?;
    let between = started.elapsed();
    for row in &mut seen.rows {
        match earlier.get(&row.identity) {
            Some(earlier) => row.compare(earlier, between),
            // It is as old as that at most.
            None => row.compare(&Row::default(), between),
        }
    }
    Ok(seen)
}

/// Lets time pass.
pub(crate) fn pause(interval: Duration) {
    // Waiting for no descriptor at all ends at the deadline, and fails for no reason we know of.
    drop(poll::readable([], Deadline::after(interval)));
}

/// What has to be read.
pub(crate) fn attributes(needs: &[Need]) -> Attributes {
    let basics =
        Attributes::NAME | Attributes::IDENTITIES | Attributes::USERNAME | Attributes::TERMINAL;
    needs.iter().fold(basics, |all, need| {
        all | match need {
            Need::Basics | Need::Role => Attributes::NONE,
            Need::Command => Attributes::ARGUMENTS,
            Need::Executable => Attributes::EXE,
            Need::Directory => Attributes::CWD,
            Need::Cgroup => Attributes::CGROUPS,
            Need::Memory => Attributes::MEMORY,
            Need::Traffic => Attributes::IO,
            Need::OpenFiles => Attributes::DESCRIPTORS,
            Need::Ports => Attributes::CONNECTIONS,
        }
    })
}
