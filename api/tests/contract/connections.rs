//! Connections between a parent and its children, as between any two programs: by address and key.

use crate::{LONG, Test, sleep_for_ever, start};
use polyproc::connection::{
    AcceptError, Client, Connection, HandshakeError, Key, Listener, RecvError, wait,
};
use polyproc::prelude::*;
use polyproc_testkit::eventually;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

pub(crate) const TESTS: &[Test] = &[
    ("a_child_connects_to_its_parent", a_child_connects_to_its_parent),
    ("a_parent_connects_to_its_child", a_parent_connects_to_its_child),
    ("a_child_with_another_key", a_child_with_another_key),
    ("the_other_process_is_killed", the_other_process_is_killed),
    ("wait_for_connections_and_processes", wait_for_connections_and_processes),
    ("a_copy_of_a_listener_removes_nothing", a_copy_of_a_listener_removes_nothing),
];

const KEY: &[u8] = b"a secret that both know";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Question {
    Sum(Vec<i64>),
    Reverse { text: String },
}

type Answer = Result<String, i64>;

fn key() -> Key {
    Key::new(KEY).unwrap()
}

fn listeners() -> [Listener; 3] {
    [
        Listener::bind((Ipv4Addr::LOCALHOST, 0), 5, Some(key())).unwrap(),
        Listener::temporary(5, Some(key())).unwrap(),
        Listener::anonymous(5, Some(key())).unwrap(),
    ]
}

fn connect<S, R>(address: &str) -> Connection<S, R> {
    Client::connect_timeout(address, Some(&key()), LONG).unwrap()
}

fn ask(connection: &mut Connection<Question, Answer>) {
    connection.send(&Question::Sum(vec![1, -2, 3])).unwrap();
    assert_eq!(connection.recv().unwrap(), Err(2));
    connection.send(&Question::Reverse { text: "abc".repeat(100_000) }).unwrap();
    assert_eq!(connection.recv().unwrap(), Ok("cba".repeat(100_000)));
}

fn answer(connection: &mut Connection<Answer, Question>) {
    while let Ok(question) = connection.recv() {
        let answer = match question {
            Question::Sum(numbers) => Err(numbers.iter().sum()),
            Question::Reverse { text } => Ok(text.chars().rev().collect()),
        };
        connection.send(&answer).unwrap();
    }
}

fn a_child_connects_to_its_parent(method: StartMethod) {
    for mut listener in listeners() {
        let child = |address: String| ask(&mut connect(&address));
        let child = start(method, child, listener.address().to_string());
        answer(&mut listener.accept_timeout(LONG).unwrap());
        child.join().unwrap();
    }
}

fn a_parent_connects_to_its_child(method: StartMethod) {
    let name = format!("@polyproc-contract-{}-{method}", std::process::id());
    let child = |address: String| {
        let mut listener = Listener::bind(address, 5, Some(key())).unwrap();
        answer(&mut listener.accept_timeout(LONG).unwrap());
    };
    let child = start(method, child, name.clone());
    let connect = || Client::connect_timeout(&name, Some(&key()), LONG).ok();
    let mut connection = eventually(LONG, connect).unwrap();
    ask(&mut connection);
    drop(connection);
    child.join().unwrap();
}

fn a_child_with_another_key(method: StartMethod) {
    let mut listener = Listener::temporary(5, Some(key())).unwrap();
    let child = |address: String| {
        let other = Key::new(b"another").unwrap();
        Client::connect_timeout::<(), ()>(address, Some(&other), LONG).unwrap_err().to_string()
    };
    let child = start(method, child, listener.address().to_string());
    let error = listener.accept_timeout::<(), ()>(LONG).unwrap_err();
    assert!(
        matches!(error, AcceptError::Client { source: HandshakeError::WrongKey, .. }),
        "{error}"
    );
    assert!(child.join().unwrap().contains("the peer refused our key"));
}

fn the_other_process_is_killed(method: StartMethod) {
    for mut listener in listeners() {
        let child = |address: String| {
            let mut connection: Connection<String, ()> = connect(&address);
            connection.send(&"here I am".to_owned()).unwrap();
            sleep_for_ever(());
        };
        let child = start(method, child, listener.address().to_string());
        let mut connection: Connection<(), String> = listener.accept_timeout(LONG).unwrap();
        assert_eq!(connection.recv().unwrap(), "here I am");
        assert!(matches!(connection.try_recv(), Err(RecvError::TimedOut)));
        child.kill().unwrap();
        let end = connection.recv();
        assert!(matches!(end, Err(RecvError::Disconnected)), "{end:?}");
        child.wait().unwrap();
    }
}

fn wait_for_connections_and_processes(method: StartMethod) {
    let mut listener = Listener::temporary(5, Some(key())).unwrap();
    let quiet = start(method, sleep_for_ever, ());
    let child = |address: String| {
        let mut connection: Connection<u32, u32> = connect(&address);
        let number = connection.recv().unwrap();
        connection.send(&(number + 1)).unwrap();
        sleep_for_ever(());
    };
    let child = start(method, child, listener.address().to_string());
    assert_eq!(wait(&[&quiet, &listener, child.handle()], Some(LONG)).unwrap(), [1]);
    let mut connection: Connection<u32, u32> = listener.accept_timeout(LONG).unwrap();
    assert!(
        wait(&[&quiet, &connection, &child], Some(std::time::Duration::ZERO)).unwrap().is_empty()
    );
    connection.send(&1).unwrap();
    assert_eq!(wait(&[&quiet, &connection, &child], Some(LONG)).unwrap(), [1]);
    assert_eq!(connection.recv().unwrap(), 2);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(wait(&[&quiet, &connection, &child], None).unwrap(), [1, 2]);
    quiet.kill().unwrap();
    quiet.wait().unwrap();
}

/// Only a fork has a copy of it.
fn a_copy_of_a_listener_removes_nothing(method: StartMethod) {
    if method != StartMethod::Fork {
        return;
    }
    let mut listener = Listener::temporary(5, Some(key())).unwrap();
    let address = listener.address().to_string();
    let copy = &mut listener;
    let child = polyproc::fork(move || {
        let listener = std::mem::replace(copy, Listener::anonymous(1, None).unwrap());
        drop(listener);
    });
    child.unwrap().join().unwrap();
    let child = start(method, |address: String| ask(&mut connect(&address)), address);
    answer(&mut listener.accept_timeout(LONG).unwrap());
    child.join().unwrap();
}
