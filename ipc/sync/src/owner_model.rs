//! Owners and sleeping as loom's model has them: threads stand for processes.
//!
//! Time does not pass in the model until somebody has died: from then on every slice ends at once.

use crate::atomic::AtomicU32;
use crate::park::Park;
use loom::sync::{Condvar, Mutex};
use polyproc_sys::clock::Deadline;
use polyproc_sys::futex::Woken;
use std::cell::Cell;
use std::sync::Arc;

include!("owner_word.rs");

/// loom's threads and queues.
#[derive(Clone, Copy, Debug)]
pub struct Host;

/// One who sleeps.
struct Sleeper {
    word: usize,
    bed: Arc<Condvar>,
}

/// All who sleep, first come first, and all who are dead.
#[derive(Default)]
struct World {
    sleepers: Vec<Sleeper>,
    dead: Vec<Owner>,
}

impl World {
    fn sleeps(&self, bed: &Arc<Condvar>) -> bool {
        self.sleepers.iter().any(|sleeper| Arc::ptr_eq(&sleeper.bed, bed))
    }
}

loom::lazy_static! {
    static ref WORLD: Mutex<World> = Mutex::new(World::default());
}

loom::thread_local! {
    static ME: Cell<u32> = Cell::new(1);
}

impl Host {
    /// The calling thread stands for process `pid` from now on.
    pub fn be(pid: u32) {
        ME.with(|me| me.set(pid));
    }

    /// The process that the calling thread stands for is dead, and the slices of all sleepers end.
    pub fn die() {
        let me = Self::me();
        let mut world = WORLD.lock().unwrap();
        world.dead.push(me);
        for sleeper in std::mem::take(&mut world.sleepers) {
            sleeper.bed.notify_one();
        }
    }
}

impl Park for Host {
    fn sleep(word: &AtomicU32, expected: u32, _deadline: Deadline) -> Woken {
        let mut world = WORLD.lock().unwrap();
        if word.load(crate::atomic::Ordering::SeqCst) != expected {
            return Woken::Look;
        }
        let bed = Arc::new(Condvar::new());
        world.sleepers.push(Sleeper { word: std::ptr::from_ref(word) as usize, bed: bed.clone() });
        while world.dead.is_empty() && world.sleeps(&bed) {
            world = bed.wait(world).unwrap();
        }
        if world.dead.is_empty() { Woken::Look } else { Woken::TimedOut }
    }

    fn wake(word: &AtomicU32, count: u32) -> u32 {
        let key = std::ptr::from_ref(word) as usize;
        let mut world = WORLD.lock().unwrap();
        let mut woken = 0;
        while woken < count {
            let Some(place) = world.sleepers.iter().position(|sleeper| sleeper.word == key) else {
                break;
            };
            world.sleepers.remove(place).bed.notify_one();
            woken += 1;
        }
        woken
    }

    fn me() -> Owner {
        Owner::new(ME.with(Cell::get), 0)
    }

    fn thread() -> u32 {
        ME.with(Cell::get)
    }

    fn is_alive(owner: Owner) -> bool {
        !WORLD.lock().unwrap().dead.contains(&owner)
    }

    fn spin(_longest: u32, mut ready: impl FnMut() -> bool) -> bool {
        ready()
    }
}

/// Whether that process is alive in the model.
pub fn is_running(owner: Owner) -> bool {
    Host::is_alive(owner)
}
