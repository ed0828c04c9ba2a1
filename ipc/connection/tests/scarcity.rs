//! A listener when there are no descriptors left. One test, since a limit is about the whole process.
#![expect(clippy::unwrap_used, reason = "a failing test panics")]

use polyproc_connection::{AcceptError, Client, Deadline, Key, Listener};
use polyproc_sys::control::{limit, set_limit};
use polyproc_sys::stream::is_scarcity;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

const LATE: Duration = Duration::from_mins(1);
/// `RLIMIT_NOFILE`.
const DESCRIPTORS: u32 = 7;

/// Everything that is left.
fn hoard() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

fn client(listener: &Listener) -> UnixStream {
    let path = PathBuf::from(listener.address().to_string());
    let mut client = UnixStream::connect(path).unwrap();
    client.write_all(b"\0\0\0\x01x").unwrap();
    client
}

fn assert_scarce(accepted: Result<impl std::fmt::Debug, AcceptError>) {
    let error = accepted.unwrap_err();
    assert!(matches!(&error, AcceptError::Io(error) if is_scarcity(error)), "{error}");
}

#[test]
fn without_descriptors_it_tries_for_a_while_and_goes_on_when_there_are_some() {
    let (own, limits) = (std::process::id(), limit(std::process::id(), DESCRIPTORS).unwrap());
    set_limit(own, DESCRIPTORS, (64, limits.1)).unwrap();
    let mut listener = Listener::temporary(5, None).unwrap();
    let waiting = [client(&listener), client(&listener)];
    let mut hoarded = hoard();
    assert_scarce(listener.accept_timeout(Duration::ZERO));
    // A caller that calls again and again does not keep a processor busy.
    let pause = Deadline::after(Duration::from_millis(900));
    assert_scarce(listener.accept());
    assert!(pause.has_passed());
    hoarded.pop();
    assert_eq!(listener.accept_timeout(LATE).unwrap().recv_bytes().unwrap(), b"x");
    drop(hoarded);
    assert_eq!(listener.accept_timeout(LATE).unwrap().recv_bytes().unwrap(), b"x");
    drop(waiting);
    guests_are_attended_to();
    set_limit(own, DESCRIPTORS, limits).unwrap();
}

/// One is in the middle of its proof when there are no descriptors for the next.
fn guests_are_attended_to() {
    let key = Key::new(b"secret").unwrap();
    let mut listener = Listener::temporary(5, Some(key.clone())).unwrap();
    let address = listener.address().clone();
    let mut silent = UnixStream::connect(PathBuf::from(address.to_string())).unwrap();
    assert!(matches!(listener.accept_timeout(Duration::ZERO), Err(AcceptError::TimedOut)));
    silent.read_exact(&mut [0; 4]).unwrap();
    let honest = thread::spawn(move || Client::connect_timeout(&address, Some(&key), LATE));
    while listener.accept_timeout(Duration::from_millis(1)).is_err() && !honest.is_finished() {}
    honest.join().unwrap().unwrap();
    let waiting = UnixStream::connect(PathBuf::from(listener.address().to_string())).unwrap();
    let hoarded = hoard();
    drop(silent);
    let error = listener.accept_timeout(LATE).unwrap_err();
    assert!(
        matches!(error, AcceptError::Client { .. }),
        "it hears that the guest is gone: {error}"
    );
    drop((hoarded, waiting));
}
