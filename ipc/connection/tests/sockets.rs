//! What a connection's user sees: messages, deadlines, ends, descriptors.
#![expect(clippy::unwrap_used, reason = "a failing test panics")]

use polyproc_connection::frame::FrameError;
use polyproc_connection::{Connection, Deadline, RecvError, SendError, Waitable, wait};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_millis(20);
const LATE: Duration = Duration::from_mins(1);

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (one, listener.accept().unwrap().0)
}

/// Connected ends of both kinds.
fn pairs() -> [(Connection, Connection); 2] {
    let (one, two) = tcp();
    [Connection::pair().unwrap(), (one.into(), two.into())]
}

fn message(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index % 251) as u8).collect()
}

/// Longer than 32 bits say, in frames of both directions. Alone, and optimised: `cargo test --release
/// --package polyproc-connection --test sockets -- --ignored`.
#[test]
#[ignore = "takes 5 GiB of memory"]
fn a_message_of_more_than_four_gibibytes() {
    const LEN: usize = (4 << 30) + 3;
    let (mut here, mut there) = Connection::pair().unwrap();
    // Zeros that nobody has touched are not there yet.
    let mut message = vec![0; LEN];
    (message[0], message[1 << 32], message[LEN - 1]) = (1, 2, 3);
    let sending = thread::spawn(move || {
        here.send_bytes(&message).unwrap();
        here.send_bytes(b"next").unwrap();
    });
    let got = there.recv_bytes().unwrap();
    assert_eq!((got.len(), got[0], got[1 << 32], got[LEN - 1]), (LEN, 1, 2, 3));
    assert_eq!(got.iter().map(|&byte| u64::from(byte)).sum::<u64>(), 6, "and else zeros");
    assert_eq!(there.recv_bytes().unwrap(), b"next");
    sending.join().unwrap();
}

#[test]
fn messages_of_all_lengths_go_both_ways() {
    for (mut here, mut there) in pairs() {
        let lens = [0, 1, 3, 4, 5, 16_384, 16_385, 65_536, 70_000, 5 << 20];
        let echo = thread::spawn(move || {
            for _ in lens {
                let got = there.recv_bytes_timeout(LATE).unwrap();
                there.send_bytes_timeout(&got, LATE).unwrap();
            }
        });
        for len in lens {
            here.send_bytes(&message(len)).unwrap();
            assert!(here.recv_bytes().unwrap() == message(len), "{len}");
        }
        echo.join().unwrap();
        assert!(matches!(here.recv_bytes(), Err(RecvError::Disconnected)));
    }
}

#[test]
fn many_messages_wait_in_order() {
    for (mut here, mut there) in pairs() {
        for len in 0..100 {
            here.send_bytes(&message(len)).unwrap();
        }
        let mut buffer = [0; 99];
        for len in 0..100 {
            assert!(there.poll(LATE).unwrap());
            assert_eq!(wait(&[&there], Some(LATE)).unwrap(), [0]);
            assert_eq!(there.recv_bytes_into(&mut buffer).unwrap(), len);
            assert_eq!(buffer[..len], message(len));
        }
        assert!(!there.poll(Duration::ZERO).unwrap());
        let nothing = there.recv_bytes_timeout(Duration::ZERO);
        assert!(matches!(nothing, Err(RecvError::TimedOut)));
    }
}

#[test]
fn what_came_before_the_deadline_is_kept() {
    let (mut raw, there) = tcp();
    let (mut raw_unix, unix) = UnixStream::pair().unwrap();
    let raws: [(&mut dyn Write, Connection); 2] =
        [(&mut raw, there.into()), (&mut raw_unix, unix.into())];
    for (raw, mut there) in raws {
        for piece in [&[0, 0][..], &[0, 5, b'a'], b"bcd"] {
            raw.write_all(piece).unwrap();
            assert!(matches!(there.recv_bytes_timeout(SOON), Err(RecvError::TimedOut)));
        }
        raw.write_all(b"e").unwrap();
        assert_eq!(there.recv_bytes_timeout(LATE).unwrap(), b"abcde");
    }
}

