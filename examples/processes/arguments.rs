//! Arguments by position, by name and with defaults; generic functions and closures.
//!
//! ```text
//! by position: 2 coffees for Ada
//! by name: 1 tea for Grace
//! generic: largest of [3, 9, 4] is 9
//! closure: 2 to the power of 10 is 1024
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// By position: a tuple.
fn order((count, what, who): (u32, String, String)) -> String {
    format!("{count} {what} for {who}")
}

/// By name, and with defaults: a struct.
#[derive(Serialize, Deserialize)]
struct Order {
    count: u32,
    what: String,
    who: String,
}

impl Default for Order {
    fn default() -> Self {
        Self { count: 1, what: "tea".into(), who: "anybody".into() }
    }
}

fn place(order: Order) -> String {
    let Order { count, what, who } = order;
    format!("{count} {what} for {who}")
}

/// Generic: the caller's types say which of its versions runs.
fn largest<T: Ord + Serialize + DeserializeOwned>(items: Vec<T>) -> Option<T> {
    items.into_iter().max()
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let process = polyproc::spawn(order, (2, "coffees".into(), "Ada".into()))?;
    println!("by position: {}", process.join()?);

    let process = polyproc::spawn(place, Order { who: "Grace".into(), ..Order::default() })?;
    println!("by name: {}", process.join()?);

    let numbers = vec![3, 9, 4];
    let process = polyproc::spawn(largest, numbers.clone())?;
    println!("generic: largest of {numbers:?} is {}", process.join()?.unwrap_or_default());

    // A closure must not capture anything: what it would capture is in this process's memory, and
    // the compiler says so. What it needs goes in as an argument.
    let process = polyproc::spawn(|(base, power): (u64, u32)| base.pow(power), (2, 10))?;
    println!("closure: 2 to the power of 10 is {}", process.join()?);
    Ok(())
}
