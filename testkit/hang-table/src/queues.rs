//! The rows about queues.

use polyproc::JoinError;
use polyproc::prelude::*;
use polyproc::queue::{PutError, PutFailure, Receiver, Sender};
use polyproc::sync::Deadline;
use polyproc_testkit::Rng;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const KILLS: usize = 300;
/// Half of them put, half of them take.
const AT_WORK: usize = 4;
/// Between two kills, at most.
const MOST_MICROSECONDS: u64 = 3000;

/// What goes from a producer to a consumer, and from there to this process.
#[derive(Debug, Serialize, Deserialize)]
struct Parcel {
    producer: usize,
    number: u64,
    filler: String,
}

impl Parcel {
    fn new(producer: usize, number: u64) -> Self {
        let filler = format!("{producer}/{number} ").repeat((number % 200) as usize);
        Self { producer, number, filler }
    }
}

/// A producer's queue, its place in the account, and where it notes how many it has put for certain.
type Production = (Queue<Parcel>, usize, Shared<AtomicU64>);

fn produce((jobs, producer, put): Production) {
    for number in 0.. {
        match jobs.put(Parcel::new(producer, number)) {
            Ok(()) => put.store(number + 1, Ordering::Relaxed),
            Err(PutError { failure: PutFailure::Closed, .. }) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

fn consume((jobs, reports): (Queue<Parcel>, Sender<Parcel>)) {
    for parcel in &jobs {
        reports.put(parcel.unwrap()).unwrap();
    }
}

/// What came of all producers, dead or alive.
#[derive(Default)]
struct Account {
    put: Vec<Shared<AtomicU64>>,
    /// The numbers that arrived.
    arrived: Vec<Vec<u64>>,
}

impl Account {
    fn arrived(&mut self, parcel: &Parcel) {
        let whole = Parcel::new(parcel.producer, parcel.number);
        assert_eq!(parcel.filler, whole.filler, "torn");
        self.arrived[parcel.producer].push(parcel.number);
    }

    /// How many were put for certain and never arrived. None arrived twice, or from nowhere.
    fn lost(self) -> usize {
        let lost = self.put.iter().zip(self.arrived).map(|(put, mut arrived)| {
            let put = put.load(Ordering::Relaxed);
            arrived.sort_unstable();
            assert!(arrived.is_sorted_by(|a, b| a < b), "twice");
            // A producer may have been killed between the put and the note of it.
            assert!(arrived.last().is_none_or(|&last| last <= put), "from nowhere");
            put as usize - arrived.iter().filter(|&&number| number < put).count()
        });
        lost.sum()
    }
}

/// Producers, a queue, consumers, a queue, and this process.
struct Line {
    jobs: Queue<Parcel>,
    to_here: Sender<Parcel>,
    reports: Receiver<Parcel>,
    account: Account,
}

impl Line {
    fn new() -> Self {
        let (to_here, reports) = Queue::bounded(50).unwrap().split();
        let jobs = Queue::bounded(20).unwrap();
        Self { jobs, to_here, reports, account: Account::default() }
    }

    fn start(&mut self, is_producer: bool) -> Process<()> {
        if !is_producer {
            let work = (self.jobs.clone(), self.to_here.clone());
            return polyproc::spawn(consume, work).unwrap();
        }
        let put = Shared::new(AtomicU64::new(0)).unwrap();
        let producer = self.account.put.len();
        self.account.put.push(put.clone());
        self.account.arrived.push(Vec::new());
        polyproc::spawn(produce, (self.jobs.clone(), producer, put)).unwrap()
    }

    /// Takes so many more: the line still moves, however few came through between the kills.
    fn take(&mut self, amount: usize) {
        for _ in 0..amount {
            let parcel = self.reports.get().unwrap();
            self.account.arrived(&parcel);
        }
    }

    /// Takes what arrives, for so long.
    fn watch(&mut self, duration: Duration) {
        let deadline = Deadline::after(duration);
        while let Ok(parcel) = self.reports.get_deadline(deadline) {
            self.account.arrived(&parcel);
        }
    }
}

fn is_producer(place: usize) -> bool {
    place.is_multiple_of(2)
}

pub(crate) fn users_killed(_: StartMethod) {
    let mut random = Rng::from_environment();
    let mut line = Line::new();
    let mut at_work: Vec<_> = (0..AT_WORK).map(|place| line.start(is_producer(place))).collect();
    let mut consumers_killed = 0;
    for _ in 0..KILLS {
        line.watch(Duration::from_micros(random.below(MOST_MICROSECONDS)));
        let place = random.below(AT_WORK as u64) as usize;
        at_work[place].kill().unwrap();
        let error = at_work[place].join().unwrap_err();
        assert!(matches!(error, JoinError::Signaled { signal: Signal::KILL, .. }), "{error}");
        consumers_killed += usize::from(!is_producer(place));
        at_work[place] = line.start(is_producer(place));
    }
    line.take(KILLS);
    line.jobs.close();
    let Line { to_here, reports, mut account, .. } = line;
    drop(to_here);
    // Until no process is left that could report.
    reports.iter().for_each(|parcel| account.arrived(&parcel.unwrap()));
    for process in at_work {
        process.join().unwrap();
    }
    let lost = account.lost();
    assert!(lost <= consumers_killed, "{lost} lost with {consumers_killed} consumers");
}

const MEGABYTE: usize = 1_000_000;

#[expect(clippy::needless_pass_by_value, reason = "the form of a process's function")]
fn put_hundred_megabytes(queue: Queue<String>) {
    for number in 0..100_u8 {
        queue.put(char::from(number).to_string().repeat(MEGABYTE)).unwrap();
    }
}

pub(crate) fn joined_before_read(_: StartMethod) {
    let queue = Queue::unbounded().unwrap();
    let child = polyproc::spawn(put_hundred_megabytes, queue.clone()).unwrap();
    child.join().unwrap();
    assert_eq!(queue.len(), 100);
    for number in 0..100_u8 {
        let text = queue.try_get().unwrap();
        assert!(text.len() == MEGABYTE && text.bytes().all(|byte| byte == number));
    }
}
