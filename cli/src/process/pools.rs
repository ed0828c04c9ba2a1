//! Pools of the families that use polyproc: what they post for others to see.

use crate::table::{Column, Kind, columns};
use crate::units;
use crate::value::Value;
use polyproc_process::{PoolListing, Work};

/// A pool.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pool {
    /// Family, and number in it.
    pub(crate) id: (u64, u64),
    pub(crate) name: String,
    /// Whose it is.
    pub(crate) parent: u32,
    /// How many workers it may have, or has, if that is more.
    pub(crate) workers: u64,
    /// How many of them are there, in a task, and not ready yet; `None`: there are more than can be seen.
    pub(crate) present: Option<u64>,
    pub(crate) busy: u64,
    pub(crate) starting: u64,
    pub(crate) queued: u64,
    /// Tasks with workers, or with results that nobody has asked for yet.
    pub(crate) in_flight: u64,
    pub(crate) done: u64,
    /// Tasks done in a second: over its life, or since the look before.
    pub(crate) rate: f64,
}

impl Pool {
    pub(super) fn of(family: u64, listing: &PoolListing) -> Self {
        let count =
            |work| listing.workers.iter().filter(|worker| worker.work == work).count() as u64;
        let present = listing.workers.len() as u64;
        let counts = listing.counts;
        let seconds = listing.age.as_secs_f64();
        Self {
            id: (family, listing.id),
            name: listing.name.clone(),
            parent: listing.parent_pid,
            workers: counts.workers.max(present),
            present: (counts.workers <= PoolListing::SEATS as u64).then_some(present),
            busy: count(Work::Busy),
            starting: count(Work::Starting),
            queued: counts.queued,
            in_flight: counts.in_flight,
            done: counts.done,
            rate: if seconds > 0.0 { units::float(counts.done) / seconds } else { 0.0 },
        }
    }

    /// `3/4`: how many of its workers are in a task.
    pub(crate) fn shown_busy(&self) -> String {
        let more = if self.present.is_none() { "+" } else { "" };
        format!("{}{more}/{}", self.busy, self.workers)
    }
}

/// For tables of the pools of several processes.
pub(crate) const PARENT: Column<Pool> = Column {
    name: "parent",
    title: "PARENT",
    doc: "the process that it belongs to",
    kind: Kind::Number,
    get: |pool| Value::number(pool.parent),
};

/// In `show`.
pub(crate) const COLUMNS: &[Column<Pool>] = columns! {
    "pool" "POOL" Text "its name"
        |pool| Value::text(pool.name.as_str());
    "workers" "WORKERS" Count "how many it may have"
        |pool| Value::number(pool.workers);
    "workers_present" "THERE" Count "how many of them run; unknown if it may have more than 224"
        |pool| Value::maybe(pool.present, Value::number);
    "workers_busy" "BUSY" Count "how many are in a task"
        |pool| Value::number(pool.busy);
    "workers_starting" "STARTING" Count "how many are not ready yet"
        |pool| Value::number(pool.starting);
    "queued" "QUEUED" Count "tasks that no worker has; a chunk of a map is one"
        |pool| Value::number(pool.queued);
    "in_flight" "GIVEN" Count "tasks that workers have, or have done without anybody asking yet"
        |pool| Value::number(pool.in_flight);
    "done" "DONE" Count "tasks that have their result"
        |pool| Value::number(pool.done);
    "task_rate" "TASKS/S" Frequency "tasks done in a second, over its life or since the look before"
        |pool| Value::Frequency(pool.rate);
};
