//! Every column of `ps` and `top`, as data.

use super::{Role, Row};
use crate::table::{Column, Kind, Table};
use crate::value::Value;

/// What has to be read for a column, beyond what is read of every process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// Nothing.
    Basics,
    Command,
    Executable,
    Directory,
    Cgroup,
    Memory,
    Traffic,
    OpenFiles,
    Ports,
    Role,
}

/// A column of processes.
#[derive(Debug)]
pub(crate) struct ProcessColumn {
    pub(crate) column: Column<Row>,
    pub(crate) need: Need,
    /// Whether `ps` shows it unless told otherwise.
    usual: bool,
}

macro_rules! columns {
    ($($name:literal $title:literal $kind:ident $need:ident $usual:ident $doc:literal $get:expr;)*) => {
        &[$(ProcessColumn {
            column: Column { name: $name, title: $title, doc: $doc, kind: Kind::$kind, get: $get },
            need: Need::$need,
            usual: columns!(@$usual),
        }),*]
    };
    (@usual) => { true };
    (@other) => { false };
}

/// All of them, in the order in which `--columns help` lists them.
pub(crate) const ALL: &[ProcessColumn] = columns! {
    "pid" "PID" Number Basics usual "its number"
        |row| Value::number(row.pid());
    "parent" "PARENT" Number Basics other "the process that started it, or took it over"
        |row| Value::number(row.parent);
    "user" "USER" Text Basics usual "whose it is (real user)"
        |row| Value::Text(row.user.clone());
    "uid" "UID" Number Basics other "the same as a number"
        |row| Value::number(row.user_id);
    "state" "STATE" Text Basics usual "what it does: running, sleeping, waiting for a disk, stopped, ..."
        |row| Value::text(row.state);
    "cpu" "CPU%" Percent Basics usual "share of one processor"
        |row| Value::maybe(row.cpu, Value::Percent);
    "cpu_time" "TIME" Span Basics usual "processor time used so far"
        |row| Value::Span(row.cpu_time);
    "memory" "MEMORY" Bytes Basics usual "memory that it has in RAM (resident), shared pages included"
        |row| Value::maybe(row.memory, Value::Bytes);
    "memory_percent" "MEM%" Percent Basics other "the same as a share of all RAM"
        |row| Value::maybe(row.memory_percent, Value::Percent);
    "shared" "SHARED" Bytes Memory other "of that, what files and other processes have a part in"
        |row| Value::maybe(row.shared_memory, Value::Bytes);
    "virtual" "VIRTUAL" Bytes Basics other "addresses in use, whether there is memory behind them or not"
        |row| Value::maybe(row.virtual_memory, Value::Bytes);
    "read" "READ" Bytes Traffic other "bytes read from disks so far"
        |row| Value::maybe(row.read, Value::Bytes);
    "written" "WRITTEN" Bytes Traffic other "bytes written to disks so far"
        |row| Value::maybe(row.written, Value::Bytes);
    "read_rate" "READ/S" Rate Traffic other "bytes read from disks in a second"
        |row| Value::maybe(row.read_rate, Value::Rate);
    "write_rate" "WRITE/S" Rate Traffic other "bytes written to disks in a second"
        |row| Value::maybe(row.write_rate, Value::Rate);
    "io_rate" "IO/S" Rate Traffic other "bytes read from and written to disks in a second"
        |row| Value::maybe(row.read_rate.zip(row.write_rate), |(read, write)| Value::Rate(read + write));
    "threads" "THREADS" Count Basics other "how many threads it has"
        |row| Value::number(row.threads);
    "nice" "NICE" Number Basics other "from -20 (goes first) to 19 (lets others go first)"
        |row| Value::number(row.nice);
    "started" "STARTED" Moment Basics other "when it was started"
        |row| Value::Moment(row.started);
    "age" "AGE" Span Basics usual "how long ago that was"
        |row| Value::Span(row.age);
    "terminal" "TERMINAL" Text Basics other "the terminal that it belongs to"
        |row| Value::maybe(row.terminal.clone(), Value::Text);
    "open" "OPEN" Count OpenFiles other "how many descriptors are open: files, sockets, pipes"
        |row| Value::maybe(row.open_files, Value::number);
    "ports" "PORTS" Numbers Ports other "the ports that its sockets are bound to"
        |row| Value::List(row.ports.iter().map(|&port| Value::number(port)).collect());
    "role" "ROLE" Text Role other "its role in a family that uses polyproc"
        |row| Value::maybe(row.role.as_ref(), Role::value);
    "pool" "POOL" Text Role other "the pool that it works for"
        |row| row.role.as_ref().map_or(Value::Missing, Role::pool);
    "task_time" "TASK" Span Role other "how long it has been at its task for that pool"
        |row| row.role.as_ref().map_or(Value::Missing, Role::task_time);
    "tasks" "TASKS" Count Role other "how many tasks it has done for it; a chunk of a map is one"
        |row| row.role.as_ref().map_or(Value::Missing, Role::tasks);
    "family" "FAMILY" Number Role other "a number that the members of such a family share"
        |row| Value::maybe(row.role.as_ref(), |role| Value::number(role.family));
    "cgroup" "CGROUP" Text Cgroup other "the control group that it is in"
        |row| Value::maybe(row.cgroup.clone(), Value::Text);
    "executable" "EXECUTABLE" Text Executable other "the file that it runs"
        |row| Value::maybe(row.executable.clone(), Value::Text);
    "directory" "DIRECTORY" Text Directory other "its current directory"
        |row| Value::maybe(row.directory.clone(), Value::Text);
    "name" "NAME" Text Basics other "its short name"
        |row| Value::Text(row.name.clone());
    "command" "COMMAND" Words Command usual "its command line, or its name in brackets when it has none"
        |row| Value::Words(row.command.clone(), row.shown_command().into());
};

