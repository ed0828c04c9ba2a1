//! Which processes use polyproc, as what, and what their pools do. Found from outside: a family's table of members is a
//! file in memory that all of them hold open.

use super::{Identity, Job, Place, Pool, Role, Row};
use polyproc_process::{Listing, ObservedFamily, Phase, PoolListing, Work, WorkerListing};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The families that are known, from one look to the next.
#[derive(Debug, Default)]
pub(crate) struct Families {
    known: Vec<ObservedFamily>,
    /// Everybody who was there at the look before.
    seen: HashSet<Identity>,
}

impl Families {
    /// Gives their roles to those of `rows` that have one; returns the pools that they have. What cannot
    /// be looked into has none.
    pub(crate) fn assign(&mut self, rows: &mut [Row]) -> Vec<Pool> {
        for parent in self.candidates(rows) {
            self.ask(parent);
        }
        let (mut roles, mut pools) = (HashMap::new(), Vec::new());
        self.known.retain(|family| {
            let members = family.members().unwrap_or_default();
            let listed = family.pools().unwrap_or_default();
            let jobs: HashMap<u32, Job> = listed.iter().flat_map(jobs).collect();
            roles.extend(members.iter().map(|member| {
                let job = jobs.get(&member.pid).cloned();
                (member.pid, Role { job, ..role(family, member) })
            }));
            pools.extend(listed.iter().map(|listing| Pool::of(family.id(), listing)));
            // Without a member it would only keep memory from the kernel.
            !members.is_empty()
        });
        for row in rows {
            row.role = roles.get(&row.pid()).cloned();
        }
        pools.sort_by_key(|pool| (pool.parent, pool.id));
        pools
    }

    /// Who may hold a table that is not known yet: whoever has got a child since the look before. A
    /// program sets up its family just before it starts the first child of it, so nobody else has
    /// to be asked; to ask everybody about all descriptors would cost more than the rest of a look.
    fn candidates(&mut self, rows: &[Row]) -> HashSet<u32> {
        let seen = rows.iter().map(|row| row.identity).collect();
        let before = std::mem::replace(&mut self.seen, seen);
        let is_new = |row: &&Row| !before.contains(&row.identity) && !row.is_kernel;
        rows.iter().filter(is_new).map(|row| row.parent).collect()
    }

    fn ask(&mut self, pid: u32) {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let Ok(Some(family)) = ObservedFamily::find(&process.join("fd")) else { return };
        let is_new = self.known.iter().all(|known| known.id() != family.id());
        if is_new && has_our_numbers(&process) {
            self.known.push(family);
        }
    }
}

/// Whether pids mean the same to that process as to us.
fn has_our_numbers(process: &Path) -> bool {
    let namespace = |process: &Path| fs::read_link(process.join("ns/pid")).ok();
    namespace(process) == namespace(Path::new("/proc/self"))
}

fn role(family: &ObservedFamily, member: &Listing) -> Role {
    let place = match member {
        Listing { fork_server: true, .. } => Place::ForkServer,
        Listing { parent_pid: 0, .. } => Place::Program,
        _ => Place::Child,
    };
    let remark = match member.phase {
        Phase::Starting => Some("starting"),
        Phase::Running => None,
        Phase::Ended => Some("ending"),
    };
    Role { family: family.id(), place, name: member.name.clone(), remark, job: None }
}

/// Who does what for a pool.
fn jobs(pool: &PoolListing) -> impl Iterator<Item = (u32, Job)> {
    pool.workers.iter().map(|worker| (worker.pid, job(&pool.name, worker)))
}

fn job(pool: &str, worker: &WorkerListing) -> Job {
    let work = match worker.work {
        Work::Starting => "starting",
        Work::Idle => "idle",
        Work::Busy => "busy",
    };
    let task_time = (worker.work == Work::Busy).then_some(worker.time);
    Job { pool: pool.to_owned(), work, task_time, done: worker.done }
}
