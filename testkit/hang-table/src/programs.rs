//! The rows about whole programs: what becomes of a family.

use crate::pools::{forever, kill, square, works};
use polyproc::prelude::*;
use polyproc::{SpawnError, StartError};
use polyproc_testkit::{eventually, process, try_run};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio as StdStdio};
use std::time::Duration;

const LONG: Duration = Duration::from_mins(1);

/// This program in a part that ends badly; up to when it says that it is ready. And the pids that it
/// tells.
fn start(name: &str, method: StartMethod) -> (Child, Vec<u32>, BufReader<impl Read + use<>>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--subject", name, &method.to_string()]).stdout(StdStdio::piped());
    let mut subject = command.spawn().unwrap();
    let mut output = BufReader::new(subject.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("ready") {
        assert_ne!(output.read_line(&mut text).unwrap(), 0, "{text}");
    }
    let pids = text.lines().filter_map(|line| line.parse().ok()).collect();
    (subject, pids, output)
}

fn assert_gone(pids: Vec<u32>) {
    for pid in pids {
        let gone = || process::facts(pid).is_none_or(|facts| facts.is_zombie()).then_some(());
        assert!(eventually(LONG, gone).is_some(), "still there: {:?}", process::facts(pid));
    }
}

pub(crate) fn parent_killed(method: StartMethod) {
    for name in ["busy", "idle"] {
        let (mut subject, pids, mut output) = start(name, method);
        subject.kill().unwrap();
        subject.wait().unwrap();
        assert!(pids.len() >= 2);
        assert_gone(pids);
        output.read_to_end(&mut Vec::new()).unwrap();
    }
}

/// As a terminal does: every process of the group gets the signal.
pub(crate) fn interrupted(method: StartMethod) {
    for name in ["mapping", "getting", "joining", "receiving"] {
        let (mut subject, pids, mut output) = start(name, method);
        for pid in pids.iter().copied().chain([subject.id()]) {
            if let Some(facts) = process::facts(pid) {
                facts.signal(Signal::INT);
            }
        }
        assert!(!subject.wait().unwrap().success());
        assert_gone(pids);
        output.read_to_end(&mut Vec::new()).unwrap();
    }
}

pub(crate) fn exit_with_all_open(method: StartMethod) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--subject", "returning", &method.to_string()]);
    let output = try_run(command, LONG).unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_gone(text.lines().filter_map(|line| line.parse().ok()).collect());
}

/// One of the parts.
pub(crate) fn subject(name: &str) {
    let pool = Pool::new(2).unwrap();
    let both = || {
        pool.calls().chunk(1).map(nap, 0..4).unwrap();
        (pool.pids().len() == 2).then_some(())
    };
    eventually(LONG, both).unwrap();
    let tasks: Vec<_> = match name {
        "idle" => Vec::new(),
        _ => (0..4).map(|_| pool.submit(forever::<u8>, 0)).collect(),
    };
    for pid in pool.pids() {
        println!("{pid}");
    }
    println!("ready");
    match name {
        "idle" | "busy" => {}
        "mapping" => drop(pool.map(forever::<u64>, 0..10)),
        "getting" => drop(tasks[0].get()),
        "joining" => drop(polyproc::spawn(forever::<u8>, 0).unwrap().join()),
        "receiving" => drop(Queue::<u8>::unbounded().unwrap().get()),
        _ => return leave_open((pool, tasks)),
    }
    // What it waited for may end with its workers, before the signal comes here.
    forever(());
}

/// Besides `pools`: daemons (others would be waited for), a queue with something in it, a lock that is held.
fn leave_open<T>(pools: T) {
    let queue = Queue::unbounded().unwrap();
    queue.put("not taken".to_owned()).unwrap();
    let lock = Box::leak(Box::new(Shared::new(Mutex::new(0)).unwrap()));
    let waiter = |lock: Shared<Mutex<u32>>| drop(lock.lock());
    let guard = lock.lock().unwrap();
    let daemon = || Process::<()>::builder().daemon(true);
    let processes = [
        daemon().spawn(|queue: Queue<String>| drop(forever(queue)), queue.clone()).unwrap(),
        daemon().spawn(waiter, lock.clone()).unwrap(),
    ];
    for process in &processes {
        println!("{}", process.pid());
    }
    Box::leak(Box::new((pools, queue, guard, processes)));
}

/// Takes a while, so that there is work for both workers.
fn nap(_: u8) {
    std::thread::park_timeout(Duration::from_millis(20));
}

/// Refused for copies; the others do not care.
pub(crate) fn fork_with_threads(method: StartMethod) {
    let (bell, ringer) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || ringer.recv());
        let pool = Pool::builder().workers(1).start_method(method).build().unwrap();
        match (method, pool.apply(square, 3)) {
            (StartMethod::Fork, Err(error)) => assert!(error.to_string().contains("cannot fork")),
            (StartMethod::Fork, Ok(_)) => panic!("copied with a thread that may hold a lock"),
            (_, result) => assert_eq!(result.unwrap(), 9),
        }
        let refused = polyproc::fork(|| ()).unwrap_err();
        assert!(matches!(refused, SpawnError::Start(StartError::Threads { .. })), "{refused}");
        drop(bell);
    });
}

pub(crate) fn server_killed(method: StartMethod) {
    let server = || polyproc::family().into_iter().find(|m| m.fork_server).map(|m| m.pid);
    let pool = Pool::builder().workers(2).start_method(method).build().unwrap();
    works(&pool);
    if method == StartMethod::ForkServer {
        let pid = server().unwrap();
        kill(pid);
        assert_gone(vec![pid]);
    }
    works(&pool);
    pool.pids().into_iter().for_each(kill);
    works(&pool);
}
