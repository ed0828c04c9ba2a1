//! What the benches of `ipc/` share: forked players, and memory for them.

pub mod play;
pub mod players;

/// Locks and queues that were built with crash points are slower than what users get: an error
/// for the bench of that name, which then measures nothing.
///
/// # Errors
/// When they are compiled in.
pub fn refuse_crash_points(bench: &str) -> Result<(), String> {
    if polyproc_sync::crash::COMPILED_IN {
        let remedy = format!("build this package by itself (cargo xtask bench {bench})");
        return Err(format!("built with crash points: {remedy}"));
    }
    Ok(())
}
