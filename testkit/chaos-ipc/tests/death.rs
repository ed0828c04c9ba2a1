//! What the living are told when a process dies, and what a fork inherits. One thread: it forks.

#![expect(unsafe_code, reason = "a limit is set by a C call")]

use libtest_mimic::{Arguments, Trial};
use polyproc_channel::{Message, PipeEnd, PutReason, Queue, Settings, TakeError};
use polyproc_chaos_ipc::process::{Child, Stage, pause};
use polyproc_shm::{Arena, Error, Shared, SharedArray, Value};
use polyproc_sync::raw::{self, Arrival, Condition, HeldSemaphore, Lock, RLock};
use polyproc_sync::{
    Abandoned, Barrier, Deadline, Event, EventDescriptor, Host, Kind, Mutex, Outcome, Owner,
    RwLock, TryLockError, Wait, crash,
};
use polyproc_sys::handler::interrupt_on;
use polyproc_sys::poll;
use polyproc_sys::signal::Signal;
use polyproc_sys::wait::Status;
use polyproc_testkit::eventually;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

type Result = std::result::Result<(), libtest_mimic::Failed>;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let trials = vec![
        Trial::test("a_mutex_is_inherited_with_the_news", mutex),
        Trial::test("a_waiting_taker_gets_the_lock_of_the_dead", waiting),
        Trial::test("a_dead_reader_does_not_stop_a_writer", reader),
        Trial::test("an_rlock_taken_many_times_is_inherited", rlock),
        Trial::test("permits_of_the_dead_come_back", permits),
        Trial::test("an_enrolled_party_that_dies_breaks_the_barrier", barrier),
        Trial::test("a_forked_guard_releases_nothing", forked_guard),
        Trial::test("onlookers_see_holder_and_waiters", onlookers),
        Trial::test("a_forked_child_holds_what_its_parent_held", forked_handle),
        Trial::test("a_dead_member_gives_back_and_others_keep", reclaim),
        Trial::test("places_of_forked_children_are_used_again", many_forks),
        Trial::test("an_exec_child_attaches_by_descriptor", attach),
        Trial::test("values_and_arrays_are_shared", values),
        Trial::test("a_limit_on_file_sizes_makes_the_arena_smaller", small_files),
        Trial::test("a_signal_ends_only_waits_that_want_it", interrupted),
        Trial::test("a_fork_beside_busy_threads_leaves_the_arena_usable", busy_fork),
        Trial::test("a_setter_that_dies_before_it_wakes_is_seen", half_set),
        Trial::test("a_pipe_ends_when_its_last_writer_is_killed", last_writer),
        Trial::test("a_full_pipe_breaks_when_its_last_reader_is_killed", last_reader),
        Trial::test("a_message_that_a_producer_was_writing_is_not_seen", half_put),
        Trial::test("a_join_gives_up_what_the_dead_had_taken", join_of_the_dead),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

fn patience() -> Deadline {
    Deadline::after(Duration::from_mins(1))
}

/// Runs `work` in a child that is killed when it has said that it is ready.
fn die_after(work: impl FnOnce() -> bool) -> std::result::Result<u32, libtest_mimic::Failed> {
    let ready = Stage::of(Event::new())?;
    let mut child = Child::start(|| {
        if work() {
            ready.set();
        }
        Event::new().wait();
        0
    })?;
    if !ready.wait_deadline(patience()) {
        return Err("the child did not get what it wanted".into());
    }
    child.kill()?;
    child.end(patience())?;
    Ok(child.pid)
}

/// Runs `work` in a child and expects it to say yes.
fn in_child(work: impl FnOnce() -> bool) -> Result {
    let end = Child::start(|| i32::from(!work()))?.end(patience())?;
    match end {
        Some(Status::Exited(0)) => Ok(()),
        end => Err(format!("the child: {end:?}").into()),
    }
}

fn mutex() -> Result {
    let mutex = Stage::of(Mutex::new([1_u64, 1]))?;
    die_after(|| match mutex.lock() {
        Ok(mut pair) => {
            pair[0] = 2;
            std::mem::ManuallyDrop::new(pair)[0] == 2
        }
        Err(_) => false,
    })?;
    let Err(TryLockError::OwnerDied(died)) = mutex.try_lock() else {
        return Err("nobody was told".into());
    };
    assert_eq!(died.abandoned(), Abandoned::Died);
    assert_eq!(**died.get_ref(), [2, 1]);
    drop(died.into_guard());
    // Told again, to another process, until somebody recovers.
    in_child(|| match mutex.lock() {
        Ok(_) => false,
        Err(died) => {
            *died.recover() = [3, 3];
            true
        }
    })?;
    match mutex.lock() {
        Ok(pair) => assert_eq!(*pair, [3, 3]),
        Err(_) => return Err("recovered, but told again".into()),
    }
    Ok(())
}

/// The holder dies while others sleep; a stopped clock would show as a hang.
fn waiting() -> Result {
    let lock = Stage::of(Lock::new())?;
    let mut holder = Child::start(|| {
        let outcome = lock.acquire(Wait::FOREVER);
        Event::new().wait();
        i32::from(outcome != Outcome::Done)
    })?;
    while !lock.is_locked() {
        std::thread::yield_now();
    }
    let mut waiters = Vec::new();
    let news = Stage::of(AtomicU64::new(0))?;
    for _ in 0..3 {
        waiters.push(Child::start(|| {
            let outcome = lock.acquire(Wait::FOREVER);
            if outcome == Outcome::OwnerDied {
                news.fetch_add(1, Ordering::Relaxed);
                lock.recover();
            }
            i32::from(!(outcome.is_acquired() && lock.release()))
        })?);
    }
    while lock.report().waiters < 3 {
        std::thread::yield_now();
    }
    holder.kill()?;
    holder.end(patience())?;
    for waiter in &mut waiters {
        assert_eq!(waiter.end(patience())?, Some(Status::Exited(0)));
    }
    assert_eq!(news.load(Ordering::Relaxed), 1, "exactly one is told");
    Ok(())
}

fn reader() -> Result {
    let lock = Stage::of(RwLock::new(0_u64))?;
    die_after(|| lock.read().is_ok_and(|guard| **std::mem::ManuallyDrop::new(guard) == 0))?;
    assert_eq!(lock.report().count, 1);
    assert!(lock.read().is_ok());
    assert!(lock.write().is_ok(), "a reader changes nothing: no news");
    die_after(|| lock.write().is_ok_and(|guard| **std::mem::ManuallyDrop::new(guard) == 0))?;
    assert!(lock.read().is_err());
    let Err(died) = lock.write() else {
        return Err("the next writer was not told".into());
    };
    drop(died.recover());
    assert!(lock.read().is_ok());
    Ok(())
}

fn rlock() -> Result {
    let lock = Stage::of(RLock::new())?;
    die_after(|| (0..5).all(|_| lock.acquire(Wait::FOREVER) == Outcome::Done))?;
    assert_eq!(lock.acquire(Wait::FOREVER), Outcome::OwnerDied);
    assert_eq!(lock.report().count, 1);
    assert!(lock.release().is_ok() && lock.release().is_err());
    Ok(())
}

fn permits() -> Result {
    let semaphore = Stage::of(HeldSemaphore::new(3))?;
    die_after(|| (0..3).all(|_| semaphore.acquire(Wait::FOREVER) == Outcome::Done))?;
    assert_eq!(semaphore.permits(), 0);
    assert_eq!(semaphore.acquire(Wait::until(patience())), Outcome::Done);
    assert_eq!((semaphore.permits(), semaphore.reclaimed()), (2, 3));
    Ok(())
}

fn barrier() -> Result {
    let barrier = Stage::of(Barrier::new(2))?;
    die_after(|| barrier.enroll())?;
    assert!(barrier.wait_deadline(patience()).is_err());
    barrier.reset();
    // Who dies after arriving has arrived.
    let meeting = Stage::of(raw::Barrier::new(2))?;
    let mut party = Child::start(|| i32::from(meeting.wait(Wait::FOREVER) == Arrival::Broken))?;
    while meeting.waiting() == 0 {
        std::thread::yield_now();
    }
    party.kill()?;
    party.end(patience())?;
    let arrival = meeting.wait(Wait::until(patience()));
    assert!(matches!(arrival, Arrival::Passed { leader: true, .. }));
    Ok(())
}

fn forked_guard() -> Result {
    let mutex = Stage::of(Mutex::new(1_u64))?;
    let mut guard = match mutex.lock() {
        Ok(guard) => Some(guard),
        Err(_) => return Err("fresh, but told".into()),
    };
    in_child(|| {
        drop(guard.take());
        matches!(mutex.try_lock(), Err(TryLockError::WouldBlock))
    })?;
    assert!(mutex.is_locked());
    drop(guard.take());
    assert!(!mutex.is_locked());
    Ok(())
}

fn onlookers() -> Result {
    let lock = Stage::of(Lock::new())?;
    assert_eq!(lock.acquire(Wait::FOREVER), Outcome::Done);
    let mut waiter = Child::start(|| i32::from(lock.acquire(Wait::FOREVER) != Outcome::Done))?;
    while lock.report().waiters == 0 {
        std::thread::yield_now();
    }
    let report = lock.report();
    assert_eq!(report.holder, Some(Owner::me()));
    assert_eq!(report.thread, Some(std::process::id()));
    // Killed in its sleep: counted until a release finds nobody.
    waiter.kill()?;
    waiter.end(patience())?;
    lock.release();
    assert_eq!(lock.report().waiters, 0);
    assert_eq!(lock.acquire(Wait::FOREVER), Outcome::Done);
    lock.release();
    Ok(())
}

fn forked_handle() -> Result {
    let arena = Arena::with_size(16 << 20)?;
    let go = Shared::new(&arena, Event::new())?;
    let mut object = Some(Value::new(&arena, 7_u64)?);
    let mut child = Child::start(|| {
        go.wait();
        let value = object.take().map(|object| object.get());
        i32::from(value != Some(7) || arena.stats().objects != 1)
    })?;
    // Gone here, but the child still has it.
    drop(object.take());
    assert_eq!(arena.stats().objects, 2);
    assert_eq!(arena.stats().members.len(), 2);
    go.set();
    assert_eq!(child.end(patience())?, Some(Status::Exited(0)));
    assert_eq!(arena.stats().objects, 1);
    assert_eq!(arena.stats().members.len(), 1);
    Ok(())
}

fn reclaim() -> Result {
    let arena = Arena::with_size(16 << 20)?;
    let pid = die_after(|| Value::new(&arena, 1_u64).is_ok_and(|value| value.get() == 1))?;
    assert_eq!(arena.reclaim_process(pid + 1), 0);
    assert_eq!(arena.reclaim_process(pid), 1);
    let letter = Stage::of(Mutex::new([0; polyproc_shm::PARCEL_BYTES]))?;
    die_after(|| {
        let mine: Vec<_> = (0..10).map(|n| Value::new(&arena, n)).collect();
        let Some(Ok(first)) = mine.first() else {
            return false;
        };
        let Ok(parcel) = first.handle().send() else {
            return false;
        };
        if let Ok(mut letter) = letter.lock() {
            *letter = parcel.into_bytes();
        }
        std::mem::ManuallyDrop::new(mine).len() == 10
    })?;
    let stats = arena.stats();
    assert_eq!((stats.objects, stats.parcels, stats.members.len()), (0, 0, 1));
    let bytes = match letter.lock() {
        Ok(letter) => *letter,
        Err(_) => return Err("the letter was put down".into()),
    };
    assert!(matches!(arena.receive(&bytes), Err(Error::Gone)));
    Ok(())
}

/// More, one after the other, than there are places; nobody but this test learns of their ends.
fn many_forks() -> Result {
    let arena = Arena::with_size(16 << 20)?;
    for _ in 0..1100 {
        in_child(|| arena.allocate(100, Kind::Bytes).is_ok())?;
    }
    Ok(())
}

fn attach() -> Result {
    let arena = Arena::with_size(16 << 20)?;
    let value = Value::new(&arena, 1_u64)?;
    let message = value.handle().send()?.into_bytes();
    in_child(|| {
        // As a program that was just started would: only the descriptor and the bytes.
        let fd = arena.fd().try_clone_to_owned().map_err(drop);
        let theirs = fd.and_then(|fd| Arena::attach(Arc::new(fd.into())).map_err(drop));
        let handle = theirs.and_then(|theirs| theirs.receive(&message).map_err(drop));
        let value = handle.and_then(|handle| Value::<u64>::from_handle(handle).map_err(drop));
        value.is_ok_and(|value| value.update(|number| std::mem::replace(number, 5)) == 1)
    })?;
    assert_eq!(value.get(), 5);
    Ok(())
}

/// Each dies between its change and the wake-up, and the descriptor follows all the same.
fn half_set() -> Result {
    let event = Arc::new(Stage::of(Event::new())?);
    let mut changers = Vec::new();
    let go = [Stage::of(Event::new())?, Stage::of(Event::new())?];
    for (go, point) in go.iter().zip(["event.set", "event.cleared"]) {
        let event = &event;
        changers.push(Child::start(move || {
            go.wait();
            crash::arm(point, 0);
            if event.is_set() {
                event.clear();
            } else {
                event.set();
            }
            0
        })?);
    }
    // Only now: its thread is no thread of theirs.
    let descriptor = EventDescriptor::of(OnStage(Arc::clone(&event)))?;
    for (go, changer) in go.iter().zip(&mut changers) {
        let was_set = event.is_set();
        while event.report().waiters == 0 {
            std::thread::yield_now();
        }
        go.set();
        assert!(matches!(changer.end(patience())?, Some(Status::Signaled { .. })));
        assert_ne!(event.is_set(), was_set);
        let shown = || poll::readable([Some(descriptor.as_fd())], Deadline::now()).ok();
        let follows = eventually(Duration::from_mins(1), || (shown()? != [was_set]).then_some(()));
        follows.ok_or("the descriptor stays as it was")?;
    }
    Ok(())
}

/// An event that a [`Stage`] keeps.
struct OnStage(Arc<Stage<Event>>);

impl std::ops::Deref for OnStage {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.0
    }
}

