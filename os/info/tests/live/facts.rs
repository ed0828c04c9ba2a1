//! What is said of live processes.

use crate::actor::{Actor, Folder};
use polyproc_info::{
    Attributes, Error, Kinds, Missing, Monitor, OpenMode, Process, State, System, pid_exists,
};
use polyproc_testkit::eventually;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, SystemTime};

crate::trials![
    this_process_is_known_to_itself,
    bytes_stay_bytes,
    a_thread_whose_name_looks_like_fields_has_its_own_times,
    a_process_without_its_first_thread_is_alive,
    deleted_files_are_listed,
    ten_thousand_descriptors,
    a_zombie_has_what_is_left_of_it,
    kernel_threads_have_no_memory,
    threads_are_no_processes,
    what_changes_the_name,
    a_meter_sees_work,
    the_monitor_agrees_with_a_snapshot,
    who_looks_at_itself_does_not_see_what_it_looks_with,
    few_descriptors_are_enough,
];

const PATIENCE: Duration = Duration::from_mins(1);

fn this_process_is_known_to_itself() {
    let own = Process::current().unwrap();
    let facts = own.facts(Attributes::ALL).unwrap();
    for (attribute, name) in Attributes::EACH {
        let alone = own.facts(*attribute).unwrap();
        assert_eq!(alone.identity(), facts.identity(), "{name}");
    }
    assert_eq!(facts.parent(), Some(std::os::unix::process::parent_id()));
    let age = SystemTime::now().duration_since(facts.create_time()).unwrap();
    assert!(age < Duration::from_hours(1), "{age:?}");
    assert_eq!(facts.exe.unwrap(), Some(std::env::current_exe().unwrap()));
    assert_eq!(facts.cwd.unwrap(), Some(std::env::current_dir().unwrap()));
    let arguments: Vec<_> = std::env::args_os().collect();
    assert!(
        facts.arguments.unwrap().iter().eq(arguments.iter().map(std::ffi::OsString::as_os_str))
    );
    assert!(facts.memory.unwrap().resident > facts.memory_detail.unwrap().unique);
    assert!(!facts.memory_maps.unwrap().is_empty() && !facts.threads.unwrap().is_empty());
    assert!(facts.limits.unwrap().iter().count() >= 15);
    assert!(own.is_running() && own.memory_percent().unwrap() > 0.0);
    assert!(
        own.parents().unwrap().iter().any(|one| one.pid() == 1) || own.parent().unwrap().is_none()
    );
}

fn bytes_stay_bytes() {
    let strange = OsStr::from_bytes(b"a\xff b\n");
    let folder = Folder::new(strange);
    let mut command = Actor::command("plain");
    command.arg(strange).arg("").arg("last").env("STRANGE", strange).current_dir(&folder.0);
    let actor = Actor::start(command);
    let process = actor.process();
    let arguments = process.arguments().unwrap();
    let words: Vec<_> = arguments.iter().skip(1).collect();
    assert_eq!(words, [strange, "".as_ref(), "last".as_ref()]);
    assert_eq!(process.environment().unwrap().get("STRANGE"), Some(strange));
    assert_eq!(process.cwd().unwrap().unwrap(), folder.0);
}

fn a_thread_whose_name_looks_like_fields_has_its_own_times() {
    let actor = Actor::play("busy thread");
    let threads = actor.process().threads().unwrap();
    assert_eq!(threads.len(), 2);
    let busy = threads.iter().find(|thread| thread.name == "ev) S 1 2 3 4 5").unwrap();
    // The kernel rounds the times of process and thread apart, those in the kernel and those outside, too.
    let all = actor.process().cpu_times().unwrap().total() + Duration::from_millis(20);
    let used = busy.user + busy.system;
    assert!(busy.user >= Duration::from_millis(50) && used <= all, "{busy:?}");
    assert_eq!((threads[0].id, actor.process().num_threads().unwrap()), (actor.pid(), 2));
}

fn a_process_without_its_first_thread_is_alive() {
    let actor = Actor::play("headless");
    let facts = actor.process().facts(Attributes::ALL).unwrap();
    assert!(facts.stat.has_lost_its_leader() && !facts.stat.is_zombie(), "{:?}", facts.stat);
    assert_eq!(facts.exe.unwrap(), Some(std::env::current_exe().unwrap()));
    assert!(!facts.arguments.unwrap().is_empty());
    assert!(facts.descriptors.unwrap() >= 3);
    assert!(facts.threads.unwrap().iter().any(|thread| thread.id != actor.pid()));
    assert!(facts.memory_maps.unwrap().len() > 3);
}

fn deleted_files_are_listed() {
    let folder = Folder::new("files");
    let mut command = Actor::command("files");
    command.current_dir(&folder.0);
    let actor = Actor::start(command);
    let files = actor.process().open_files().unwrap();
    let find = |name: &str| {
        files.iter().filter(|file| file.path == folder.0.join(name)).collect::<Vec<_>>()
    };
    assert!(find("deleted")[0].deleted, "{files:?}");
    assert!(!find("kept (deleted)")[0].deleted);
    let middle = find("middle");
    assert_eq!((middle[0].position, middle[0].mode()), (4, OpenMode::ReadWrite));
    assert_eq!(middle[1].mode(), OpenMode::Append);
    assert!(find("").is_empty(), "a folder is no regular file");
}

fn ten_thousand_descriptors() {
    let mut actor = Actor::play("many descriptors");
    let many: usize = actor.line().parse().unwrap();
    let process = actor.process();
    assert!(process.num_fds().unwrap() >= many + 3 && many > 100);
    let files = process.open_files().unwrap();
    assert!(files.len() >= many && files.is_sorted_by_key(|file| file.descriptor));
}

