//! Wakes a thread of this process that sleeps in `poll`.

use polyproc_sync::Deadline;
use polyproc_sys::poll;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// A pipe that holds one byte at most.
#[derive(Debug)]
pub(crate) struct Bell {
    reader: PipeReader,
    writer: PipeWriter,
    rung: AtomicBool,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        Ok(Self { reader, writer, rung: AtomicBool::new(false) })
    }

    /// Wakes the sleeper, or has its next sleep end at once.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            drop((&self.writer).write(&[0]));
        }
    }

    /// For the sleeper, when it is awake, before it looks at what has happened.
    pub(crate) fn silence(&self) {
        let is_rung = poll::readable([Some(self.reader.as_fd())], Deadline::now());
        if matches!(is_rung, Ok([true])) {
            drop((&self.reader).read(&mut [0; 8]));
            self.rung.store(false, Ordering::SeqCst);
        }
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}
