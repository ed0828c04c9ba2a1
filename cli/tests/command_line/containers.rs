//! In a control group with limits: what the kernel really enforces, where we may make one.

use super::{PATIENCE, json};
use polyproc_testkit::{eventually, run_with_deadline};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Version 1 and version 2 call the same things by other names.
const VERSION_1: [(&str, &str, &str); 4] = [
    ("cpu", "cpu.cfs_period_us", "100000"),
    ("cpu", "cpu.cfs_quota_us", "50000"),
    ("memory", "memory.limit_in_bytes", "268435456"),
    ("pids", "pids.max", "50"),
];
const VERSION_2: [(&str, &str, &str); 3] = [
    ("cpu", "cpu.max", "50000 100000"),
    ("memory", "memory.max", "268435456"),
    ("pids", "pids.max", "50"),
];

/// A group with these limits, and one without any in it; both are removed when dropped.
struct Group {
    outer: Vec<PathBuf>,
}

impl Group {
    /// Where the hierarchy of a controller is mounted.
    fn mounted(controller: &str, is_version_2: bool) -> Option<PathBuf> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let place = |line: &str| {
            let (place, kind) = line.split_once(" - ")?;
            let (kind, options) = kind.split_once(' ')?;
            let place = PathBuf::from(place.split(' ').nth(4)?);
            let controls = match kind {
                "cgroup2" if is_version_2 => {
                    let controllers =
                        fs::read_to_string(place.join("cgroup.subtree_control")).ok()?;
                    controllers.split_whitespace().any(|one| one == controller)
                }
                "cgroup" if !is_version_2 => options.split([',', ' ']).any(|one| one == controller),
                _ => false,
            };
            controls.then_some(place)
        };
        mounts.lines().find_map(place)
    }

    fn make(limits: &[(&str, &str, &str)], is_version_2: bool) -> Result<Self, String> {
        let name = format!("polyproc-test-{}", std::process::id());
        let mut group = Self { outer: Vec::new() };
        for (controller, file, value) in limits {
            let place = Self::mounted(controller, is_version_2);
            let folder =
                place.ok_or_else(|| format!("no hierarchy controls {controller}"))?.join(&name);
            let said = |error| format!("{}: {error}", folder.display());
            if !group.outer.contains(&folder) {
                fs::create_dir(&folder).map_err(said)?;
                group.outer.push(folder.clone());
                fs::create_dir(folder.join("inner")).map_err(said)?;
            }
            fs::write(folder.join(file), value).map_err(said)?;
        }
        Ok(group)
    }

    /// What a program prints that runs in the inner group.
    fn run(&self, arguments: &str) -> Value {
        let enter =
            |folder: &PathBuf| format!("echo $$ > {}/inner/cgroup.procs && ", folder.display());
        let script: String = self.outer.iter().map(enter).collect();
        let program = env!("CARGO_BIN_EXE_polyproc");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{script} exec '{program}' {arguments}")]);
        let output = run_with_deadline(command, PATIENCE);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let is_removed = |folder: &Path| match fs::remove_dir(folder) {
            // Whoever was in it may not be quite gone.
            Err(error) => (error.kind() == std::io::ErrorKind::NotFound).then_some(()),
            Ok(()) => Some(()),
        };
        for folder in &self.outer {
            eventually(PATIENCE, || is_removed(&folder.join("inner")));
            eventually(PATIENCE, || is_removed(folder));
        }
    }
}

#[expect(clippy::print_stdout, reason = "a test that has tried nothing says so")]
fn try_limits(limits: &[(&str, &str, &str)], is_version_2: bool) {
    let group = match Group::make(limits, is_version_2) {
        Ok(group) => group,
        Err(why) => return println!("limits of a living group were not tried: {why}"),
    };
    let seen = group.run("sys --only limits,processors -i 100ms --json");
    assert_eq!(seen["limits"]["processors"], 0.5, "{seen}");
    assert_eq!(seen["limits"]["memory"], 268_435_456, "{seen}");
    assert_eq!(seen["limits"]["processes"], 50, "{seen}");
    // The shell has become the program, which measures in a thread of its own at most.
    assert!((1..=3).contains(&seen["limits"]["processes_now"].as_u64().unwrap()), "{seen}");
    assert!(seen["limits"]["memory_used"].as_u64().unwrap() < 268_435_456, "{seen}");
    // Half a processor is one to use, however many there are.
    assert_eq!(seen["processors"]["usable"], 1, "{seen}");
    let of_itself = group.run("show $$ --only cgroup_limits --json");
    assert_eq!(of_itself["memory"], 268_435_456, "{of_itself}");
    // From outside it looks the same, and we are in no such group.
    let outside = json(&["sys", "--only", "limits", "-i", "0"]);
    assert_ne!(outside["processes"], 50, "{outside}");
}

#[test]
fn limits_of_version_1_hold() {
    try_limits(&VERSION_1, false);
}

#[test]
fn limits_of_version_2_hold() {
    try_limits(&VERSION_2, true);
}