fn a_zombie_has_what_is_left_of_it() {
    let mut actor = Actor::play("exit 7");
    let process = actor.process();
    actor.release();
    let zombie = || (process.state().unwrap() == State::Zombie).then_some(());
    eventually(PATIENCE, zombie).unwrap();
    assert!(process.is_running(), "it is there until it is reaped");
    let facts = process.facts(Attributes::ALL).unwrap();
    assert!(facts.stat.is_zombie() && !facts.name().is_empty());
    assert_eq!(facts.arguments, Err(Missing::Zombie));
    assert_eq!(facts.exe, Err(Missing::Zombie));
    assert_eq!(facts.cwd, Err(Missing::Zombie));
    assert_eq!(facts.environment, Err(Missing::Zombie));
    assert_eq!(facts.memory_maps, Err(Missing::Zombie));
    assert_eq!(
        (facts.descriptors, facts.open_files, facts.connections),
        (Ok(0), Ok(vec![]), Ok(vec![]))
    );
    assert_eq!(facts.memory.unwrap().resident, 0);
    assert!(facts.username.is_ok() && facts.terminal.is_ok() && facts.threads.is_ok());
    assert!(matches!(process.environment(), Err(Error::Zombie { .. })));
    assert_eq!(process.connections(Kinds::INET).unwrap(), []);
    assert_eq!(actor.reap().code(), Some(7));
    assert!(!process.is_running());
    assert!(matches!(process.name(), Err(Error::Gone { .. })));
}

/// psutil drops them from `process_iter(['environ'])` on new kernels.
fn kernel_threads_have_no_memory() {
    let system = System::new();
    let snapshot = system.snapshot(Attributes::ALL).unwrap();
    // In a container there are none.
    for facts in snapshot.processes.iter().filter(|facts| facts.stat.is_kernel_thread()) {
        assert!(
            facts.environment.as_ref().is_ok_and(polyproc_info::Environment::is_empty),
            "{facts}"
        );
        assert!(facts.arguments.as_ref().is_ok_and(polyproc_info::Arguments::is_empty), "{facts}");
        assert_eq!(facts.exe, Ok(None), "{facts}");
        assert_eq!(facts.memory_maps, Ok(vec![]), "{facts}");
        assert_eq!(facts.memory_detail.map(|detail| detail.unique), Ok(0), "{facts}");
    }
}

fn threads_are_no_processes() {
    let actor = Actor::play("busy thread");
    let threads = actor.process().threads().unwrap();
    let other = threads.iter().find(|thread| thread.id != actor.pid()).unwrap();
    assert!(pid_exists(actor.pid()) && !pid_exists(other.id));
    assert!(matches!(Process::new(other.id), Err(Error::Gone { .. })));
    assert!(!pid_exists(0) && !pid_exists(u32::MAX));
    assert!(matches!(Process::new(0), Err(Error::Gone { .. })));
    assert!(!polyproc_info::pids().unwrap().contains(&other.id));
}

/// A program file with a long name: the kernel keeps 15 bytes.
fn what_changes_the_name() {
    let folder = Folder::new("name");
    let file = folder.0.join("a-program-with-a-long-name");
    std::fs::copy("/proc/self/exe", &file).unwrap();
    let mut command = std::process::Command::new(&file);
    command.env(crate::actor::ROLE, "plain");
    let actor = Actor::start(command);
    assert_eq!(actor.process().name().unwrap(), "a-program-with-a-long-name");
    std::fs::remove_file(&file).unwrap();
    // Without the kernel's mark.
    assert_eq!(actor.process().exe().unwrap(), Some(file));
}

fn a_meter_sees_work() {
    let own = Process::current().unwrap();
    let mut meter = polyproc_info::CpuMeter::new(&own).unwrap();
    let mut all = polyproc_info::ProcessorMeter::new(&System::new()).unwrap();
    let enough = own.cpu_times().unwrap().total() + Duration::from_millis(50);
    // Asking is work enough.
    while own.cpu_times().unwrap().total() < enough {}
    assert!(meter.percent().unwrap() > 0.0);
    let (usage, each) = all.usage().unwrap();
    assert!(usage.busy > 0.0 && usage.busy <= 100.0 && !each.is_empty(), "{usage:?}");
    let sum = usage.busy + usage.idle + usage.io_wait;
    assert!((sum - 100.0).abs() < 1e-6, "{sum}");
}

fn the_monitor_agrees_with_a_snapshot() {
    let actor = Actor::play("plain");
    let mut monitor = Monitor::new(&System::new(), Attributes::ALL).unwrap();
    monitor.tick().unwrap();
    let later = Actor::play("plain");
    monitor.tick().unwrap();
    for pid in [actor.pid(), later.pid()] {
        let row = monitor.rows().find(|row| row.facts.pid == pid).unwrap();
        let facts = Process::new(pid).unwrap().facts(Attributes::ALL).unwrap();
        assert_eq!(row.facts.identity(), facts.identity());
        assert_eq!((&row.facts.arguments, &row.facts.exe), (&facts.arguments, &facts.exe));
        assert_eq!(row.facts.memory.unwrap().virtual_size, facts.memory.unwrap().virtual_size);
    }
    let gone = actor.pid();
    drop(actor);
    monitor.tick().unwrap();
    assert!(monitor.rows().all(|row| row.facts.pid != gone));
}

fn who_looks_at_itself_does_not_see_what_it_looks_with() {
    let mut actor = Actor::play("count own");
    let (counted, listed) = (actor.line(), actor.process().num_fds().unwrap());
    assert_eq!(counted, listed.to_string());
}

/// A monitor keeps three descriptors of each process, and goes without where it may not.
fn few_descriptors_are_enough() {
    let mut actor = Actor::play("few descriptors");
    assert_eq!(actor.line(), "all seen");
}
