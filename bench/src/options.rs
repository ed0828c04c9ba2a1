//! How a bench is run, and the clock.

use crate::row::{Race, Row, Unit};
use std::convert::Infallible;
use std::time::Instant;

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
        let (ours, peer) = (|| milliseconds(&mut ours), || milliseconds(&mut peer));
        race.row(Unit::Milliseconds, self.medians(rounds, ours, peer))
    }

    /// The medians of what `ours` and `peer` measure by themselves, in turns as [`Options::times`]
    /// does: for what is too short for a clock around each call, or no time at all.
    pub fn medians(
        self,
        rounds: usize,
        mut ours: impl FnMut() -> f64,
        mut peer: impl FnMut() -> f64,
    ) -> [f64; 2] {
        let (ours, peer) = (|| Ok::<_, Infallible>(ours()), || Ok(peer()));
        let Ok(medians) = self.try_medians(rounds, ours, peer);
        medians
    }

    /// [`Options::medians`] of measurements that can fail: the first failure ends the race.
    ///
    /// # Errors
    /// What went wrong.
    pub fn try_medians<E>(
        self,
        rounds: usize,
        mut ours: impl FnMut() -> Result<f64, E>,
        mut peer: impl FnMut() -> Result<f64, E>,
    ) -> Result<[f64; 2], E> {
        let rounds = self.rounds(rounds);
        let warm_up = 1 + rounds / 20;
        let mut samples = (Vec::new(), Vec::new());
        for round in 0..warm_up + rounds {
            let pair = (ours()?, peer()?);
            if round >= warm_up {
                samples.0.push(pair.0);
                samples.1.push(pair.1);
            }
        }
        Ok([samples.0, samples.1].map(median))
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
            samples.1.extend((0..rounds).map(|_| milliseconds(&mut call)));
            let burden = burden();
            call();
            samples.0.extend((0..rounds).map(|_| milliseconds(&mut call)));
            drop(burden);
        }
        race.row(Unit::Milliseconds, [samples.0, samples.1].map(median))
    }
}

/// How long one call takes.
fn milliseconds(call: &mut impl FnMut()) -> f64 {
    let started = Instant::now();
    call();
    started.elapsed().as_secs_f64() * 1e3
}

/// The middle one of some measurements; 0 of none.
pub fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_unstable_by(f64::total_cmp);
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
        let is = |samples: &[f64], middle: f64| {
            assert!((median(samples.to_vec()) - middle).abs() < 1e-9, "{samples:?}");
        };
        is(&[5.0, 900.0, 4.0, 6.0, 5.0], 5.0);
        is(&[], 0.0);
    }
}
