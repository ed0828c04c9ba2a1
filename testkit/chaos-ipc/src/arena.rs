//! Everything of `polyproc-shm` at once.
#![expect(unsafe_code, reason = "blocks are bare bytes")]

use crate::Workload;
use crate::process::{Child, Stage, pause};
use polyproc_shm::{Arena, Ended, Error, Handle, PARCEL_BYTES};
use polyproc_sync::{Deadline, Kind, Mutex, Owner, OwnerDied};
use polyproc_sys::wait::Status;
use polyproc_testkit::Rng;
use std::io;
use std::rc::Rc;
use std::time::Duration;

const SLOTS: usize = 16;
type Message = [u8; PARCEL_BYTES];

/// Messages that lie around for anybody to take.
type Letters = Mutex<[Message; SLOTS]>;

/// The workload: one for the parent, inherited by its workers.
#[derive(Clone, Debug)]
pub struct Blocks {
    arena: Arena,
    letters: Rc<Stage<Letters>>,
    /// Held since before the fork: children hold it by inheritance.
    common: Handle,
    mine: Vec<Handle>,
    /// The parent of all workers.
    root: Owner,
}

impl Blocks {
    /// A new arena.
    ///
    /// # Errors
    /// For want of memory.
    pub fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let arena = Arena::with_size(64 << 20)?;
        let common = arena.allocate(100, Kind::Channel)?;
        fill(&common);
        let letters = Rc::new(Stage::of(Mutex::new([[0; PARCEL_BYTES]; SLOTS]))?);
        Ok(Self { arena, letters, common, mine: Vec::new(), root: Owner::me() })
    }

    /// Everybody else is dead: nothing must be left.
    ///
    /// # Errors
    /// What is left.
    pub fn check_end(self) -> io::Result<()> {
        // A place for a child that was killed before it took it is kept for ten seconds.
        let deadline = Deadline::after(Duration::from_mins(1));
        while self.arena.stats().members.len() > 1 && !deadline.has_passed() {
            pause(Duration::from_millis(50));
        }
        self.with_letters(|letters| {
            for letter in letters {
                self.arena.give_back(letter);
            }
        });
        check(&self.common).map_err(io::Error::other)?;
        // A letter that its writer kept here and did not put down goes now.
        drop((self.common, self.mine));
        let stats = self.arena.stats();
        if stats.objects != 0 || stats.parcels != 0 || stats.members.len() != 1 {
            return Err(io::Error::other(format!("left behind: {stats:?}")));
        }
        match self.arena.allocate(1000, Kind::Bytes) {
            Ok(_) => Ok(()),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// How often the books had to be made anew.
    pub fn rebuilds(&self) -> u64 {
        self.arena.stats().rebuilds
    }

    fn with_letters<R>(&self, change: impl FnOnce(&mut [Message; SLOTS]) -> R) -> R {
        let mut letters = self.letters.lock().unwrap_or_else(OwnerDied::recover);
        change(&mut letters)
    }

    fn allocate(&mut self, random: &mut Rng) -> Result<(), &'static str> {
        let len = match random.below(10) {
            0 => random.below(200_000),
            _ => random.below(3000),
        };
        match self.arena.allocate(len as usize, Kind::Bytes) {
            Ok(handle) => {
                // SAFETY: nobody else has this block yet.
                let bytes = unsafe { bytes(&handle) };
                if bytes.iter().any(|&byte| byte != 0) {
                    return Err("a new block was not zero: somebody else writes to it");
                }
                fill(&handle);
                self.mine.push(handle);
                Ok(())
            }
            Err(Error::Full { .. }) => {
                self.mine.clear();
                Ok(())
            }
            Err(_) => Err("no allocation"),
        }
    }

    fn send(&mut self, random: &mut Rng) -> Result<(), &'static str> {
        let Some(handle) = self.mine.last() else {
            return Ok(());
        };
        let parcel = handle.send().map_err(|_full| "no parcel")?;
        let letter = match random.below(3) {
            0 => parcel.into_bytes(),
            1 => parcel.into_bytes_kept_by(&self.common),
            _ => {
                parcel.hand_over(self.root);
                if random.below(16) == 0 {
                    // In a report that the parent will never read.
                    _ = parcel.into_bytes();
                }
                return Ok(());
            }
        };
        let slot = random.below(SLOTS as u64) as usize;
        let old = self.with_letters(|letters| std::mem::replace(&mut letters[slot], letter));
        self.arena.give_back(&old);
        Ok(())
    }

    fn receive(&mut self, random: &mut Rng) -> Result<(), &'static str> {
        let slot = random.below(SLOTS as u64) as usize;
        let letter = self.with_letters(|letters| std::mem::take(&mut letters[slot]));
        match self.arena.receive(&letter) {
            Ok(handle) => {
                check(&handle)?;
                self.mine.push(handle);
                Ok(())
            }
            // An empty slot; or the sender died, or died while it wrote the letter.
            Err(Error::Foreign | Error::Gone) => Ok(()),
            Err(_) => Err("no receipt"),
        }
    }

    /// A child of a worker, which holds what the worker holds.
    fn fork(&self) -> Result<(), &'static str> {
        let child = Child::start(|| i32::from(check(&self.common).is_err()));
        let end = child.and_then(|mut child| child.end(Deadline::NEVER));
        match end {
            Ok(Some(Status::Exited(0))) => Ok(()),
            // It was armed as this worker is, and the point is one that only a child passes.
            Ok(Some(Status::Signaled { .. })) => std::process::abort(),
            _ => Err("a worker's child saw something, or could not be made"),
        }
    }

    fn drop_some(&mut self, random: &mut Rng) -> Result<(), &'static str> {
        while self.mine.len() > 20 || (random.below(2) == 0 && !self.mine.is_empty()) {
            let index = random.below(self.mine.len() as u64) as usize;
            let handle = self.mine.swap_remove(index);
            check(&handle)?;
        }
        Ok(())
    }
}

