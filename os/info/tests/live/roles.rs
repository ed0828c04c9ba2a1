//! What this program does when it is not the test. Every role ends when its input is closed: so
//! none outlives the test, whatever becomes of that.
#![expect(clippy::print_stdout, reason = "that is how an actor is heard")]
#![expect(unsafe_code, reason = "only a raw call ends the first thread alone")]

use crate::actor::READY;
use polyproc_info::{Attributes, Error, Fact, Limit, Missing, Monitor, Process, Resource, System};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

pub(crate) fn play(role: &str) -> ExitCode {
    match role {
        "plain" => wait(),
        "busy thread" => busy_thread(),
        "headless" => headless(),
        "files" => files(),
        "many descriptors" => many_descriptors(),
        "count own" => {
            println!("{READY}\n{}", Process::current().unwrap().num_fds().unwrap());
            drop(std::io::stdout().flush());
            drop(std::io::stdin().read_to_end(&mut Vec::new()));
        }
        "few descriptors" => few_descriptors(),
        "look" => look(),
        "list" => list(),
        "exit 7" => {
            wait();
            return ExitCode::from(7);
        }
        role => return crate::sockets::play(role),
    }
    ExitCode::SUCCESS
}

/// Says that it is ready, and waits for the end of its input.
pub(crate) fn wait() {
    // What it needs for that, it has before: somebody may compare how much memory it has.
    let (mut input, mut nothing) = (std::io::stdin().lock(), Vec::with_capacity(100));
    ready();
    drop(input.read_to_end(&mut nothing));
}

pub(crate) fn ready() {
    println!("{READY}");
    drop(std::io::stdout().flush());
}

/// A thread whose name looks like the fields behind a name has used a tenth of a second.
fn busy_thread() {
    let (done, is_done) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().name("ev) S 1 2 3 4 5".to_owned());
    let busy = move || {
        let started = Instant::now();
        while Process::current().and_then(|own| own.cpu_times()).unwrap().user
            < Duration::from_millis(100)
        {
            assert!(started.elapsed() < Duration::from_mins(1));
        }
        done.send(()).unwrap();
        std::thread::park();
    };
    let running = thread.spawn(busy).unwrap();
    is_done.recv().unwrap();
    wait();
    drop(running);
}

/// The first thread ends, and another one goes on.
fn headless() {
    std::thread::spawn(|| {
        let own = Process::current().unwrap();
        while !own.facts(Attributes::NONE).unwrap().stat.has_lost_its_leader() {
            std::thread::yield_now();
        }
        wait();
        // SAFETY: ends the process at once; nothing of it is needed any more.
        unsafe { libc::_exit(0) };
    });
    // SAFETY: ends this thread alone. Its stack stays, so nothing that others borrow from it is gone.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

/// Has a file open that was deleted, one whose name only looks so, and one in the middle.
fn files() {
    let here = std::env::current_dir().unwrap();
    let open = |name: &str| {
        let options = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(here.join(name));
        let mut file = options.unwrap();
        file.write_all(b"0123456789").unwrap();
        file
    };
    let _deleted = open("deleted");
    std::fs::remove_file(here.join("deleted")).unwrap();
    let _looks_so = open("kept (deleted)");
    let mut middle = open("middle");
    middle.seek(SeekFrom::Start(4)).unwrap();
    let _append = File::options().append(true).open(here.join("middle")).unwrap();
    let _folder = File::open(&here).unwrap();
    wait();
}

/// Ten thousand, or as many as it may have.
fn many_descriptors() {
    let mut kept = Vec::new();
    while kept.len() < 10_000 {
        match File::open("/proc/self/exe") {
            Ok(file) => kept.push(file),
            Err(_) => break,
        }
    }
    println!("{READY}\n{}", kept.len());
    drop(std::io::stdout().flush());
    drop(std::io::stdin().read_to_end(&mut Vec::new()));
}

/// Prints what it sees of the process that is its first argument.
fn look() {
    let pid = std::env::args().nth(1).and_then(|pid| pid.parse().ok()).unwrap();
    ready();
    let facts = match Process::new(pid).and_then(|process| process.facts(Attributes::ALL)) {
        Ok(facts) => facts,
        Err(error) => return println!("{}", kind(&error)),
    };
    println!("name {}", facts.name().display());
    println!("arguments {}", word(&facts.arguments));
    println!("exe {}", word(&facts.exe));
    println!("environment {}", word(&facts.environment));
    println!("io {}", word(&facts.io));
    println!("open_files {}", word(&facts.open_files));
    println!("connections {}", word(&facts.connections));
    println!("maps {}", word(&facts.memory_maps));
    println!("identities {}", word(&facts.identities));
    println!("threads {}", word(&facts.threads));
    println!("limits {}", word(&facts.limits));
    let process = Process::new(pid).unwrap();
    println!("kill {}", process.kill().map_or_else(|error| kind(&error), |()| "done"));
    println!("running {}", process.is_running());
}

fn word<T>(fact: &Fact<T>) -> &'static str {
    match fact {
        Ok(_) => "there",
        Err(Missing::Denied) => "denied",
        Err(Missing::Zombie) => "zombie",
        Err(_) => "other",
    }
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Gone { .. } => "gone",
        Error::Denied { .. } => "denied",
        Error::Zombie { .. } => "zombie",
        _ => "other",
    }
}

/// Prints how many processes it sees, and how many of these it may not look at.
fn list() {
    ready();
    let system = System::new();
    let snapshot = system.snapshot(Attributes::ALL).unwrap();
    let own = snapshot.get(std::process::id()).is_some();
    println!("{} {} {own}", snapshot.processes.len(), snapshot.hidden.len());
    let children = Process::current().unwrap().children(true).unwrap();
    println!("{}", children.len());
}

/// Watches all processes with twenty descriptors.
fn few_descriptors() {
    ready();
    let own = Process::current().unwrap();
    let before = own.num_fds().unwrap();
    let limit = Limit { soft: Some(20), hard: Some(20) };
    own.set_limit(Resource::OpenFiles, limit).unwrap();
    let system = System::new();
    let mut monitor = Monitor::new(&system, Attributes::ALL).unwrap();
    for _ in 0..3 {
        monitor.tick().unwrap();
    }
    let kept = own.num_fds().unwrap() - before;
    assert!(kept <= 10 + 1, "{kept} descriptors");
    let seen = monitor.rows().any(|row| row.facts.pid == own.pid() && row.facts.io.is_ok());
    let all = system.snapshot(Attributes::ALL).unwrap().get(own.pid()).is_some();
    println!("{}", if seen && all { "all seen" } else { "not seen" });
}
