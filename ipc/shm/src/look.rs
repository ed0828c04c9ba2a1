//! Looking at the locks that lie in the arena, without taking them.
#![expect(unsafe_code, reason = "bytes become a lock here")]

use crate::arena::Inner;
use crate::layout::Block;
use polyproc_sync::{Kind, Report, Shareable, raw};
use std::sync::atomic::Ordering;

impl Inner {
    /// Who holds and who waits, if the block is something to wait for. The typed objects start with the
    /// raw ones.
    pub(crate) fn report(&self, block: &Block) -> Option<Report> {
        let kind = Kind::from_number(block.kind.load(Ordering::Relaxed));
        let report = match kind {
            Kind::Lock | Kind::Value | Kind::Array => self.view::<raw::Lock>(block)?.report(),
            Kind::RLock => self.view::<raw::RLock>(block)?.report(),
            Kind::RwLock => self.view::<raw::RwLock>(block)?.report(),
            Kind::Semaphore => self.view::<raw::Semaphore>(block)?.report(),
            Kind::HeldSemaphore => self.view::<raw::HeldSemaphore>(block)?.report(),
            Kind::Event => self.view::<raw::Event>(block)?.report(),
            Kind::Condition => self.view::<raw::Condition>(block)?.report(),
            Kind::Barrier => self.view::<raw::Barrier>(block)?.report(),
            Kind::Once => self.view::<raw::Once>(block)?.report(),
            Kind::Channel => self.view::<raw::Cursor>(block)?.report(),
            _ => return None,
        };
        Some(Report { kind, ..report })
    }

    fn view<T: Shareable>(&self, block: &Block) -> Option<&T> {
        let (start, len) = self.data(block)?;
        if len < size_of::<T>() {
            return None;
        }
        // SAFETY: within the mapping and at a multiple of 64; any bits are a T (Shareable). The block
        // may be freed and used for something else meanwhile: then its atomics read what lies there.
        Some(unsafe { start.cast().as_ref() })
    }
}
