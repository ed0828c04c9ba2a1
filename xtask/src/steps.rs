//! A run of named steps with a line for each.

use crate::Outcome;
use std::time::Instant;

/// Runs steps and counts how they end.
pub(crate) struct Steps {
    keep_going: bool,
    passed: usize,
    failed: Vec<String>,
}

impl Steps {
    /// With `keep_going`, a failed step does not keep later ones from running.
    pub(crate) fn new(keep_going: bool) -> Self {
        Self { keep_going, passed: 0, failed: Vec::new() }
    }

    /// Runs one step, unless an earlier one failed.
    pub(crate) fn run(&mut self, name: &str, step: impl FnOnce() -> Outcome) -> &mut Self {
        if !self.failed.is_empty() && !self.keep_going {
            return self;
        }
        println!("==> {name}");
        let started = Instant::now();
        let outcome = step();
        let seconds = started.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => {
                self.passed += 1;
                println!("<== {name}: passed in {seconds:.1} s");
            }
            Err(message) => {
                println!("<== {name}: FAILED after {seconds:.1} s\n{message}");
                self.failed.push(name.to_owned());
            }
        }
        self
    }

    /// Prints the closing line.
    pub(crate) fn close(&self) -> Outcome {
        println!("{} passed, {} failed", self.passed, self.failed.len());
        match self.failed.as_slice() {
            [] => Ok(()),
            failed => Err(format!("failed: {}", failed.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_at_the_first_failure_or_keeps_going() {
        for (keep_going, passed) in [(false, 1), (true, 2)] {
            let mut steps = Steps::new(keep_going);
            steps
                .run("first", || Ok(()))
                .run("second", || Err("broken".into()))
                .run("third", || Ok(()));
            assert_eq!(steps.passed, passed);
            assert_eq!(steps.close(), Err("failed: second".into()));
        }
    }
}
