//! A service that waits for clients and for the word to stop, all at once. Any process may set the event;
//! here one does that knows nothing of sockets.
//!
//! ```text
//! served client 1
//! served client 2
//! served client 3
//! told to stop, after 3 clients
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::connection::{Client, Connection, Listener, wait};
use polyproc::prelude::*;

/// Comes, says its number and goes.
fn client((address, number): (String, u32)) -> Result<(), String> {
    let come = || -> polyproc::Result<()> {
        let mut service: Connection<u32, ()> = Client::connect(&address, None)?;
        Ok(service.send(&number)?)
    };
    come().map_err(|error| error.to_string())
}

/// Has clients come one after another, and then ends the service: also when one of them fails.
fn clients((address, stop): (String, Shared<Event>)) -> Result<(), String> {
    let come =
        |number| polyproc::spawn(client, (address.clone(), number))?.join().map_err(Into::into);
    let come =
        |number| come(number).unwrap_or_else(|error: polyproc::Error| Err(error.to_string()));
    let all_came = (1..=3).try_for_each(come);
    stop.set();
    all_came
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let mut listener = Listener::temporary(5, None)?;
    let address = listener.address().to_string();
    let stop = Shared::new(Event::new())?;

    let process = polyproc::spawn(clients, (address, stop.clone()))?;

    // Readable while the event is set: also for `poll`, `epoll` and event loops.
    let stopped = stop.descriptor()?;
    let mut served = 0;
    // The listener is the first, so clients that have come are served before it stops. The process is there,
    // too: one that is killed sets nothing.
    while wait(&[&listener, &stopped, &process], None)?.contains(&0) {
        let number = listener.accept::<(), u32>()?.recv()?;
        println!("served client {number}");
        served += 1;
    }
    println!("told to stop, after {served} clients");
    if let Err(error) = process.join()? {
        println!("a client failed: {error}");
    }
    Ok(())
}