#[test]
fn an_end_in_the_middle_says_what_is_missing() {
    let cases: [(&[u8], _); 4] = [
        (&[0, 0], "only 2 bytes of its header came"),
        (&[0, 0, 0, 9, 1, 2], "7 of 9 bytes are missing"),
        (&[0, 0, 0, 9], "9 of 9 bytes are missing"),
        (&[255, 255, 255, 255, 0, 0, 1, 0, 0, 0, 0, 0, 7], "1099511627775 of 1099511627776"),
    ];
    for (bytes, text) in cases {
        let (mut raw, there) = UnixStream::pair().unwrap();
        raw.write_all(bytes).unwrap();
        drop(raw);
        let error = Connection::from(there).recv_bytes().unwrap_err();
        assert!(
            matches!(error, RecvError::Torn { .. }) && error.to_string().contains(text),
            "{error}"
        );
    }
}

#[test]
fn a_longer_message_than_allowed_ends_the_receiving() {
    for (mut here, mut there) in pairs() {
        here.send_bytes(&message(11)).unwrap();
        here.send_bytes(&message(1)).unwrap();
        let error = there.recv_bytes_deadline(10, Deadline::NEVER).unwrap_err();
        let too_long = FrameError::TooLong { len: 11, max: 10 };
        assert!(matches!(error, RecvError::Frame(error) if error == too_long));
        let broken = there.recv_bytes();
        assert!(matches!(broken, Err(RecvError::Frame(FrameError::Broken))));
        there.send_bytes(b"the other direction works").unwrap();
        assert_eq!(here.recv_bytes().unwrap(), b"the other direction works");
    }
}

#[test]
fn a_message_that_does_not_fit_is_not_lost() {
    let (mut here, mut there) = Connection::pair().unwrap();
    here.send_bytes(b"longer").unwrap();
    here.send_bytes(b"next").unwrap();
    let mut buffer = [0; 5];
    let error = there.recv_bytes_into(&mut buffer).unwrap_err();
    assert!(matches!(error, RecvError::BufferTooShort(message) if message == b"longer"));
    assert_eq!(there.recv_bytes_into_timeout(&mut buffer, LATE).unwrap(), 4);
    assert_eq!(&buffer[..4], b"next");
}

#[test]
fn a_send_that_nobody_reads_ends_at_its_deadline() {
    for (mut here, mut there) in pairs() {
        let mut whole = 0;
        let error = loop {
            match here.send_bytes_timeout(&message(200_001), SOON) {
                Ok(()) => whole += 1,
                Err(error) => break error,
            }
        };
        let SendError::TimedOut { sent, of: 200_005 } = error else {
            unreachable!("{error}");
        };
        for _ in 0..whole {
            assert_eq!(there.recv_bytes_timeout(LATE).unwrap().len(), 200_001);
        }
        if sent > 0 {
            assert!(matches!(here.send_bytes(b""), Err(SendError::Torn)));
            assert!(matches!(there.recv_bytes_timeout(LATE), Err(RecvError::Torn { .. })));
        }
        there.send_bytes(b"still there").unwrap();
        assert_eq!(here.recv_bytes_timeout(LATE).unwrap(), b"still there");
    }
}

#[test]
fn a_closed_end_is_an_error_of_its_own() {
    for (mut here, mut there) in pairs() {
        assert!(!here.is_closed());
        here.close();
        assert!(here.is_closed());
        assert!(matches!(here.send_bytes(b"x"), Err(SendError::Closed)));
        assert!(matches!(here.recv_bytes(), Err(RecvError::Closed)));
        assert!(matches!(here.poll(LATE), Err(RecvError::Closed)));
        assert!(there.poll(LATE).unwrap(), "the end is something to be received");
        assert!(matches!(there.recv_bytes(), Err(RecvError::Disconnected)));
        // TCP takes the first: the reset comes back after it.
        let mut send = || there.send_bytes(b"x").err();
        let error = polyproc_testkit::eventually(LATE, &mut send).unwrap();
        assert!(matches!(error, SendError::Disconnected), "{error}");
    }
}

#[test]
fn halves_work_in_two_threads_and_finish_apart() {
    for (here, there) in pairs() {
        let (mut sender, mut receiver) = here.split();
        let reading = thread::spawn(move || receiver.recv_bytes().unwrap());
        sender.send_bytes(b"question").unwrap();
        sender.finish().unwrap();
        let mut there = there;
        assert_eq!(there.recv_bytes().unwrap(), b"question");
        assert!(matches!(there.recv_bytes(), Err(RecvError::Disconnected)));
        there.send_bytes(b"answer").unwrap();
        assert_eq!(reading.join().unwrap(), b"answer");
    }
}

