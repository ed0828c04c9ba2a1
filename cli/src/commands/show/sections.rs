//! The sections of `show`.

use crate::process::read::{Scale, state_name};
use crate::process::{POOL_COLUMNS, Pool, Role, Row};
use crate::report::{Body, Fact, Section, fact};
use crate::sockets::{self, Socket};
use crate::table::{Column, Table, columns};
use crate::value::Value;
use polyproc_info::{
    Fact as Answer, Facts, Limit, MappedFile, Membership, MemoryMap, Missing, OpenFile, Resource,
    Thread,
};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// All that the sections are made from.
pub(super) struct Known<'a> {
    pub(super) facts: &'a Facts,
    pub(super) scale: Scale,
    /// All processes, with their roles.
    pub(super) rows: &'a [Row],
    /// Its own.
    pub(super) pools: Vec<&'a Pool>,
    pub(super) sockets: Vec<Socket>,
    pub(super) cgroup_limits: Body,
    pub(super) for_programs: bool,
}

impl Known<'_> {
    /// All sections. What was not read is missing in them. Pools are left out where there are none, and
    /// nobody asks for them.
    pub(super) fn sections(&self, only: &[String]) -> Vec<Section> {
        let facts = self.facts;
        let section = |name, title, body| Section { name, title, body };
        let mut sections = vec![
            section("process", "PROCESS", Body::Facts(self.process())),
            section("memory", "MEMORY", self.memory()),
            section("limits", "LIMITS", limits(facts)),
            section("cgroup", "CONTROL GROUPS", table(&facts.cgroups, CGROUPS)),
            section("cgroup_limits", "LIMITS OF THE CONTROL GROUPS", self.cgroup_limits.clone()),
            section("threads", "THREADS", table(&facts.threads, THREADS)),
            section("files", "FILES", table(&facts.open_files, FILES)),
            section("sockets", "SOCKETS", self.sockets()),
            section("children", "CHILDREN", Body::Table(self.children())),
            section("pools", "POOLS", Body::Table(self.pools())),
            section("maps", "MEMORY BY FILE", maps(&facts.memory_maps)),
            section("environment", "ENVIRONMENT", environment(facts)),
        ];
        if self.pools.is_empty() && only.is_empty() && !self.for_programs {
            sections.retain(|section| section.name != "pools");
        }
        sections
    }

    fn row(&self) -> Row {
        let own = self.rows.iter().find(|row| row.pid() == self.facts.pid);
        Row { role: own.and_then(|row| row.role.clone()), ..Row::of(self.facts, &self.scale) }
    }

    fn process(&self) -> Vec<Fact> {
        let row = self.row();
        let mut known = identity(&row, self.parent_name(&row));
        known.extend(place(&row));
        if row.role.is_some() || self.for_programs {
            known.extend(family(&row));
        }
        known.extend(work(&row, self.facts));
        known
    }

    fn parent_name(&self, row: &Row) -> Value {
        let parent = self.rows.iter().find(|other| other.pid() == row.parent);
        Value::maybe(parent, |parent| Value::Text(parent.name.clone()))
    }

    fn memory(&self) -> Body {
        if self.facts.stat.is_kernel_thread() {
            return Body::Unknown("a thread of the kernel has no memory of its own".into());
        }
        if self.facts.stat.is_zombie() {
            return unknown(Missing::Zombie);
        }
        let (memory, detail) = match (&self.facts.memory, &self.facts.memory_detail) {
            (Ok(memory), detail) => (memory, detail),
            (Err(missing), _) => return unknown(*missing),
        };
        let of = |size: u64| Value::Bytes(size);
        let share = crate::units::share(memory.resident, self.scale.memory_total);
        let mut known = vec![
            fact("resident", "in RAM", of(memory.resident)),
            fact("percent", "share of all RAM (%)", Value::Percent(share)),
            fact("shared", "of that shared", of(memory.shared)),
            fact("virtual", "addresses in use", of(memory.virtual_size)),
            fact("program", "program code", of(memory.text)),
            fact("data", "data and stack", of(memory.data)),
        ];
        let detail =
            |get: fn(&polyproc_info::MemoryDetail) -> u64| answer(detail, |known| of(get(known)));
        known.extend([
            fact("unique", "its own alone", detail(|known| known.unique)),
            fact("proportional", "its share of all", detail(|known| known.proportional)),
            fact("swapped", "swapped out", detail(|known| known.swapped)),
        ]);
        Body::Facts(known)
    }

    /// This process's, with the other ends.
    fn sockets(&self) -> Body {
        let Ok(own) = &self.facts.connections else {
            return self
                .facts
                .connections
                .as_ref()
                .map_or_else(|missing| unknown(*missing), |_| Body::Facts(Vec::new()));
        };
        let peer = |inode: u64| {
            let known = self.sockets.iter().find(|socket| socket.connection.inode == inode);
            known.and_then(|socket| socket.peer.clone())
        };
        let sockets = own.iter().map(|connection| Socket {
            owner: None,
            peer: peer(connection.inode),
            connection: connection.clone(),
        });
        let is_of_owner = |one: &&Column<Socket>| ["pid", "process"].contains(&one.name);
        let columns: Vec<_> =
            sockets::columns(self.for_programs).filter(|one| !is_of_owner(one)).collect();
        Body::Table(Table::of(&columns, sockets))
    }

    fn pools(&self) -> Table {
        Table::of_all(POOL_COLUMNS, self.pools.iter().copied())
    }

    fn children(&self) -> Table {
        let names = ["pid", "name", "state", "cpu_time", "memory", "threads"];
        let columns: Vec<_> = names
            .iter()
            .filter_map(|name| crate::process::columns::find(name))
            .map(|one| &one.column)
            .collect();
        Table::of(&columns, self.rows.iter().filter(|row| row.parent == self.facts.pid))
    }
}

