//! `polyproc sys`: the machine, in sections. Rates take two looks: everything that counts is read, an
//! interval passes, and it is read again.

mod counters;
mod disks;
mod network;
mod processors;
mod sensors;

use super::{complain, limits};
use crate::arguments::{Common, Sys};
use crate::exit::Exit;
use crate::host::Host;
use crate::process::look::pause;
use crate::report::{Body, Fact, Report, Section, fact};
use crate::table::{Column, Table, columns};
use crate::value::Value;
use counters::Counters;
use polyproc_info::{Error, ProcessorMeter, Result as Answer, System, User};
use std::time::UNIX_EPOCH;

/// Shows the machine.
pub(crate) fn run(options: &Sys, common: &Common) -> Result<(), Exit> {
    let output = options.format.output(common);
    let report = report(&common.host(), options).map_err(|error| complain(&error))?;
    output.print(&report)
}

fn report(host: &Host, options: &Sys) -> Answer<Report> {
    let system = &host.system;
    let (before, mut meter) = (Counters::read(system), ProcessorMeter::new(system)?);
    pause(options.interval);
    let (after, usage) = (Counters::read(system), meter.usage()?);
    let traffic = after.since(&before);
    let section = |name, title, body| Section { name, title, body };
    let sections = vec![
        section("system", "SYSTEM", Body::Facts(overview(host)?)),
        section("processors", "PROCESSORS", Body::Facts(processors::facts(system, &usage.0))),
        section("processor", "EACH PROCESSOR", Body::Table(processors::table(&usage.1))),
        section("memory", "MEMORY", Body::Facts(memory(system)?)),
        section("limits", "LIMITS OF THE CONTAINER", limits::body(system.limits())),
        section("file_systems", "FILE SYSTEMS", disks::file_systems(system, options.all)),
        section("disks", "DISKS", disks::table(&traffic)),
        section("interfaces", "NETWORK", network::table(system, &traffic)),
        section("temperatures", "TEMPERATURES", sensors::temperatures(system)),
        section("fans", "FANS", sensors::fans(system)),
        section("battery", "BATTERY", sensors::battery(system)),
        section("users", "USERS", users(system)),
    ];
    Ok(Report::chosen(sections, &options.only))
}

fn overview(host: &Host) -> Answer<Vec<Fact>> {
    let system = &host.system;
    let boot = system.boot_time()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let [one, five, fifteen] = system.load_average()?;
    let (stats, processes) = (system.cpu_stats()?, system.pids()?.len());
    Ok(vec![
        fact("name", "name", Value::maybe(host.name(), Value::text)),
        fact("kernel", "kernel", Value::maybe(host.kernel(), Value::text)),
        fact("booted", "booted", Value::Moment(boot.as_secs_f64())),
        fact("uptime", "up for", Value::Span(host.uptime())),
        fact("load_1", "load over a minute", Value::Ratio(one)),
        fact("load_5", "load over five", Value::Ratio(five)),
        fact("load_15", "load over fifteen", Value::Ratio(fifteen)),
        fact("processes", "processes", Value::number(processes)),
        fact("runnable", "threads that run or could", Value::number(stats.running)),
        fact("blocked", "threads that wait for a device", Value::number(stats.blocked)),
        fact("switches", "switches since boot", Value::number(stats.context_switches)),
        fact("forks", "processes and threads since boot", Value::number(stats.forks)),
    ])
}

fn memory(system: &System) -> Answer<Vec<Fact>> {
    let (memory, swap) = (system.virtual_memory()?, system.swap_memory()?);
    let of = Value::Bytes;
    Ok(vec![
        fact("total", "RAM", of(memory.total)),
        fact("available", "available to programs", of(memory.available)),
        fact("used", "used", of(memory.used)),
        fact("percent", "not available (%)", Value::Percent(memory.percent)),
        fact("free", "free", of(memory.free)),
        fact("cached", "file contents kept", of(memory.cached)),
        fact("buffers", "disk blocks kept", of(memory.buffers)),
        fact("shared", "shared memory", of(memory.shared)),
        fact("slab", "the kernel's own", of(memory.slab)),
        fact("swap_total", "swap", of(swap.total)),
        fact("swap_used", "swap used", of(swap.used)),
        fact("swapped_in", "read from swap since boot", of(swap.swapped_in)),
        fact("swapped_out", "written to swap since boot", of(swap.swapped_out)),
    ])
}

const USERS: &[Column<User>] = columns! {
    "name" "NAME" Text "who is logged in"
        |row| Value::Text(row.name.clone());
    "terminal" "TERMINAL" Text "where"
        |row| Value::maybe(row.terminal.clone(), Value::Text);
    "host" "FROM" Text "from which host"
        |row| Value::maybe(Some(row.host.clone()).filter(|host| !host.is_empty()), Value::Text);
    "since" "SINCE" Moment "since when"
        |row| Value::Moment(row.since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
    "pid" "PID" Number "the process that let them in"
        |row| Value::number(row.pid);
};

fn users(system: &System) -> Body {
    match system.users() {
        Ok(users) => Body::Table(Table::of_all(USERS, users)),
        Err(error) => unknown(&error),
    }
}

/// Why there is nothing: the rest of the report is worth having.
fn unknown(error: &Error) -> Body {
    Body::Unknown(error.to_string())
}
