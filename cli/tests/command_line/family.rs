//! Families that use polyproc, as anybody can see them from outside.

use super::{PATIENCE, json};
use polyproc::{Pool, Process, StartMethod};
use polyproc_process::{ObservedFamily, PoolListing};
use polyproc_testkit::eventually;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};

fn sleep_long(_: ()) {
    std::thread::park();
}

/// The row of a process, by its pid.
fn role(rows: &Value, pid: u32) -> Option<String> {
    let row = rows.as_array()?.iter().find(|row| row["pid"] == pid)?;
    row["role"].as_str().map(ToOwned::to_owned)
}

#[test]
fn every_member_is_known_by_its_role() {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let child = Process::builder()
            .name("worker-7")
            .start_method(method)
            .daemon(true)
            .spawn(sleep_long, ())
            .unwrap();
        let listed = || {
            let rows = json(&["ps", "--families", "-c", "pid,role,family"]);
            (role(&rows, child.pid())?.starts_with("worker-7")).then_some(rows)
        };
        let rows = eventually(PATIENCE, listed).unwrap();
        assert_eq!(role(&rows, std::process::id()).as_deref(), Some("program"));
        let shown = json(&["show", &child.pid().to_string(), "--only", "process"]);
        assert_eq!(shown["role"], "worker-7");
        let usual = json(&["ps", "--families"]);
        assert_eq!(role(&usual, child.pid()).as_deref(), Some("worker-7"));
        child.kill().unwrap();
        assert!(child.join().is_err());
        let gone = || {
            let output = super::run(&["ps", "--families", "--json", "-c", "pid,role"]);
            let rows: Value = serde_json::from_slice(&output.stdout).ok()?;
            role(&rows, child.pid()).is_none().then_some(())
        };
        eventually(PATIENCE, gone).unwrap();
    }
}

fn sleep_if(long: bool) {
    if long {
        std::thread::park();
    }
}

/// The row of a pool, from its program's `show`.
fn pool_row(name: &str) -> Option<Value> {
    let pools = json(&["show", &std::process::id().to_string(), "--only", "pools"]);
    pools.as_array()?.iter().find(|pool| pool["pool"] == name).cloned()
}

#[test]
fn a_pool_and_its_workers_are_seen_at_work() {
    // A name that nobody else's pool or command line has.
    let name = format!("{:x}zy", std::process::id());
    let name = name.as_str();
    let (role, start) = (format!("busy worker of {name}"), name.trim_end_matches('y'));
    let pool = Pool::builder().workers(2).name(name).build().unwrap();
    pool.map(sleep_if, [false; 3]).unwrap();
    let tasks: Vec<_> = (0..4).map(|_| pool.submit(sleep_if, true)).collect();
    let busy = || {
        // Whoever has a pool looks after it now and then.
        assert!(!tasks[0].ready());
        pool_row(name).filter(|row| row["workers_busy"] == 2 && row["queued"] == 2)
    };
    let row = eventually(PATIENCE, busy).unwrap();
    assert_eq!(
        (&row["workers"], &row["in_flight"], &row["workers_present"]),
        (&2.into(), &2.into(), &2.into())
    );
    assert!(row["done"].as_u64() > Some(0) && row["task_rate"].as_f64() > Some(0.0), "{row}");

    let of_pool = json(&["ps", "--pool", &format!("{start}*")]);
    assert_eq!(of_pool.as_array().map(Vec::len), Some(2), "{of_pool}");
    for worker in of_pool.as_array().unwrap() {
        assert_eq!((&worker["role"], &worker["pool"]), (&role.as_str().into(), &name.into()));
    }
    assert_eq!(super::code(&super::run(&["ps", "--pool", start])), Some(1));
    let people = super::printed(&["ps", "--pool", name]);
    let heads: Vec<_> = people.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(heads, ["PID", "CPU%", "MEMORY", "ROLE", "TASK", "TASKS", "NAME"]);
    let families = json(&["ps", "--families"]);
    let own = families.as_array().unwrap().iter().find(|row| row["pid"] == std::process::id());
    assert!(own.unwrap().get("pool").is_some_and(Value::is_null), "{families}");
    let frame = super::printed(&["top", "--frames", "1", "--delay", "0.1", "--pool", name]);
    assert_eq!(frame.matches(&format!("[{role}]")).count(), 2, "{frame}");

    let workers = json(&["ps", "--families", "-c", "role,pool,task_time,tasks", name]);
    assert_eq!(workers.as_array().map(Vec::len), Some(2), "{workers}");
    for worker in workers.as_array().unwrap() {
        assert_eq!((&worker["role"], &worker["pool"]), (&role.as_str().into(), &name.into()));
        assert!(worker["task_time"].as_f64() > Some(0.0) && worker["tasks"].is_u64(), "{worker}");
    }

    // Pools of other programs, such as tests that run beside, may take all the room for a while.
    let title = format!("pool {name} of {}", std::process::id());
    let shown = || {
        let frame = super::printed(&["top", "--frames", "1", "--delay", "0.1"]);
        frame.lines().find(|shown| shown.starts_with(&title)).map(str::to_owned)
    };
    let line = eventually(PATIENCE, shown).unwrap();
    assert!(
        line.contains("2/2 busy") && line.contains(" 2 queued") && line.contains(" done"),
        "{line}"
    );

    let look = json(&["top", "--frames", "1", "--delay", "0.1", name]);
    let seen = look["pools"].as_array().unwrap().iter().find(|one| one["pool"] == name).unwrap();
    assert_eq!((&seen["parent"], &seen["task_rate"]), (&std::process::id().into(), &0.0.into()));
    assert_eq!(look["processes"].as_array().map(Vec::len), Some(2), "{look}");
    assert_eq!(look["processes"][0]["pool"], name);

    drop((tasks, pool));
    eventually(PATIENCE, || pool_row(name).is_none().then_some(())).unwrap();
}

