//! Where the outcomes of chunks go, until the stream takes them.

use crate::pool::handle::{Reminded, keep};
use crate::pool::task;
use polyproc_pool::{Delivery, Notice, Sink};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where the outcomes of chunks go.
#[derive(Debug, Default)]
pub(super) struct Feed {
    inbox: Mutex<Inbox>,
    /// How many are there.
    pub(super) count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inbox {
    arrived: Vec<Delivery>,
    /// What is to happen when so many have arrived.
    reminders: (usize, Vec<Notice>),
}

/// Results that nobody took.
impl Drop for Inbox {
    fn drop(&mut self) {
        self.arrived.iter().for_each(|arrival| task::give_back(&arrival.outcome));
    }
}

impl Sink for Feed {
    fn deliver(&self, deliveries: &mut Vec<Delivery>, notices: &mut Vec<Notice>) {
        for delivery in deliveries.iter() {
            task::arrived(&delivery.outcome);
        }
        let mut inbox = self.lock();
        inbox.arrived.append(deliveries);
        if inbox.arrived.len() >= inbox.reminders.0 {
            notices.append(&mut inbox.reminders.1);
        }
        self.count.store(inbox.arrived.len(), Ordering::Release);
    }
}

impl Feed {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all, and leaves an empty list for the next ones.
    pub(super) fn take(&self, into: &mut Vec<Delivery>) {
        let mut inbox = self.lock();
        self.count.store(0, Ordering::Release);
        std::mem::swap(&mut inbox.arrived, into);
        inbox.reminders.0 = inbox.reminders.0.saturating_sub(into.len());
    }

    /// Keeps what is to happen when `wanted` outcomes are there.
    pub(super) fn remind(&self, wanted: usize, notice: Notice) -> Reminded {
        let mut inbox = self.lock();
        if inbox.arrived.len() >= wanted {
            return Err(notice);
        }
        inbox.reminders.0 = wanted;
        Ok(keep(&mut inbox.reminders.1, notice))
    }
}
