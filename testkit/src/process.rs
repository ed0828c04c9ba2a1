//! Processes as anybody can see them, and ending them for good.

use crate::eventually;
use polyproc_sys::pidfd::PidFd;
use polyproc_sys::signal::Signal;
use polyproc_sys::stat::{self, RunState, Stat};
use std::collections::BTreeSet;
use std::time::Duration;
use std::{fmt, fs};

/// One process, as it was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its pid.
    pub pid: u32,
    /// Parent, group, session, state and start.
    pub stat: Stat,
    /// Its arguments; the kernel's short name in brackets when it has none (any more).
    pub command: String,
}

impl Facts {
    /// What tells it from a later process with the same pid.
    pub fn identity(&self) -> (u32, u64) {
        (self.pid, self.stat.start_ticks)
    }

    /// Whether it has ended and only waits to be asked how.
    pub fn is_zombie(&self) -> bool {
        self.stat.state == RunState::Zombie
    }

    /// Kills it, unless it has gone since.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Stops it, and waits until it has stopped (or gone): that is when it would have run next.
    ///
    /// # Panics
    /// When it does not within a minute.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
        let is_running = || facts(self.pid).is_some_and(|now| now.stat.state != RunState::Stopped);
        let stopped = eventually(Duration::from_mins(1), || (!is_running()).then_some(()));
        assert!(stopped.is_some(), "{self} does not stop");
    }

    /// Sends it a signal, unless it has gone since.
    pub fn signal(&self, signal: Signal) {
        // The descriptor means one process; only the check after opening says that it is this one.
        if let Ok(process) = PidFd::open(self.pid)
            && stat::is_running(self.pid, self.stat.start_ticks)
        {
            // It may not be ours to kill; whoever waits for its end will see that it stays.
            drop(process.send_signal(signal));
        }
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "process {} ({:?}, child of {}): {}",
            self.pid, self.stat.state, self.stat.parent, self.command
        )
    }
}

/// Every process that can be seen.
pub fn all() -> Vec<Facts> {
    let Ok(folder) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    folder.filter_map(|entry| facts(entry.ok()?.file_name().to_str()?.parse().ok()?)).collect()
}

/// The process `pid`, if there is one.
pub fn facts(pid: u32) -> Option<Facts> {
    let stat = stat::read(pid).ok()??;
    Some(Facts { pid, stat, command: command(pid) })
}

fn command(pid: u32) -> String {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    if arguments.is_empty() {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        return format!("[{}]", name.trim_end());
    }
    let words = arguments.split(|&byte| byte == 0);
    let words: Vec<_> = words.map(String::from_utf8_lossy).collect();
    words.join(" ").trim_end().to_owned()
}

/// Every process, zombies included, whose session is `session`: what is left of a program that was
/// started as a session's leader, also after its first process was killed. An orphan that has ended
/// stays a zombie where the system's first process buries nobody (in many containers).
pub fn family_of_session(session: u32) -> Vec<Facts> {
    let mut family = all();
    family.retain(|process| process.stat.session == session);
    family
}

/// Of `processes`, the children of `root`, their children, and so on.
pub fn descendants(processes: &[Facts], root: u32) -> Vec<Facts> {
    let mut parents = BTreeSet::from([root]);
    let mut found = Vec::new();
    // A generation a round; a process has one parent, so no process is found twice.
    loop {
        let is_next = |process: &&Facts| parents.contains(&process.stat.parent);
        let generation: Vec<Facts> = processes.iter().filter(is_next).cloned().collect();
        if generation.is_empty() {
            return found;
        }
        parents = generation.iter().map(|process| process.pid).collect();
        found.extend(generation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventually;
    use std::process::Command;
    use std::time::Duration;

    #[test]
    fn a_child_is_found_in_every_way_and_killed() {
        let mut child = Command::new("sleep").arg("100").spawn().unwrap();
        let own = std::process::id();
        let family = descendants(&all(), own);
        let found = family.iter().find(|process| process.pid == child.id());
        let found = found.unwrap().clone();
        let session = facts(own).unwrap().stat.session;
        let of_session = family_of_session(session);
        assert!(of_session.iter().any(|process| process.pid == child.id()));
        found.kill();
        let zombie = || facts(child.id()).filter(Facts::is_zombie);
        let zombie = eventually(Duration::from_mins(1), zombie).unwrap();
        assert_eq!(zombie.identity(), found.identity());
        child.wait().unwrap();
        assert_eq!(facts(child.id()), None);
    }

    #[test]
    fn a_later_process_with_the_same_pid_is_not_killed() {
        let mut child = Command::new("sleep").arg("100").spawn().unwrap();
        let mut other = facts(child.id()).unwrap();
        other.stat.start_ticks += 1;
        other.kill();
        assert_eq!(child.try_wait().unwrap(), None);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn grandchildren_are_descendants_and_siblings_are_not() {
        let process = |pid, parent| {
            let mut process = facts(std::process::id()).unwrap();
            (process.pid, process.stat.parent) = (pid, parent);
            process
        };
        let all = [process(4, 3), process(2, 1), process(3, 2), process(5, 1)];
        let pids: Vec<_> = descendants(&all, 2).iter().map(|found| found.pid).collect();
        assert_eq!(pids, [3, 4]);
    }
}
