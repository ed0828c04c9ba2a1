//! How a bench is run, and the clock.

use crate::row::{Race, Row, Unit};
use std::time::{Duration, Instant};

/// What the command line of a bench says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// One JSON object a line instead of a table.
    pub json: bool,
    quick: bool,
}

impl Options {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    /// A message for the user, on a word that means nothing.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { json: false, quick: false };
        for word in words {
            match word.as_str() {
                "--json" => options.json = true,
                "--quick" => options.quick = true,
                _ => return Err(format!("unexpected argument {word:?}: --json, --quick")),
            }
        }
        Ok(options)
    }

    /// Few rounds: to see that a bench works, not how fast anything is.
    pub fn quick() -> Self {
        Self { json: false, quick: true }
    }

    /// How many rounds stand for `rounds`, fewer when it must be quick.
    pub fn rounds(self, rounds: usize) -> usize {
        if self.quick { rounds.min(3) } else { rounds }
    }

    /// Times one call each of `ours` and `peer`, in turns, `rounds` times; some more before that
    /// are not counted.
    pub fn times(
        self,
        race: Race,
        rounds: usize,
        mut ours: impl FnMut(),
        mut peer: impl FnMut(),
    ) -> Row {
        let rounds = self.rounds(rounds);
        let warm_up = 1 + rounds / 20;
        let mut samples = (Vec::new(), Vec::new());
        for round in 0..warm_up + rounds {
            let pair = (time(&mut ours), time(&mut peer));
            if round >= warm_up {
                samples.0.push(pair.0);
                samples.1.push(pair.1);
            }
        }
        row(race, samples.0, samples.1)
    }

    /// Times the same `call` while there is a `burden` (ours) and while there is none (peer), in
    /// three turns of `rounds` calls each: a burden takes too long to come and go with every call.
    pub fn times_under<T>(
        self,
        race: Race,
        rounds: usize,
        mut burden: impl FnMut() -> T,
        mut call: impl FnMut(),
    ) -> Row {
        const TURNS: usize = 3;
        let rounds = self.rounds(rounds);
        let mut samples = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            // The first call of each turn pays for what the change before it has disturbed.
            call();
            samples.1.extend((0..rounds).map(|_| time(&mut call)));
            let burden = burden();
            call();
            samples.0.extend((0..rounds).map(|_| time(&mut call)));
            drop(burden);
        }
        row(race, samples.0, samples.1)
    }
}

/// How long one call takes.
fn time(call: &mut impl FnMut()) -> Duration {
    let started = Instant::now();
    call();
    started.elapsed()
}

fn row(race: Race, ours: Vec<Duration>, peer: Vec<Duration>) -> Row {
    let middle = |samples| median(samples).as_secs_f64() * 1e3;
    Row { race, unit: Unit::Milliseconds, ours: middle(ours), peer: middle(peer) }
}

fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort_unstable();
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use std::cell::RefCell;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn words_are_known_or_refused() {
        assert_eq!(parse(""), Ok(Options { json: false, quick: false }));
        assert_eq!(parse("--json --quick"), Ok(Options { json: true, quick: true }));
        assert!(parse("--fast").unwrap_err().contains("--fast"));
    }

    #[test]
    fn the_two_take_turns() {
        let turns = RefCell::new(String::new());
        let race = Race { group: "", workload: "", kind: Kind::Peer, peer: "" };
        let (ours, peer) = (|| turns.borrow_mut().push('a'), || turns.borrow_mut().push('b'));
        Options::quick().times(race, 100, ours, peer);
        assert_eq!(turns.into_inner(), "abababab", "one to warm up, three that count");
    }

    #[test]
    fn the_burden_comes_and_goes() {
        let (held, calls) = (RefCell::new(()), RefCell::new(String::new()));
        let race = Race { group: "", workload: "", kind: Kind::Bound, peer: "" };
        let call =
            || calls.borrow_mut().push(if held.try_borrow_mut().is_ok() { 'b' } else { 'a' });
        Options::quick().times_under(race, 2, || held.borrow(), call);
        assert_eq!(calls.into_inner(), "bbbaaa".repeat(3));
    }

    #[test]
    fn the_median_passes_over_a_hiccup() {
        let samples = [5, 900, 4, 6, 5].map(Duration::from_millis).to_vec();
        assert_eq!(median(samples), Duration::from_millis(5));
        assert_eq!(median(Vec::new()), Duration::ZERO);
    }
}
