//! Listeners and clients of ours, honest and otherwise.
#![expect(clippy::unwrap_used, reason = "a failing test panics")]

use polyproc_connection::handshake::{Handshake, RANDOM_BYTES};
use polyproc_connection::{
    AcceptError, Address, Client, ConnectError, HandshakeError, Key, Listener, MAX_GUESTS,
    RecvError, wait,
};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_millis(20);
const LATE: Duration = Duration::from_mins(1);

fn key() -> Key {
    Key::new(b"secret").unwrap()
}

fn path_of(listener: &Listener) -> PathBuf {
    match listener.address() {
        Address::Unix(path) => path.clone(),
        other => unreachable!("{other}"),
    }
}

fn listeners(key: Option<&Key>) -> [Listener; 3] {
    [
        Listener::bind((Ipv4Addr::LOCALHOST, 0), 5, key.cloned()).unwrap(),
        Listener::temporary(5, key.cloned()).unwrap(),
        Listener::anonymous(5, key.cloned()).unwrap(),
    ]
}

#[test]
fn every_kind_of_address_with_and_without_a_key() {
    for key in [None, Some(&key())] {
        for mut listener in listeners(key) {
            let (address, key) = (listener.address().clone(), key.cloned());
            let client = thread::spawn(move || {
                let mut connection = Client::connect_timeout(&address, key.as_ref(), LATE).unwrap();
                connection.send_bytes(b"hello").unwrap();
                assert_eq!(connection.peer(), Some(address));
                connection.recv_bytes().unwrap()
            });
            let mut connection = listener.accept_timeout(LATE).unwrap();
            assert_eq!(connection.recv_bytes().unwrap(), b"hello");
            connection.send_bytes(b"bye").unwrap();
            assert_eq!(client.join().unwrap(), b"bye");
            let is_tcp = matches!(listener.address(), Address::Tcp(_));
            assert_eq!(listener.last_accepted().is_some(), is_tcp);
        }
    }
}

#[test]
fn the_wrong_key_turns_one_client_away_and_not_the_next() {
    let mut listener = Listener::temporary(5, Some(key())).unwrap();
    let address = listener.address().clone();
    let clients = thread::spawn(move || {
        let other = Key::new(b"other").unwrap();
        let refused = Client::connect_timeout(&address, Some(&other), LATE).unwrap_err();
        Client::connect_timeout(&address, Some(&key()), LATE).unwrap();
        refused
    });
    let error = listener.accept_timeout(LATE).unwrap_err();
    assert!(
        matches!(error, AcceptError::Client { source: HandshakeError::WrongKey, .. }),
        "{error}"
    );
    listener.accept_timeout(LATE).unwrap();
    let refused = clients.join().unwrap();
    let is_refused =
        matches!(refused, ConnectError::Handshake { source: HandshakeError::Refused, .. });
    assert!(is_refused, "{refused}");
}

#[test]
fn who_says_nothing_holds_up_nobody() {
    let mut listener = Listener::temporary(5, Some(key())).unwrap();
    let address = listener.address().clone();
    let silent: Vec<_> = (0..4).map(|_| UnixStream::connect(path_of(&listener)).unwrap()).collect();
    let client = thread::spawn(move || Client::connect_timeout(&address, Some(&key()), LATE));
    listener.accept_timeout(LATE).unwrap();
    client.join().unwrap().unwrap();
    listener.set_handshake_timeout(SOON);
    let late = UnixStream::connect(path_of(&listener)).unwrap();
    let error = listener.accept_timeout(LATE).unwrap_err();
    assert!(error.to_string().contains("did not send a response"), "{error}");
    drop(late);
    drop(silent);
    for _ in 0..4 {
        let error = listener.accept_timeout(LATE).unwrap_err();
        let is_gone = matches!(
            error,
            AcceptError::Client { source: HandshakeError::Disconnected { .. }, .. }
        );
        assert!(is_gone, "{error}");
    }
    assert!(matches!(listener.accept_timeout(SOON), Err(AcceptError::TimedOut)));
}

#[test]
fn too_many_guests_crowd_out_the_oldest() {
    let mut listener = Listener::temporary(100, Some(key())).unwrap();
    let path = path_of(&listener);
    let crowd: Vec<_> = (0..=MAX_GUESTS).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let error = listener.accept_timeout(LATE).unwrap_err();
    let is_crowded =
        matches!(error, AcceptError::Client { source: HandshakeError::CrowdedOut { .. }, .. });
    assert!(is_crowded, "{error}");
    assert!(matches!(listener.accept_timeout(SOON), Err(AcceptError::TimedOut)));
    drop(listener);
    drop(crowd);
}

