//! A process dies at each named point while two others work on the same objects; they go on.
//!
//! The points are read from the sources, so a new one is tested by being there. One thread: it forks.

#![expect(clippy::unwrap_used, reason = "a test")]

use libtest_mimic::{Arguments, Failed, Trial};
use polyproc_chaos_ipc::arena::Blocks;
use polyproc_chaos_ipc::channel::Messages;
use polyproc_chaos_ipc::run::{chaos, crash_at};
use polyproc_chaos_ipc::sync::Sync;
use std::path::Path;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let mut trials = Vec::new();
    // Nothing but channels moves cursors.
    let (of_channels, of_sync): (Vec<_>, Vec<_>) =
        points("../../ipc/sync/src").into_iter().partition(|name| name.starts_with("cursor."));
    let of_channels: Vec<_> =
        points("../../ipc/channel/src").into_iter().chain(of_channels).collect();
    let of_arena = points("../../ipc/shm/src");
    trials_at(&of_sync, crash_in_sync, &mut trials);
    trials_at(&of_channels, crash_in_channel, &mut trials);
    trials_at(&of_arena, crash_in_arena, &mut trials);
    trials.push(Trial::test("chaos_sync", || {
        chaos(1, 200, &Sync::new()?)?;
        Ok(())
    }));
    trials.push(Trial::test("chaos_arena", || {
        let blocks = Blocks::new()?;
        chaos(1, 200, &blocks)?;
        blocks.check_end()?;
        Ok(())
    }));
    trials.push(Trial::test("chaos_channel", || {
        let messages = Messages::new()?;
        chaos(1, 200, &messages)?;
        messages.check_end()?;
        Ok(())
    }));
    libtest_mimic::run(&arguments, trials).exit();
}

/// Repairs to which only these deaths give occasion, too rarely if all points took turns.
const OCCASIONS: [(&str, &[&str]); 1] =
    [("fifo.next-given-back", &["segment.ended", "segment.kept"])];

/// Has a worker die at this point, and others at any of those.
type CrashAt = fn(&'static str, &[&'static str]) -> Result<(), Failed>;

fn trials_at(names: &[&'static str], crash: CrashAt, trials: &mut Vec<Trial>) {
    for &name in names {
        let occasion = OCCASIONS.iter().find(|(repair, _)| *repair == name);
        let deaths = occasion.map_or_else(|| names.to_vec(), |(_, deaths)| deaths.to_vec());
        trials.push(Trial::test(name, move || crash(name, &deaths)));
    }
}

fn crash_in_sync(name: &'static str, deaths: &[&'static str]) -> Result<(), Failed> {
    for skip in [0, 3] {
        crash_at(name, skip, deaths, &Sync::new()?)?;
    }
    Ok(())
}

fn crash_in_arena(name: &'static str, deaths: &[&'static str]) -> Result<(), Failed> {
    // Passed by every member once, or only at the end of one.
    let skips: &[u32] = if name.starts_with("member.") { &[0] } else { &[0, 3] };
    for &skip in skips {
        let blocks = Blocks::new()?;
        crash_at(name, skip, deaths, &blocks)?;
        blocks.check_end()?;
    }
    Ok(())
}

fn crash_in_channel(name: &'static str, deaths: &[&'static str]) -> Result<(), Failed> {
    for skip in [0, 3] {
        let messages = Messages::new()?;
        crash_at(name, skip, deaths, &messages)?;
        messages.check_end()?;
    }
    Ok(())
}

/// All names in `crash_point!("…")` below `folder`.
fn points(folder: &str) -> Vec<&'static str> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut names = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let found = text.split("crash_point!(\"").skip(1);
            names.extend(found.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }
    names.sort();
    names.dedup();
    names.into_iter().map(|name| &*name.leak()).collect()
}
