//! A queue in which queues travel: each request carries the queue for its answer, so that answers find
//! their way whoever asked.
//!
//! ```text
//! 6 x 7 = 42
//! 6 x 8 = 48
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::needless_pass_by_value, reason = "arguments move into the process")]

use polyproc::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Request {
    factors: (u64, u64),
    answer: Queue<u64>,
}

fn serve(requests: Queue<Request>) {
    for request in requests.iter().map_while(Result::ok) {
        let (one, other) = request.factors;
        // Who asked may be gone; that is not the server's problem.
        drop(request.answer.put(one * other));
    }
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let requests = Queue::unbounded()?;
    let server = polyproc::spawn(serve, requests.clone())?;
    for factors in [(6, 7), (6, 8)] {
        let answer = Queue::bounded(1)?;
        requests.put(Request { factors, answer: answer.clone() })?;
        println!("{} x {} = {}", factors.0, factors.1, answer.get()?);
    }
    requests.close();
    Ok(server.join()?)
}
