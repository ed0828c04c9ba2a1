//! Python's `multiprocessing.connection` on the other end: the installed one, and those that
//! `POLYPROC_PYTHONS` lists (programs, with colons between). What newer versions say is also spoken
//! by a peer of our own (`peer.py`), so that both forms of the handshake are tested with any Python.
#![expect(clippy::unwrap_used, reason = "a failing test panics")]

use polyproc_connection::{
    AcceptError, Address, Client, ConnectError, Connection, HandshakeError, Key, Listener,
    RecvError,
};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const LATE: Duration = Duration::from_mins(1);
const KEY: &str = "a secret that both know";
/// Listens at an address, echoes messages backwards, and says how it ended.
const LISTENER: &str = include_str!("listener.py");
/// Connects to an address and does the same.
const CLIENT: &str = include_str!("client.py");
/// Does what either does, with nothing but sockets and `hmac`, in the form that it is told.
const PEER: &str = include_str!("peer.py");

fn pythons() -> Vec<String> {
    let list = std::env::var("POLYPROC_PYTHONS").unwrap_or_else(|_| "python3".into());
    list.split(':').map(str::to_owned).collect()
}

/// A Python program that runs; killed when the test is over.
struct Python {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Python {
    fn run(program: &str, script: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(["-c", script]).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| {
            unreachable!("these tests need Python; {program} does not start: {error}")
        });
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// The next line of its output.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Says this last, and ends by itself, so that it removes what it has made.
    fn ends_with(mut self, line: &str) {
        assert_eq!(self.line(), line);
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn key(text: &str) -> Option<Key> {
    Key::new(text.as_bytes()).ok()
}

/// An address as an expression of Python.
fn in_python(address: &Address) -> String {
    match address {
        Address::Tcp(address) => format!("({:?}, {})", address.ip().to_string(), address.port()),
        Address::Unix(path) => format!("{:?}", path.to_str().unwrap()),
        Address::Abstract(name) => format!("'\\0{}'", str::from_utf8(name).unwrap()),
        other => unreachable!("{other}"),
    }
}

fn listeners(text: &str) -> [Listener; 3] {
    [
        Listener::bind((Ipv4Addr::LOCALHOST, 0), 1, key(text)).unwrap(),
        Listener::temporary(1, key(text)).unwrap(),
        Listener::anonymous(1, key(text)).unwrap(),
    ]
}

/// Places for a listener of Python's, which tells its port.
fn places() -> [Address; 3] {
    [
        (Ipv4Addr::LOCALHOST, 0).into(),
        std::env::temp_dir().join(unique_name()).into(),
        Address::Abstract(unique_name().into_bytes()),
    ]
}

fn unique_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let (pid, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    format!("polyproc-python-{pid}-{count}")
}

/// Where a listener of Python's came to be.
fn told(python: &mut Python, place: &Address) -> Address {
    let port = python.line();
    match place {
        Address::Tcp(_) => (Ipv4Addr::LOCALHOST, port.parse().unwrap()).into(),
        other => other.clone(),
    }
}

/// Sends messages of all lengths, which come back backwards.
fn exchange(connection: &mut Connection) {
    for len in [0, 1, 2, 16_384, 16_385, 5 << 20] {
        let mut message: Vec<u8> = (0..len).map(|index| (index % 251) as u8).collect();
        connection.send_bytes_timeout(&message, LATE).unwrap();
        let back = connection.recv_bytes_timeout(LATE).unwrap();
        message.reverse();
        assert!(back == message, "{len}");
    }
}

#[test]
fn python_connects_to_us() {
    for program in pythons() {
        for text in ["", KEY] {
            for mut listener in listeners(text) {
                let address = in_python(listener.address());
                let python = Python::run(&program, CLIENT, &[&address, text]);
                let mut connection = listener.accept_timeout(LATE).unwrap();
                exchange(&mut connection);
                drop(connection);
                python.ends_with("EOFError");
            }
        }
    }
}

#[test]
fn we_connect_to_python() {
    for program in pythons() {
        for text in ["", KEY] {
            for place in places() {
                let mut python = Python::run(&program, LISTENER, &[&in_python(&place), text]);
                let address = told(&mut python, &place);
                let key = key(text);
                let mut connection = Client::connect_timeout(address, key.as_ref(), LATE).unwrap();
                exchange(&mut connection);
                drop(connection);
                python.ends_with("EOFError");
            }
        }
    }
}

#[test]
fn python_with_another_key_is_told_and_turned_away() {
    for program in pythons() {
        let mut listener = Listener::temporary(1, key(KEY)).unwrap();
        let address = in_python(listener.address());
        let python = Python::run(&program, CLIENT, &[&address, "another"]);
        let error = listener.accept_timeout(LATE).unwrap_err();
        let AcceptError::Client { source: HandshakeError::WrongKey, .. } = error else {
            unreachable!("{error}");
        };
        python.ends_with("AuthenticationError");
    }
}

#[test]
fn we_with_another_key_are_told_by_python() {
    for program in pythons() {
        let [place, ..] = places();
        let mut python = Python::run(&program, LISTENER, &[&in_python(&place), KEY]);
        let address = told(&mut python, &place);
        let error = Client::connect_timeout(address, key("another").as_ref(), LATE).unwrap_err();
        let ConnectError::Handshake { source: HandshakeError::Refused, .. } = error else {
            unreachable!("{error}");
        };
        python.ends_with("AuthenticationError");
    }
}

#[test]
fn a_side_without_a_key_is_an_error_and_not_a_hang() {
    for program in pythons() {
        let [mut listener, ..] = listeners(KEY);
        let address = in_python(listener.address());
        let _python = Python::run(&program, CLIENT, &[&address, ""]);
        // It takes our challenge for a message, and sends it back backwards.
        let error = listener.accept_timeout(LATE).unwrap_err();
        assert!(error.to_string().contains("does it use an authentication key?"), "{error}");

        let [place, ..] = places();
        let mut python = Python::run(&program, LISTENER, &[&in_python(&place), ""]);
        let address = told(&mut python, &place);
        let short = Duration::from_millis(300);
        let error = Client::connect_timeout(address, key(KEY).as_ref(), short).unwrap_err();
        assert!(error.to_string().contains("a challenge in time: does it use"), "{error}");
    }
}

#[test]
fn python_killed_in_the_middle_of_a_message() {
    const SCRIPT: &str = "
import os, struct, sys
from multiprocessing.connection import Client
c = Client(eval(sys.argv[1]), authkey=sys.argv[2].encode())
c.send_bytes(b'whole')
os.write(c.fileno(), struct.pack('!i', 1000) + b'x' * 300)
os.kill(os.getpid(), 9)
";
    for program in pythons() {
        for mut listener in listeners(KEY) {
            let address = in_python(listener.address());
            let _python = Python::run(&program, SCRIPT, &[&address, KEY]);
            let mut connection = listener.accept_timeout(LATE).unwrap();
            assert_eq!(connection.recv_bytes_timeout(LATE).unwrap(), b"whole");
            let error = connection.recv_bytes_timeout(LATE).unwrap_err();
            let RecvError::Torn { arrived: 300, of: Some(1000) } = error else {
                unreachable!("{error}");
            };
        }
    }
}

#[test]
fn descriptors_go_to_and_from_python() {
    const SCRIPT: &str = "
import os, sys
from multiprocessing import reduction
from multiprocessing.connection import Client
c = Client(eval(sys.argv[1]))
out = reduction.recv_handle(c)
os.write(out, b'from python')
os.close(out)
r, w = os.pipe()
c.send_bytes(b'here it comes')
reduction.send_handle(c, w, None)
os.close(w)
print(os.read(r, 100).decode(), flush=True)
";
    for program in pythons() {
        let mut listener = Listener::temporary(1, None).unwrap();
        let mut python = Python::run(&program, SCRIPT, &[&in_python(listener.address())]);
        let mut connection = listener.accept_timeout(LATE).unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        connection.send_fds(&[writer.as_fd()]).unwrap();
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "from python");
        assert_eq!(connection.recv_bytes_timeout(LATE).unwrap(), b"here it comes");
        let writer = connection.recv_fds().unwrap().remove(0);
        File::from(writer).write_all(b"from rust").unwrap();
        assert_eq!(python.line(), "from rust");
    }
}

/// Forms of the handshake: what a challenge is prefixed with, and what digest a response uses.
const FORMS: [&str; 6] = ["old", "md5", "sha256", "sha384", "sha3_256", "sha3_384"];

#[test]
fn every_form_of_the_handshake_as_listener_and_as_client() {
    let [program, ..] = &pythons()[..] else { unreachable!() };
    for form in FORMS {
        let mut listener = Listener::temporary(1, key(KEY)).unwrap();
        let path = listener.address().to_string();
        let mut python = Python::run(program, PEER, &["client", &path, KEY, form]);
        let mut connection = listener.accept_timeout(LATE).unwrap();
        connection.send_bytes(b"trusted").unwrap();
        assert_eq!(python.line(), "trusted", "{form}");

        let path = temporary_path();
        let mut python = Python::run(program, PEER, &["listener", &path, KEY, form]);
        assert_eq!(python.line(), "listening");
        let client = Client::connect_timeout(path.as_str(), key(KEY).as_ref(), LATE);
        client.unwrap().send_bytes(b"trusted").unwrap();
        assert_eq!(python.line(), "trusted", "{form}");
    }
}

fn temporary_path() -> String {
    std::env::temp_dir().join(unique_name()).into_os_string().into_string().unwrap()
}

#[test]
fn a_key_may_refuse_md5_and_other_forms_are_not_known() {
    let [program, ..] = &pythons()[..] else { unreachable!() };
    for (form, text) in [("old", "MD5"), ("md5", "MD5"), ("sha1", "names no digest")] {
        let strict = key(KEY).unwrap().refusing_md5();
        let mut listener = Listener::temporary(1, Some(strict.clone())).unwrap();
        let path = listener.address().to_string();
        let mut python = Python::run(program, PEER, &["client", &path, KEY, form]);
        let error = listener.accept_timeout(LATE).unwrap_err().to_string();
        assert!(error.contains(text), "{form}: {error}");
        assert_eq!(python.line(), "refused");

        let path = temporary_path();
        let mut python = Python::run(program, PEER, &["listener", &path, KEY, form]);
        assert_eq!(python.line(), "listening");
        let error = Client::connect_timeout(path.as_str(), Some(&strict), LATE).unwrap_err();
        assert!(error.to_string().contains(text), "{form}: {error}");
    }
}

/// A length that does not fit 32 bits, both ways. Takes 9 GiB of memory, so it runs only when it is asked
/// for: `cargo test --release --package polyproc-connection --test python -- --ignored`.
#[test]
#[ignore = "takes 9 GiB of memory"]
fn a_message_of_more_than_four_gibibytes() {
    const SCRIPT: &str = "
import sys
from multiprocessing.connection import Client
c = Client(eval(sys.argv[1]))
m = c.recv_bytes()
print(len(m), m[0], m[1 << 32], m[-1], flush=True)
c.send_bytes(m)
";
    const LEN: usize = (1 << 32) + 5;
    let [program, ..] = &pythons()[..] else { unreachable!() };
    for mut listener in listeners("").into_iter().take(2) {
        let mut python = Python::run(program, SCRIPT, &[&in_python(listener.address())]);
        let mut connection = listener.accept_timeout(LATE).unwrap();
        let mut message = vec![0; LEN];
        (message[0], message[1 << 32], message[LEN - 1]) = (1, 2, 3);
        connection.send_bytes(&message).unwrap();
        drop(message);
        assert_eq!(python.line(), format!("{LEN} 1 2 3"));
        let back = connection.recv_bytes().unwrap();
        let ends = (back.len(), back[0], back[1 << 32], back[LEN - 1]);
        assert_eq!(ends, (LEN, 1, 2, 3));
    }
}
