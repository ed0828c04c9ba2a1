//! Processes that belong to somebody else, and a `/proc` that hides them.

use crate::actor::{Actor, Folder, ROLE};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

crate::trials![
    the_first_process_can_be_seen;
    for the superuser
    somebody_elses_process_keeps_its_secrets,
    hidden_processes_are_counted_or_left_out
];

/// `nobody`, and a group that has no rights.
const NOBODY: u32 = 65534;

/// Whoever we are: an error for what is not ours, and no error for the rest.
fn the_first_process_can_be_seen() {
    let snapshot = polyproc_info::System::new().snapshot(polyproc_info::Attributes::ALL).unwrap();
    assert!(!snapshot.processes.is_empty());
    for facts in &snapshot.processes {
        assert!(facts.stat.start_ticks > 0 || facts.pid <= 2 || facts.stat.is_kernel_thread());
    }
}

/// This program where anybody may execute it.
fn public_copy(folder: &Folder) -> std::path::PathBuf {
    let copy = folder.0.join("live");
    std::fs::copy("/proc/self/exe", &copy).unwrap();
    for path in [&folder.0, &copy] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    copy
}

fn somebody_elses_process_keeps_its_secrets() {
    let folder = Folder::new("public");
    let actor = Actor::play("plain");
    let mut command = Command::new(public_copy(&folder));
    command.env(ROLE, "look").arg(actor.pid().to_string()).uid(NOBODY).gid(NOBODY);
    let said = Actor::start(command).rest();
    let expected = "arguments there\nexe denied\nenvironment denied\nio denied\nopen_files denied\n\
        connections denied\nmaps denied\nidentities there\nthreads there\nlimits there\n\
        kill denied\nrunning true\n";
    assert_eq!(said.split_once('\n').unwrap().1, expected);
    assert!(said.starts_with("name exe\n"), "{said}");
}

/// With `hidepid=1` the folders are there and closed, with 2 they are not there. Own processes can
/// be seen, and the children among them killed: psutil gives up at the first that is not ours.
fn hidden_processes_are_counted_or_left_out() {
    let folder = Folder::new("hidden");
    let copy = public_copy(&folder);
    let look = |hide: u32| {
        let script = format!(
            "mount -t proc -o hidepid={hide} proc /proc && \
             exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups sh -c 'sleep 1000 & \"$0\"; kill $!' '{}'",
            copy.display()
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script]).env(ROLE, "list");
        let said = Actor::start(command).rest();
        let line = said.lines().next().unwrap().to_owned();
        let mut words = line.split(' ').map(str::to_owned);
        let mut next = || words.next().unwrap();
        (next().parse::<usize>().unwrap(), next().parse::<usize>().unwrap(), next() == "true")
    };
    let (seen, hidden, own) = look(1);
    assert!(own && seen >= 2 && hidden >= 1, "{seen} seen, {hidden} hidden");
    let (seen, hidden, own) = look(2);
    assert!(own && seen >= 2 && hidden == 0, "{seen} seen, {hidden} hidden");
}
