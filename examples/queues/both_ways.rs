//! Two processes talk both ways through one pipe, until one of them has had enough.
//!
//! ```text
//! is it 50? lower
//! is it 25? higher
//! is it 37? higher
//! is it 43? lower
//! is it 40? higher
//! is it 41? higher
//! is it 42? yes
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::needless_pass_by_value, reason = "arguments move into the process")]

use polyproc::pipe;
use polyproc::prelude::*;
use serde::{Deserialize, Serialize};

/// What goes through the pipe, there and back.
#[derive(Serialize, Deserialize)]
enum Said {
    IsIt(u32),
    Lower,
    Higher,
    Yes,
}

fn think_of_a_number(end: PipeEnd<Said>) {
    const NUMBER: u32 = 42;
    while let Ok(Said::IsIt(guess)) = end.recv() {
        let answer = match guess.cmp(&NUMBER) {
            std::cmp::Ordering::Greater => Said::Lower,
            std::cmp::Ordering::Less => Said::Higher,
            std::cmp::Ordering::Equal => Said::Yes,
        };
        if end.send(answer).is_err() {
            return;
        }
    }
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let (here, there) = pipe::duplex()?;
    let thinker = polyproc::spawn(think_of_a_number, there)?;
    let mut range = 0..100_u32;
    loop {
        let guess = range.start.midpoint(range.end);
        here.send(Said::IsIt(guess))?;
        let answer = match here.recv()? {
            Said::Lower => {
                range.end = guess;
                "lower"
            }
            Said::Higher => {
                range.start = guess;
                "higher"
            }
            Said::Yes | Said::IsIt(_) => "yes",
        };
        println!("is it {guess}? {answer}");
        if answer == "yes" {
            break;
        }
    }
    // The thinker waits for the next guess, and learns that there will be none.
    drop(here);
    Ok(thinker.join()?)
}
