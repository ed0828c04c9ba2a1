//! The processes.

use super::look::{FAINT, Look, Pen, REVERSED, STRONG};
use crate::process::tree::Branch;
use crate::process::{Row, columns};
use crate::text;
use crate::top::model::Top;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// A column of the list: which one, how wide, and from which width of the screen on.
struct Field {
    name: &'static str,
    width: usize,
    from: u16,
}

const fn field(name: &'static str, width: usize, from: u16) -> Field {
    Field { name, width, from }
}

/// From left to right; the command line takes what is left.
const FIELDS: &[Field] = &[
    field("pid", 7, 0),
    field("user", 8, 72),
    field("state", 1, 30),
    field("cpu", 5, 0),
    field("memory", 8, 0),
    field("memory_percent", 5, 130),
    field("io_rate", 10, 64),
    field("read_rate", 10, 140),
    field("write_rate", 10, 140),
    field("cpu_time", 6, 56),
    field("threads", 7, 110),
    field("age", 6, 100),
];

/// Draws it, titles first.
pub(super) fn draw(top: &Top, look: Look, pen: &mut Pen<'_>) {
    let fields: Vec<_> = FIELDS.iter().filter(|field| field.from <= pen.area.width).collect();
    titles(top, &fields, pen);
    let lines = top.lines.iter().enumerate().skip(top.first);
    for (at, line) in lines.take(super::page(top, pen.area)) {
        let row = &top.rows[line.index];
        process(row, line, (look, top.paths), &fields, pen);
        if at == top.cursor {
            let (y, width) = (pen.area.y + pen.line, pen.area.width);
            pen.buffer.set_style(Rect::new(pen.area.x, y, width, 1), REVERSED);
        }
        pen.line += 1;
    }
    if top.lines.is_empty() && !top.rows.is_empty() {
        pen.put(1, "no process is what is asked for (Esc undoes the filter)", FAINT);
    }
}

/// The titles; the one that the list is sorted by stands out, with the direction.
fn titles(top: &Top, fields: &[&Field], pen: &mut Pen<'_>) {
    let mut x = 0;
    let sorted = top.order.column.column.name;
    for field in fields {
        let Some(column) = columns::find(field.name) else { continue };
        let title = if field.name == "state" { "S" } else { column.column.title };
        let style = if field.name == sorted { REVERSED } else { STRONG };
        let blanks = field.width.saturating_sub(title.len());
        x += if column.column.kind.is_right() { blanks } else { 0 };
        pen.put(x, title, style);
        x += field.width + 1 - if column.column.kind.is_right() { blanks } else { 0 };
    }
    pen.put(x, "COMMAND", STRONG);
    if !fields.iter().any(|field| field.name == sorted) || top.order.reverse {
        let direction = if top.order.reverse { ", reversed" } else { "" };
        pen.put_right(&format!(" by {sorted}{direction}"), FAINT);
    }
    pen.line += 1;
}

fn process(
    row: &Row,
    line: &Branch,
    (look, paths): (Look, bool),
    fields: &[&Field],
    pen: &mut Pen<'_>,
) {
    let mut x = 0;
    for field in fields {
        let (text, style) = shown(row, field, look);
        let right = columns::find(field.name).is_some_and(|one| one.column.kind.is_right());
        let text = text::cut(&text, field.width);
        let blanks = field.width - text::width(&text);
        pen.put(x + if right { blanks } else { 0 }, &text, style);
        x += field.width + 1;
    }
    x = pen.put(x, &line.lead, FAINT);
    if let Some(role) = &row.role {
        let role = format!("[{}] ", role.value().shown());
        let room = usize::from(pen.area.width).saturating_sub(x);
        x = pen.put(x, &text::cut(&role, room), look.role());
    }
    if line.folded > 0 {
        x = pen.put(x, &format!("+{} ", line.folded), STRONG);
    }
    let faint = row.is_kernel || row.state == "zombie";
    let room = usize::from(pen.area.width).saturating_sub(x);
    let command = if paths { row.shown_command() } else { row.short_command() };
    let command = text::cut(&command, room);
    pen.put(x, &command, if faint { FAINT } else { Style::new() });
}

/// A field's text; nothing at all is left out, so that the eye finds what is there.
fn shown(row: &Row, field: &Field, look: Look) -> (String, Style) {
    if field.name == "state" {
        return (state_letter(row.state).into(), look.state(row.state));
    }
    let Some(column) = columns::find(field.name) else { return Default::default() };
    let value = (column.column.get)(row);
    let style = match field.name {
        "cpu" if value.amount() >= 50.0 => look.share(value.amount().min(100.0)),
        _ if value.is_missing() || value.amount() == 0.0 && field.name != "user" => FAINT,
        _ => Style::new(),
    };
    (value.shown(), style)
}

/// As ps(1) has them.
fn state_letter(state: &str) -> &'static str {
    match state {
        "running" => "R",
        "sleeping" => "S",
        "disk-sleep" => "D",
        "stopped" => "T",
        "tracing-stop" => "t",
        "zombie" => "Z",
        "dead" => "X",
        "idle" => "I",
        "parked" => "P",
        "waking" => "W",
        "wake-kill" => "K",
        _ => "?",
    }
}
