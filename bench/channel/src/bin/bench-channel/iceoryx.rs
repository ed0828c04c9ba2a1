//! iceoryx2: shared memory, whose ends look without a pause.
#![expect(clippy::expect_used, reason = "a bench that cannot send has nothing to say")]

use crate::ours::ITEMS;
use crate::way::Way;
use iceoryx2::port::{publisher::Publisher, subscriber::Subscriber};
use iceoryx2::prelude::*;
use std::cell::RefCell;
use std::hint::black_box;

const HELD: &str = "both ends are held";

/// iceoryx2: written in place, and read there or copied; both ends polling. Its ports cannot be inherited.
pub(crate) struct Iceoryx {
    name: ServiceName,
    len: usize,
    /// The receiver's copy; none when it reads in place.
    copy: Option<RefCell<Vec<u8>>>,
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
    pub(crate) fn new(name: &str, len: usize, in_place: bool) -> Self {
        set_log_level(LogLevel::Error);
        let name = format!("polyproc-bench/{}/{name}/{len}", std::process::id());
        let name = name.as_str().try_into().expect("a name of letters and slashes");
        let copy = (!in_place).then(RefCell::default);
        Self { name, len, copy, ports: RefCell::default() }
    }

    /// As many as crossbeam's channel gets, but not more than 8 MiB.
    fn most_messages(&self) -> usize {
        (8 << 20 >> self.len.ilog2()).min(ITEMS as usize)
    }

    fn look_at(&self, bytes: &[u8]) -> usize {
        let Some(copy) = &self.copy else {
            return black_box(bytes).len();
        };
        let mut copy = copy.borrow_mut();
        copy.clear();
        copy.extend_from_slice(bytes);
        black_box(&*copy).len()
    }

    fn service(&self) -> Factory {
        let node = NodeBuilder::new().create::<ipc::Service>().expect("a node");
        let service = node
            .service_builder(&self.name)
            .publish_subscribe::<[u8]>()
            .enable_safe_overflow(false)
            .subscriber_max_buffer_size(self.most_messages())
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
            let sample = match &self.copy {
                Some(_) => sample.write_from_slice(bytes),
                None => sample.write_from_fn(|_| bytes[0]),
            };
            if sample.send().expect(HELD) != 0 {
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
                return self.look_at(&sample);
            }
            std::hint::spin_loop();
        }
    }

    fn leave(&self) {
        self.ports.take();
    }
}
