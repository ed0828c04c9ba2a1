//! This program run by a test in some hard place: under limits, killed from outside, without
//! streams. What it is to do stands in `CONTRACT_SUBJECT`, how to start in `CONTRACT_METHOD`.

use crate::families::await_end;
use crate::{sleep_for_ever, start};
use polyproc::StartError;
use polyproc::prelude::*;
use polyproc_testkit::process;
use std::io::Write;
use std::process::{Command, ExitCode};

/// A command that runs this program as a subject.
pub(crate) fn command(name: &str, method: StartMethod) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    set(&mut command, name, method);
    command
}

/// The same through another program that executes its arguments.
pub(crate) fn command_under(prefix: &[&str], name: &str, method: StartMethod) -> Command {
    let mut command = Command::new(prefix[0]);
    command.args(&prefix[1..]).arg(std::env::current_exe().unwrap());
    set(&mut command, name, method);
    command
}

fn set(command: &mut Command, name: &str, method: StartMethod) {
    command.env("CONTRACT_SUBJECT", name).env("CONTRACT_METHOD", method.to_string());
}

pub(crate) fn run(name: &str) -> ExitCode {
    let method = std::env::var("CONTRACT_METHOD").unwrap();
    let method = StartMethod::ALL.into_iter().find(|m| m.to_string() == method).unwrap();
    polyproc::set_start_method(method);
    match name {
        "tree" => tree(),
        "farewell" => farewell(),
        "panicking main" => panicking_main(),
        "square" => square(),
        "until refused" => until_refused(),
        "pools until refused" => pools_until_refused(),
        "storm" => storm(),
        "big" => big(),
        "preload" => preload(),
        "bad preload" => bad_preload(),
        "killed server" => killed_server(),
        "closed descriptors" => closed_descriptors(),
        "stopped server" => stopped_server(),
        "dying server" => dying_server(),
        "less privileged" => less_privileged(),
        "large result" => large_result(),
        "sharing without server" => sharing_without_server(),
        "sharing in little space" => sharing_in_little_space(),
        "sharing in little memory" => sharing_in_little_memory(),
        name if name.starts_with("pool ") => crate::pools_ending::subject(name),
        other => panic!("no subject {other:?}"),
    }
    ExitCode::SUCCESS
}

/// Three generations that would never end, one of them stopped, and one that survives.
fn tree() {
    let parent = |()| {
        let child = polyproc::spawn(sleep_for_ever, ()).unwrap();
        tell(child.pid());
        sleep_for_ever(());
    };
    for daemon in [true, false] {
        let process = Process::builder().daemon(daemon).spawn(parent, ()).unwrap();
        tell(process.pid());
    }
    let stopped = polyproc::spawn(sleep_for_ever, ()).unwrap();
    stopped.send_signal(Signal::STOP).unwrap();
    tell(stopped.pid());
    let server = polyproc::family().into_iter().find(|member| member.fork_server);
    tell(server.map_or(0, |server| server.pid));
    println!("ready");
    sleep_for_ever(());
}

fn tell(pid: u32) {
    println!("{pid}");
}

/// Ends with children of both kinds still running.
fn farewell() {
    let slow = |()| {
        std::io::stdout().flush().unwrap();
        println!("the other has ended");
    };
    let daemon = Process::builder().daemon(true).spawn(sleep_for_ever, ()).unwrap();
    tell(daemon.pid());
    drop(polyproc::spawn(slow, ()).unwrap());
    println!("main ends");
}

fn panicking_main() {
    let daemon = Process::builder().daemon(true).spawn(sleep_for_ever, ()).unwrap();
    tell(daemon.pid());
    panic!("main panics");
}

fn square() {
    for number in 0..3_u32 {
        assert_eq!(
            polyproc::spawn(|x: u32| x * x, number).unwrap().join().unwrap(),
            number * number
        );
    }
}

/// Starts processes until a limit says no, and says what it said.
fn until_refused() {
    let mut processes = Vec::new();
    let error = loop {
        match polyproc::spawn(sleep_for_ever, ()) {
            Ok(process) => processes.push(process),
            Err(error) => break error,
        }
        assert!(processes.len() < 300, "no limit");
    };
    for process in processes {
        process.kill().unwrap();
        process.wait().unwrap();
    }
    assert!(matches!(error, SpawnError::Start(StartError::Limit { .. })), "{error}");
    println!("{error}");
}

/// The same with pools that have nothing to do.
fn pools_until_refused() {
    let pools = (0..300).map(|_| Pool::new(1)).collect::<Result<Vec<_>, _>>();
    println!("{}", pools.unwrap_err());
}

/// Under a rain of signals whose handler interrupts every system call.
fn storm() {
    let hit = std::sync::Arc::default();
    signal_hook::flag::register(signal_hook::consts::SIGUSR1, hit).unwrap();
    println!("ready");
    for number in 0..100_u32 {
        let process = polyproc::spawn(|x: u32| x + 1, number).unwrap();
        assert_eq!(process.join().unwrap(), number + 1);
    }
}

fn big() {
    let memory = vec![1_u8; 1 << 30];
    square();
    assert_eq!(memory[1 << 29], 1);
}

static LOADED: std::sync::OnceLock<u32> = std::sync::OnceLock::new();

fn preload() {
    polyproc::preload(|| {
        LOADED.set(std::process::id()).unwrap();
    })
    .unwrap();
    let loaded = |()| LOADED.get().copied();
    let seen: Vec<_> =
        (0..3).map(|_| polyproc::spawn(loaded, ()).unwrap().join().unwrap()).collect();
    let server = polyproc::family().into_iter().find(|member| member.fork_server);
    assert_eq!(seen, [server.map(|server| server.pid); 3]);
    println!("loaded once: {}", seen[0].is_some());
    if let Err(error) = polyproc::preload(|| ()) {
        println!("{}", error.to_string().replace(|c: char| c.is_ascii_digit(), "N"));
    }
}

