//! One result, as a JSON line or a line of a table.

use std::fmt::Write;

/// What the peer of a race is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What a user would take instead.
    Peer,
    /// A floor that nobody can beat: it shows how much is ours to lose.
    Bound,
}

/// What is measured. It also says which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Less is better.
    Nanoseconds,
    /// Less is better.
    Microseconds,
    /// Less is better.
    Milliseconds,
    /// More is better.
    MillionsPerSecond,
    /// More is better.
    ThousandsPerSecond,
    /// Of what would be fair, or ideal: more is better.
    Share,
}

/// Who runs against whom, over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Race {
    /// Which of our ways to do it.
    pub group: &'static str,
    /// What is done.
    pub workload: &'static str,
    /// What the peer is.
    pub kind: Kind,
    /// The peer's name.
    pub peer: &'static str,
}

impl Race {
    /// What came of it: our median and the peer's.
    pub fn row(self, unit: Unit, [ours, peer]: [f64; 2]) -> Row {
        Row { race: self, unit, ours, peer }
    }
}

/// What came of a race.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Which race.
    pub race: Race,
    /// Of both numbers.
    pub unit: Unit,
    /// Our median.
    pub ours: f64,
    /// The peer's median.
    pub peer: f64,
}

impl Row {
    /// How many times better ours is; below 1 when it is worse.
    pub fn ratio(&self) -> f64 {
        match self.unit {
            Unit::Nanoseconds | Unit::Microseconds | Unit::Milliseconds => self.peer / self.ours,
            Unit::MillionsPerSecond | Unit::ThousandsPerSecond | Unit::Share => {
                self.ours / self.peer
            }
        }
    }

    /// One JSON object. The names are fixed texts of benches without quotes, so none needs escaping. What is no
    /// number, since nothing was done in the time, is `null`.
    pub fn json(&self) -> String {
        let Race { group, workload, kind, peer } = self.race;
        let number = |value: f64, digits| {
            if value.is_finite() { format!("{value:.digits$}") } else { "null".to_owned() }
        };
        format!(
            "{{\"group\":\"{group}\",\"workload\":\"{workload}\",\"ours\":{},\"peer\":{},\
             \"peer_name\":\"{peer}\",\"kind\":\"{}\",\"unit\":\"{}\",\"ratio\":{}}}",
            number(self.ours, 6),
            number(self.peer, 6),
            kind.name(),
            self.unit.name(),
            number(self.ratio(), 3)
        )
    }

    fn cells(&self) -> [String; 7] {
        let Race { group, workload, kind, peer } = self.race;
        let number = |value: f64| format!("{value:.3} {}", self.unit.name());
        [
            group.to_owned(),
            workload.to_owned(),
            number(self.ours),
            number(self.peer),
            peer.to_owned(),
            kind.name().to_owned(),
            format!("{:.2}", self.ratio()),
        ]
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Bound => "bound",
        }
    }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::MillionsPerSecond => "M/s",
            Self::ThousandsPerSecond => "k/s",
            Self::Share => "share",
        }
    }
}

/// Prints `rows` on standard output as the options ask for.
#[expect(clippy::print_stdout, reason = "the output of a bench")]
pub fn print(rows: &[Row], json: bool) {
    if json {
        for row in rows {
            println!("{}", row.json());
        }
    } else {
        print!("{}", table(rows));
    }
}

fn table(rows: &[Row]) -> String {
    let head = ["group", "workload", "ours", "peer", "peer is", "kind", "ratio"];
    let lines: Vec<_> =
        [head.map(str::to_owned)].into_iter().chain(rows.iter().map(Row::cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for line in lines {
        for (cell, &width) in line.iter().zip(&widths) {
            // Writing to a string cannot fail.
            let _ = write!(text, "{cell:<width$}  ");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Row = Row {
        race: Race { group: "forkserver", workload: "start", kind: Kind::Peer, peer: "other" },
        unit: Unit::Milliseconds,
        ours: 0.25,
        peer: 1.0,
    };

    #[test]
    fn more_than_one_means_that_ours_is_better() {
        assert!((ROW.ratio() - 4.0).abs() < 1e-9);
        let rate = Row { unit: Unit::MillionsPerSecond, ..ROW };
        assert!((rate.ratio() - 0.25).abs() < 1e-9);
    }

    #[test]
    fn a_json_line_has_every_field() {
        assert_eq!(
            ROW.json(),
            "{\"group\":\"forkserver\",\"workload\":\"start\",\"ours\":0.250000,\"peer\":1.000000,\
             \"peer_name\":\"other\",\"kind\":\"peer\",\"unit\":\"ms\",\"ratio\":4.000}"
        );
    }

    #[test]
    fn what_is_no_number_is_null() {
        let idle = Row { ours: 0.0, peer: 0.0, ..ROW };
        assert!(idle.json().ends_with("\"ratio\":null}"), "{}", idle.json());
    }

    #[test]
    fn columns_stand_below_each_other() {
        let text = table(&[ROW]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0].find("ratio"), lines[1].find("4.00"));
        assert_eq!(lines[0].find("peer is"), lines[1].find("other"));
    }
}