/// Threads hold the arena's locks at the moment of each fork; libc's own locks are libc's affair.
fn busy_fork() -> Result {
    let arena = Arena::with_size(16 << 20)?;
    let stop = Event::new();
    let churn = || {
        while !stop.is_set() {
            let block = arena.allocate(100, Kind::Bytes);
            drop(block.as_ref().map(polyproc_shm::Handle::send));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(churn);
        }
        let forks = (0..60).try_for_each(|_| {
            in_child(|| (0..20).all(|_| arena.allocate(100, Kind::Bytes).is_ok()))
        });
        stop.set();
        forks
    })?;
    let stats = arena.stats();
    assert_eq!((stats.objects, stats.parcels, stats.members.len()), (0, 0, 1));
    Ok(())
}

/// The child waits interruptibly for each kind of object, and then once for a lock that it does get.
fn interrupted() -> Result {
    let (lock, got) = (Stage::of(Lock::new())?, Stage::of(AtomicU64::new(0))?);
    assert_eq!(lock.acquire(Wait::FOREVER), Outcome::Done);
    let mut child = Child::start(|| {
        if interrupt_on(Signal::USR1).is_err() {
            return 1;
        }
        got.store(1, Ordering::Relaxed);
        let all = wait_for_all(&lock);
        got.store(2, Ordering::Relaxed);
        i32::from(!(all && lock.acquire(Wait::FOREVER) == Outcome::Done))
    })?;
    let deadline = patience();
    let mut more = 50;
    while more > 0 && !deadline.has_passed() {
        let stage = got.load(Ordering::Relaxed);
        if stage != 0 {
            child.signal(Signal::USR1)?;
        }
        if stage == 2 {
            // It waits for the lock now, and no signal may end that.
            more -= 1;
        }
        pause(Duration::from_millis(1));
    }
    assert_eq!(child.end(Deadline::now())?, None);
    lock.release();
    assert_eq!(child.end(patience())?, Some(Status::Exited(0)));
    Ok(())
}

