//! A semaphore: thirteen guests and two rooms. A guest who leaves, or is killed in his room, makes room
//! for the next.
//!
//! ```text
//! 13 guests have slept in 2 rooms, never more than 2 at a time
//! a guest was killed in his room: 1 of 2 rooms is free
//! a look after that: 2 of 2 rooms are free, 1 was given back for a dead guest
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::disallowed_methods, reason = "sleeping is what guests do")]

use polyproc::prelude::*;
use std::thread;
use std::time::Duration;

/// How many are inside, how many were at most, and how many there were in all.
type Book = Value<[u32; 3]>;

fn stay((rooms, book): (Shared<Semaphore>, Book)) {
    let _room = rooms.acquire();
    book.update(|[inside, most, all]| {
        *inside += 1;
        *most = (*most).max(*inside);
        *all += 1;
    });
    thread::sleep(Duration::from_millis(5));
    book.update(|[inside, ..]| *inside -= 1);
}

fn stay_for_ever((rooms, inside): (Shared<Semaphore>, Shared<Event>)) {
    let _room = rooms.acquire();
    inside.set();
    thread::sleep(Duration::from_secs(1000));
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let rooms = Shared::new(Semaphore::new(2))?;
    let book = Book::new([0; 3])?;
    let mut guests = Vec::new();
    for _ in 0..13 {
        guests.push(polyproc::spawn(stay, (rooms.clone(), book.clone()))?);
    }
    for guest in guests {
        guest.join()?;
    }
    let [_, most, all] = book.get();
    assert!(most <= 2);
    println!("{all} guests have slept in 2 rooms, never more than 2 at a time");

    let inside = Shared::new(Event::new())?;
    let guest = polyproc::spawn(stay_for_ever, (rooms.clone(), inside.clone()))?;
    inside.wait();
    guest.kill()?;
    guest.wait()?;
    println!("a guest was killed in his room: {} of 2 rooms is free", rooms.available_permits());

    // Whoever waits for a room looks after the dead. (Nobody has to wait: here are two.)
    let both = (rooms.acquire(), rooms.acquire());
    drop(both);
    println!(
        "a look after that: {} of 2 rooms are free, {} was given back for a dead guest",
        rooms.available_permits(),
        rooms.reclaimed()
    );
    Ok(())
}
