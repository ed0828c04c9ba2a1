//! `polyproc show`: everything about a process, in sections. [`targets`] finds who is meant, [`sections`]
//! makes them from what is known.

mod sections;
mod targets;

use super::{complain, limits};
use crate::arguments::{Common, Show};
use crate::exit::{self, Exit};
use crate::host::Host;
use crate::process::columns::Need;
use crate::process::look::look;
use crate::process::read::Scale;
use crate::report::Report;
use crate::sockets;
use polyproc_info::{Attributes, Error, Kinds};
use sections::Known;

/// Shows everything about processes.
pub(crate) fn run(options: &Show, common: &Common) -> Result<(), Exit> {
    let output = options.format.output(common);
    let host = common.host();
    let meant = targets::pids(&host.system, &options.processes);
    let (pids, mut end) = meant.map_err(|error| complain(&error))?;
    let mut reports = Vec::new();
    let several = options.processes.len() > 1;
    let mut only = options.only.clone();
    if several && !only.is_empty() {
        // Whose the other sections are.
        only.push("process".into());
    }
    for pid in pids {
        match report(&host, pid, &only, output.is_for_programs()) {
            Ok(report) => reports.push(report),
            Err(error) => end = exit::worse(end, complain(&error)),
        }
    }
    if !reports.is_empty() {
        output.print(&if several { Report::Several(reports) } else { reports.remove(0) })?;
    }
    end
}

/// The report about one process; with `only`, these sections alone.
fn report(host: &Host, pid: u32, only: &[String], for_programs: bool) -> Result<Report, Error> {
    let wanted = |name: &str| only.is_empty() || only.iter().any(|one| one == name);
    let process = host.system.process(pid)?;
    let facts = process.facts(attributes(wanted))?;
    let seen = look(host, &[Need::Role])?;
    let sockets =
        if wanted("sockets") { sockets::all(&host.system, Kinds::ALL) } else { Ok(Vec::new()) };
    let known = Known {
        facts: &facts,
        scale: Scale::of(host)?,
        rows: &seen.rows,
        pools: seen.pools.iter().filter(|pool| pool.parent == pid).collect(),
        sockets: sockets.unwrap_or_default(),
        cgroup_limits: limits::body(process.limits_of_cgroups()),
        for_programs,
    };
    Ok(Report::chosen(known.sections(only), only))
}

/// What the sections need: some of it costs the kernel a walk over the process's page tables.
fn attributes(wanted: impl Fn(&str) -> bool) -> Attributes {
    let optional = [
        ("threads", Attributes::THREADS),
        ("files", Attributes::OPEN_FILES),
        ("sockets", Attributes::CONNECTIONS),
        ("limits", Attributes::LIMITS),
        ("maps", Attributes::MEMORY_MAPS),
        ("environment", Attributes::ENVIRONMENT),
        ("memory", Attributes::MEMORY_DETAIL),
    ];
    let unwanted = optional.iter().filter(|(name, _)| !wanted(name));
    unwanted.fold(Attributes::ALL, |all, (_, attribute)| all - *attribute)
}