/// Whether a signal ends a wait for each kind of object.
fn wait_for_all(lock: &Lock) -> bool {
    let wait = Wait::FOREVER.interruptible();
    let (private, condition) = (Lock::<Host>::new(), Condition::<Host>::new());
    let ended = [
        lock.acquire(wait),
        raw::Event::<Host>::new().wait(wait),
        raw::Semaphore::<Host>::new(0).acquire(wait),
        HeldSemaphore::<Host>::new(0).acquire(wait),
    ];
    private.acquire(wait) == Outcome::Done
        && ended == [Outcome::Interrupted; 4]
        && condition.wait(&private, wait) == (Outcome::Interrupted, Outcome::Done)
        && matches!(raw::Barrier::<Host>::new(2).wait(wait), Arrival::Interrupted(_))
}

fn values() -> Result {
    let arena = Arena::with_size(16 << 20)?;
    let (total, array) = (Value::new(&arena, 0_u64)?, SharedArray::<u32>::zeroed(&arena, 4)?);
    array.handle().set_name("scores");
    let held = array.lock();
    let seen = arena.objects();
    let report = seen.iter().find_map(|object| object.report);
    assert_eq!(report.and_then(|report| report.holder), None);
    let report = seen.last().and_then(|object| object.report);
    assert_eq!(report.and_then(|report| report.holder), Some(Owner::me()));
    drop(held);
    let mut children = Vec::new();
    for place in 0..4 {
        let (total, array) = (total.clone(), array.clone());
        children.push(Child::start(move || {
            for _ in 0..500 {
                total.update(|total| *total += 1);
                match array.lock() {
                    Ok(mut all) => all[place] += 1,
                    Err(_) => return 1,
                }
            }
            0
        })?);
    }
    for child in &mut children {
        assert_eq!(child.end(patience())?, Some(Status::Exited(0)));
    }
    assert_eq!(total.get(), 2000);
    assert!(array.lock().is_ok_and(|all| *all == [500; 4]));
    let objects = arena.objects();
    let scores = objects.iter().find(|object| object.name == "scores");
    assert!(scores.is_some_and(|scores| scores.kind == Kind::Array));
    Ok(())
}

