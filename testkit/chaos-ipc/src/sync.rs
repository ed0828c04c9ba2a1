//! Everything of `polyproc-sync` at once.
#![expect(unsafe_code, reason = "a stage of one's own structure")]

use crate::Workload;
use crate::process::Stage;
use polyproc_sync::raw::{
    Arrival, Barrier, Condition, Event, HeldSemaphore, Lock, RLock, Semaphore,
};
use polyproc_sync::{Deadline, Mutex, Once, Outcome, Owner, OwnerDied, RwLock, Wait};
use polyproc_testkit::Rng;
use std::io;
use std::ops::DerefMut;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many may be inside the semaphore at once.
const ROOMS: u32 = 2;

/// The objects that all workers use.
#[derive(Debug)]
#[repr(C)]
struct Objects {
    lock: Lock,
    inside: AtomicU64,
    rlock: RLock,
    inside_rlock: AtomicU64,
    mutex: Mutex<[u64; 2]>,
    rwlock: RwLock<[u64; 2]>,
    held: HeldSemaphore,
    semaphore: Semaphore,
    event: Event,
    condition_lock: Lock,
    condition: Condition,
    barrier: Barrier,
    once: [Once; 256],
}

/// The workload: one for the parent, inherited by its workers.
#[derive(Clone, Debug)]
pub struct Sync {
    objects: Rc<Stage<Objects>>,
}

fn soon() -> Wait {
    Wait::until(Deadline::after(Duration::from_millis(3)))
}

/// Changes two equal numbers, one after the other. Who finds them unequal and was not told of a death
/// says that it is `wrong`.
fn change<G: DerefMut<Target = [u64; 2]>>(
    taken: Result<G, OwnerDied<G>>,
    wrong: &'static str,
) -> Result<(), &'static str> {
    let mut pair = match taken {
        Ok(pair) if pair[0] != pair[1] => return Err(wrong),
        Ok(pair) => pair,
        Err(died) => {
            let mut pair = died.recover();
            pair[1] = pair[0];
            pair
        }
    };
    pair[0] += 1;
    std::hint::spin_loop();
    pair[1] += 1;
    Ok(())
}

impl Sync {
    /// New objects.
    ///
    /// # Errors
    /// For want of memory.
    pub fn new() -> io::Result<Self> {
        let objects = Objects {
            lock: Lock::new(),
            inside: AtomicU64::new(0),
            rlock: RLock::new(),
            inside_rlock: AtomicU64::new(0),
            mutex: Mutex::new([0; 2]),
            rwlock: RwLock::new([0; 2]),
            held: HeldSemaphore::new(ROOMS),
            semaphore: Semaphore::new(0),
            event: Event::new(),
            condition_lock: Lock::new(),
            condition: Condition::new(),
            barrier: Barrier::new(2),
            once: [const { Once::new() }; 256],
        };
        // SAFETY: every field is Shareable.
        let objects = Rc::new(unsafe { Stage::new(objects) }?);
        Ok(Self { objects })
    }

