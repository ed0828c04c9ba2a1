//! A process as `ps` and `top` list it.
//!
//! | | |
//! |---|---|
//! | [`Row`] | what is known of one process |
//! | [`columns`] | every column that can be shown, as data |
//! | [`Filter`], [`Order`], [`tree`] | which processes, in which order, below whom |
//! | [`look`], [`read`] | a look at all of them, through `polyproc-info` |
//! | [`Role`], [`Families`], [`Pool`] | what it is in a family that uses polyproc; the pools there |

pub(crate) mod columns;
mod families;
mod filter;
pub(crate) mod look;
mod order;
mod pools;
pub(crate) mod read;
mod role;
pub(crate) mod tree;

pub(crate) use families::Families;
pub(crate) use filter::Filter;
pub(crate) use order::Order;
pub(crate) use pools::{COLUMNS as POOL_COLUMNS, PARENT as POOL_PARENT, Pool};
pub(crate) use role::{Job, Place, Role};

use crate::text;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// What tells a process from a later one with the same pid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    pub(crate) start_ticks: u64,
}

/// What is known of one process. What was not asked for, or is not ours to see, is `None` or empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) identity: Identity,
    pub(crate) parent: u32,
    pub(crate) name: OsString,
    /// Its arguments; none for the kernel's threads and for zombies.
    pub(crate) command: Vec<OsString>,
    pub(crate) executable: Option<OsString>,
    pub(crate) directory: Option<OsString>,
    pub(crate) user: OsString,
    pub(crate) user_id: u32,
    /// One of [`crate::arguments::parse::STATES`].
    pub(crate) state: &'static str,
    pub(crate) terminal: Option<OsString>,
    pub(crate) cgroup: Option<OsString>,
    /// Since 1970, in seconds.
    pub(crate) started: f64,
    pub(crate) age: Duration,
    /// Share of one processor.
    pub(crate) cpu: Option<f64>,
    pub(crate) cpu_time: Duration,
    /// Resident.
    pub(crate) memory: Option<u64>,
    pub(crate) memory_percent: Option<f64>,
    pub(crate) virtual_memory: Option<u64>,
    pub(crate) shared_memory: Option<u64>,
    pub(crate) read: Option<u64>,
    pub(crate) written: Option<u64>,
    pub(crate) read_rate: Option<f64>,
    pub(crate) write_rate: Option<f64>,
    pub(crate) threads: u32,
    pub(crate) nice: i32,
    pub(crate) open_files: Option<u32>,
    /// Of its sockets, those that are bound.
    pub(crate) ports: Vec<u16>,
    pub(crate) is_kernel: bool,
    pub(crate) role: Option<Role>,
}

impl Row {
    pub(crate) fn pid(&self) -> u32 {
        self.identity.pid
    }

    /// How people know it: by its arguments, or by its name in brackets where there are none.
    pub(crate) fn shown_command(&self) -> String {
        if self.command.is_empty() {
            return format!("[{}]", text::shown_os(&self.name));
        }
        text::shown_words(&self.command)
    }

    /// The same without the directories of the program, which leave little room for the rest.
    pub(crate) fn short_command(&self) -> String {
        let Some((program, rest)) = self.command.split_first() else {
            return self.shown_command();
        };
        let name = Path::new(program).file_name().filter(|_| program.as_bytes().starts_with(b"/"));
        let words = [name.unwrap_or(program)].into_iter().chain(rest.iter().map(AsRef::as_ref));
        text::shown_words(&words.collect::<Vec<_>>())
    }
}
