//! Clients killed at random moments: before they connect, in the handshake, in the middle of a
//! message. The listener goes on, every message that arrives is whole, and nothing stays open.
#![expect(clippy::unwrap_used, reason = "a failing test panics")]
#![expect(clippy::print_stdout, reason = "what happened differs from run to run")]

use libtest_mimic::{Arguments, Failed, Trial};
use polyproc_connection::{
    AcceptError, Client, Connection, Deadline, HandshakeError, Key, Listener, RecvError,
};
use polyproc_testkit::{Census, Rng};
use std::net::Ipv4Addr;
use std::process::{Child, Command, ExitCode};
use std::time::Duration;

const LATE: Duration = Duration::from_mins(1);
const ROUNDS: usize = 200;
const LONGEST_LIFE_US: u64 = 12_000;
/// Where the listener is, for a process that is to be a client.
const ADDRESS: &str = "POLYPROC_TEST_CLIENT_OF";

fn key() -> Key {
    Key::new(b"secret").unwrap()
}

fn main() -> ExitCode {
    if let Ok(address) = std::env::var(ADDRESS) {
        return client(&address);
    }
    let trials = vec![
        Trial::test("over_tcp", || kill(Listener::bind((Ipv4Addr::LOCALHOST, 0), 5, Some(key()))?)),
        Trial::test("over_unix_sockets", || kill(Listener::anonymous(5, Some(key()))?)),
    ];
    let mut arguments = Arguments::from_args();
    // Each counts what its process holds.
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Sends messages of all lengths without end.
fn client(address: &str) -> ExitCode {
    let Ok(mut connection) = Client::connect(address, Some(&key())) else {
        return ExitCode::FAILURE;
    };
    for len in (0..300_000).step_by(9_973).cycle() {
        if connection.send_bytes(&message(len)).is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

fn message(len: usize) -> Vec<u8> {
    vec![(len % 251) as u8; len]
}

/// What became of the clients.
#[derive(Debug, Default)]
struct Tally {
    /// Killed between two messages, or in one.
    whole: usize,
    torn: usize,
    /// Killed in the handshake.
    strangers: usize,
    messages: usize,
}

fn kill(mut listener: Listener) -> Result<(), Failed> {
    let mut rng = Rng::from_environment();
    let census = Census::take();
    let mut tally = Tally::default();
    for round in 0..ROUNDS {
        let life = Duration::from_micros(rng.below(LONGEST_LIFE_US));
        let mut child = Command::new(std::env::current_exe()?)
            .env(ADDRESS, listener.address().to_string())
            .spawn()?;
        // Every other client lives at least until it is trusted, however slow the machine is.
        let patience = if round % 2 == 0 { LATE } else { life };
        let connection = tally.accept(&mut listener, Deadline::after(patience))?;
        tally.round(connection, &mut child, Deadline::after(life))?;
    }
    while tally.accept(&mut listener, Deadline::now())?.is_some() {}
    println!("{tally:?}");
    assert!(tally.whole + tally.torn >= ROUNDS / 2, "{tally:?}");
    census.assert_same();
    Ok(())
}

impl Tally {
    fn round(
        &mut self,
        mut connection: Option<Connection>,
        child: &mut Child,
        life: Deadline,
    ) -> Result<(), Failed> {
        let mut is_over = connection.is_none();
        if let Some(connection) = &mut connection {
            is_over = self.receive(connection, life)?;
        }
        child.kill()?;
        child.wait()?;
        match &mut connection {
            Some(connection) if !is_over => {
                assert!(self.receive(connection, Deadline::after(LATE))?, "a hang");
            }
            _ => {}
        }
        Ok(())
    }

    /// A client that was trusted before `deadline`. Those of earlier rounds may come first.
    fn accept(
        &mut self,
        listener: &mut Listener,
        deadline: Deadline,
    ) -> Result<Option<Connection>, Failed> {
        loop {
            match listener.accept_deadline(deadline) {
                Ok(connection) => return Ok(Some(connection)),
                Err(AcceptError::TimedOut) => return Ok(None),
                Err(AcceptError::Client {
                    source: HandshakeError::Disconnected { .. }, ..
                }) => self.strangers += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Until the deadline, or the end: whether that came.
    fn receive(&mut self, connection: &mut Connection, deadline: Deadline) -> Result<bool, Failed> {
        while !deadline.has_passed() {
            match connection.recv_bytes_deadline(u64::MAX, deadline) {
                Ok(bytes) => {
                    assert!(bytes == message(bytes.len()));
                    self.messages += 1;
                }
                Err(RecvError::TimedOut) => return Ok(false),
                Err(RecvError::Disconnected) => {
                    self.whole += 1;
                    return Ok(true);
                }
                Err(RecvError::Torn { .. }) => {
                    self.torn += 1;
                    return Ok(true);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }
}
