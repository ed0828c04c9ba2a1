//! Nothing stays open, and nobody is let in unasked. One test, since a census is about the whole
//! process.
#![expect(clippy::unwrap_used, reason = "a failing test panics")]

use polyproc_connection::{AcceptError, Client, Connection, Key, Listener, RecvError};
use polyproc_testkit::Census;
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_millis(20);
const LATE: Duration = Duration::from_mins(1);

#[test]
fn everything_is_closed_again() {
    let census = Census::take();
    descriptors();
    descriptors_that_nobody_asked_for();
    let key = Key::new(b"secret").unwrap();
    for listener in [
        Listener::bind((Ipv4Addr::LOCALHOST, 0), 100, Some(key.clone())),
        Listener::temporary(100, Some(key.clone())),
        Listener::anonymous(100, Some(key.clone())),
    ] {
        clients_of_all_kinds(listener.unwrap(), &key);
    }
    census.assert_same();
}

fn descriptors() {
    let (mut here, mut there) = Connection::pair().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    here.send_fds(&[reader.as_fd(), writer.as_fd()]).unwrap();
    assert_eq!(there.recv_fds().unwrap().len(), 2);
    here.send_fds(&[reader.as_fd()]).unwrap();
}

/// Neither a connection that expects a message nor a listener that expects a proof keeps them.
fn descriptors_that_nobody_asked_for() {
    let (mut here, mut there) = Connection::pair().unwrap();
    let (reader, _writer) = std::io::pipe().unwrap();
    let before = Census::take();
    for _ in 0..3 {
        here.send_fds(&[reader.as_fd()]).unwrap();
    }
    assert!(matches!(there.recv_bytes_timeout(SOON), Err(RecvError::TimedOut)));
    assert_eq!(before.leaks(), []);
}

fn clients_of_all_kinds(mut listener: Listener, key: &Key) {
    let address = listener.address().clone();
    let other = Key::new(b"other").unwrap();
    let clients = thread::spawn({
        let key = key.clone();
        move || {
            Client::connect_timeout(&address, Some(&other), LATE).unwrap_err();
            let mut last = Client::connect_timeout(&address, Some(&key), LATE).unwrap();
            last.send_bytes(b"hello").unwrap();
            last
        }
    });
    if let polyproc_connection::Address::Unix(path) = listener.address() {
        let mut noise = UnixStream::connect(path).unwrap();
        noise.write_all(b"noise").unwrap();
        drop(UnixStream::connect(path).unwrap());
    }
    let mut turned_away = 0;
    let mut connection = loop {
        match listener.accept_timeout(LATE) {
            Ok(connection) => break connection,
            Err(AcceptError::Client { .. }) => turned_away += 1,
            Err(error) => unreachable!("{error}"),
        }
    };
    assert!(turned_away >= 1);
    assert_eq!(connection.recv_bytes_timeout(LATE).unwrap(), b"hello");
    drop(clients.join().unwrap());
}
