//! Whom we race against.
#![expect(clippy::expect_used, reason = "a bench that cannot send has nothing to say")]

use crate::ours::ITEMS;
use crate::way::Way;
use iceoryx2::port::{publisher::Publisher, subscriber::Subscriber};
use iceoryx2::prelude::*;
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

/// iceoryx2: written and read in place, both ends polling. Its ports cannot be inherited.
pub(crate) struct Iceoryx {
    name: ServiceName,
    len: usize,
    ports: RefCell<Ports>,
}

#[derive(Default)]
struct Ports {
    publisher: Option<Publisher<ipc::Service, [u8], ()>>,
    subscriber: Option<Subscriber<ipc::Service, [u8], ()>>,
}

type Factory =
    iceoryx2::service::port_factory::publish_subscribe::PortFactory<ipc::Service, [u8], ()>;

impl Iceoryx {
    pub(crate) fn new(name: &str, len: usize) -> Self {
        set_log_level(LogLevel::Error);
        let name = format!("polyproc-bench/{}/{name}/{len}", std::process::id());
        let name = name.as_str().try_into().expect("a name of letters and slashes");
        Self { name, len, ports: RefCell::default() }
    }

    fn service(&self) -> Factory {
        let node = NodeBuilder::new().create::<ipc::Service>().expect("a node");
        let service = node
            .service_builder(&self.name)
            .publish_subscribe::<[u8]>()
            .enable_safe_overflow(false)
            .subscriber_max_buffer_size(64)
            .open_or_create();
        service.expect("a service")
    }
}

impl Way for Iceoryx {
    fn open_to_send(&self) {
        let service = self.service();
        let publisher = service
            .publisher_builder()
            .initial_max_slice_len(self.len)
            .backpressure_strategy(BackpressureStrategy::DiscardData)
            .create();
        self.ports.borrow_mut().publisher = Some(publisher.expect("a publisher"));
        while service.dynamic_config().number_of_subscribers() == 0 {
            std::thread::yield_now();
        }
    }

    fn open_to_receive(&self) {
        let subscriber = self.service().subscriber_builder().create();
        self.ports.borrow_mut().subscriber = Some(subscriber.expect("a subscriber"));
    }

    fn send(&self, bytes: &[u8]) {
        if self.ports.borrow().publisher.is_none() {
            self.open_to_send();
        }
        let ports = self.ports.borrow();
        let publisher = ports.publisher.as_ref().expect(HELD);
        // Its own way to wait for room sleeps; this one polls, as the receiver does.
        loop {
            let sample = publisher.loan_slice_uninit(bytes.len()).expect("a sample");
            if sample.write_from_slice(bytes).send().expect(HELD) != 0 {
                return;
            }
            std::hint::spin_loop();
        }
    }

    fn receive(&self) -> usize {
        if self.ports.borrow().subscriber.is_none() {
            self.open_to_receive();
        }
        let ports = self.ports.borrow();
        let subscriber = ports.subscriber.as_ref().expect(HELD);
        loop {
            if let Some(sample) = subscriber.receive().expect(HELD) {
                return sample.len();
            }
            std::hint::spin_loop();
        }
    }

    fn leave(&self) {
        self.ports.take();
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