/// Going over the limit kills by `SIGXFSZ` whoever does not take care.
fn small_files() -> Result {
    let mut child = Child::start(|| {
        let limit = libc::rlimit { rlim_cur: 1 << 30, rlim_max: 1 << 30 };
        // SAFETY: a live limit.
        let limited = unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) };
        let arena = Arena::create();
        let usable = arena.is_ok_and(|arena| arena.allocate(1000, Kind::Bytes).is_ok());
        i32::from(limited != 0 || !usable)
    })?;
    match child.end(patience())? {
        Some(Status::Exited(0)) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn forever() -> Wait {
    Wait::until(patience())
}

fn last_writer() -> Result {
    let arena = Arena::with_size(64 << 20)?;
    let (reader, writer) = PipeEnd::one_way(&arena)?;
    let ready = Stage::of(Event::new())?;
    let mut child = Child::start(|| {
        drop(reader.clone());
        let sent = writer.send(b"last words", forever());
        ready.set();
        Event::new().wait();
        i32::from(sent.is_err())
    })?;
    drop(writer);
    assert_eq!(&*reader.recv(forever())?, b"last words");
    assert!(ready.wait_deadline(patience()));
    assert!(matches!(reader.try_recv(), Err(TakeError::Empty)), "it lives");
    // While this process sleeps in `recv`: the one that kills is another child.
    let mut killer = Child::start(|| {
        pause(Duration::from_millis(60));
        i32::from(child.kill().is_err())
    })?;
    assert!(matches!(reader.recv(forever()), Err(TakeError::NoSender)));
    child.end(patience())?;
    killer.end(patience())?;
    Ok(())
}

fn last_reader() -> Result {
    let arena = Arena::with_size(64 << 20)?;
    let (reader, writer) = PipeEnd::one_way(&arena)?;
    let ready = Stage::of(Event::new())?;
    let mut child = Child::start(|| {
        let read = reader.recv(forever());
        ready.set();
        Event::new().wait();
        i32::from(read.is_err())
    })?;
    drop(reader);
    writer.send(b"hello", forever())?;
    assert!(ready.wait_deadline(patience()));
    let body = vec![1; 10_000];
    while writer.try_send(body.as_slice()).is_ok() {}
    let mut killer = Child::start(|| {
        pause(Duration::from_millis(60));
        i32::from(child.kill().is_err())
    })?;
    let error = writer.send(body.as_slice(), forever()).err();
    assert!(error.is_some_and(|error| matches!(error.reason, PutReason::NoReceiver)));
    child.end(patience())?;
    killer.end(patience())?;
    Ok(())
}

/// One hundred deaths in the middle of a put, at a point of the arena's or the channel's.
fn half_put() -> Result {
    let arena = Arena::with_size(64 << 20)?;
    let queue = Queue::new(&arena, Settings::UNBOUNDED)?;
    let value = Value::new(&arena, 5_u64)?;
    let mut put = 0;
    for skip in 0..100 {
        let mut child = Child::start(|| {
            crash::arm_any(skip);
            let Ok(parcel) = value.handle().send() else { return 1 };
            let message = Message::from(vec![skip as u8; 20_000]).with_parcels(vec![parcel]);
            i32::from(queue.put(message, forever()).is_err())
        })?;
        let end = child.end(patience())?;
        arena.reclaim();
        if let Ok(received) = queue.try_get() {
            assert!(received.len() == 20_000 && received.iter().all(|&byte| byte == skip as u8));
            assert_eq!(received.handles.len(), 1);
            put += 1;
        } else {
            assert!(matches!(end, Some(Status::Signaled { .. })), "{end:?}");
        }
    }
    assert!(put > 0, "the last ones got through");
    drop((queue, value));
    let stats = arena.stats();
    assert_eq!((stats.objects, stats.parcels), (0, 0));
    Ok(())
}

fn join_of_the_dead() -> Result {
    let arena = Arena::with_size(64 << 20)?;
    let queue = Queue::joinable(&arena, Settings::UNBOUNDED)?;
    for _ in 0..3 {
        queue.put(b"a task", forever())?;
    }
    die_after(|| queue.get(forever()).is_ok() && queue.get(forever()).is_ok())?;
    queue.get(forever())?;
    assert_eq!(queue.join(Wait::timeout(Duration::from_millis(1))).ok(), None);
    assert!(queue.task_done());
    assert_eq!(queue.join(forever()).ok(), Some(2));
    Ok(())
}
