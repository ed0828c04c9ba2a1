//! Whom we race against; iceoryx2 has a module of its own.
#![expect(clippy::expect_used, reason = "a bench that cannot send has nothing to say")]

use crate::ours::ITEMS;
use crate::way::Way;
use interprocess::unnamed_pipe;
use ipc_channel::ipc::{IpcBytesReceiver, IpcBytesSender, bytes_channel};
use polyproc_sync::Deadline;
use polyproc_sys::futex;
use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU32, Ordering};

const HELD: &str = "both ends are held";

/// ipc-channel: socket pairs, one receiver.
pub(crate) struct IpcChannel {
    sender: IpcBytesSender,
    receiver: IpcBytesReceiver,
}

impl IpcChannel {
    pub(crate) fn new() -> io::Result<Self> {
        let (sender, receiver) = bytes_channel()?;
        Ok(Self { sender, receiver })
    }
}

impl Way for IpcChannel {
    fn send(&self, bytes: &[u8]) {
        self.sender.send(bytes).expect(HELD);
    }

    fn receive(&self) -> usize {
        self.receiver.recv().expect(HELD).len()
    }
}

/// interprocess: an unnamed pipe, and a length before each message.
pub(crate) struct Interprocess {
    sender: RefCell<unnamed_pipe::Sender>,
    receiver: RefCell<(unnamed_pipe::Recver, Vec<u8>)>,
}

impl Interprocess {
    pub(crate) fn new() -> io::Result<Self> {
        let (sender, receiver) = unnamed_pipe::pipe()?;
        Ok(Self { sender: RefCell::new(sender), receiver: RefCell::new((receiver, Vec::new())) })
    }
}

impl Way for Interprocess {
    fn send(&self, bytes: &[u8]) {
        let mut sender = self.sender.borrow_mut();
        let message = [&(bytes.len() as u64).to_ne_bytes(), bytes].concat();
        sender.write_all(&message).expect(HELD);
    }

    fn receive(&self) -> usize {
        let (receiver, buffer) = &mut *self.receiver.borrow_mut();
        let mut len = [0; 8];
        receiver.read_exact(&mut len).expect(HELD);
        buffer.resize(u64::from_ne_bytes(len) as usize, 0);
        receiver.read_exact(buffer).expect(HELD);
        buffer.len()
    }
}

/// crossbeam-channel, between threads.
pub(crate) struct Crossbeam {
    sender: crossbeam_channel::Sender<Vec<u8>>,
    receiver: crossbeam_channel::Receiver<Vec<u8>>,
}

impl Crossbeam {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = crossbeam_channel::bounded(ITEMS as usize);
        Self { sender, receiver }
    }
}

impl Way for Crossbeam {
    fn send(&self, bytes: &[u8]) {
        self.sender.send(bytes.to_vec()).expect(HELD);
    }

    fn receive(&self) -> usize {
        self.receiver.recv().expect(HELD).len()
    }
}

/// The least that can wake: a word and a futex.
pub(crate) struct BareFutex(AtomicU32);

impl BareFutex {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(crate) fn set(&self) {
        if self.0.swap(1, Ordering::AcqRel) == 2 {
            futex::wake(&self.0, 1);
        }
    }

    pub(crate) fn sleep(&self) {
        while self.0.compare_exchange(1, 0, Ordering::AcqRel, Ordering::Acquire).is_err() {
            _ = self.0.compare_exchange(0, 2, Ordering::AcqRel, Ordering::Acquire);
            if futex::wait(&self.0, 2, Deadline::NEVER).is_err() {
                return;
            }
        }
    }
}
