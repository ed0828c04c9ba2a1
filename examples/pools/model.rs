//! A large model that is loaded once, and used by every worker of a pool without a copy.
//!
//! ```text
//! loaded in … by pid …, 80 MB
//! 1000 answers from … workers, the sum is 249750000
//! every worker has the same model: true
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

struct Model {
    weights: Vec<u64>,
    loaded_by: u32,
    took: Duration,
}

static MODEL: OnceLock<Model> = OnceLock::new();

/// Runs once, in the fork server; its children share the memory until they write to it.
fn load() {
    let since = Instant::now();
    let weights = (0..10_000_000).collect();
    MODEL.get_or_init(|| Model { weights, loaded_by: std::process::id(), took: since.elapsed() });
}

/// The answer, by whom, and whose model it is.
fn ask(question: usize) -> Option<(u64, u32, u32)> {
    let model = MODEL.get()?;
    Some((*model.weights.get(question * 500)?, std::process::id(), model.loaded_by))
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    polyproc::preload(load)?;
    let pool = Pool::builder().workers(2).start_method(StartMethod::ForkServer).build()?;
    let facts = |()| MODEL.get().map(|model| (model.took, model.loaded_by));
    if let Some((took, pid)) = pool.apply(facts, ())? {
        println!("loaded in {took:?} by pid {pid}, 80 MB");
    }
    let answers: Vec<_> = pool.calls().chunk(10).map(ask, 0..1000)?.into_iter().flatten().collect();
    let sum: u64 = answers.iter().map(|(answer, ..)| *answer).sum();
    let workers: BTreeSet<u32> = answers.iter().map(|(_, worker, _)| *worker).collect();
    let loaders: BTreeSet<u32> = answers.iter().map(|(.., loader)| *loader).collect();
    println!("{} answers from {} workers, the sum is {sum}", answers.len(), workers.len());
    println!("every worker has the same model: {}", loaders.len() == 1);
    Ok(())
}
