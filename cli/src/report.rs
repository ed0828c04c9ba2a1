//! What a command has to tell: sections, each a list of facts or a table.

use crate::paint::{Paint, Tone};
use crate::table::{Table, csv};
use crate::text;
use crate::value::Value;
use serde_json::{Map, Value as Json};

/// One fact under a name.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    /// In JSON and CSV.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) title: &'static str,
    pub(crate) value: Value,
}

/// A fact in one line of code.
pub(crate) fn fact(name: &'static str, title: &'static str, value: Value) -> Fact {
    Fact { name, title, value }
}

/// What a section holds.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Facts, each once.
    Facts(Vec<Fact>),
    /// Many of a kind.
    Table(Table),
    /// Why there is nothing.
    Unknown(String),
}

/// A part of a report.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// In JSON.
    pub(crate) name: &'static str,
    /// For people; without one, no heading is printed.
    pub(crate) title: &'static str,
    pub(crate) body: Body,
}

/// See the [module](self).
#[derive(Clone, Debug)]
pub(crate) enum Report {
    /// A table and nothing else: an array in JSON.
    Table(Table),
    /// Sections under their names: an object in JSON.
    Sections(Vec<Section>),
    /// One section by itself: what it holds.
    One(Section),
    /// Several of those: an array of objects in JSON.
    Several(Vec<Report>),
}

impl Report {
    /// Those of the sections whose names are in `only`, or all. A single one by itself needs no
    /// heading, and no name in JSON.
    pub(crate) fn chosen(sections: Vec<Section>, only: &[String]) -> Self {
        let wanted = |one: &Section| only.is_empty() || only.iter().any(|name| name == one.name);
        let mut chosen: Vec<_> = sections.into_iter().filter(wanted).collect();
        if only.len() == 1 && chosen.len() == 1 {
            return Self::One(chosen.remove(0));
        }
        Self::Sections(chosen)
    }

    /// Lines for people.
    pub(crate) fn text(&self, width: Option<usize>, paint: Paint) -> String {
        match self {
            Self::Table(table) => lines(&table.lines(width, paint)),
            Self::Sections(sections) => {
                let texts: Vec<_> =
                    sections.iter().map(|section| section.text(width, paint)).collect();
                texts.join("\n")
            }
            Self::One(section) => section.body.text(width, paint),
            Self::Several(reports) => {
                let texts: Vec<_> = reports.iter().map(|one| one.text(width, paint)).collect();
                texts.join("\n")
            }
        }
    }

    /// One value for programs.
    pub(crate) fn json(&self) -> Json {
        match self {
            Self::Table(table) => table.json(),
            Self::Sections(sections) => {
                let fields = sections.iter().map(|one| (one.name.to_owned(), one.body.json()));
                Json::Object(fields.collect())
            }
            Self::One(section) => section.body.json(),
            Self::Several(reports) => reports.iter().map(Self::json).collect(),
        }
    }

    /// Tables as CSV, with an empty line between two; facts as a table of names and values.
    pub(crate) fn csv(&self) -> Vec<u8> {
        match self {
            Self::Table(table) => table.csv(),
            Self::Sections(sections) => {
                sections.iter().map(|one| one.body.csv()).collect::<Vec<_>>().join(&b'\n')
            }
            Self::One(section) => section.body.csv(),
            Self::Several(reports) => {
                reports.iter().map(Self::csv).collect::<Vec<_>>().join(&b'\n')
            }
        }
    }
}

impl Section {
    fn text(&self, width: Option<usize>, paint: Paint) -> String {
        let body = self.body.text(width, paint);
        if self.title.is_empty() {
            return body;
        }
        format!("{}\n{body}", paint.apply(Tone::Accent, self.title))
    }
}

impl Body {
    fn text(&self, width: Option<usize>, paint: Paint) -> String {
        match self {
            Self::Facts(facts) => facts_text(facts, paint),
            Self::Table(table) if table.rows.is_empty() => {
                format!("{}\n", paint.apply(Tone::Faint, "none"))
            }
            Self::Table(table) => lines(&table.lines(width, paint)),
            Self::Unknown(reason) => format!("{}\n", paint.apply(Tone::Faint, reason)),
        }
    }

    fn json(&self) -> Json {
        match self {
            Self::Facts(facts) => {
                let fields = facts.iter().map(|fact| (fact.name.to_owned(), fact.value.json()));
                Json::Object(fields.collect::<Map<_, _>>())
            }
            Self::Table(table) => table.json(),
            Self::Unknown(_) => Json::Null,
        }
    }

    fn csv(&self) -> Vec<u8> {
        match self {
            Self::Table(table) => table.csv(),
            Self::Facts(facts) => {
                let row = |fact: &Fact| vec![fact.name.into(), fact.value.plain()];
                let head = [vec![b"name".to_vec(), b"value".to_vec()]];
                csv(head.into_iter().chain(facts.iter().map(row)))
            }
            Self::Unknown(_) => Vec::new(),
        }
    }
}

fn facts_text(facts: &[Fact], paint: Paint) -> String {
    let widest = facts.iter().map(|fact| text::width(fact.title)).max().unwrap_or(0);
    let line = |fact: &Fact| {
        let blanks = " ".repeat(widest - text::width(fact.title));
        let tone = if fact.value.is_missing() { Tone::Faint } else { Tone::Plain };
        let value = paint.apply(tone, &fact.value.shown());
        format!("{}{blanks}  {value}", paint.apply(Tone::Head, fact.title))
    };
    lines(&facts.iter().map(line).collect::<Vec<_>>())
}

fn lines(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
}
