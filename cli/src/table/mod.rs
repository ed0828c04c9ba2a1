//! Tables. A column is data: what it is called, what it means, its unit, how to get it. The order of
//! rows, the text for people, JSON, CSV and the help about columns all come from that.
//!
//! | | |
//! |---|---|
//! | [`Column`] | a column of rows of some type |
//! | [`Table`] | columns and rows of [`Value`]s, whatever they were made of |
//! | `layout` | how wide each column is, and the lines for people |
//! | `exchange` | JSON and CSV |

mod exchange;
mod layout;

use crate::paint::Tone;
use crate::value::Value;

pub(crate) use exchange::csv;

/// What kind of value a column holds: unit, side, and which end of the order people want first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Names and other words.
    Text,
    /// The words of a command line.
    Words,
    /// Several numbers.
    Numbers,
    /// A number that names something: a pid, a port.
    Number,
    /// How many.
    Count,
    /// Bytes.
    Bytes,
    /// Bytes in a second.
    Rate,
    /// Times in a second.
    Frequency,
    /// Hundredths.
    Percent,
    /// A length of time.
    Span,
    /// A point in time.
    Moment,
}

impl Kind {
    /// Whether its values stand at the right side of the column.
    pub(crate) fn is_right(self) -> bool {
        !matches!(self, Self::Text | Self::Words | Self::Numbers | Self::Moment)
    }

    /// Whether the largest comes first unless something else is asked for.
    pub(crate) fn is_largest_first(self) -> bool {
        !matches!(self, Self::Text | Self::Words | Self::Numbers | Self::Number)
    }

    /// The unit in JSON and CSV.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Words => "texts",
            Self::Numbers => "numbers",
            Self::Number | Self::Count => "number",
            Self::Bytes => "bytes",
            Self::Rate => "bytes per second",
            Self::Frequency => "per second",
            Self::Percent => "percent",
            Self::Span => "seconds",
            Self::Moment => "seconds since 1970, UTC",
        }
    }
}

/// A column of a table whose rows are made of `Row`s.
#[derive(Debug)]
pub(crate) struct Column<Row> {
    /// What it is called in arguments, JSON and CSV.
    pub(crate) name: &'static str,
    /// What stands above it.
    pub(crate) title: &'static str,
    /// What it means.
    pub(crate) doc: &'static str,
    /// Its unit.
    pub(crate) kind: Kind,
    /// How to get it.
    pub(crate) get: fn(&Row) -> Value,
}

/// Columns in two lines each: name, title, kind, meaning; how to get the value.
macro_rules! columns {
    ($($name:literal $title:literal $kind:ident $doc:literal $get:expr;)*) => {
        &[$($crate::table::Column {
            name: $name,
            title: $title,
            doc: $doc,
            kind: $crate::table::Kind::$kind,
            get: $get,
        }),*]
    };
}
pub(crate) use columns;

impl<Row> Column<Row> {
    /// What a [`Table`] keeps of it.
    pub(crate) fn head(&self) -> Head {
        Head { name: self.name, title: self.title, kind: self.kind, is_tree: false }
    }
}

/// A column of a [`Table`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) kind: Kind,
    /// Whether the lines of a tree stand before its values: those go down the left side.
    pub(crate) is_tree: bool,
}

impl Head {
    /// Whether its values stand at the right side of the column.
    fn is_right(self) -> bool {
        self.kind.is_right() && !self.is_tree
    }
}

/// One field, and how it is to look.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// What programs get.
    pub(crate) value: Value,
    /// What people see before it: the lines of a tree.
    pub(crate) lead: String,
    pub(crate) tone: Tone,
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        let tone = if value.is_missing() { Tone::Faint } else { Tone::Plain };
        Self { value, lead: String::new(), tone }
    }
}

/// Columns, and rows of one cell for each.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) heads: Vec<Head>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

impl Table {
    /// The table of `rows`.
    pub(crate) fn of<Row>(
        columns: &[&Column<Row>],
        rows: impl IntoIterator<Item = impl std::borrow::Borrow<Row>>,
    ) -> Self {
        let cells = |row: &Row| columns.iter().map(|column| (column.get)(row).into()).collect();
        let heads = columns.iter().map(|column| column.head()).collect();
        Self { heads, rows: rows.into_iter().map(|row| cells(row.borrow())).collect() }
    }

    /// All of `columns`.
    pub(crate) fn of_all<Row>(
        columns: &[Column<Row>],
        rows: impl IntoIterator<Item = impl std::borrow::Borrow<Row>>,
    ) -> Self {
        Self::of(&columns.iter().collect::<Vec<_>>(), rows)
    }

    /// Whether there is a column `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.heads.iter().any(|head| head.name == name)
    }

    /// Puts lines of a tree, one for each row, before the column `name`.
    pub(crate) fn lead(&mut self, name: &str, leads: Vec<String>) {
        let Some(at) = self.heads.iter().position(|head| head.name == name) else { return };
        self.heads[at].is_tree = true;
        for (row, lead) in self.rows.iter_mut().zip(leads) {
            row[at].lead = lead;
        }
    }

    /// Gives each cell of the column `name` the tone that its value asks for.
    pub(crate) fn tone(&mut self, name: &str, tone: impl Fn(&Value) -> Tone) {
        let Some(at) = self.heads.iter().position(|head| head.name == name) else { return };
        for row in &mut self.rows {
            if !row[at].value.is_missing() {
                row[at].tone = tone(&row[at].value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
