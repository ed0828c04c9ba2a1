//! What players do together, memory that they share, and clocks.
#![expect(unsafe_code, reason = "puts a structure into bare memory")]
#![expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]

use crate::players::{Players, child, join};
use polyproc_shm::Arena;
use polyproc_sync::{Deadline, Host, Outcome, Wait, raw};
use polyproc_sys::fork::exit_now;
use polyproc_sys::memory::{Mapping, memfd};
use polyproc_sys::poll;
use polyproc_sys::signal::Signal;
use std::io;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Something in memory that forked children share.
#[derive(Debug)]
pub struct Shared<T> {
    map: Mapping,
    object: PhantomData<T>,
}

impl<T> Shared<T> {
    /// Puts `object` there, which has to be made of atomics and locks.
    ///
    /// # Errors
    /// For want of memory.
    pub fn new(object: T) -> io::Result<Self> {
        let file = memfd(c"polyproc-bench")?;
        file.set_len(size_of::<T>() as u64)?;
        let map = Mapping::shared(&file, size_of::<T>())?;
        // SAFETY: page aligned, long enough, and nobody else's yet.
        unsafe { map.start().cast::<T>().write(object) };
        Ok(Self { map, object: PhantomData })
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `new` wrote one, and this program only puts locks and atomics there.
        unsafe { self.map.start().cast::<T>().as_ref() }
    }
}

/// Nanoseconds of one step.
pub fn per_step(steps: u32, mut step: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..steps {
        step();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(steps)
}

/// On cache lines of its own, so that the processes share nothing but the lock.
#[repr(align(128))]
struct Count(AtomicU64);

/// Steps per microsecond of all processes together, and the slowest one's share of the mean.
///
/// # Errors
/// As [`Players::finish`].
pub fn both_busy(processes: usize, step: impl Fn()) -> io::Result<(f64, f64)> {
    const TIME: Duration = Duration::from_millis(150);
    let counts = Shared::new(std::array::from_fn::<_, 16, _>(|_| Count(AtomicU64::new(0))))?;
    let stop = Shared::new(AtomicU64::new(0))?;
    let start = Instant::now();
    let mut players = Players::default();
    for count in &counts[..processes] {
        players.start("contender", || {
            while stop.load(Ordering::Relaxed) == 0 {
                step();
                count.0.fetch_add(1, Ordering::Relaxed);
            }
        })?;
    }
    poll::any_readable(&[], Deadline::after(TIME))?;
    stop.store(1, Ordering::Relaxed);
    let time = start.elapsed().as_secs_f64();
    players.finish()?;
    let counts: Vec<f64> =
        counts[..processes].iter().map(|count| count.0.load(Ordering::Relaxed) as f64).collect();
    let all: f64 = counts.iter().sum();
    let slowest = counts.iter().copied().fold(f64::MAX, f64::min);
    Ok((all / time / 1e6, slowest * processes as f64 / all))
}

/// So many processes that do nothing but keep the processors busy, until this is dropped.
///
/// # Errors
/// At the limits on processes.
pub fn hogs(count: usize) -> io::Result<Players> {
    let hog = || {
        // Ends by itself should nobody kill it.
        let start = Instant::now();
        while start.elapsed() < Duration::from_mins(1) {
            std::hint::spin_loop();
        }
    };
    let mut hogs = Players::default();
    (0..count).try_for_each(|_| hogs.start("hog", hog))?;
    Ok(hogs)
}

/// Milliseconds from the kill of a lock's holder to the moment at which a sleeping taker has it.
///
/// # Errors
/// At the limits on processes.
pub fn inherit(lock: &raw::Lock) -> io::Result<f64> {
    let base = Instant::now();
    let killed_at = Shared::new(AtomicU64::new(0))?;
    let ready = Shared::new(raw::Event::<Host>::new())?;
    let holder = child(|| {
        if lock.acquire(Wait::FOREVER).is_acquired() {
            ready.set();
        }
        _ = raw::Event::<Host>::new().wait(Wait::FOREVER);
    })?;
    _ = ready.wait(Wait::FOREVER);
    let killer = child(|| {
        // Until the taker sleeps, and then at some other moment of its slice each time.
        let pause = 10 + u64::from(std::process::id() % 37);
        let slept = poll::any_readable(&[], Deadline::after(Duration::from_millis(pause)));
        killed_at.store(base.elapsed().as_nanos() as u64, Ordering::Relaxed);
        if slept.and_then(|_| holder.send_signal(Signal::KILL)).is_err() {
            exit_now(1);
        }
    })?;
    if lock.acquire(Wait::FOREVER) != Outcome::OwnerDied {
        return Err(io::Error::other("nobody was told"));
    }
    let now = base.elapsed().as_nanos() as u64;
    lock.recover();
    lock.release();
    // It was killed.
    drop(join(&holder));
    join(&killer)?;
    Ok((now - killed_at.load(Ordering::Relaxed)) as f64 / 1e6)
}

/// What attaching an arena cannot do without.
///
/// # Errors
/// For want of address space.
pub fn map_and_touch(arena: &Arena) -> io::Result<u8> {
    let file = std::fs::File::from(arena.fd().try_clone_to_owned()?);
    let len = file.metadata()?.len();
    let map = Mapping::shared(&file, len as usize)?;
    // SAFETY: within the mapping.
    let second = unsafe { map.start().add(4096) };
    // SAFETY: the first byte of the magic number, which nobody changes.
    let first = unsafe { map.start().as_ptr().read_volatile() };
    // SAFETY: the first byte of the first member, which this process alone is.
    Ok(first ^ unsafe { second.as_ptr().read_volatile() })
}