/// Reads until there is something to say, and says it.
fn converse(stream: &mut UnixStream, handshake: &mut Handshake) {
    while handshake.output().is_empty() {
        let mut bytes = vec![0; handshake.wanted()];
        let len = stream.read(&mut bytes).unwrap();
        assert_ne!(len, 0, "turned away");
        handshake.receive(&bytes[..len]).unwrap();
    }
    let output = handshake.output().to_vec();
    stream.write_all(&output).unwrap();
    handshake.sent(output.len());
}

#[test]
fn who_has_proved_itself_is_not_crowded_out() {
    let mut listener = Listener::temporary(100, Some(key())).unwrap();
    let path = path_of(&listener);
    let mut honest = UnixStream::connect(&path).unwrap();
    let mut handshake = Handshake::client(key(), [7; RANDOM_BYTES]);
    assert!(matches!(listener.accept_timeout(Duration::ZERO), Err(AcceptError::TimedOut)));
    converse(&mut honest, &mut handshake);
    assert!(matches!(listener.accept_timeout(Duration::ZERO), Err(AcceptError::TimedOut)));
    let crowd: Vec<_> = (0..MAX_GUESTS).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let error = listener.accept_timeout(LATE).unwrap_err();
    let is_crowded =
        matches!(error, AcceptError::Client { source: HandshakeError::CrowdedOut { .. }, .. });
    assert!(is_crowded, "{error}");
    let honest = thread::spawn(move || {
        while !handshake.is_done() {
            converse(&mut honest, &mut handshake);
        }
        honest
    });
    listener.accept_timeout(LATE).unwrap();
    drop((honest.join().unwrap(), crowd));
}

/// A handshake that began in one call goes on in the next; the time in between does not count.
#[test]
fn a_guest_is_kept_from_one_accept_to_the_next() {
    let mut listener = Listener::anonymous(5, Some(key())).unwrap();
    listener.set_handshake_timeout(LATE);
    let address = listener.address().clone();
    let client = thread::spawn(move || Client::connect_timeout(&address, Some(&key()), LATE));
    let accepted = loop {
        assert_eq!(wait(&[&listener], Some(LATE)).unwrap(), [0]);
        match listener.accept_timeout(Duration::ZERO) {
            Err(AcceptError::TimedOut) => {}
            other => break other,
        }
    };
    accepted.unwrap();
    client.join().unwrap().unwrap();
}

#[test]
fn what_a_stranger_may_say_is_limited() {
    let mut listener = Listener::temporary(5, Some(key())).unwrap();
    let cases: [(&[u8], &str); 3] = [
        (&[0, 0, 1, 1], "a message of 257 bytes is longer than the 256 that are allowed"),
        (&[255, 255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 0], "longer than the 256"),
        (b"GET / HTTP/1.1\r\n\r\n", "longer than the 256"),
    ];
    for (bytes, text) in cases {
        let mut raw = UnixStream::connect(path_of(&listener)).unwrap();
        raw.write_all(bytes).unwrap();
        let error = listener.accept_timeout(LATE).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    let mut raw = UnixStream::connect(path_of(&listener)).unwrap();
    raw.write_all(&[0, 0, 0, 3, 1, 2, 3]).unwrap();
    let error = listener.accept_timeout(LATE).unwrap_err().to_string();
    assert!(error.contains("names no digest"), "{error}");
}

#[test]
fn nobody_there_and_nobody_who_speaks_are_different_errors() {
    let address = Listener::temporary(1, None).unwrap().address().clone();
    let error = Client::connect(&address, None).unwrap_err();
    assert!(error.to_string().contains("cannot connect to /"), "{error}");
    let machine = Client::connect("localhost:5000", None).unwrap_err();
    assert!(machine.to_string().contains("`Address::tcp(\"localhost\", 5000)`"), "{machine}");
    assert!(!error.to_string().contains("Address::tcp"), "{error}");
    let mute = Listener::anonymous(1, None).unwrap();
    let error = Client::connect_timeout(mute.address(), Some(&key()), SOON).unwrap_err();
    assert!(error.to_string().contains("did not send a challenge in time"), "{error}");
    let taken = Listener::bind(mute.address(), 1, None).unwrap_err();
    assert!(taken.to_string().contains("cannot listen at @polyproc-"), "{taken}");
    let long = Listener::bind(Path::new(&"x".repeat(200)), 1, None).unwrap_err();
    assert_eq!(long.source.kind(), std::io::ErrorKind::InvalidInput);
}

/// To Linux it means any free name, which is surely not what was meant.
#[test]
fn an_empty_path_is_no_address() {
    let refused = Listener::bind("", 1, None).unwrap_err().to_string();
    assert!(refused.contains("an empty path"), "{refused}");
    let refused = Client::connect_timeout("", None, LATE).unwrap_err().to_string();
    assert!(refused.contains("an empty path"), "{refused}");
}

/// It made a file of that name in the directory where the program was started.
#[test]
fn a_machine_and_a_port_are_not_taken_for_a_path() {
    let name = format!("localhost:{}", std::process::id());
    let refused = Listener::bind(&name, 1, None).unwrap_err();
    assert!(refused.to_string().contains("use `Address::tcp(\"localhost\", "), "{refused}");
    assert!(!Path::new(&name).exists());
    let listener = Listener::bind(format!("./{name}"), 1, None).unwrap();
    assert!(Path::new(&name).exists());
    drop(listener);
    assert!(!Path::new(&name).exists());
}

#[test]
fn a_port_can_be_used_again_at_once() {
    let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0), 1, None).unwrap();
    let address = listener.address().clone();
    let mut listener = listener;
    let _client = Client::connect(&address, None).unwrap();
    // The server's side closes first, and stays about to end for a minute.
    drop(listener.accept().unwrap());
    drop(listener);
    Listener::bind(&address, 1, None).unwrap();
}

