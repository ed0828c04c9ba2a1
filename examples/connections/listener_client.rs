//! A service for other programs: it listens at an address, whoever knows the key may ask, and it
//! outlives every client. Here the clients are children; they could be any programs, started by
//! anybody.
//!
//! ```text
//! the service listens at …
//! client 1 asks for the 10th prime number: 29
//! client 2 asks for the 1000th prime number: 7919
//! client 3 is killed, and the service learns of it
//! client 4 knows another key: a client was turned away: the peer has another key
//! the client was told: …: the peer refused our key
//! the service's address is gone: true
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::connection::{AcceptError, Client, Connection, Key, Listener, RecvError, wait};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What clients send. Both programs need these types, or ones like them.
#[derive(Debug, Serialize, Deserialize)]
enum Request {
    Prime { index: usize },
}

/// What the service sends.
type Response = Result<u64, String>;

fn prime(index: usize) -> Response {
    let is_prime = |n: &u64| (2..*n).take_while(|d| d * d <= *n).all(|d| !n.is_multiple_of(d));
    let before = index.checked_sub(1).ok_or("they are counted from 1")?;
    (2..).filter(is_prime).nth(before).ok_or_else(|| "there is none so large".into())
}

/// A client: all that it has to know is where the service listens, and the key.
fn client((address, key, index): (String, Vec<u8>, usize)) -> Response {
    let ask = || -> polyproc::Result<Response> {
        let key = Key::new(&key)?;
        let mut service: Connection<Request, Response> = Client::connect(&address, Some(&key))?;
        service.send(&Request::Prime { index })?;
        Ok(service.recv()?)
    };
    ask().unwrap_or_else(|error| Err(error.to_string()))
}

/// A client that waits for an answer and never asks.
fn silent_client((address, key): (String, Vec<u8>)) -> polyproc::Result<(), String> {
    let wait = || -> polyproc::Result<Response> {
        let key = Key::new(&key)?;
        let mut service: Connection<Request, Response> = Client::connect(&address, Some(&key))?;
        Ok(service.recv()?)
    };
    wait().map(drop).map_err(|error| error.to_string())
}

fn serve(connection: &mut Connection<Response, Request>) -> polyproc::Result<Request> {
    let request = connection.recv()?;
    let Request::Prime { index } = request;
    connection.send(&prime(index))?;
    Ok(request)
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    // A path that only this user can reach, removed at the end. `Listener::bind` takes a path, or an
    // IP address and a port, for clients on other machines.
    let key = b"a secret of at least 16 bytes".to_vec();
    let mut listener = Listener::temporary(5, Some(Key::new(&key)?))?;
    let address = listener.address().to_string();
    println!("the service listens at {address}");

    for (number, index) in [(1, 10), (2, 1000)] {
        let process = polyproc::spawn(client, (address.clone(), key.clone(), index))?;
        let mut connection = listener.accept()?;
        let Request::Prime { index } = serve(&mut connection)?;
        // The end of a client is the end of its messages.
        assert!(matches!(connection.recv(), Err(RecvError::Disconnected)));
        let answer = process.join()?.unwrap_or_default();
        println!("client {number} asks for the {index}th prime number: {answer}");
    }

    let process = polyproc::spawn(silent_client, (address.clone(), key.clone()))?;
    let mut connection = listener.accept::<Response, Request>()?;
    process.kill()?;
    // Whichever comes first: a message or its end, or the process's end.
    wait(&[&connection, &process], None)?;
    if matches!(connection.recv(), Err(RecvError::Disconnected)) {
        println!("client 3 is killed, and the service learns of it");
    }

    let process = polyproc::spawn(client, (address.clone(), b"a guess".to_vec(), 1))?;
    // An error about one client does not end the service: a server goes on accepting.
    if let Err(error @ AcceptError::Client { .. }) = listener.accept::<Response, Request>() {
        println!("client 4 knows another key: {error}");
    }
    if let Err(error) = process.join()? {
        println!("the client was told: {error}");
    }

    drop(listener);
    println!("the service's address is gone: {}", !Path::new(&address).exists());
    Ok(())
}
