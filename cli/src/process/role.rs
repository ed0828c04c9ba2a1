//! What a process is in a family that uses polyproc.

use crate::text;
use crate::value::Value;
use std::time::Duration;

/// The place of a process in its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The program that started the family.
    Program,
    /// Makes the others, by copying itself.
    ForkServer,
    /// Runs a function.
    Child,
}

/// What a worker is doing for its pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// The pool's name.
    pub(crate) pool: String,
    /// `busy`, `idle` or `starting`.
    pub(crate) work: &'static str,
    /// How long it has been in its task.
    pub(crate) task_time: Option<Duration>,
    /// How many tasks it has done.
    pub(crate) done: u64,
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    /// The same number for all members of a family: the inode of their shared table.
    pub(crate) family: u64,
    pub(crate) place: Place,
    /// As the program named it.
    pub(crate) name: String,
    /// It has not reached its function, or has left it.
    pub(crate) remark: Option<&'static str>,
    /// If it is a worker of a pool.
    pub(crate) job: Option<Job>,
}

impl Role {
    /// For people and programs alike.
    pub(crate) fn value(&self) -> Value {
        let what = match (self.place, &self.job) {
            (Place::Program, _) => "program".to_owned(),
            (Place::ForkServer, _) => "fork server".to_owned(),
            (Place::Child, None) => text::shown(self.name.as_bytes()),
            (Place::Child, Some(job)) => {
                format!("{} worker of {}", job.work, text::shown(job.pool.as_bytes()))
            }
        };
        Value::text(match self.remark {
            Some(remark) => format!("{what} ({remark})"),
            None => what,
        })
    }

    pub(crate) fn pool(&self) -> Value {
        Value::maybe(self.job.as_ref(), |job| Value::text(job.pool.as_str()))
    }

    pub(crate) fn task_time(&self) -> Value {
        Value::maybe(self.job.as_ref().and_then(|job| job.task_time), Value::Span)
    }

    pub(crate) fn tasks(&self) -> Value {
        Value::maybe(self.job.as_ref(), |job| Value::number(job.done))
    }
}
