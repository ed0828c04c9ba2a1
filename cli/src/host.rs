//! The system that is looked at.

use polyproc_info::System;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// This system, or one below another directory.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) system: System,
    root: PathBuf,
}

impl Host {
    /// The system whose `/proc`, `/sys` and so on are below `root`.
    pub(crate) fn at(root: &Path) -> Self {
        let system = if root == Path::new("/") { System::new() } else { System::at(root) };
        Self { system, root: root.to_owned() }
    }

    /// Whether it is the one that this program runs on.
    pub(crate) fn is_live(&self) -> bool {
        self.system == System::new()
    }

    /// How long it has run, time asleep included; 0 when it does not tell.
    pub(crate) fn uptime(&self) -> Duration {
        let text = fs::read_to_string(self.root.join("proc/uptime")).unwrap_or_default();
        let seconds = text.split(' ').next().and_then(|seconds| seconds.parse().ok());
        seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_default()
    }

    /// Its name among others.
    pub(crate) fn name(&self) -> Option<String> {
        let name = fs::read_to_string(self.root.join("proc/sys/kernel/hostname")).ok()?;
        Some(name.trim_end().to_owned())
    }

    /// Which kernel it runs.
    pub(crate) fn kernel(&self) -> Option<String> {
        let release = fs::read_to_string(self.root.join("proc/sys/kernel/osrelease")).ok()?;
        Some(format!("Linux {}", release.trim_end()))
    }
}
