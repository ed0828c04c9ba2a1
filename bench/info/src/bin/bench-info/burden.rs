//! Processes to look at: each a `sleep` with a listening socket and a file of its own.

use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

/// Killed and reaped when dropped; should this program be killed, they end by themselves.
pub(crate) struct Burden(Vec<Child>);

impl Burden {
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let mut burden = Self(Vec::with_capacity(count));
        for _ in 0..count {
            burden.0.push(sleeper()?);
        }
        Ok(burden)
    }

    /// The number of the last one.
    pub(crate) fn last(&self) -> u32 {
        self.0.last().map_or(0, Child::id)
    }
}

/// With five descriptors, as most services have at least: three times nothing, socket, file.
fn sleeper() -> io::Result<Child> {
    const SCRIPT: &str = "exec 3<&0 4>&1 </dev/null >/dev/null 2>&1; echo >&4; exec sleep 300";
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let file = std::env::temp_dir().join(format!("polyproc-burden-{}", std::process::id()));
    let file = std::fs::File::create(file)?;
    Command::new("sh")
        .args(["-c", SCRIPT])
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(file)
        .spawn()
}

impl Drop for Burden {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.kill());
        }
        for child in &mut self.0 {
            drop(child.wait());
        }
        let file = std::env::temp_dir().join(format!("polyproc-burden-{}", std::process::id()));
        drop(std::fs::remove_file(file));
    }
}