/// Who it is.
fn identity(row: &Row, parent_name: Value) -> Vec<Fact> {
    vec![
        fact("pid", "number", Value::number(row.pid())),
        fact("name", "name", Value::Text(row.name.clone())),
        fact(
            "command",
            "command line",
            Value::Words(row.command.clone(), row.shown_command().into()),
        ),
        fact("state", "state", Value::text(row.state)),
        fact("parent", "parent", Value::number(row.parent)),
        fact("parent_name", "parent's name", parent_name),
        fact("user", "user", Value::Text(row.user.clone())),
        fact("started", "started", Value::Moment(row.started)),
        fact("age", "age", Value::Span(row.age)),
    ]
}

/// Where it is.
fn place(row: &Row) -> Vec<Fact> {
    vec![
        fact("executable", "program file", Value::maybe(row.executable.clone(), Value::Text)),
        fact("directory", "directory", Value::maybe(row.directory.clone(), Value::Text)),
        fact("terminal", "terminal", Value::maybe(row.terminal.clone(), Value::Text)),
    ]
}

/// What it is in a family that uses polyproc.
fn family(row: &Row) -> Vec<Fact> {
    let get = |value: fn(&Role) -> Value| row.role.as_ref().map_or(Value::Missing, value);
    vec![
        fact("role", "polyproc role", get(Role::value)),
        fact("family", "polyproc family", get(|role| Value::number(role.family))),
        fact("pool", "worker of the pool", get(Role::pool)),
        fact("task_time", "at its task for", get(Role::task_time)),
        fact("tasks", "tasks done", get(Role::tasks)),
    ]
}

/// What it does.
fn work(row: &Row, facts: &Facts) -> Vec<Fact> {
    let times = facts.cpu_times();
    let affinity = answer(&facts.affinity, |cpus| {
        Value::List(cpus.iter().map(|&cpu| Value::number(cpu)).collect())
    });
    let switches = |get: fn(&polyproc_info::Switches) -> u64| {
        answer(&facts.switches, |switches| Value::number(get(switches)))
    };
    vec![
        fact("cpu", "processor use over its life (%)", Value::maybe(row.cpu, Value::Percent)),
        fact("user_time", "time in the program", Value::Span(times.user)),
        fact("system_time", "time in the kernel for it", Value::Span(times.system)),
        fact(
            "children_user_time",
            "time of children that have ended",
            Value::Span(times.children_user),
        ),
        fact(
            "children_system_time",
            "and in the kernel for them",
            Value::Span(times.children_system),
        ),
        fact("threads", "threads", Value::number(row.threads)),
        fact("open", "descriptors", Value::maybe(row.open_files, Value::number)),
        fact("read", "read from disks", Value::maybe(row.read, Value::Bytes)),
        fact("written", "written to disks", Value::maybe(row.written, Value::Bytes)),
        fact("voluntary_switches", "times it waited", switches(|switches| switches.voluntary)),
        fact(
            "involuntary_switches",
            "times it was interrupted",
            switches(|switches| switches.involuntary),
        ),
        fact("nice", "nice value", Value::number(row.nice)),
        fact(
            "io_priority",
            "disk priority",
            answer(&facts.io_priority, |priority| Value::text(priority.to_string())),
        ),
        fact("affinity", "processors it may use", affinity),
    ]
}

/// The value of what is known.
fn answer<T>(answer: &Answer<T>, make: impl FnOnce(&T) -> Value) -> Value {
    answer.as_ref().map_or(Value::Missing, make)
}

/// Why there is nothing.
fn unknown(missing: Missing) -> Body {
    Body::Unknown(match missing {
        Missing::Denied => "not yours to see: try as root, or as its user".into(),
        other => other.to_string(),
    })
}

fn table<Row>(rows: &Answer<Vec<Row>>, columns: &[Column<Row>]) -> Body {
    match rows {
        Ok(rows) => Body::Table(Table::of_all(columns, rows)),
        Err(missing) => unknown(*missing),
    }
}

