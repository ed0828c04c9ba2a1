//! The pool with a front of its own, over forked workers: kills, breaches, limits. It has a single
//! thread besides the pool's own, as forking needs it.
#![expect(unsafe_code, reason = "workers are forked")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::infinite_loop,
    clippy::needless_pass_by_value,
    reason = "a test program"
)]

mod front;

use front::{Boxes, Job, pool, settings};
use libtest_mimic::{Arguments, Failed, Trial};
use polyproc_pool::{Cause, Deadline, NoStart, Outcome, Settings, TaskRules};
use polyproc_process::{ExitStatus, ObservedFamily, PoolCounts, PoolListing, Signal, Work};
use polyproc_testkit::{Census, Rng, eventually};
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_mins(1);

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    // What the first process of a family sets up stays.
    tasks_have_results();
    let trial = |name: &str, test: fn()| {
        Trial::test(name, move || {
            let census = Census::take();
            test();
            census.assert_same();
            Ok::<(), Failed>(())
        })
    };
    let tests = vec![
        trial("tasks_have_results", tasks_have_results),
        trial("results_of_any_size_arrive", results_of_any_size_arrive),
        trial("a_crash_is_its_own_tasks_only", a_crash_is_its_own_tasks_only),
        trial("a_retried_task_succeeds_in_the_end", a_retried_task_succeeds_in_the_end),
        trial("idle_workers_killed_are_replaced", idle_workers_killed_are_replaced),
        trial("time_is_limited", time_is_limited),
        trial("a_running_task_is_cancelled", a_running_task_is_cancelled),
        trial("a_refusal_to_start_is_told", a_refusal_to_start_is_told),
        trial("workers_are_replaced_after_their_tasks", workers_are_replaced_after_their_tasks),
        trial("memory_is_limited", memory_is_limited),
        trial("a_wild_worker_harms_its_task_only", a_wild_worker_harms_its_task_only),
        trial("a_worker_that_cannot_ring_is_replaced", a_worker_that_cannot_ring_is_replaced),
        trial("an_idle_worker_is_let_go", an_idle_worker_is_let_go),
        trial("terminate_ends_everything", terminate_ends_everything),
        trial("callbacks_run", callbacks_run),
        trial("others_see_what_it_does", others_see_what_it_does),
        trial("random_kills_lose_nothing", random_kills_lose_nothing),
    ];
    libtest_mimic::run(&arguments, tests).exit();
}

fn tasks_have_results() {
    let pool = pool(settings(2));
    let boxes = Boxes::new();
    for number in 0..3000 {
        boxes.submit(&pool, Job::Square(number));
    }
    boxes.wait(&pool);
    for number in 0..3000 {
        assert_eq!(boxes.value(number), (number * number).to_ne_bytes());
    }
    assert!(pool.pids().len() <= 2);
    pool.close();
    assert!(pool.join(Deadline::after(Duration::from_mins(1))));
    let tasks: u64 = pool.insights().workers.iter().map(|worker| worker.tasks).sum();
    assert_eq!(tasks, 3000);
}

fn results_of_any_size_arrive() {
    let pool = pool(settings(2));
    let boxes = Boxes::new();
    let sizes = [0, 1, 100_000, 3_000_000, 40_000_000, 10, 1_100_000, 5_000_000];
    for size in sizes {
        boxes.submit(&pool, Job::Echo(size));
    }
    boxes.wait(&pool);
    for (index, size) in sizes.into_iter().enumerate() {
        let value = boxes.value(index as u64);
        assert_eq!(value.len(), size as usize);
        assert!(value.iter().all(|byte| *byte == 7));
    }
}

fn a_crash_is_its_own_tasks_only() {
    let pool = pool(settings(2));
    let boxes = Boxes::new();
    for number in 0..200 {
        boxes.submit(&pool, if number % 40 == 13 { Job::Abort } else { Job::Square(number) });
    }
    boxes.wait(&pool);
    for number in 0..200 {
        if number % 40 != 13 {
            assert_eq!(boxes.value(number), (number * number).to_ne_bytes());
            continue;
        }
        let Outcome::Lost(loss) = boxes.take(number) else { panic!("it has aborted") };
        assert!(matches!(loss.cause, Cause::Crashed));
        let ending = loss.ending.unwrap();
        let ExitStatus::Signaled { signal, .. } = ending.status else { panic!("{ending:?}") };
        assert_eq!((signal, loss.attempts), (Signal::ABRT, 1));
        assert!(loss.pid.is_some() && ending.usage.is_some());
    }
}

fn a_retried_task_succeeds_in_the_end() {
    let pool = pool(settings(2));
    let boxes = Boxes::new();
    let file = std::env::temp_dir().join(format!("polyproc-retry-{}", std::process::id()));
    let rules = TaskRules { retries: 3, timeout: None };
    boxes.submit_with(&pool, Job::AbortTwice(file.to_str().unwrap().into()), rules);
    boxes.submit_with(&pool, Job::Abort, rules);
    boxes.wait(&pool);
    drop(std::fs::remove_file(file));
    assert_eq!(boxes.value(0), b"third");
    let Outcome::Lost(loss) = boxes.take(1) else { panic!("it always aborts") };
    assert_eq!(loss.attempts, 4);
}