#[test]
fn a_worker_that_the_command_kills_is_not_blamed_on_its_task() {
    let pool = Pool::builder().workers(1).name("victim").build().unwrap();
    let task = pool.submit(sleep_if, true);
    let busy = || {
        let output = super::run(&["ps", "--pool", "victim", "--json"]);
        let rows: Value = serde_json::from_slice(&output.stdout).ok()?;
        (rows[0]["role"] == "busy worker of victim").then(|| rows[0]["pid"].to_string())
    };
    let worker = eventually(PATIENCE, busy).unwrap();
    let killed = json(&["kill", &worker, "--signal", "KILL"]);
    assert_eq!(killed[0]["outcome"], "killed", "{killed}");
    let message = task.get().unwrap_err().to_string();
    let said = format!(
        "a task (worker pid {worker}) lost its worker, which was killed from outside by SIGKILL"
    );
    assert!(message.starts_with(&said), "{message}");
}

fn keep_a_pool(_: ()) {
    let pool = Pool::builder().workers(1).name("nested").build().unwrap();
    let _task = pool.submit(sleep_if, true);
    std::thread::park();
}

#[test]
fn a_pool_goes_with_its_process() {
    let child = Process::builder().daemon(true).spawn(keep_a_pool, ()).unwrap();
    let pid = child.pid().to_string();
    let pools = || json(&["show", &pid, "--only", "pools"]);
    let there = || pools().as_array()?.iter().any(|pool| pool["workers_busy"] == 1).then_some(());
    eventually(PATIENCE, there).unwrap();
    child.kill().unwrap();
    assert!(child.join().is_err());
    let family = ObservedFamily::find("/proc/self/fd".as_ref()).unwrap().unwrap();
    let gone = || family.pools().unwrap().iter().all(|pool| pool.name != "nested").then_some(());
    eventually(PATIENCE, gone).unwrap();
}

/// A pool of a few tasks, called after how many workers it has.
fn short_life(workers: usize) {
    let pool = Pool::builder().workers(workers).name(format!("round {workers}")).build().unwrap();
    pool.map(sleep_if, vec![false; 20]).unwrap();
}

/// Whether it is one of those; then what is seen of it belongs together.
fn check_short_life(pool: &PoolListing) -> bool {
    let Some(workers) = pool.name.strip_prefix("round ") else { return false };
    let workers: u64 = workers.parse().unwrap();
    assert_eq!(pool.parent_pid, std::process::id());
    assert!(pool.workers.len() as u64 <= workers && pool.counts.done <= 20, "{pool:?}");
    assert!([0, workers].contains(&pool.counts.workers), "{pool:?}");
    true
}

#[test]
fn pools_that_come_and_go_are_never_nonsense() {
    // So that there is a family before anybody looks.
    drop(Process::builder().spawn(sleep_if, false).unwrap().join());
    let family = ObservedFamily::find("/proc/self/fd".as_ref()).unwrap().unwrap();
    let is_seen = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let is_needed =
            |&round: &usize| round < 60 || (round < 6000 && !is_seen.load(Ordering::Relaxed));
        let lives = (0..).take_while(is_needed);
        let work = scope.spawn(|| lives.for_each(|round| short_life(1 + round % 3)));
        while !work.is_finished() {
            if family.pools().unwrap().iter().filter(|pool| check_short_life(pool)).count() > 0 {
                is_seen.store(true, Ordering::Relaxed);
            }
        }
    });
    assert!(is_seen.into_inner());
}
