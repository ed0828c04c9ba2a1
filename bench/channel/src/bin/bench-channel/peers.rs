//! Whom we race against; iceoryx2 has a module of its own.
#![expect(clippy::expect_used, reason = "a bench that cannot send has nothing to say")]

use crate::ours::ITEMS;
use crate::way::Way;
use interprocess::unnamed_pipe;
use ipc_channel::ipc::{IpcBytesReceiver, IpcBytesSender, bytes_channel};
use std::cell::RefCell;
use std::hint::black_box;
use std::io::{self, BufReader, Read, Write};

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
        black_box(&self.receiver.recv().expect(HELD)).len()
    }
}

/// interprocess: an unnamed pipe, and a length before each message.
pub(crate) struct Interprocess {
    sender: RefCell<(unnamed_pipe::Sender, Vec<u8>)>,
    receiver: RefCell<(BufReader<unnamed_pipe::Recver>, Vec<u8>)>,
}

impl Interprocess {
    /// From here on two system calls cost less than a copy that makes them one.
    const LONG: usize = 16 << 10;

    pub(crate) fn new() -> io::Result<Self> {
        let (sender, receiver) = unnamed_pipe::pipe()?;
        let receiver = BufReader::with_capacity(64 << 10, receiver);
        Ok(Self {
            sender: RefCell::new((sender, Vec::new())),
            receiver: RefCell::new((receiver, Vec::new())),
        })
    }
}

impl Way for Interprocess {
    fn send(&self, bytes: &[u8]) {
        let (sender, buffer) = &mut *self.sender.borrow_mut();
        buffer.clear();
        buffer.extend((bytes.len() as u64).to_ne_bytes());
        let (with_len, alone) =
            bytes.split_at(if bytes.len() < Self::LONG { bytes.len() } else { 0 });
        buffer.extend(with_len);
        sender.write_all(buffer).expect(HELD);
        sender.write_all(alone).expect(HELD);
    }

    fn receive(&self) -> usize {
        let (receiver, buffer) = &mut *self.receiver.borrow_mut();
        let mut len = [0; 8];
        receiver.read_exact(&mut len).expect(HELD);
        buffer.resize(u64::from_ne_bytes(len) as usize, 0);
        receiver.read_exact(buffer).expect(HELD);
        black_box(&*buffer).len()
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
        black_box(&self.receiver.recv().expect(HELD)).len()
    }
}