/// As any process of the same user can see them.
fn seen_from_outside() -> Vec<PoolListing> {
    let family = ObservedFamily::find("/proc/self/fd".as_ref()).unwrap().unwrap();
    family.pools().unwrap()
}

fn others_see_what_it_does() {
    let pool = pool(settings(2));
    let boxes = Boxes::new();
    (0..3).for_each(|number| _ = boxes.submit(&pool, Job::Square(number)));
    boxes.wait(&pool);
    let idle = seen_from_outside().pop().unwrap();
    assert_eq!((idle.name.as_str(), idle.parent_pid), ("tests", std::process::id()));
    assert_eq!(idle.counts, PoolCounts { workers: 2, queued: 0, in_flight: 0, done: 3 });
    (3..6).for_each(|_| _ = boxes.submit(&pool, Job::Hang));
    // What is stuck behind a long task in a worker's ring is taken back into the queue.
    let counts = PoolCounts { workers: 2, queued: 1, in_flight: 2, done: 3 };
    let all_busy = || {
        pool.look();
        let seen = seen_from_outside().pop()?;
        let is_busy = seen.workers.iter().all(|worker| worker.work == Work::Busy);
        (is_busy && seen.counts == counts).then_some(seen)
    };
    let busy = eventually(PATIENCE, all_busy).unwrap();
    assert_eq!(busy.workers.iter().map(|worker| worker.pid).collect::<Vec<_>>(), pool.pids());
    assert_eq!(busy.workers.iter().map(|worker| worker.done).sum::<u64>(), 3);
    drop(pool);
    assert_eq!(seen_from_outside(), []);
}

fn idle_workers_killed_are_replaced() {
    let pool = pool(settings(2));
    let boxes = Boxes::new();
    // The second one comes when there is a task that the first does not take.
    let both = || {
        (0..2).for_each(|_| _ = boxes.submit(&pool, Job::Nap));
        boxes.wait(&pool);
        Some(pool.pids()).filter(|pids| pids.len() == 2)
    };
    let pids = eventually(PATIENCE, both).unwrap();
    for pid in &pids {
        front::kill(*pid);
    }
    let others = Boxes::new();
    for number in 0..20 {
        others.submit(&pool, Job::Square(number));
    }
    others.wait(&pool);
    (0..20).for_each(|number| assert_eq!(others.value(number), (number * number).to_ne_bytes()));
    // One of them may have had all the work, before the other's death was noticed.
    let all_new = || pool.pids().iter().all(|pid| !pids.contains(pid)).then_some(());
    assert!(eventually(PATIENCE, all_new).is_some());
}

fn time_is_limited() {
    let pool = pool(settings(2));
    let boxes = Boxes::new();
    let limit = Duration::from_millis(100);
    let rules = TaskRules { timeout: Some(limit), retries: 0 };
    boxes.submit_with(&pool, Job::Hang, rules);
    boxes.submit_with(&pool, Job::Square(1), TaskRules { timeout: Some(PATIENCE), retries: 0 });
    boxes.wait(&pool);
    let Outcome::Lost(loss) = boxes.take(0) else { panic!("it hangs") };
    assert!(matches!(loss.cause, Cause::TimedOut(time) if time == limit), "{loss:?}");
    assert_eq!(boxes.value(1), 1_u64.to_ne_bytes());
}

fn a_running_task_is_cancelled() {
    let pool = pool(settings(1));
    let boxes = Boxes::new();
    let task = boxes.submit(&pool, Job::Hang);
    let behind = boxes.submit(&pool, Job::Square(1));
    boxes.submit(&pool, Job::Square(2));
    let has_worker = eventually(PATIENCE, || {
        pool.look();
        (pool.pids().len() == 1).then_some(())
    });
    assert!(has_worker.is_some());
    pool.cancel(behind);
    pool.cancel(task);
    boxes.wait(&pool);
    for index in [0, 1] {
        let Outcome::Lost(loss) = boxes.take(index) else { panic!("it was cancelled") };
        assert!(matches!(loss.cause, Cause::Cancelled));
    }
    assert_eq!(boxes.value(2), 4_u64.to_ne_bytes());
}

fn a_refusal_to_start_is_told() {
    let pool = front::refusing_pool(settings(2));
    let boxes = Boxes::new();
    (0..10).for_each(|number| _ = boxes.submit(&pool, Job::Square(number)));
    boxes.wait(&pool);
    for index in 0..10 {
        let Outcome::Lost(loss) = boxes.take(index) else { panic!("nobody can run it") };
        let Cause::NoWorkers(why) = loss.cause else { panic!("{loss:?}") };
        let NoStart::Refused { reason, .. } = &*why else { panic!("{why:?}") };
        assert_eq!(reason, b"not today");
    }
    // Three in a row, and with each later submission one more.
    assert!(pool.insights().workers.iter().map(|worker| worker.starts).sum::<u64>() <= 3 + 10);
}

