//! A table for programs.

use super::Table;
use serde_json::{Map, Value as Json};

impl Table {
    /// An object for each row, with the columns' names.
    pub(crate) fn json(&self) -> Json {
        let object = |row: &Vec<super::Cell>| -> Json {
            let fields = self.heads.iter().zip(row);
            let fields: Map<_, _> =
                fields.map(|(head, cell)| (head.name.to_owned(), cell.value.json())).collect();
            fields.into()
        };
        self.rows.iter().map(object).collect()
    }

    /// For spreadsheets: see [`csv`].
    pub(crate) fn csv(&self) -> Vec<u8> {
        let head = self.heads.iter().map(|head| head.name.as_bytes().to_vec()).collect();
        let rows = self.rows.iter().map(|row| row.iter().map(|cell| cell.value.plain()).collect());
        csv(std::iter::once(head).chain(rows))
    }
}

/// RFC 4180 with line feeds; a field that is not UTF-8 keeps its bytes.
pub(crate) fn csv(rows: impl Iterator<Item = Vec<Vec<u8>>>) -> Vec<u8> {
    let mut text = Vec::new();
    for row in rows {
        let fields: Vec<_> = row.into_iter().map(quoted).collect();
        text.extend(fields.join(&b','));
        text.push(b'\n');
    }
    text
}

/// A field with what separates fields inside stands in quotes, and a quote in it is doubled.
fn quoted(field: Vec<u8>) -> Vec<u8> {
    if !field.iter().any(|byte| b",\"\r\n".contains(byte)) {
        return field;
    }
    let mut quoted = vec![b'"'];
    for byte in field {
        quoted.push(byte);
        if byte == b'"' {
            quoted.push(byte);
        }
    }
    quoted.push(b'"');
    quoted
}
