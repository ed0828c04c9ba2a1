//! Where a pool's time went, for people and for programs.

use polyproc_info::Process;
use polyproc_pool::{Insights, WorkerInsights};
use polyproc_sys::stat;
use std::fmt::{self, Write};
use std::time::Duration;

/// What the workers of a pool have done. [`Display`](fmt::Display) gives a table, and
/// [`to_json`](Self::to_json) one line for programs.
///
/// Processor time and memory are those of all processes that a worker's place has had, as far as they have
/// come. A slow task's `index` is the number of its chunk in its `map`; of the item, if each is a task.
#[derive(Clone, Debug)]
pub struct PoolInsights {
    insights: Insights,
}

impl PoolInsights {
    /// With what the workers of these pids have used so far: the engine learns it at their end.
    pub(super) fn new(mut insights: Insights, living: &[u32]) -> Self {
        let workers = insights.workers.iter_mut();
        workers.filter(|worker| living.contains(&worker.pid)).for_each(add_usage);
        Self { insights }
    }

    /// The facts, worker by worker.
    pub fn facts(&self) -> &Insights {
        &self.insights
    }

    /// All workers together.
    pub fn total(&self) -> WorkerInsights {
        let mut total = WorkerInsights::default();
        for worker in &self.insights.workers {
            total.starts += worker.starts;
            total.tasks += worker.tasks;
            total.start_time += worker.start_time;
            total.wait_time += worker.wait_time;
            total.work_time += worker.work_time;
            total.transfer_time += worker.transfer_time;
            total.bytes_in += worker.bytes_in;
            total.bytes_out += worker.bytes_out;
            total.cpu_time += worker.cpu_time;
            total.peak_memory = total.peak_memory.max(worker.peak_memory);
        }
        total
    }

    /// One JSON object: `workers` (a list), `total`, `lost`, `slowest`. Times are in seconds, memory in
    /// bytes.
    pub fn to_json(&self) -> String {
        let workers: Vec<_> = self.insights.workers.iter().map(json).collect();
        let slowest = self.insights.slowest.iter().map(|task| {
            let (index, pid, seconds) = (task.index, task.pid, task.time.as_secs_f64());
            format!("{{\"index\":{index},\"pid\":{pid},\"seconds\":{seconds}}}")
        });
        format!(
            "{{\"workers\":[{}],\"total\":{},\"lost\":{},\"slowest\":[{}]}}",
            workers.join(","),
            json(&self.total()),
            self.insights.lost,
            slowest.collect::<Vec<_>>().join(",")
        )
    }
}

/// What a process that has not ended has used. One that ends just now is not counted this time.
fn add_usage(worker: &mut WorkerInsights) {
    let times = Process::new(worker.pid).and_then(|process| process.cpu_times());
    worker.cpu_time += times.map(|times| times.user + times.system).unwrap_or_default();
    let peak = stat::most_resident(worker.pid).ok().flatten();
    worker.peak_memory = worker.peak_memory.max(peak);
}

fn json(worker: &WorkerInsights) -> String {
    let seconds = |time: Duration| time.as_secs_f64();
    let peak = worker.peak_memory.map_or_else(|| "null".to_owned(), |peak| peak.to_string());
    format!(
        "{{\"pid\":{},\"starts\":{},\"tasks\":{},\"start_s\":{},\"wait_s\":{},\"work_s\":{},\
         \"transfer_s\":{},\"cpu_s\":{},\"bytes_in\":{},\"bytes_out\":{},\"peak_memory\":{peak}}}",
        worker.pid,
        worker.starts,
        worker.tasks,
        seconds(worker.start_time),
        seconds(worker.wait_time),
        seconds(worker.work_time),
        seconds(worker.transfer_time),
        seconds(worker.cpu_time),
        worker.bytes_in,
        worker.bytes_out,
    )
}

impl fmt::Display for PoolInsights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>6} {:>8} {:>6} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8}",
            "worker",
            "pid",
            "starts",
            "tasks",
            "start",
            "wait",
            "work",
            "transfer",
            "cpu",
            "in",
            "out",
            "memory"
        )?;
        let mut row = |name: &str, worker: &WorkerInsights| {
            let time = |time: Duration| format!("{time:.1?}");
            writeln!(
                f,
                "{name:>6} {:>8} {:>6} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8}",
                worker.pid,
                worker.starts,
                worker.tasks,
                time(worker.start_time),
                time(worker.wait_time),
                time(worker.work_time),
                time(worker.transfer_time),
                time(worker.cpu_time),
                size(worker.bytes_in),
                size(worker.bytes_out),
                worker.peak_memory.map_or_else(|| "-".to_owned(), size),
            )
        };
        for (place, worker) in self.insights.workers.iter().enumerate() {
            row(&place.to_string(), worker)?;
        }
        row("all", &self.total())?;
        let mut slowest = String::new();
        for task in &self.insights.slowest {
            write!(slowest, " {:.1?} (pid {})", task.time, task.pid)?;
        }
        write!(f, "slowest tasks:{slowest}; lost with their workers: {}", self.insights.lost)
    }
}

/// Bytes, for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}