#[test]
fn descriptors_go_between_messages_and_nothing_stays_open() {
    {
        let (mut here, mut there) = Connection::pair().unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        here.send_bytes(b"a descriptor follows").unwrap();
        here.send_fds(&[writer.as_fd(), reader.as_fd()]).unwrap();
        here.send_bytes(b"it was that").unwrap();
        drop(writer);
        assert_eq!(there.recv_bytes().unwrap(), b"a descriptor follows");
        let mut fds = there.recv_fds().unwrap();
        assert_eq!(there.recv_bytes().unwrap(), b"it was that");
        assert_eq!(fds.len(), 2);
        File::from(fds.remove(0)).write_all(b"through the pipe").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through the pipe");
        // One that nobody asked for is not let in.
        here.send_fds(&[reader.as_fd()]).unwrap();
        let error = there.recv_bytes_timeout(SOON).unwrap_err();
        assert!(matches!(error, RecvError::TimedOut), "a byte of a header: {error}");
        assert!(matches!(here.send_fds(&[]), Err(SendError::Descriptors(0))));
    }
}

#[test]
fn a_message_is_no_descriptor() {
    let (mut here, mut there) = Connection::pair().unwrap();
    here.send_bytes(b"no descriptor").unwrap();
    assert!(matches!(there.recv_fds(), Err(RecvError::NoDescriptor)));
    assert!(matches!(there.recv_bytes(), Err(RecvError::Frame(FrameError::Broken))));
    let (one, _two) = tcp();
    let mut network = Connection::from(one);
    let (reader, _writer) = std::io::pipe().unwrap();
    assert!(matches!(network.send_fds(&[reader.as_fd()]), Err(SendError::Descriptors(1))));
    assert!(matches!(network.recv_fds(), Err(RecvError::NoDescriptor)));
    drop(here);
    let (here, mut there) = Connection::pair().unwrap();
    drop(here);
    assert!(matches!(there.recv_fds(), Err(RecvError::Disconnected)));
}

#[test]
fn wait_finds_whoever_is_ready_of_all_kinds() {
    let (mut sending, receiving) = Connection::pair().unwrap();
    let (gone, ended) = Connection::pair().unwrap();
    let (_keep, quiet) = Connection::pair().unwrap();
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let sentinel = polyproc_sys::pidfd::PidFd::open(child.id()).unwrap();
    let (one, two) = tcp();
    let mut network = Connection::from(one);
    let mut read_ahead = Connection::from(two);
    assert_eq!(wait(&[&quiet, &receiving], Some(SOON)).unwrap(), [0_usize; 0]);
    sending.send_bytes(b"x").unwrap();
    drop(gone);
    child.wait().unwrap();
    network.send_bytes(b"first").unwrap();
    network.send_bytes(b"second").unwrap();
    assert!(read_ahead.poll(LATE).unwrap());
    assert_eq!(read_ahead.recv_bytes().unwrap(), b"first");
    let all: [&dyn Waitable; 5] = [&receiving, &quiet, &ended, &sentinel.as_fd(), &read_ahead];
    let ready = || {
        let ready = wait(&all, Some(LATE)).unwrap();
        (ready.len() == 4).then_some(ready)
    };
    assert_eq!(polyproc_testkit::eventually(LATE, ready).unwrap(), [0, 2, 3, 4]);
    assert!(wait(&[], None).is_err());
    assert!(wait(&[], Some(Duration::ZERO)).unwrap().is_empty());
    let mut closed = quiet;
    closed.close();
    assert_eq!(wait(&[&closed], None).unwrap(), [0]);
}

/// A message in the middle of which the sender stops is not ready, however much of it is here.
#[test]
fn half_a_message_read_ahead_is_not_ready() {
    let (mut raw, there) = tcp();
    let mut there = Connection::from(there);
    raw.write_all(&[0, 0, 0, 1, b'a', 0, 0, 0, 2, b'b']).unwrap();
    assert_eq!(there.recv_bytes().unwrap(), b"a");
    assert!(matches!(there.recv_bytes_timeout(SOON), Err(RecvError::TimedOut)));
    assert!(wait(&[&there], Some(SOON)).unwrap().is_empty());
    raw.write_all(b"c").unwrap();
    assert_eq!(wait(&[&there], Some(LATE)).unwrap(), [0]);
    assert_eq!(there.recv_bytes().unwrap(), b"bc");
    raw.shutdown(Shutdown::Both).unwrap();
    assert_eq!(wait(&[&there], Some(LATE)).unwrap(), [0]);
}
