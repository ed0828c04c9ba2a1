//! A pool whose worker runs in the same thread as its parent: the same dispatcher, rings and worker,
//! without processes, and without anybody who waits. For counting instructions.

use crate::bytes::Bytes;
use crate::core::Core;
use crate::dispatch::{Dispatcher, Limits, Rules};
use crate::link::{Link, Work};
use crate::outcome::Sink;
use crate::region::{self, Order, WorkerSide};
use crate::serve::{Server, Worker};
use std::fmt;
use std::io;
use std::sync::Arc;

/// See the [module](self).
pub struct Rehearsal<S> {
    core: Core,
    lane: usize,
    worker: Worker,
    server: S,
}

impl<S> fmt::Debug for Rehearsal<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehearsal").field("core", &self.core).finish_non_exhaustive()
    }
}

impl<S: Server> Rehearsal<S> {
    /// With a single worker, and a single definition.
    ///
    /// # Errors
    /// At the limits on descriptors and memory.
    pub fn new(server: S) -> io::Result<Self> {
        let mut dispatcher = Dispatcher::new(Limits {
            workers: 1,
            max_tasks: None,
            idle: None,
            warming: None,
            leaving: None,
        });
        let lane = dispatcher.open_lane();
        let mut core = Core::new(dispatcher, None);
        core.crew.definitions.add(&[]);
        let (side, descriptors) = region::create()?;
        let worker = Worker::new(WorkerSide::attach(descriptors)?);
        core.started(0, Link::new(None, side));
        Ok(Self { core, lane, worker, server })
    }

    /// Submits `count` copies of a task, each by itself as single submissions are, has the worker do
    /// them, and hands their outcomes to `sink`.
    ///
    /// # Errors
    /// Those of a worker.
    pub fn run(&mut self, count: u64, task: &Bytes, sink: &Arc<dyn Sink>) -> io::Result<()> {
        for index in 0..count {
            let sink = self.core.sinks.add(Arc::clone(sink));
            self.core.sinks.submitted(sink, 1);
            let work = Work { bytes: task.clone(), run: None, index, sink };
            self.core.dispatcher.submit(self.lane, 0, Rules::default(), work);
            self.core.crew.definitions.submitted(0, 1);
            self.core.go_on(self.core.now());
        }
        while self.core.dispatcher.queued() + self.core.dispatcher.in_flight() > 0 {
            self.work()?;
            self.core.turn();
            // What a pool does once its lock is released.
            drop(std::mem::take(&mut self.core.errands));
        }
        Ok(())
    }

    /// Has the worker do what it was given.
    fn work(&mut self) -> io::Result<()> {
        if self.core.dispatcher.is_warming(0) {
            return self.worker.say_ready();
        }
        let mut left = self.core.dispatcher.in_flight();
        if left == 0 {
            return Err(io::Error::other("a ready worker without work is given none"));
        }
        while left > 0 {
            let order = self.worker.step(&mut self.server)?;
            left -= usize::from(order == Order::Task);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Delivery, Notice, Outcome};
    use crate::serve::{Handler, Verdict};
    use std::sync::Mutex;

    struct Echo;

    impl Server for Echo {
        fn define(&mut self, _definition: &[u8]) -> Handler {
            Box::new(|task, output| {
                output.bytes.extend_from_slice(task);
                Verdict::Value
            })
        }

        fn leave(&mut self) {}
    }

    #[derive(Default)]
    struct List(Mutex<Vec<u64>>);

    impl Sink for List {
        fn deliver(&self, deliveries: &mut Vec<Delivery>, _notices: &mut Vec<Notice>) {
            for delivery in deliveries.drain(..) {
                assert!(matches!(delivery.outcome, Outcome::Value(value) if *value == *b"task"));
                self.0.lock().unwrap().push(delivery.index);
            }
        }
    }

    #[test]
    fn every_task_is_done() {
        let mut rehearsal = Rehearsal::new(Echo).unwrap();
        let list = Arc::new(List::default());
        let sink = Arc::clone(&list) as Arc<dyn Sink>;
        rehearsal.run(1, &Bytes::copy(b"task"), &sink).unwrap();
        rehearsal.run(3000, &Bytes::copy(b"task"), &sink).unwrap();
        assert_eq!(*list.0.lock().unwrap(), [vec![0], (0..3000).collect()].concat());
    }
}
