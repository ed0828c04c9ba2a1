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
    for name in of_sync {
        trials.push(Trial::test(name, move || crash_in_sync(name)));
    }
    for name in points("../../ipc/channel/src").into_iter().chain(of_channels) {
        trials.push(Trial::test(name, move || crash_in_channel(name)));
    }
    for name in points("../../ipc/shm/src") {
        trials.push(Trial::test(name, move || crash_in_arena(name)));
    }
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

fn crash_in_sync(name: &'static str) -> Result<(), Failed> {
    for skip in [0, 3] {
        crash_at(name, skip, &Sync::new()?)?;
    }
    Ok(())
}

fn crash_in_arena(name: &'static str) -> Result<(), Failed> {
    // Passed by every member once, or only at the end of one.
    let skips: &[u32] = if name.starts_with("member.") { &[0] } else { &[0, 3] };
    for &skip in skips {
        let blocks = Blocks::new()?;
        crash_at(name, skip, &blocks)?;
        blocks.check_end()?;
    }
    Ok(())
}

fn crash_in_channel(name: &'static str) -> Result<(), Failed> {
    for skip in [0, 3] {
        let messages = Messages::new()?;
        crash_at(name, skip, &messages)?;
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
