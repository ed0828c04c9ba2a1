//! A look at the machine for programs: the machine, the pools and the processes that are listed.

use super::model::Top;
use super::sample::Machine;
use crate::process::{POOL_COLUMNS, POOL_PARENT, Row, columns};
use crate::report::{Body, Fact, Report, Section, fact};
use crate::table::{Column, Table};
use crate::value::Value;

/// What `ps` gives programs, and these, which are read at every look.
const ADDED: [&str; 7] =
    ["+read_rate", "write_rate", "role", "family", "pool", "task_time", "tasks"];

/// One JSON value, in a line.
pub(crate) fn line(top: &Top) -> String {
    let section = |name, body| Section { name, title: "", body };
    let pools: Vec<_> = [&POOL_PARENT].into_iter().chain(POOL_COLUMNS).collect();
    let report = Report::Sections(vec![
        section("machine", Body::Facts(machine(&top.machine))),
        section("pools", Body::Table(Table::of(&pools, &top.pools))),
        section("processes", Body::Table(processes(top))),
    ]);
    format!("{}\n", report.json())
}

fn machine(machine: &Machine) -> Vec<Fact> {
    let percent = |share: &f64| Value::Percent(*share);
    let [one, five, fifteen] = machine.load.map(Value::Ratio);
    let bytes = Value::Bytes;
    vec![
        fact("busy", "", Value::Percent(machine.cpu())),
        fact("processors_busy", "", Value::List(machine.cpus.iter().map(percent).collect())),
        fact("memory_used", "", bytes(machine.memory_used)),
        fact("memory_total", "", bytes(machine.memory_total)),
        fact("swap_used", "", bytes(machine.swap_used)),
        fact("swap_total", "", bytes(machine.swap_total)),
        fact("load_1", "", one),
        fact("load_5", "", five),
        fact("load_15", "", fifteen),
        fact("uptime", "", Value::Span(machine.uptime)),
        fact("hidden", "", Value::number(machine.hidden)),
    ]
}

fn processes(top: &Top) -> Table {
    let chosen = columns::chosen(&ADDED.map(ToOwned::to_owned), true).unwrap_or_default();
    let columns: Vec<&Column<Row>> = chosen.iter().map(|one| &one.column).collect();
    Table::of(&columns, top.lines.iter().map(|line| &top.rows[line.index]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_that_is_added_exists() {
        let table = processes(&Top::new(
            crate::process::Filter::default(),
            crate::process::Order::by("cpu", false).unwrap(),
        ));
        assert!(ADDED.iter().all(|name| table.has(name.trim_start_matches('+'))));
    }
}
