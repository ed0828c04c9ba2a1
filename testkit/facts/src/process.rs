//! Everything about one process.

use crate::values::{connections, fact, or_error, seconds, since_1970, text};
use polyproc_info::{Attributes, Facts, IoPriority, Limit, MappedFile, Process, Resource};
use serde_json::{Value, json};

pub(crate) fn all(pid: u32) -> Value {
    let process = match Process::new(pid) {
        Ok(process) => process,
        Err(error) => return or_error::<()>(Err(error), |()| Value::Null),
    };
    or_error(process.facts(Attributes::ALL), |facts| {
        let Value::Object(mut values) = attributes(&facts) else { return Value::Null };
        if let Value::Object(rest) = costly(&facts) {
            values.extend(rest);
        }
        if let Value::Object(rest) = relations(&process) {
            values.extend(rest);
        }
        values.into()
    })
}

fn attributes(facts: &Facts) -> Value {
    let times = facts.cpu_times();
    let (children_user, children_system) = (times.children_user, times.children_system);
    let times = [times.user, times.system, children_user, children_system, times.io_wait];
    let ids = |ids: polyproc_info::Ids| json!([ids.real, ids.effective, ids.saved]);
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map_or_else(|| text(""), text);
    json!({
        "name": text(facts.name()),
        "ppid": facts.stat.parent,
        "status": facts.state().to_string(),
        "create_time": since_1970(facts.create_time()),
        "cpu_times": times.map(seconds),
        "cpu_num": facts.stat.processor,
        "nice": facts.stat.nice,
        "num_threads": facts.stat.threads,
        "lost_leader": facts.stat.has_lost_its_leader(),
        "kernel_thread": facts.stat.is_kernel_thread(),
        "username": fact(&facts.username, |name| text(name)),
        "uids": fact(&facts.identities, |all| ids(all.users)),
        "gids": fact(&facts.identities, |all| ids(all.groups)),
        "terminal": fact(&facts.terminal, |path| path.as_ref().map_or(Value::Null, text)),
        "exe": fact(&facts.exe, path),
        "cwd": fact(&facts.cwd, path),
        "cmdline": fact(&facts.arguments, |all| all.split_title().into_iter().map(text).collect()),
        "environ": fact(&facts.environment, |all| {
            let mut names: Vec<_> = all.iter().map(|entry| entry.0).collect();
            names.sort_unstable();
            names.dedup();
            names.into_iter().map(|name| json!([text(name), all.get(name).map(text)])).collect()
        }),
        "cpu_affinity": fact(&facts.affinity, |all| json!(all)),
        "num_ctx_switches": fact(&facts.switches, |all| json!([all.voluntary, all.involuntary])),
        "num_fds": fact(&facts.descriptors, |count| json!(count)),
    })
}

fn costly(facts: &Facts) -> Value {
    let number = |limit: Option<u64>| limit.map_or(json!(-1), |limit| json!(limit));
    let both = |limit: Limit| json!([number(limit.soft), number(limit.hard)]);
    json!({
        "memory_info": fact(&facts.memory, |all| {
            json!([all.resident, all.virtual_size, all.shared, all.text, all.library, all.data, all.dirty])
        }),
        "memory_full_info": fact(&facts.memory_detail, |all| {
            json!([all.unique, all.proportional, all.swapped])
        }),
        "memory_maps": fact(&facts.memory_maps, |all| all.iter().map(|map| json!([
            format!("{:08x}-{:08x}", map.addresses.0, map.addresses.1), map.permissions, text(&map.path),
            [map.resident, map.size, map.proportional, map.shared_clean, map.shared_dirty,
             map.private_clean, map.private_dirty, map.referenced, map.anonymous, map.swapped],
        ])).collect()),
        "mapped_files": fact(&facts.memory_maps, |all| MappedFile::of(all).iter().map(|file| json!([
            text(&file.path),
            [file.resident, file.size, file.proportional, file.shared_clean, file.shared_dirty,
             file.private_clean, file.private_dirty, file.referenced, file.anonymous, file.swapped],
        ])).collect()),
        "io_counters": fact(&facts.io, |all| json!([
            all.read_calls, all.write_calls, all.read_bytes, all.write_bytes, all.read_chars, all.write_chars,
        ])),
        "threads": fact(&facts.threads, |all| all.iter().map(|thread| json!([
            thread.id, seconds(thread.user), seconds(thread.system), text(&thread.name),
        ])).collect()),
        "open_files": fact(&facts.open_files, |all| all.iter().map(|file| json!([
            text(&file.path), file.descriptor, file.position, file.mode().to_string(), file.flags, file.deleted,
        ])).collect()),
        "net_connections": fact(&facts.connections, |all| connections(all)),
        "ionice": fact(&facts.io_priority, |priority| match priority {
            IoPriority::None => json!([0, 0]),
            IoPriority::RealTime(level) => json!([1, level]),
            IoPriority::BestEffort(level) => json!([2, level]),
            IoPriority::Idle => json!([3, 0]),
        }),
        "rlimit": fact(&facts.limits, |limits| {
            Resource::ALL.iter().map(|resource| limits.get(*resource).map(both)).collect()
        }),
    })
}

fn relations(process: &Process) -> Value {
    let pids = |all: Vec<Process>| all.iter().map(Process::pid).collect();
    json!({
        "parent": or_error(process.parent(), |parent| json!(parent.map(|one| one.pid()))),
        "parents": or_error(process.parents(), pids),
        "children": or_error(process.children(false), pids),
        "descendants": or_error(process.children(true), pids),
        "is_running": process.is_running(),
        "memory_percent": or_error(process.memory_percent(), |percent| json!(percent)),
        "inet": or_error(process.connections(polyproc_info::Kinds::INET), |all| connections(&all)),
    })
}
