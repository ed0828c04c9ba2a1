//! One process makes, another one consumes, and an end mark says that nothing more will come. Then the
//! same without a mark: closing the queue ends the loop.
//!
//! ```text
//! with an end mark: ["bread 1", "bread 2", "bread 3"]
//! by closing: ["bread 1", "bread 2", "bread 3"]
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]
#![expect(clippy::needless_pass_by_value, reason = "arguments move into the process")]
#![expect(clippy::unwrap_used, reason = "a panic in a process is what its `join` returns")]

use polyproc::prelude::*;

/// What goes through the queue: none is the end mark.
type Marked = Queue<Option<String>>;

fn bake_and_mark(queue: Marked) {
    for number in 1..=3 {
        queue.put(Some(format!("bread {number}"))).unwrap();
    }
    queue.put(None).unwrap();
}

fn bake_and_close(queue: Queue<String>) {
    for number in 1..=3 {
        queue.put(format!("bread {number}")).unwrap();
    }
    queue.close();
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    // At most two at a time: the baker waits for the eater.
    let queue = Marked::bounded(2)?;
    let baker = polyproc::spawn(bake_and_mark, queue.clone())?;
    let mut eaten = Vec::new();
    while let Some(bread) = queue.get()? {
        eaten.push(bread);
    }
    println!("with an end mark: {eaten:?}");
    baker.join()?;

    let queue = Queue::bounded(2)?;
    let baker = polyproc::spawn(bake_and_close, queue.clone())?;
    let eaten: Vec<String> = queue.iter().collect::<Result<_, _>>()?;
    println!("by closing: {eaten:?}");
    Ok(baker.join()?)
}
