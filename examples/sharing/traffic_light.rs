//! An event: cars and the police at a traffic light. Cars wait for green, however long that takes. The
//! police waits for a moment, and then drives at red.
//!
//! ```text
//! the light is red
//! the police has waited 50 ms and drives at red
//! the light is green
//! car 1 drives at green
//! car 2 drives at green
//! car 3 drives at green
//! the police drives at green
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::needless_pass_by_value, reason = "arguments move into the process")]

use polyproc::prelude::*;
use std::time::Duration;

/// Without a timeout.
fn car(green: Shared<Event>) {
    green.wait();
}

/// With one: says whether it was green.
fn police(green: Shared<Event>) -> String {
    if green.wait_timeout(Duration::from_millis(50)) {
        "the police drives at green".into()
    } else {
        "the police has waited 50 ms and drives at red".into()
    }
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let green = Shared::new(Event::new())?;
    println!("the light is red");
    let mut cars = Vec::new();
    for _ in 0..3 {
        cars.push(polyproc::spawn(car, green.clone())?);
    }
    println!("{}", polyproc::spawn(police, green.clone())?.join()?);
    let waiting = cars.iter().filter(|car| car.is_alive()).count();
    assert_eq!(waiting, 3);

    println!("the light is green");
    green.set();
    for (number, car) in (1..).zip(cars) {
        car.join()?;
        println!("car {number} drives at green");
    }
    println!("{}", polyproc::spawn(police, green)?.join()?);
    Ok(())
}
