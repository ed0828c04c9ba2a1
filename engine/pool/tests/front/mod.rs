//! A front for the tests: what tasks do, and where their outcomes go.

use polyproc_pool::{
    Deadline, Definition, Delivery, Handler, NewTask, Notice, Outcome, Output, Pool, Server,
    Settings, Sink, Starter, TaskId, TaskRules, Verdict, serve,
};
use polyproc_process::{Child, Command, Outcome as Ended, Signal, StartError};
use polyproc_sys::memory::{Mapping, set_size};
use polyproc_sys::pidfd::PidFd;
use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a task does.
#[derive(Debug)]
pub(crate) enum Job {
    Square(u64),
    Echo(u64),
    Pid,
    Nap,
    Spin(u64),
    Hang,
    Abort,
    AbortTwice(String),
    Grow(u64),
    Wild(u64),
    CloseAll,
}

impl Job {
    fn encode(&self) -> Vec<u8> {
        let (kind, number) = match self {
            Self::Square(number) => (0, *number),
            Self::Echo(size) => (1, *size),
            Self::Pid => (2, 0),
            Self::Nap => (3, 0),
            Self::Spin(number) => (4, *number),
            Self::Hang => (5, 0),
            Self::Abort => (6, 0),
            Self::AbortTwice(_) => (7, 0),
            Self::Grow(size) => (8, *size),
            Self::Wild(wildness) => (9, *wildness),
            Self::CloseAll => (10, 0),
        };
        let mut bytes = vec![kind];
        bytes.extend(number.to_ne_bytes());
        match self {
            Self::Echo(size) => bytes.resize(9 + *size as usize, 7),
            Self::AbortTwice(path) => bytes.extend(path.as_bytes()),
            _ => {}
        }
        bytes
    }
}

fn run(task: &[u8], output: &mut Output<'_>, side: &Wild) -> Verdict {
    let number = u64::from_ne_bytes(task[1..9].try_into().unwrap());
    match task[0] {
        0 => output.bytes.extend((number * number).to_ne_bytes()),
        1 => output.bytes.extend(&task[9..]),
        2 => output.bytes.extend(std::process::id().to_ne_bytes()),
        3 => spin(Duration::from_millis(30)),
        4 => {
            spin(Duration::from_micros(20));
            output.bytes.extend(number.to_ne_bytes());
        }
        5 => loop {
            std::thread::park();
        },
        6 => std::process::abort(),
        7 => abort_twice(&task[9..], output),
        8 => {
            let memory = vec![1_u8; number as usize];
            std::hint::black_box(&memory);
            spin(Duration::from_mins(1));
        }
        10 => close_all(),
        _ => side.run_wild(number),
    }
    Verdict::Value
}