fn workers_are_replaced_after_their_tasks() {
    let pool = pool(Settings { max_tasks: Some(3), ..settings(1) });
    let boxes = Boxes::new();
    (0..12).for_each(|_| _ = boxes.submit(&pool, Job::Pid));
    boxes.wait(&pool);
    let mut pids: Vec<_> = (0..12).map(|index| boxes.value(index)).collect();
    pids.dedup();
    assert_eq!(pids.len(), 4);
}

fn memory_is_limited() {
    let pool = pool(Settings { memory: Some(200 << 20), ..settings(1) });
    let boxes = Boxes::new();
    boxes.submit(&pool, Job::Grow(400 << 20));
    boxes.submit(&pool, Job::Square(3));
    boxes.wait(&pool);
    let Outcome::Lost(loss) = boxes.take(0) else { panic!("it holds too much") };
    assert!(matches!(loss.cause, Cause::OverMemory(_)), "{loss:?}");
    assert_eq!(boxes.value(1), 9_u64.to_ne_bytes());
}

fn a_wild_worker_harms_its_task_only() {
    for wildness in 0..7 {
        let pool = pool(settings(1));
        let boxes = Boxes::new();
        boxes.submit(&pool, Job::Square(5));
        // If its parent sleeps by then, nobody tells it that there is something to look at.
        let rules = TaskRules { timeout: Some(Duration::from_millis(500)), retries: 0 };
        boxes.submit_with(&pool, Job::Wild(wildness), rules);
        boxes.submit(&pool, Job::Square(6));
        boxes.wait(&pool);
        assert_eq!(boxes.value(0), 25_u64.to_ne_bytes());
        let Outcome::Lost(loss) = boxes.take(1) else { panic!("wildness {wildness}") };
        assert!(matches!(loss.cause, Cause::Breach | Cause::TimedOut(_)), "{wildness}: {loss:?}");
        assert_eq!(boxes.value(2), 36_u64.to_ne_bytes());
    }
}

fn a_worker_that_cannot_ring_is_replaced() {
    let pool = pool(settings(1));
    let run = |job| {
        let boxes = Boxes::new();
        boxes.submit(&pool, job);
        boxes.wait(&pool);
        boxes.value(0)
    };
    let first = run(Job::Pid);
    run(Job::CloseAll);
    // Its answers come, and it is noticed when somebody sleeps over its bell.
    let is_other = || {
        run(Job::Nap);
        (run(Job::Pid) != first).then_some(())
    };
    assert!(eventually(PATIENCE, is_other).is_some());
}

fn an_idle_worker_is_let_go() {
    let pool = pool(Settings { idle: Some(Duration::from_millis(20)), ..settings(2) });
    let boxes = Boxes::new();
    boxes.submit(&pool, Job::Square(2));
    boxes.wait(&pool);
    assert!(eventually(PATIENCE, || pool.pids().is_empty().then_some(())).is_some());
    boxes.submit(&pool, Job::Square(3));
    boxes.wait(&pool);
    assert_eq!(boxes.value(1), 9_u64.to_ne_bytes());
}

fn terminate_ends_everything() {
    let pool = pool(settings(2));
    let boxes = Boxes::new();
    (0..10).for_each(|_| _ = boxes.submit(&pool, Job::Hang));
    pool.terminate();
    boxes.wait(&pool);
    for index in 0..10 {
        let Outcome::Lost(loss) = boxes.take(index) else { panic!("it was terminated") };
        assert!(matches!(loss.cause, Cause::Terminated));
    }
    assert!(pool.join(Deadline::after(Duration::from_mins(1))));
    assert!(!pool.is_open());
}

fn callbacks_run() {
    let pool = pool(settings(1));
    let boxes = Boxes::new();
    let (sender, receiver) = std::sync::mpsc::channel();
    boxes.submit_calling(&pool, Job::Square(7), move || sender.send(()).unwrap());
    receiver.recv_timeout(Duration::from_mins(1)).expect("nobody waits, and it is called");
    boxes.wait(&pool);
    assert_eq!(boxes.value(0), 49_u64.to_ne_bytes());
}

fn random_kills_lose_nothing() {
    let pool = Arc::new(pool(settings(3)));
    let mut rng = Rng::from_environment();
    let boxes = Boxes::new();
    let (rounds, batch) = (60, 50);
    for round in 0..rounds {
        for number in 0..batch {
            boxes.submit(&pool, Job::Spin(round * batch + number));
        }
        let pids = pool.pids();
        if !pids.is_empty() {
            front::kill(pids[rng.below(pids.len() as u64) as usize]);
        }
        pool.wait(Deadline::after(Duration::from_micros(rng.below(2000))), || false);
    }
    boxes.wait(&pool);
    let mut lost = 0;
    for number in 0..rounds * batch {
        match boxes.take(number) {
            Outcome::Value(value) => assert_eq!(*value, number.to_ne_bytes()),
            Outcome::Lost(loss) => {
                assert!(matches!(loss.cause, Cause::Crashed), "{loss:?}");
                lost += 1;
            }
            Outcome::Failed { .. } => panic!("nothing fails"),
        }
    }
    assert!(lost <= rounds, "a kill costs one task at most: {lost}");
}
