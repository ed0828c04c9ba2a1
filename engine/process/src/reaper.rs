//! Children whose handles were dropped while they ran. Somebody has to ask how they ended, or they
//! stay behind as zombies and hold their descriptors: one thread, started with the first of them.

use crate::handle::Child;
use polyproc_sys::clock::Deadline;
use polyproc_sys::poll;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How soon to look again at a child whose end the fork server has not explained yet.
const GLANCE: Duration = Duration::from_millis(20);
/// It calls nothing deep.
const STACK_BYTES: usize = 128 * 1024;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Reaper {
    waiting: Arc<Mutex<Vec<Arc<Child>>>>,
    /// Wakes the thread; `None` before there is one.
    bell: Mutex<Option<PipeWriter>>,
}

impl Reaper {
    /// Takes over a child that nobody will wait for.
    pub(crate) fn adopt(&self, child: Arc<Child>) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(child);
        let mut bell = self.bell.lock().unwrap_or_else(PoisonError::into_inner);
        if bell.is_none() {
            match start(Arc::clone(&self.waiting)) {
                Ok(started) => *bell = Some(started),
                // It stays in the list, and the exit of the program finds it there.
                Err(error) => tracing::warn!(%error, "no thread to reap forgotten children"),
            }
        }
        if let Some(bell) = bell.as_mut() {
            drop(bell.write_all(&[0]));
        }
    }

    /// How many threads of this process are ours. They hold no lock that a forked copy needs.
    pub(crate) fn threads(&self) -> u32 {
        self.bell.lock().unwrap_or_else(PoisonError::into_inner).is_some().into()
    }
}

fn start(waiting: Arc<Mutex<Vec<Arc<Child>>>>) -> io::Result<PipeWriter> {
    let (bell_end, bell) = io::pipe()?;
    std::thread::Builder::new()
        .name("polyproc-reaper".into())
        .stack_size(STACK_BYTES)
        .spawn(move || run(bell_end, &waiting))?;
    Ok(bell)
}

fn run(mut bell: PipeReader, waiting: &Mutex<Vec<Arc<Child>>>) {
    let mut children: Vec<Arc<Child>> = Vec::new();
    loop {
        children.append(&mut waiting.lock().unwrap_or_else(PoisonError::into_inner));
        // A fork server that has not said how a child ended is looked at again by and by.
        let is_silent = |child: &Arc<Child>| child.poll().is_none() && is_dead(child);
        let deadline =
            if children.iter().any(is_silent) { Deadline::after(GLANCE) } else { Deadline::NEVER };
        children.retain(|child| child.poll().is_none());
        let living = children.iter().filter(|child| !is_dead(child));
        let fds: Vec<_> = [bell.as_fd()].into_iter().chain(living.map(|c| c.sentinel())).collect();
        let Ok(ready) = poll::any_readable(&fds, deadline) else {
            return;
        };
        if ready.first() == Some(&0) && !matches!(bell.read(&mut [0; 64]), Ok(1..)) {
            return;
        }
    }
}

fn is_dead(child: &Child) -> bool {
    matches!(poll::readable([Some(child.sentinel())], Deadline::now()), Ok([true]))
}