fn bad_preload() {
    polyproc::preload(|| panic!("no model")).unwrap();
    println!("{}", polyproc::spawn(|()| (), ()).unwrap_err());
}

/// The fork server's children go on without it, their ends are known, and a new one takes over.
fn killed_server() {
    let method = StartMethod::ForkServer;
    let server = || polyproc::family().into_iter().find(|m| m.fork_server).map(|m| m.pid);
    let running = start(method, sleep_for_ever, ());
    let finished = start(method, |()| 7, ());
    let first = server().unwrap();
    process::facts(first).unwrap().kill();
    await_end(first);
    assert!(running.is_alive());
    assert_eq!(finished.join().unwrap(), 7);
    assert_eq!(start(method, |x: u8| x, 3).join().unwrap(), 3);
    assert_ne!(server().unwrap(), first);
    running.kill().unwrap();
    // Which signal it was, kernels since 6.15 know without the server.
    let error = running.join().unwrap_err();
    let is_known = matches!(error, JoinError::Signaled { signal: Signal::KILL, .. });
    assert!(is_known || matches!(error, JoinError::Lost { .. }), "{error}");
}

/// What some programs do first of all.
#[expect(unsafe_code, reason = "closing what this process may have inherited")]
pub(crate) fn before_init() {
    if std::env::var_os("CONTRACT_SUBJECT").is_some_and(|name| name == "closed descriptors") {
        // SAFETY: close_range takes integers, and nothing in this process has a descriptor yet.
        unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
    }
}

fn closed_descriptors() {
    println!("main runs");
    let refused = polyproc::spawn(|()| (), ()).map_err(|error| error.to_string());
    assert!(refused.map_or(true, |process| process.join().is_err()));
}

fn server() -> Option<u32> {
    polyproc::family().into_iter().find(|member| member.fork_server).map(|member| member.pid)
}

/// Its socket is soon full.
fn stopped_server() {
    assert!(polyproc::spawn(|()| true, ()).unwrap().join().unwrap());
    process::facts(server().unwrap()).unwrap().stop();
    for _ in 0..12 {
        let builder = Process::builder().start_timeout(std::time::Duration::from_millis(20));
        let error = builder.spawn(|bytes: Vec<u8>| bytes.len(), vec![0; 30_000]).unwrap_err();
        assert!(matches!(error, SpawnError::Start(StartError::TimedOut { .. })), "{error}");
    }
}

extern "C" fn die() {
    let pid = process::facts(std::process::id()).unwrap();
    pid.kill();
}

#[expect(unsafe_code, reason = "a server that dies right after its fork")]
fn dying_server() {
    polyproc::preload(|| {
        // SAFETY: `die` ends the process.
        unsafe { libc::pthread_atfork(None, Some(die), None) };
    })
    .unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let builder = Process::builder().stdout(Stdio::To(writer.into()));
    let process = builder.spawn(|()| println!("once"), ()).unwrap();
    process.join().unwrap();
    drop(process);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
    assert_eq!(text, "once\n");
}

#[expect(unsafe_code, reason = "std cannot change this process's user")]
fn less_privileged() {
    let daemon = Process::builder().daemon(true).spawn(sleep_for_ever, ()).unwrap();
    // SAFETY: setuid takes an integer. Who is not root keeps what little he has.
    unsafe { libc::setuid(64321) };
    let user = |()| {
        // SAFETY: geteuid has no precondition.
        unsafe { libc::geteuid() }
    };
    assert_eq!(polyproc::spawn(user, ()).unwrap().join().unwrap(), user(()));
    assert!(daemon.is_alive());
}

/// Prints what went wrong, if it did.
fn large_result() {
    let error = match polyproc::spawn(|len: usize| "x".repeat(len), 5_000_000) {
        Ok(process) => process.join().err().map(|error| error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    println!("{}", error.unwrap_or_default());
}

fn add(count: Value<u32>) -> Value<u32> {
    count.update(|count| *count += 1);
    count
}

/// Objects do not depend on who made the processes that use them.
fn sharing_without_server() {
    let method = StartMethod::ForkServer;
    let count = Value::new(0).unwrap();
    let finished = start(method, add, count.clone());
    finished.wait().unwrap();
    for _ in 0..2 {
        let pid = server().unwrap();
        process::facts(pid).unwrap().kill();
        await_end(pid);
        start(method, add, count.clone()).join().unwrap();
    }
    assert_eq!(finished.join().unwrap().get(), 3);
}

/// Prints the answer, or why there is none.
fn sharing_in_little_space() {
    match Value::new(41) {
        Ok(count) => {
            let child = polyproc::spawn(add, count).unwrap();
            println!("{}", child.join().unwrap().get());
        }
        Err(error) => println!("{error}"),
    }
}

/// Children fill arrays until there is no memory, and the last one says why.
fn sharing_in_little_memory() {
    let fill = |()| -> Result<SharedArray<u8>, String> {
        let array = SharedArray::zeroed(8 << 20).map_err(|error| error.to_string())?;
        array.lock().map_err(|died| died.to_string())?.fill(1);
        Ok(array)
    };
    let mut arrays = Vec::new();
    let told = loop {
        match polyproc::spawn(fill, ()).unwrap().join().unwrap() {
            Ok(array) => arrays.push(array),
            Err(told) => break told,
        }
        assert!(arrays.len() < 20, "no limit");
    };
    println!("{told}");
}
