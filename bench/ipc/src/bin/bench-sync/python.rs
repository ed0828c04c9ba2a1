//! The other language's own `multiprocessing` as a peer, measured by a script in turns with ours.

use std::io;
use std::process::Command;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/locks.py");

/// What the script says of `what` after `steps` steps.
pub(crate) fn measure(what: &str, steps: u32) -> io::Result<f64> {
    let output = Command::new("python3").args([SCRIPT, what, &steps.to_string()]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_no_number| {
        io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned())
    })
}
