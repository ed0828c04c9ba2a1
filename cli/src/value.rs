//! What a field holds: an amount with its unit. From this one value come the text for people, the
//! order of rows, JSON and CSV.

use crate::{text, units};
use serde_json::Value as Json;
use std::cmp::Ordering;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

/// See the [module](self).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Not known: not ours to read, or there is none.
    Missing,
    /// As much as there is: null in JSON.
    Unlimited,
    /// Yes or no.
    Flag(bool),
    /// Any bytes.
    Text(OsString),
    /// How many, or a number that names something.
    Number(i64),
    /// Bytes.
    Bytes(u64),
    /// Bytes in a second.
    Rate(f64),
    /// Times in a second.
    Frequency(f64),
    /// Hundredths.
    Percent(f64),
    /// A number with a fraction and without a unit.
    Ratio(f64),
    /// A length of time.
    Span(Duration),
    /// A point in time, in seconds since 1970.
    Moment(f64),
    /// The words of a command line, and what people see where there are none.
    Words(Vec<OsString>, OsString),
    /// Several of a kind.
    List(Vec<Value>),
}

impl Value {
    /// A text that is UTF-8.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into().into())
    }

    /// Any bytes.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Text(OsString::from_vec(bytes.into()))
    }

    /// A number of any size; one too large for the field is the largest.
    pub(crate) fn number(number: impl TryInto<i64>) -> Self {
        Self::Number(number.try_into().unwrap_or(i64::MAX))
    }

    /// What there is, or [`Value::Missing`].
    pub(crate) fn maybe<T>(value: Option<T>, make: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Missing, make)
    }

    /// For people.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Missing => "-".into(),
            Self::Unlimited => "unlimited".into(),
            Self::Flag(flag) => if *flag { "yes" } else { "no" }.into(),
            Self::Text(text) => text::shown_os(text),
            Self::Number(number) => number.to_string(),
            Self::Bytes(bytes) => units::bytes(*bytes),
            Self::Rate(rate) => units::rate(*rate),
            Self::Frequency(rate) => units::frequency(*rate),
            Self::Percent(percent) => units::percent(*percent),
            Self::Ratio(ratio) => format!("{ratio:.2}"),
            Self::Span(span) => units::span(*span),
            Self::Moment(moment) => units::moment(*moment),
            Self::Words(words, instead) if words.is_empty() => text::shown_os(instead),
            Self::Words(words, _) => text::shown_words(words),
            Self::List(values) if values.is_empty() => "-".into(),
            Self::List(values) => joined(values, ", ", Self::shown),
        }
    }

    /// For programs: bytes and seconds, whatever the size.
    pub(crate) fn json(&self) -> Json {
        match self {
            Self::Missing | Self::Unlimited => Json::Null,
            Self::Flag(flag) => (*flag).into(),
            Self::Text(text) => text::json(text.as_bytes()),
            Self::Number(number) => (*number).into(),
            Self::Bytes(bytes) => (*bytes).into(),
            Self::Rate(number)
            | Self::Frequency(number)
            | Self::Percent(number)
            | Self::Ratio(number) => rounded(*number),
            Self::Span(span) => rounded(span.as_secs_f64()),
            Self::Moment(moment) => rounded(*moment),
            Self::Words(words, _) => words.iter().map(|word| text::json(word.as_bytes())).collect(),
            Self::List(values) => values.iter().map(Self::json).collect(),
        }
    }

    /// One field of a table for programs: as in JSON, but text without quotes, and nothing where
    /// JSON says null.
    pub(crate) fn plain(&self) -> Vec<u8> {
        match self {
            Self::Missing | Self::Unlimited => Vec::new(),
            Self::Text(text) => text.as_bytes().to_vec(),
            Self::Words(words, _) => text::shown_words(words).into_bytes(),
            Self::List(values) => {
                let values: Vec<_> = values.iter().map(Self::plain).collect();
                values.join(&b' ')
            }
            other => other.json().to_string().into_bytes(),
        }
    }

    /// The order of values of one column, smaller first. What is missing comes last, also in the
    /// other direction: see [`Value::is_missing`].
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => order_of_names(a, b),
            (Self::Words(a, _), Self::Words(b, _)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => {
                let firsts = a.iter().zip(b).map(|(a, b)| a.order(b));
                firsts.fold(Ordering::Equal, Ordering::then).then(a.len().cmp(&b.len()))
            }
            (a, b) => a.amount().total_cmp(&b.amount()),
        }
    }

    /// Whether there is nothing to show.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing) || matches!(self, Self::List(list) if list.is_empty())
    }

    /// The size of an amount, by which it is sorted.
    pub(crate) fn amount(&self) -> f64 {
        match self {
            Self::Flag(flag) => f64::from(*flag),
            Self::Number(number) => {
                units::float(number.unsigned_abs()).copysign(if *number < 0 { -1.0 } else { 1.0 })
            }
            Self::Bytes(bytes) => units::float(*bytes),
            Self::Rate(number)
            | Self::Frequency(number)
            | Self::Percent(number)
            | Self::Ratio(number)
            | Self::Moment(number) => *number,
            Self::Span(span) => span.as_secs_f64(),
            Self::Unlimited => f64::INFINITY,
            Self::Missing | Self::Text(_) | Self::Words(..) | Self::List(_) => 0.0,
        }
    }
}

fn joined(values: &[Value], between: &str, show: impl FnMut(&Value) -> String) -> String {
    values.iter().map(show).collect::<Vec<_>>().join(between)
}

/// Without regard to case, as people look for names; equal ones in the order of their bytes.
fn order_of_names(a: &OsStr, b: &OsStr) -> Ordering {
    let folded = |name: &OsStr| name.to_ascii_lowercase();
    folded(a).cmp(&folded(b)).then_with(|| a.cmp(b))
}

/// To a millionth: what lies below is noise of the arithmetic.
fn rounded(number: f64) -> Json {
    ((number * 1e6).round() / 1e6).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn people_and_programs_see_the_same_in_their_ways() {
        let cases = [
            (Value::Missing, "-", json!(null), ""),
            (Value::Flag(true), "yes", json!(true), "true"),
            (Value::Bytes(2048), "2.0 KiB", json!(2048), "2048"),
            (Value::Span(Duration::from_millis(61_500)), "1m01s", json!(61.5), "61.5"),
            (Value::Percent(12.345), "12.3", json!(12.345), "12.345"),
            (
                Value::List(vec![Value::Number(80), Value::Number(443)]),
                "80, 443",
                json!([80, 443]),
                "80 443",
            ),
            (Value::raw(*b"a\xff"), "a\\xff", json!({"bytes": "61ff", "shown": "a\\xff"}), ""),
            (
                Value::Words(vec!["a b".into(), "c".into()], "-".into()),
                "'a b' c",
                json!(["a b", "c"]),
                "'a b' c",
            ),
        ];
        for (value, shown, json, plain) in cases {
            assert_eq!((value.shown().as_str(), value.json()), (shown, json));
            if !matches!(value, Value::Text(_)) {
                assert_eq!(value.plain(), plain.as_bytes());
            }
        }
    }

    #[test]
    fn names_sort_as_people_look_for_them() {
        let mut names = ["b", "A", "a", "C"].map(Value::text);
        names.sort_by(Value::order);
        assert_eq!(names, ["A", "a", "b", "C"].map(Value::text));
    }

    #[test]
    fn a_number_that_is_none_is_null() {
        assert_eq!(Value::Ratio(f64::NAN).json(), json!(null));
    }
}
