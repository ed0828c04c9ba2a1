//! A fork copies handles without asking anybody. So before it a place is made for the child, which
//! then takes it over.

use crate::arena::{Inner, NOBODY};
use polyproc_sync::Owner;
use polyproc_sync::Wait;
use polyproc_sync::raw::Lock;
use polyproc_sys::fork_hooks::around_fork;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, Weak};

/// The arenas of this process: one, but for tests.
static ARENAS: Mutex<Vec<Weak<Inner>>> = Mutex::new(Vec::new());
/// Held from before a fork until after it, so that the list above is not.
static FORKING: Lock = Lock::new();
/// Who forks.
static PARENT: AtomicU64 = AtomicU64::new(0);

/// A place that was made for a child that is about to take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    pub(crate) family: u64,
    pub(crate) place: u32,
    /// No other place has the same.
    pub(crate) since: u64,
}

thread_local! {
    /// The places that the last fork of this thread made.
    static LAST: RefCell<Vec<Expected>> = const { RefCell::new(Vec::new()) };
    /// What the thread that forks carries across: its arenas and the places made for the child.
    static CARRIED: RefCell<Vec<(Arc<Inner>, u32)>> = const { RefCell::new(Vec::new()) };
}

/// Has every fork from now on make a member of the child.
pub(crate) fn watch(arena: &Arc<Inner>) {
    static HOOKS: Once = Once::new();
    // Its own fork handler comes first, so that the child knows itself when ours runs.
    Owner::me();
    #[expect(clippy::expect_used, reason = "a dozen bytes when the first arena is made")]
    HOOKS.call_once(|| {
        around_fork(before, in_parent, in_child).expect("memory for fork handlers");
    });
    _ = FORKING.acquire(Wait::FOREVER);
    if let Ok(mut arenas) = ARENAS.lock() {
        arenas.retain(|arena| arena.strong_count() != 0);
        arenas.push(Arc::downgrade(arena));
    }
    FORKING.release();
}

extern "C" fn before() {
    _ = FORKING.acquire(Wait::FOREVER);
    PARENT.store(Owner::me().to_word(), Ordering::Relaxed);
    let arenas: Vec<_> = match ARENAS.lock() {
        Ok(arenas) => arenas.iter().filter_map(Weak::upgrade).collect(),
        Err(_) => Vec::new(),
    };
    CARRIED.with_borrow_mut(|carried| {
        for arena in arenas {
            arena.local.lock();
            let place = match arena.me() {
                Ok(_) => arena.expect_child(arena.local.held()),
                Err(_) => NOBODY,
            };
            carried.push((arena, place));
        }
    });
}

extern "C" fn in_parent() {
    let carried = CARRIED.take();
    for (arena, _) in &carried {
        arena.local.unlock();
    }
    FORKING.release();
    LAST.set(carried.iter().filter_map(|(arena, place)| arena.expected(*place)).collect());
    // Dropped only now: the last reference to an arena takes the locks above.
    drop(carried);
}

pub(crate) fn last_place(family: u64) -> Option<Expected> {
    LAST.with_borrow(|last| last.iter().find(|expected| expected.family == family).copied())
}

extern "C" fn in_child() {
    let carried = CARRIED.take();
    let parent = Owner::from_word(PARENT.load(Ordering::Relaxed));
    for (arena, place) in &carried {
        arena.local.unlock();
        if !parent.is_some_and(|parent| arena.adopt(*place, parent)) {
            // Stopped for ten seconds between two instructions, and counted as dead since.
            std::process::abort();
        }
    }
    FORKING.release();
    drop(carried);
}