    /// Takes a lock for ever and looks whether somebody else is in there.
    fn exclude(inside: &AtomicU64, work: u64) -> Result<(), &'static str> {
        let me = Owner::me().to_word();
        // What is left there is a dead process's.
        inside.store(me, Ordering::Relaxed);
        for _ in 0..work {
            std::hint::spin_loop();
        }
        (inside.swap(0, Ordering::Relaxed) == me).then_some(()).ok_or("two processes held one lock")
    }

    fn lock(&self, random: &mut Rng) -> Result<(), &'static str> {
        let objects = &self.objects;
        if objects.lock.acquire(Wait::FOREVER) == Outcome::OwnerDied {
            objects.lock.recover();
        }
        Self::exclude(&objects.inside, random.below(2000))?;
        objects.lock.release();
        Ok(())
    }

    fn rlock(&self, random: &mut Rng) -> Result<(), &'static str> {
        let objects = &self.objects;
        if objects.rlock.acquire(Wait::FOREVER) == Outcome::OwnerDied {
            objects.rlock.lock().recover();
        }
        if objects.rlock.try_acquire() != Outcome::Done {
            return Err("a holder could not take its lock again");
        }
        Self::exclude(&objects.inside_rlock, random.below(500))?;
        let released = objects.rlock.release().and_then(|()| objects.rlock.release());
        released.map_err(|_not_mine| "a holder could not release its lock")
    }

    fn mutex(&self) -> Result<(), &'static str> {
        change(self.objects.mutex.lock(), "half a change, and nobody said so")
    }

    fn rwlock(&self, random: &mut Rng) -> Result<(), &'static str> {
        if random.below(4) != 0 {
            return match self.objects.rwlock.read() {
                Ok(pair) if pair[0] != pair[1] => Err("a reader saw half a write"),
                _ => Ok(()),
            };
        }
        change(self.objects.rwlock.write(), "a writer saw half a write")
    }

    fn rooms(&self) -> Result<(), &'static str> {
        let held = &self.objects.held;
        if held.acquire(Wait::FOREVER) != Outcome::Done {
            return Err("no room");
        }
        for _ in 0..2000 {
            std::hint::spin_loop();
        }
        let inside: u32 = held.holders().map(|(_, permits)| permits).sum();
        let released = held.release(1);
        // Seen without the lock: a guest who moves meanwhile may be counted twice.
        match (inside <= 2 * ROOMS, released) {
            (true, Ok(())) => Ok(()),
            (false, _) => Err("more guests than rooms"),
            (_, Err(_)) => Err("a room could not be given back"),
        }
    }

    /// Some give, some take; a permit may die with its taker, so nobody waits for ever.
    fn permits(&self, random: &mut Rng) {
        let semaphore = &self.objects.semaphore;
        if random.below(3) != 0 {
            _ = semaphore.acquire(soon());
        } else {
            semaphore.release(1 + random.below(2) as u32);
        }
    }

    fn event(&self, random: &mut Rng) {
        let event = &self.objects.event;
        match random.below(5) {
            0 => _ = event.set(),
            1 => _ = event.clear(),
            2 => event.await_turn(event.turn(), soon(), &|| false),
            3 if random.below(50) == 0 => event.nudge(),
            _ => _ = event.wait(soon()),
        }
    }

    fn condition(&self, random: &mut Rng) {
        let objects = &self.objects;
        if objects.condition_lock.acquire(Wait::FOREVER) == Outcome::OwnerDied {
            objects.condition_lock.recover();
        }
        match random.below(3) {
            0 => _ = objects.condition.notify(1),
            1 => _ = objects.condition.notify_all(),
            _ => {
                let (_, taken) = objects.condition.wait(&objects.condition_lock, soon());
                if taken == Outcome::OwnerDied {
                    objects.condition_lock.recover();
                }
            }
        }
        objects.condition_lock.release();
    }

    fn barrier(&self) {
        match self.objects.barrier.wait_then(soon(), &mut || true) {
            Arrival::Passed { .. } | Arrival::Interrupted(_) => {}
            Arrival::Broken => self.objects.barrier.reset(),
        }
    }

    fn once(&self, random: &mut Rng) -> Result<(), &'static str> {
        let once = &self.objects.once[random.below(256) as usize];
        once.call_once(|| {});
        once.is_completed().then_some(()).ok_or("done, but not done")
    }
}

impl Workload for Sync {
    fn step(&mut self, random: &mut Rng) -> Result<(), &'static str> {
        match random.below(14) {
            0..=2 => self.lock(random),
            3 => self.rlock(random),
            4 | 5 => self.mutex(),
            6 | 7 => self.rwlock(random),
            8 => self.rooms(),
            9 => self.once(random),
            number => {
                match number {
                    10 => self.permits(random),
                    11 => self.event(random),
                    12 => self.condition(random),
                    _ => self.barrier(),
                }
                Ok(())
            }
        }
    }
}
