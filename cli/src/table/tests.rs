use super::*;
use crate::paint::Paint;
use proptest::prelude::*;
use serde_json::json;

const PLAIN: Paint = Paint { color: false };

struct Fruit(&'static str, i64, &'static str);

const COLUMNS: &[Column<Fruit>] = &[
    Column {
        name: "name",
        title: "NAME",
        doc: "what it is called",
        kind: Kind::Text,
        get: |row| Value::text(row.0),
    },
    Column {
        name: "count",
        title: "COUNT",
        doc: "how many there are",
        kind: Kind::Count,
        get: |row| Value::Number(row.1),
    },
    Column {
        name: "story",
        title: "STORY",
        doc: "where it comes from",
        kind: Kind::Text,
        get: |row| Value::text(row.2),
    },
];

fn table() -> Table {
    let rows = [
        Fruit("apple", 3, "from the tree, \"red\""),
        Fruit("fig", 12_000, ""),
        Fruit("ü", 0, "日本"),
    ];
    Table::of_all(COLUMNS, rows)
}

#[test]
fn columns_are_as_wide_as_they_need() {
    let lines = table().lines(None, PLAIN);
    assert_eq!(
        lines,
        [
            "NAME   COUNT  STORY",
            "apple      3  from the tree, \"red\"",
            "fig    12000",
            "ü          0  日本",
        ]
    );
}

#[test]
fn a_line_fits_the_terminal_by_cutting_text() {
    let lines = table().lines(Some(24), PLAIN);
    assert_eq!(lines[1], "apple      3  from the …");
    // What cannot be cut any more stays readable.
    assert_eq!(table().lines(Some(5), PLAIN)[1], "apple      3  from th…");
}

#[test]
fn programs_get_names_and_exact_values() {
    let table = table();
    assert_eq!(table.json()[1], json!({"name": "fig", "count": 12_000, "story": ""}));
    let csv = String::from_utf8(table.csv()).unwrap();
    assert_eq!(csv.lines().next(), Some("name,count,story"));
    assert_eq!(csv.lines().nth(1), Some("apple,3,\"from the tree, \"\"red\"\"\""));
}

proptest! {
    #[test]
    fn a_wide_column_is_cut_to_any_width(width in 30_usize..200, length in 0_usize..300) {
        let mut table = table();
        table.rows[0][2].value = Value::text("x".repeat(length));
        for line in table.lines(Some(width), PLAIN) {
            prop_assert!(crate::text::width(&line) <= width);
        }
    }
}