impl Workload for Blocks {
    fn ended(&self, pid: u32) {
        self.arena.settle(&Ended { pid, place: None }, Vec::new(), Some(&[]));
    }

    fn step(&mut self, random: &mut Rng) -> Result<(), &'static str> {
        match random.below(16) {
            0..=4 => self.allocate(random),
            5..=7 => self.send(random),
            8..=10 => self.receive(random),
            11..=13 => self.drop_some(random),
            14 if random.below(8) == 0 => self.fork(),
            14 => check(&self.common),
            _ => {
                match random.below(8) {
                    0 => self.arena.trim(),
                    1..=3 => _ = self.arena.reclaim(),
                    _ => self.mine.extend(self.mine.last().cloned()),
                }
                Ok(())
            }
        }
    }
}

/// # Safety
/// Nobody writes to the block meanwhile.
#[expect(clippy::mut_from_ref, reason = "bare bytes")]
unsafe fn bytes(handle: &Handle) -> &mut [u8] {
    // SAFETY: the block's bytes, by the caller's word.
    unsafe { std::slice::from_raw_parts_mut(handle.start().as_ptr(), handle.len()) }
}

fn mark(handle: &Handle) -> u8 {
    (handle.id() ^ handle.id() >> 32) as u8 | 1
}

/// Every block is full of a byte that follows from which block it is.
fn fill(handle: &Handle) {
    // SAFETY: called by who has just allocated it.
    unsafe { bytes(handle) }.fill(mark(handle));
}

fn check(handle: &Handle) -> Result<(), &'static str> {
    let mark = mark(handle);
    // SAFETY: filled once, before anybody else knew of it.
    let whole = unsafe { bytes(handle) }.iter().all(|&byte| byte == mark);
    whole.then_some(()).ok_or("a block that is held was overwritten")
}