const CGROUPS: &[Column<Membership>] = columns! {
    "hierarchy" "HIERARCHY" Number "0 is version 2"
        |row| Value::number(row.hierarchy);
    "controllers" "CONTROLLERS" Text "what it controls; empty for version 2"
        |row| Value::List(row.controllers.iter().map(Value::text).collect());
    "path" "PATH" Text "the group"
        |row| Value::raw(row.path.as_os_str().as_bytes());
};

const THREADS: &[Column<Thread>] = columns! {
    "id" "ID" Number "the kernel's number of it"
        |row| Value::number(row.id);
    "name" "NAME" Text "its name"
        |row| Value::Text(row.name.clone());
    "state" "STATE" Text "what it does"
        |row| Value::text(state_name(row.state));
    "user_time" "USER" Span "time in the program"
        |row| Value::Span(row.user);
    "system_time" "SYSTEM" Span "time in the kernel"
        |row| Value::Span(row.system);
    "processor" "ON" Number "the processor that it last ran on"
        |row| Value::number(row.processor);
    "nice" "NICE" Number "its nice value"
        |row| Value::number(row.nice);
};

const FILES: &[Column<OpenFile>] = columns! {
    "descriptor" "FD" Number "the process's number of it"
        |row| Value::number(row.descriptor);
    "mode" "MODE" Text "as for fopen: r, w, a, r+, a+"
        |row| Value::text(row.mode().to_string());
    "position" "POSITION" Bytes "where it is read or written next"
        |row| Value::Bytes(row.position);
    "deleted" "DELETED" Text "whether its name is gone"
        |row| Value::Flag(row.deleted);
    "path" "PATH" Text "where it is"
        |row| Value::raw(row.path.as_os_str().as_bytes());
};

const LIMITS: &[Column<(Resource, Limit)>] = columns! {
    "resource" "RESOURCE" Text "what is limited"
        |row| Value::text(row.0.to_string());
    "soft" "SOFT" Count "what holds now"
        |row| limit(row.0, row.1.soft);
    "hard" "HARD" Count "how far the process may raise it"
        |row| limit(row.0, row.1.hard);
};

/// In the unit of the resource.
fn limit(resource: Resource, most: Option<u64>) -> Value {
    use Resource::{
        AddressSpace, Core, Cpu, Data, FileSize, LockedMemory, MessageQueue, RealtimeTimeout,
        Resident, Stack,
    };
    let Some(most) = most else { return Value::Unlimited };
    match resource {
        AddressSpace | Core | Data | FileSize | LockedMemory | MessageQueue | Resident | Stack => {
            Value::Bytes(most)
        }
        Cpu => Value::Span(Duration::from_secs(most)),
        RealtimeTimeout => Value::Span(Duration::from_micros(most)),
        _ => Value::number(most),
    }
}

/// Without the resources that are not limited at all.
fn limits(facts: &Facts) -> Body {
    match &facts.limits {
        Ok(limits) => {
            let limited = |row: &(Resource, Limit)| row.1.soft.or(row.1.hard).is_some();
            Body::Table(Table::of_all(LIMITS, limits.iter().filter(limited)))
        }
        Err(missing) => unknown(*missing),
    }
}

const MAPS: &[Column<MappedFile>] = columns! {
    "proportional" "SHARE" Bytes "in RAM, shared pages divided by those who share them"
        |row| Value::Bytes(row.proportional);
    "resident" "IN RAM" Bytes "in RAM"
        |row| Value::Bytes(row.resident);
    "private" "PRIVATE" Bytes "in RAM, and in no other process"
        |row| Value::Bytes(row.private_clean.saturating_add(row.private_dirty));
    "swapped" "SWAPPED" Bytes "swapped out"
        |row| Value::Bytes(row.swapped);
    "size" "SIZE" Bytes "addresses"
        |row| Value::Bytes(row.size);
    "mappings" "MAPS" Count "how many mappings"
        |row| Value::number(row.mappings);
    "path" "PATH" Text "the file; [heap], [stack], [anonymous]"
        |row| Value::Text(if row.path.is_empty() { "[anonymous]".into() } else { row.path.clone() });
};

/// A line for each file, what takes most first.
fn maps(maps: &Answer<Vec<MemoryMap>>) -> Body {
    let maps = match maps {
        Ok(maps) => maps,
        Err(missing) => return unknown(*missing),
    };
    let mut files = MappedFile::of(maps);
    files.sort_by_key(|file| std::cmp::Reverse(file.proportional));
    Body::Table(Table::of_all(MAPS, files))
}

const VARIABLES: &[Column<(OsString, OsString)>] = columns! {
    "name" "NAME" Text "what it is called"
        |row| Value::Text(row.0.clone());
    "value" "VALUE" Text "what it was at the start of the program"
        |row| Value::Text(row.1.clone());
};

fn environment(facts: &Facts) -> Body {
    match &facts.environment {
        Ok(environment) => {
            let mut variables: Vec<(OsString, OsString)> =
                environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
            variables.sort();
            Body::Table(Table::of_all(VARIABLES, variables))
        }
        Err(missing) => unknown(*missing),
    }
}
