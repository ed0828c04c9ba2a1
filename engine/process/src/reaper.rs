//! Children whose handles were dropped while they ran. Somebody has to ask how they ended, or they
//! stay behind as zombies and hold their descriptors: one thread, started with the first of them.

use crate::handle::Child;
use polyproc_sys::clock::Deadline;
use polyproc_sys::poll;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Reaper(Mutex<Option<Inbox>>);

/// How to hand a child to the thread.
#[derive(Debug)]
struct Inbox {
    waiting: Arc<Mutex<Vec<Arc<Child>>>>,
    bell: PipeWriter,
}

impl Reaper {
    /// Takes over a child that nobody will wait for.
    pub(crate) fn adopt(&self, child: Arc<Child>) {
        let mut inbox = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inbox.is_none() {
            match start() {
                Ok(started) => *inbox = Some(started),
                // It will be reaped by the next look at the active children, or at exit.
                Err(error) => return tracing::warn!(%error, "no thread to reap forgotten children"),
            }
        }
        if let Some(inbox) = inbox.as_mut() {
            inbox.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(child);
            drop(inbox.bell.write_all(&[0]));
        }
    }

    /// How many threads of this process are ours. They hold no lock that a forked copy needs.
    pub(crate) fn threads(&self) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some().into()
    }
}

fn start() -> io::Result<Inbox> {
    let (bell_end, bell) = io::pipe()?;
    let waiting = Arc::new(Mutex::new(Vec::new()));
    let inbox = Arc::clone(&waiting);
    std::thread::Builder::new()
        .name("polyproc-reaper".into())
        .stack_size(64 * 1024)
        .spawn(move || run(bell_end, &inbox))?;
    Ok(Inbox { waiting, bell })
}

fn run(mut bell: PipeReader, inbox: &Mutex<Vec<Arc<Child>>>) {
    let mut children: Vec<Arc<Child>> = Vec::new();
    loop {
        children.append(&mut inbox.lock().unwrap_or_else(PoisonError::into_inner));
        // A fork server that has not said how a child ended is looked at again by and by.
        let is_silent = |child: &Arc<Child>| child.poll().is_none() && is_dead(child);
        let deadline = if children.iter().any(is_silent) {
            Deadline::after(std::time::Duration::from_millis(20))
        } else {
            Deadline::NEVER
        };
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