#[test]
fn a_path_that_is_somebody_elses_by_now_stays() {
    let folder = std::env::temp_dir().join(format!("polyproc-paths-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("socket");
    let first = Listener::bind(path.as_path(), 1, None).unwrap();
    assert!(Listener::bind(path.as_path(), 1, None).is_err());
    std::fs::remove_file(&path).unwrap();
    let second = Listener::bind(path.as_path(), 1, None).unwrap();
    drop(first);
    assert!(path.exists(), "the second one's");
    drop(second);
    assert!(!path.exists());
    std::fs::remove_dir(folder).unwrap();
}

/// Run again as a child that is killed: it removes nothing, so the next one does.
#[test]
fn what_a_killed_listener_left_is_removed_by_the_next() {
    const CHILD: &str = "POLYPROC_TEST_LEAVES_A_SOCKET";
    if std::env::var_os(CHILD).is_some() {
        let listener = Listener::temporary(1, None).unwrap();
        println!("\nlistens at {}", path_of(&listener).display());
        let _end = std::io::stdin().read_line(&mut String::new());
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_a_killed_listener_left_is_removed_by_the_next", "--nocapture"])
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let path = lines.find_map(|line| line.strip_prefix("listens at ").map(PathBuf::from)).unwrap();
    let while_it_lives = Listener::temporary(1, None).unwrap();
    assert!(path.exists(), "it is in use");
    child.kill().unwrap();
    child.wait().unwrap();
    let next = Listener::temporary(1, None).unwrap();
    // Another one that was made at the same time, by another test, may be about to do it.
    let is_gone = || (!path.parent().unwrap().exists()).then_some(());
    polyproc_testkit::eventually(LATE, is_gone).unwrap();
    let ours = [path_of(&next), path_of(&while_it_lives)];
    assert!(ours.iter().all(|path| path.exists()));
    drop((next, while_it_lives));
    assert!(ours.iter().all(|path| !path.parent().unwrap().exists()));
}

#[test]
fn a_server_that_dies_in_the_handshake_is_noticed() {
    let listener = Listener::temporary(1, None).unwrap();
    let address = listener.address().clone();
    let client = thread::spawn(move || Client::connect(&address, Some(&key())));
    let mut listener = listener;
    let mut connection = listener.accept().unwrap();
    connection.send_bytes(b"#CHALLENGE#{sha256}0123456789012345678901234567890123456789").unwrap();
    connection.recv_bytes().unwrap();
    drop(connection);
    let error = client.join().unwrap().unwrap_err();
    assert!(error.to_string().contains("instead of sending its verdict"), "{error}");
}

#[test]
fn bytes_after_the_handshake_belong_to_the_connection() {
    let mut listener = Listener::bind((Ipv4Addr::LOCALHOST, 0), 1, Some(key())).unwrap();
    let address = listener.address().clone();
    let client = thread::spawn(move || {
        let mut client = Client::connect(&address, Some(&key())).unwrap();
        (0..100_u8).for_each(|number| client.send_bytes(&[number]).unwrap());
    });
    let mut connection = listener.accept_timeout(LATE).unwrap();
    for number in 0..100 {
        assert_eq!(connection.recv_bytes().unwrap(), [number]);
    }
    client.join().unwrap();
    assert!(matches!(connection.recv_bytes(), Err(RecvError::Disconnected)));
}