/// What a careless library does on its way into the background.
fn close_all() {
    let open = |fd: &RawFd| std::fs::exists(format!("/proc/self/fd/{fd}")).unwrap();
    for fd in (3..1024).filter(open) {
        // SAFETY: it is not: others own them. This worker has to live with that.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}

fn spin(time: Duration) {
    let since = Instant::now();
    while since.elapsed() < time {
        std::hint::spin_loop();
    }
}

fn abort_twice(path: &[u8], output: &mut Output<'_>) {
    let path = str::from_utf8(path).unwrap();
    let tries = std::fs::read(path).unwrap_or_default();
    std::fs::write(path, [&tries[..], b"x"].concat()).unwrap();
    if tries.len() < 2 {
        std::process::abort();
    }
    output.bytes.extend(b"third");
}

/// What a worker can spoil.
struct Wild {
    control: Mapping,
    results: Mapping,
    file: File,
}

impl Wild {
    fn run_wild(&self, wildness: u64) {
        let words = self.control.words();
        match wildness {
            // The position of the results: far away, back, out of step.
            0 => words[16].store(u64::MAX / 2, Ordering::SeqCst),
            1 => words[16].store(0, Ordering::SeqCst),
            2 => words[16].store(words[16].load(Ordering::SeqCst) + 1, Ordering::SeqCst),
            // The size of their ring.
            3 => {
                words[17].store(1 << 50, Ordering::SeqCst);
                words[16].store(words[16].load(Ordering::SeqCst) + 32, Ordering::SeqCst);
            }
            // A result that nobody asked for.
            4 => {
                let results = self.results.words();
                (0..4096).for_each(|word| results[word].store(u64::MAX, Ordering::SeqCst));
                words[16].store(words[16].load(Ordering::SeqCst) + 64, Ordering::SeqCst);
            }
            // A result of gigabytes that nobody wrote.
            5 => {
                let size = 1 << 38;
                set_size(&self.file, size).unwrap();
                let start = words[16].load(Ordering::SeqCst).next_multiple_of(size);
                self.results.words()[0].store((3 << 56) | (size / 2), Ordering::SeqCst);
                words[17].store(size, Ordering::SeqCst);
                words[16].store(start + size / 2 + 16, Ordering::SeqCst);
            }
            // Everything.
            _ => words.iter().for_each(|word| word.store(0x5555_5555_5555_5555, Ordering::SeqCst)),
        }
        loop {
            std::thread::park();
        }
    }
}

struct TestServer {
    wild: Arc<Wild>,
}

impl Server for TestServer {
    fn define(&mut self, definition: &[u8]) -> Handler {
        assert_eq!(definition, b"test");
        let wild = Arc::clone(&self.wild);
        Box::new(move |task, output| run(task, output, &wild))
    }

    fn leave(&mut self) {}
}

struct Forks {
    refuses: bool,
}

impl Starter for Forks {
    fn start(&self, _place: usize, descriptors: Vec<OwnedFd>) -> Result<Arc<Child>, StartError> {
        let body = || work(descriptors, self.refuses);
        // SAFETY: the other threads of this test hold no lock that the copy needs.
        unsafe { Command::default().fork(body) }
    }

    fn copies(&self) -> bool {
        false
    }

    #[expect(clippy::unnecessary_literal_bound, reason = "as the trait has it")]
    fn name(&self) -> &str {
        "tests"
    }
}

fn work(descriptors: Vec<OwnedFd>, refuses: bool) -> Ended {
    let wild = Wild {
        results: Mapping::shared(&descriptors[1], 1 << 16).unwrap(),
        control: Mapping::shared(&descriptors[2], 4096).unwrap(),
        file: descriptors[1].try_clone().unwrap().into(),
    };
    let server = TestServer { wild: Arc::new(wild) };
    let start = || if refuses { Err(b"not today".to_vec()) } else { Ok(server) };
    let served = serve(descriptors, start);
    Ended { code: i32::from(served.is_err()), ..Ended::default() }
}

pub(crate) fn settings(workers: usize) -> Settings {
    Settings { workers, max_tasks: None, idle: None, memory: None, warming: None, leaving: None }
}

pub(crate) fn pool(settings: Settings) -> Pool {
    Pool::new(settings, Box::new(Forks { refuses: false })).unwrap()
}

pub(crate) fn refusing_pool(settings: Settings) -> Pool {
    Pool::new(settings, Box::new(Forks { refuses: true })).unwrap()
}

/// Where outcomes go.
pub(crate) struct Boxes {
    inbox: Arc<Inbox>,
    submitted: AtomicU64,
    definition: Mutex<Option<Definition>>,
}

#[derive(Default)]
struct Inbox {
    outcomes: Mutex<HashMap<u64, Outcome>>,
    delivered: AtomicU64,
    calls: Mutex<HashMap<u64, Box<dyn FnOnce() + Send>>>,
}

impl Sink for Inbox {
    fn deliver(&self, deliveries: &mut Vec<Delivery>, notices: &mut Vec<Notice>) {
        for Delivery { index, outcome, .. } in deliveries.drain(..) {
            let before = self.outcomes.lock().unwrap().insert(index, outcome);
            assert!(before.is_none(), "one outcome for task {index}");
            self.delivered.fetch_add(1, Ordering::SeqCst);
            let call = self.calls.lock().unwrap().remove(&index);
            notices.extend(call.map(Notice::Call));
        }
    }
}

impl Boxes {
    pub(crate) fn new() -> Self {
        let (inbox, submitted) = (Arc::default(), AtomicU64::new(0));
        Self { inbox, submitted, definition: Mutex::new(None) }
    }

    pub(crate) fn submit(&self, pool: &Pool, job: Job) -> TaskId {
        self.submit_with(pool, job, TaskRules::default())
    }

    pub(crate) fn submit_calling(
        &self,
        pool: &Pool,
        job: Job,
        call: impl FnOnce() + Send + 'static,
    ) {
        let index = self.submitted.load(Ordering::SeqCst);
        self.inbox.calls.lock().unwrap().insert(index, Box::new(call));
        pool.attend(1);
        self.submit(pool, job);
    }

    pub(crate) fn submit_with(&self, pool: &Pool, job: Job, rules: TaskRules) -> TaskId {
        let index = self.submitted.fetch_add(1, Ordering::SeqCst);
        let mut definition = self.definition.lock().unwrap();
        let definition = *definition.get_or_insert_with(|| pool.define(b"test"));
        let task = NewTask { bytes: job.encode().into(), run: None, index };
        let sink = Arc::clone(&self.inbox) as _;
        pool.submit((pool.default_lane(), definition), rules, sink, [task]).unwrap()
    }

    pub(crate) fn wait(&self, pool: &Pool) {
        let submitted = self.submitted.load(Ordering::SeqCst);
        let done = || self.inbox.delivered.load(Ordering::SeqCst) == submitted;
        let deadline = Deadline::after(Duration::from_mins(2));
        let delivered = || self.inbox.delivered.load(Ordering::SeqCst);
        assert!(pool.wait(deadline, done), "{} of {submitted} tasks are done", delivered());
    }

    pub(crate) fn take(&self, index: u64) -> Outcome {
        self.inbox.outcomes.lock().unwrap().remove(&index).expect("it has an outcome")
    }

    pub(crate) fn value(&self, index: u64) -> Vec<u8> {
        match self.take(index) {
            Outcome::Value(value) => value.into_vec(),
            other => panic!("task {index} has no value: {other:?}"),
        }
    }
}

pub(crate) fn kill(pid: u32) {
    if let Ok(process) = PidFd::open(pid) {
        process.send_signal(Signal::KILL).unwrap();
    }
}
