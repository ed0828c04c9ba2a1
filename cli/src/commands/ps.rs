//! `polyproc ps`.

use super::complain;
use crate::arguments::{Common, Ps};
use crate::exit::Exit;
use crate::host::Host;
use crate::output;
use crate::paint::Tone;
use crate::process::columns::{self, Need, ProcessColumn};
use crate::process::look::{Seen, look, look_twice};
use crate::process::{Filter, Order, Row, tree};
use crate::report::Report;
use crate::table::Table;
use crate::value::Value;
use std::collections::HashSet;

/// Lists processes.
pub(crate) fn run(options: &Ps, common: &Common) -> Result<(), Exit> {
    let output = options.format.output(common);
    if options.columns == ["help"] {
        return output.print(&Report::Table(columns::help()));
    }
    let plan = Plan::new(options).map_err(|message| output::usage(&message))?;
    let seen = plan.look(&common.host(), options).map_err(|error| complain(&error))?;
    let Seen { rows, hidden, .. } = seen;
    output.print(&Report::Table(plan.table(&rows)))?;
    if hidden > 0 {
        output::say(&format!("{hidden} processes are hidden from you (hidepid): try as root"));
    }
    if rows.is_empty() { Err(Exit::NothingFound) } else { Ok(()) }
}

/// What people see of a family, and of a pool, where they name no columns: on a terminal of 80 the role
/// has room among these, and it says more than the state does.
const FAMILY: [&str; 6] = ["pid", "cpu", "cpu_time", "memory", "role", "command"];
const POOL: [&str; 7] = ["pid", "cpu", "memory", "role", "task_time", "tasks", "name"];

/// With what whoever asks for families or a pool wants to see, where columns are added to the usual ones.
fn with_roles(options: &Ps, names: Vec<String>, for_programs: bool) -> Vec<String> {
    let (has_pool, has_roles) = (!options.selection.pool.is_empty(), options.selection.families);
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let added = match (names.as_slice(), for_programs) {
        _ if !has_pool && !has_roles => return names,
        ([], false) if has_pool => return owned(&POOL),
        ([], false) => return owned(&FAMILY),
        (_, true) => owned(&["+role", "+pool"]),
        (_, false) => owned(&["+role"]),
    };
    let is_new = |name: &String| !names.contains(name);
    added.into_iter().filter(is_new).chain(names.iter().cloned()).collect()
}

/// What the options mean.
struct Plan {
    columns: Vec<&'static ProcessColumn>,
    filter: Filter,
    order: Order,
    tree: bool,
    limit: usize,
}

impl Plan {
    fn new(options: &Ps) -> Result<Self, String> {
        let usual = if options.tree { "pid" } else { "cpu" };
        let for_programs = options.format.json || options.format.csv;
        let order = options.sort.as_deref().unwrap_or(usual);
        let mut names = options.columns.clone();
        let adds = names.first().is_none_or(|name| name.starts_with('+'));
        if adds {
            names = with_roles(options, names, for_programs);
        }
        Ok(Self {
            columns: columns::chosen(&names, for_programs)?,
            filter: Filter::from(&options.selection).with_ports(&options.port),
            order: Order::by(order, options.reverse)?,
            tree: options.tree,
            limit: options.limit.unwrap_or(usize::MAX),
        })
    }

    /// What has to be read.
    fn needs(&self) -> Vec<Need> {
        let columns = self.columns.iter().map(|one| one.need);
        columns.chain([self.order.column.need]).chain(self.filter.needs()).collect()
    }

    fn look(&self, host: &Host, options: &Ps) -> Result<Seen, polyproc_info::Error> {
        let mut seen = match options.interval {
            Some(interval) => look_twice(host, &self.needs(), interval)?,
            None => look(host, &self.needs())?,
        };
        seen.rows.retain(|row| self.filter.passes(row));
        self.order.sort(&mut seen.rows);
        if !self.tree {
            seen.rows.truncate(self.limit);
        }
        Ok(seen)
    }

    fn table(&self, rows: &[Row]) -> Table {
        let columns: Vec<_> = self.columns.iter().map(|one| &one.column).collect();
        if !self.tree {
            return toned(Table::of(&columns, rows));
        }
        let pairs: Vec<_> = rows.iter().map(|row| (row.pid(), row.parent)).collect();
        let mut branches = tree::arrange(&pairs, &HashSet::new());
        branches.truncate(self.limit);
        let mut table = Table::of(&columns, branches.iter().map(|branch| &rows[branch.index]));
        // Where the names are.
        let at = ["command", "name"].into_iter().find(|&name| table.has(name)).unwrap_or("pid");
        table.lead(at, branches.into_iter().map(|branch| branch.lead).collect());
        toned(table)
    }
}

/// With what deserves a look standing out.
fn toned(mut table: Table) -> Table {
    table.tone("state", |state| match state.shown().as_str() {
        "running" => Tone::Good,
        "disk-sleep" | "stopped" | "tracing-stop" => Tone::Warn,
        "zombie" | "dead" => Tone::Bad,
        _ => Tone::Plain,
    });
    for name in ["cpu", "memory_percent"] {
        table.tone(name, share);
    }
    table.tone("role", |_| Tone::Accent);
    table
}

fn share(value: &Value) -> Tone {
    match value.amount() {
        0.0..0.05 => Tone::Faint,
        80.0.. => Tone::Bad,
        20.0.. => Tone::Warn,
        _ => Tone::Plain,
    }
}