/// The column called `name`. A hyphen counts as an underscore, and usual other names are known, too.
pub(crate) fn find(name: &str) -> Option<&'static ProcessColumn> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let name = match name.as_str() {
        "ppid" => "parent",
        "mem" | "rss" => "memory",
        "time" => "cpu_time",
        "vsz" | "vms" => "virtual",
        "tty" => "terminal",
        "fds" => "open",
        "exe" => "executable",
        "cwd" => "directory",
        "cmd" | "cmdline" => "command",
        "comm" => "name",
        "status" => "state",
        "cpu%" | "cpu_percent" => "cpu",
        "mem%" => "memory_percent",
        other => other,
    };
    ALL.iter().find(|one| one.column.name == name)
}

/// [`find`], with an error that helps.
///
/// # Errors
/// When there is no such column: which there are.
pub(crate) fn named(name: &str) -> Result<&'static ProcessColumn, String> {
    find(name).ok_or_else(|| {
        let names: Vec<_> = ALL.iter().map(|one| one.column.name).collect();
        format!("there is no column `{name}`; there are: {}", names.join(", "))
    })
}

/// What `--columns` means: these columns; with a `+` before the first they are added to the usual
/// ones, before the command. For programs, all are usual that cost nothing.
///
/// # Errors
/// As [`named`].
pub(crate) fn chosen(
    names: &[String],
    for_programs: bool,
) -> Result<Vec<&'static ProcessColumn>, String> {
    let is_cheap = |one: &ProcessColumn| matches!(one.need, Need::Basics | Need::Command);
    let is_rate = |one: &ProcessColumn| one.column.kind == Kind::Rate;
    let is_usual =
        |one: &&ProcessColumn| one.usual || (for_programs && is_cheap(one) && !is_rate(one));
    let usual = || ALL.iter().filter(is_usual).collect::<Vec<_>>();
    let adds = names.first().is_none_or(|name| name.starts_with('+'));
    let mut chosen = if adds { usual() } else { Vec::new() };
    for name in names {
        let column = named(name.trim_start_matches('+'))?;
        let command = chosen.iter().position(|one| adds && one.column.name == "command");
        chosen.insert(command.unwrap_or(chosen.len()), column);
    }
    Ok(chosen)
}

/// What `--columns help` prints.
pub(crate) fn help() -> Table {
    const HEADS: &[Column<ProcessColumn>] = &[
        Column {
            name: "column",
            title: "COLUMN",
            doc: "what it is called",
            kind: Kind::Text,
            get: |one| Value::text(one.column.name),
        },
        Column {
            name: "unit",
            title: "UNIT IN JSON AND CSV",
            doc: "its unit",
            kind: Kind::Text,
            get: |one| Value::text(one.column.kind.unit()),
        },
        Column {
            name: "meaning",
            title: "MEANING",
            doc: "what it means",
            kind: Kind::Text,
            get: |one| Value::text(one.column.doc),
        },
    ];
    Table::of_all(HEADS, ALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(chosen: &[&ProcessColumn]) -> Vec<&'static str> {
        chosen.iter().map(|one| one.column.name).collect()
    }

    fn choose(names: &[&str]) -> Result<Vec<&'static ProcessColumn>, String> {
        chosen(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>(), false)
    }

    #[test]
    fn every_column_has_a_name_of_its_own_and_shows_an_empty_row() {
        for one in ALL {
            assert_eq!(find(one.column.name).unwrap().column.title, one.column.title);
            let value = (one.column.get)(&Row::default());
            assert!(!one.column.doc.is_empty() && !value.shown().contains("NaN"));
        }
    }

    #[test]
    fn columns_are_chosen_or_added() {
        assert_eq!(names(&choose(&["name", "PID", "rss"]).unwrap()), ["name", "pid", "memory"]);
        let usual = names(&choose(&[]).unwrap());
        let more = names(&choose(&["+started"]).unwrap());
        assert_eq!(more.len(), usual.len() + 1);
        assert_eq!(more[more.len() - 2..], ["started", "command"]);
        let several = names(&choose(&["+started", "open"]).unwrap());
        assert_eq!(several[several.len() - 3..], ["started", "open", "command"]);
        assert!(choose(&["nam"]).unwrap_err().contains("there are: pid,"));
    }
}
