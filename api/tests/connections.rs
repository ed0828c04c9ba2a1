//! Typed messages over a connection, whoever is on the other end.

use polyproc::connection::{Connection, RecvError, SendError, bytes};
use polyproc::prelude::*;
use std::thread;
use std::time::Duration;

#[test]
fn a_handle_means_nothing_to_others() {
    let (mut here, mut there) = Connection::<(u8, Option<Shared<Event>>), ()>::pair().unwrap();
    let event = Shared::new(Event::new()).unwrap();
    let error = here.send(&(1, Some(event))).unwrap_err();
    assert!(matches!(error, SendError::Encode(_)), "{error}");
    assert!(error.to_string().contains("a connection's messages, it means nothing"), "{error}");
    here.send(&(2, None)).unwrap();
    assert_eq!(there.recv().unwrap().0, 2, "nothing was sent before");
    there.bytes().send_bytes(&[]).unwrap();
    here.recv().unwrap();
    here.bytes().send_bytes(&[3, 1, 0]).unwrap();
    let error = there.recv().unwrap_err().to_string();
    assert!(error.contains("a connection's messages, it means nothing"), "{error}");
}

#[test]
fn a_message_of_another_type_is_an_error_and_the_next_is_not_concerned() {
    let (mut here, there) = bytes::Connection::pair().unwrap();
    let mut there: Connection<(), String> = there.into();
    for wrong in [&[5, b'a'][..], &[], &[1, b'a', b'b'], &[1, 0xff]] {
        here.send_bytes(wrong).unwrap();
        let error = there.recv().unwrap_err();
        assert!(matches!(error, RecvError::Decode(_)), "{error}");
    }
    here.send_bytes(&[1, b'a']).unwrap();
    assert_eq!(there.recv().unwrap(), "a");
}

/// Who sends it needs no key to the program, only a socket to it.
#[test]
fn a_message_that_would_never_end_is_an_error_and_the_next_is_not_concerned() {
    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    struct Tree(Vec<Tree>, Vec<()>);
    let (mut here, there) = bytes::Connection::pair().unwrap();
    let mut there: Connection<(), Tree> = there.into();
    for wrong in [vec![1; 20 << 20], [&[0][..], &[0xff; 9], &[1]].concat()] {
        let sending = thread::spawn(move || {
            here.send_bytes(&wrong).unwrap();
            here
        });
        let error = there.recv().unwrap_err();
        here = sending.join().unwrap();
        assert!(matches!(error, RecvError::Decode(_)), "{error}");
        assert!(error.to_string().contains("levels") || error.to_string().contains("elements"));
    }
    here.send_bytes(&[1, 0, 0, 2]).unwrap();
    assert_eq!(there.recv().unwrap().1.len(), 2);
}

#[test]
fn messages_end_with_the_other_end_or_with_an_error() {
    let (mut here, mut there) = Connection::<u64, ()>::pair().unwrap();
    for number in 0..10 {
        here.send(&number).unwrap();
    }
    drop(here);
    let numbers: Result<Vec<_>, _> = there.messages().collect();
    assert_eq!(numbers.unwrap(), (0..10).collect::<Vec<_>>());

    let (mut here, mut there) = Connection::<String, ()>::pair().unwrap();
    there.set_max_len(10);
    here.send(&"short".into()).unwrap();
    here.send(&"longer than ten".into()).unwrap();
    here.send(&"short".into()).unwrap();
    let results: Vec<_> = there.messages().collect();
    assert!(matches!(results[..], [Ok(_), Err(RecvError::Bytes(_))]), "{results:?}");
}

#[test]
fn the_halves_of_a_connection_work_at_once() {
    let (here, mut there) = Connection::<Vec<u8>, usize>::pair().unwrap();
    let (mut sender, mut receiver) = here.split();
    let sending = thread::spawn(move || {
        for len in 0..100 {
            sender.send(&vec![7; len * 1000]).unwrap();
        }
        sender.finish().unwrap();
    });
    let echo = thread::spawn(move || {
        while let Ok(message) = there.recv() {
            there.send_timeout(&message.len(), Duration::from_mins(1)).unwrap();
        }
    });
    for len in 0..100 {
        assert_eq!(receiver.recv().unwrap(), len * 1000);
    }
    assert!(matches!(receiver.recv(), Err(RecvError::Disconnected)));
    sending.join().unwrap();
    echo.join().unwrap();
}
