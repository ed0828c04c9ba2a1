//! A process is killed in the middle of a change, while it holds a lock. Nobody hangs: the next to take
//! the lock is told, sees what was left half done, mends it, and all go on.
//!
//! ```text
//! at first: [100, 100]
//! the clerk is killed while he moves 30 from one account to the other
//! the lock says: the process that held the lock died without releasing it
//! half done: [70, 100]
//! mended: [70, 130]
//! another clerk moves 30 more: [40, 160]
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::disallowed_methods, reason = "a clerk who sleeps at work")]

use polyproc::prelude::*;
use polyproc::sync::OwnerDied;
use std::thread;
use std::time::Duration;

/// Two balances. Their sum is always the same, but for those who hold the lock.
type Accounts = Shared<Mutex<[i64; 2]>>;
const SUM: i64 = 200;

fn transfer((accounts, taken, slowly): (Accounts, Shared<Event>, bool)) {
    let mut balances = accounts.lock().unwrap_or_else(OwnerDied::recover);
    balances[0] -= 30;
    taken.set();
    if slowly {
        thread::sleep(Duration::from_secs(1000));
    }
    balances[1] += 30;
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let accounts = Shared::new(Mutex::new([100, 100]))?;
    let taken = Shared::new(Event::new())?;
    println!("at first: {:?}", accounts.lock()?);

    let clerk = polyproc::spawn(transfer, (accounts.clone(), taken.clone(), true))?;
    taken.wait();
    println!("the clerk is killed while he moves 30 from one account to the other");
    clerk.kill()?;

    // As with std's poisoned mutexes, the error holds the guard: the lock is ours.
    match accounts.lock() {
        Ok(_) => println!("this cannot be: the clerk has it"),
        Err(died) => {
            println!("the lock says: {died}");
            // From here on it is as any other lock. `into_guard` instead would have the next one
            // told as well.
            let mut balances = died.recover();
            println!("half done: {balances:?}");
            balances[1] = SUM - balances[0];
            println!("mended: {balances:?}");
        }
    }

    polyproc::spawn(transfer, (accounts.clone(), taken, false))?.join()?;
    println!("another clerk moves 30 more: {:?}", accounts.lock()?);
    Ok(())
}
