//! The processors.

use crate::paint::Tone;
use crate::report::{Fact, fact};
use crate::table::{Column, Table, columns};
use crate::units::float;
use crate::value::Value;
use polyproc_info::{System, Usage};

/// All together.
pub(super) fn facts(system: &System, usage: &Usage) -> Vec<Fact> {
    let count = system.cpu_count();
    let frequency = system.cpu_frequency();
    let megahertz =
        frequency.iter().map(|one| one.current).sum::<f64>() / float(frequency.len().max(1) as u64);
    let known = (megahertz > 0.0).then_some(megahertz);
    vec![
        fact("model", "model", Value::maybe(system.cpu_model(), Value::text)),
        fact("logical", "processors", Value::number(count.logical)),
        fact("physical", "cores", Value::number(count.physical)),
        fact("usable", "usable by a program here", Value::number(count.usable)),
        fact("frequency_mhz", "frequency (MHz)", Value::maybe(known, Value::Ratio)),
        fact("busy", "busy (%)", Value::Percent(usage.busy)),
        fact("user", "in programs (%)", Value::Percent(usage.user + usage.nice)),
        fact("system", "in the kernel (%)", Value::Percent(usage.system)),
        fact("io_wait", "idle, waiting for disks (%)", Value::Percent(usage.io_wait)),
        fact("steal", "taken by other machines (%)", Value::Percent(usage.steal)),
    ]
}

type Numbered = (usize, Usage);

const COLUMNS: &[Column<Numbered>] = columns! {
    "number" "NUMBER" Number "which"
        |row| Value::number(row.0);
    "busy" "BUSY%" Percent "not idle"
        |row| Value::Percent(row.1.busy);
    "user" "USER%" Percent "in programs"
        |row| Value::Percent(row.1.user);
    "nice" "NICE%" Percent "in programs that let others go first"
        |row| Value::Percent(row.1.nice);
    "system" "SYSTEM%" Percent "in the kernel"
        |row| Value::Percent(row.1.system);
    "io_wait" "IOWAIT%" Percent "idle, waiting for disks"
        |row| Value::Percent(row.1.io_wait);
    "irq" "IRQ%" Percent "serving devices"
        |row| Value::Percent(row.1.irq + row.1.soft_irq);
    "steal" "STEAL%" Percent "taken by other virtual machines"
        |row| Value::Percent(row.1.steal);
    "idle" "IDLE%" Percent "doing nothing"
        |row| Value::Percent(row.1.idle);
};

/// Each by itself.
pub(super) fn table(each: &[Numbered]) -> Table {
    let mut table = Table::of_all(COLUMNS, each);
    table.tone("busy", |busy| if busy.amount() >= 80.0 { Tone::Bad } else { Tone::Plain });
    table
}
