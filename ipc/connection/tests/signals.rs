//! Calls that signals interrupt all the time, in every place where they wait.
#![expect(clippy::unwrap_used, reason = "a failing test panics")]

use libtest_mimic::{Arguments, Failed, Trial};
use polyproc_connection::{Client, Connection, Key, Listener, RecvError, wait};
use polyproc_sys::handler::interrupt_on;
use polyproc_sys::pidfd::PidFd;
use polyproc_sys::signal::Signal;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const LATE: Duration = Duration::from_mins(1);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One: on the main thread, which is the one that the kernel interrupts.
    arguments.test_threads = Some(1);
    let trials = vec![
        Trial::test("messages", || in_a_storm(messages)),
        Trial::test("handshakes", || in_a_storm(handshakes)),
        Trial::test("deadlines", || in_a_storm(deadlines)),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn in_a_storm(test: fn()) -> Result<(), Failed> {
    interrupt_on(Signal::USR1)?;
    let own = PidFd::open(std::process::id())?;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                own.send_signal(Signal::USR1).unwrap();
                thread::yield_now();
            }
        });
        let result = std::panic::catch_unwind(test);
        is_over.store(true, Ordering::Relaxed);
        result.map_err(|panic| format!("{:?}", panic.downcast_ref::<String>()).into())
    })
}

/// Much more than the buffers hold, so that both sides wait in the middle.
fn messages() {
    let (mut here, there) = Connection::pair().unwrap();
    let message: Vec<u8> = (0..3_000_000_u32).map(|index| index as u8).collect();
    let echo = thread::spawn(move || {
        let mut there = there;
        while let Ok(message) = there.recv_bytes() {
            there.send_bytes(&message).unwrap();
        }
    });
    for timeout in [None, Some(LATE)] {
        match timeout {
            None => here.send_bytes(&message).unwrap(),
            Some(timeout) => here.send_bytes_timeout(&message, timeout).unwrap(),
        }
        assert_eq!(wait(&[&here], Some(LATE)).unwrap(), [0]);
        assert!(here.recv_bytes_timeout(LATE).unwrap() == message);
    }
    drop(here);
    echo.join().unwrap();
}

/// The main thread is the client, and then the listener.
fn handshakes() {
    let key = Key::new(b"secret").unwrap();
    for listener in [
        Listener::bind((Ipv4Addr::LOCALHOST, 0), 1, Some(key.clone())),
        Listener::temporary(1, Some(key.clone())),
    ] {
        let mut listener = listener.unwrap();
        let address = listener.address().clone();
        let there = thread::spawn(move || {
            listener.accept_timeout(LATE).unwrap();
            listener
        });
        Client::connect_timeout(&address, Some(&key), LATE).unwrap();
        let mut listener = there.join().unwrap();
        let key = key.clone();
        let there = thread::spawn(move || Client::connect_timeout(&address, Some(&key), LATE));
        listener.accept_timeout(LATE).unwrap();
        there.join().unwrap().unwrap();
    }
}

fn deadlines() {
    let (mut here, _there) = Connection::pair().unwrap();
    let nothing = here.recv_bytes_timeout(Duration::from_millis(50));
    assert!(matches!(nothing, Err(RecvError::TimedOut)));
    assert!(!here.poll(Duration::from_millis(50)).unwrap());
}
