//! The state as a picture. Pure: the same state gives the same cells, whatever the terminal; which of
//! them changed, and so have to be written, is ratatui's business.

use super::dialog;
use super::gauge;
use super::model::{Mode, Top};
use crate::process::tree::Branch;
use crate::process::{Row, columns};
use crate::text;
use crate::units;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

/// A screen lower than this gets a head of one line.
const LOW: u16 = 16;
/// A processor's number, sparkline and percent take at least this.
const CPU_CELLS: usize = 20;

/// How things look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) color: bool,
}

impl Look {
    fn colored(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    pub(crate) fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(crate) fn reversed(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    fn role(self) -> Style {
        self.colored(Color::Cyan)
    }

    /// For a share of what there is.
    fn share(self, percent: f64) -> Style {
        match percent {
            90.0.. => self.colored(Color::Red),
            60.0.. => self.colored(Color::Yellow),
            _ => self.colored(Color::Green),
        }
    }

    fn state(self, state: &str) -> Style {
        match state {
            "running" => self.colored(Color::Green),
            "disk-sleep" | "stopped" | "tracing-stop" => self.colored(Color::Yellow),
            "zombie" | "dead" => self.colored(Color::Red),
            _ => self.faint(),
        }
    }
}

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

/// How many lines of the list fit a screen of that size.
pub(crate) fn page(top: &Top, area: Rect) -> usize {
    // Below the head, the line with the columns' titles; at the bottom, the keys.
    usize::from(area.height.saturating_sub(head_height(top, area) + 2))
}

/// Draws everything.
pub(crate) fn draw(top: &Top, look: Look, area: Rect, buffer: &mut Buffer) {
    let head = head_height(top, area);
    let mut pen = Pen { area, buffer, line: 0 };
    if area.height < LOW {
        short_head(top, look, &mut pen);
    } else {
        long_head(top, look, &mut pen);
    }
    pen.line = head;
    list(top, look, &mut pen);
    pen.line = area.height.saturating_sub(1);
    foot(top, look, &mut pen);
    dialog::draw(top, look, area, buffer);
}

fn head_height(top: &Top, area: Rect) -> u16 {
    if area.height < LOW { 1 } else { 2 + cpu_grid(top, area).1 }
}

/// Processors in a line, and lines; no more lines than a fifth of the screen.
fn cpu_grid(top: &Top, area: Rect) -> (usize, u16) {
    let cpus = top.machine.cpus.len().max(1);
    let most = usize::from(area.height / 5).max(1);
    let in_line = (usize::from(area.width) / CPU_CELLS).max(1);
    // As few columns as the lines allow: wide sparklines.
    let columns = cpus.div_ceil(most.min(cpus.div_ceil(2))).min(in_line);
    let lines = match cpus.div_ceil(columns) {
        lines if lines <= most => lines,
        _ => 1 + cpus.div_ceil(strip_cells(area)),
    };
    (columns, lines.min(most) as u16)
}

/// How many processors a line of [`cpu_strip`] has room for.
fn strip_cells(area: Rect) -> usize {
    usize::from(area.width.saturating_sub(4)).max(1)
}

/// Writes lines from the top down.
struct Pen<'a> {
    area: Rect,
    buffer: &'a mut Buffer,
    line: u16,
}

impl Pen<'_> {
    /// Writes at column `x`, as much as fits; returns the column behind it.
    fn put(&mut self, x: usize, text: &str, style: Style) -> usize {
        let width = usize::from(self.area.width);
        if x >= width || self.line >= self.area.height {
            return x;
        }
        let (column, line) = (self.area.x + x as u16, self.area.y + self.line);
        let (end, _) = self.buffer.set_stringn(column, line, text, width - x, style);
        usize::from(end - self.area.x)
    }

    fn put_right(&mut self, text: &str, style: Style) {
        self.put(usize::from(self.area.width).saturating_sub(text::width(text)), text, style);
    }
}

fn long_head(top: &Top, look: Look, pen: &mut Pen<'_>) {
    let x = pen.put(0, "polyproc", look.strong());
    pen.put(x, &format!("  {}", counts(top)), Style::new());
    let [one, five, fifteen] = top.machine.load;
    let up = units::span(top.machine.uptime);
    if pen.area.width >= 76 {
        pen.put_right(&format!("load {one:.2} {five:.2} {fifteen:.2}  up {up}"), Style::new());
    }
    pen.line += 1;
    cpus(top, look, pen);
    memory(top, look, pen);
}

fn counts(top: &Top) -> String {
    let running = top.rows.iter().filter(|row| row.state == "running").count();
    let families: std::collections::HashSet<_> =
        top.rows.iter().filter_map(|row| row.role.as_ref()).map(|role| role.family).collect();
    let mut text = format!("{} processes, {running} running", top.rows.len());
    match families.len() {
        0 => {}
        1 => text.push_str(", 1 family"),
        many => text.push_str(&format!(", {many} families")),
    }
    text
}

fn cpus(top: &Top, look: Look, pen: &mut Pen<'_>) {
    let (columns, lines) = cpu_grid(top, pen.area);
    if top.machine.cpus.len() > columns * usize::from(lines) {
        return cpu_strip(top, look, lines, pen);
    }
    let width = usize::from(pen.area.width) / columns;
    for line in 0..usize::from(lines) {
        for column in 0..columns {
            // Downwards first, as people count.
            let index = column * usize::from(lines) + line;
            if let Some(history) = top.history.get(index) {
                cpu(history, &format!("{index:>3}"), look, (column * width, width), pen);
            }
        }
        pen.line += 1;
    }
}

/// More processors than there is room for: all of them together, and below a character for each.
fn cpu_strip(top: &Top, look: Look, lines: u16, pen: &mut Pen<'_>) {
    let width = usize::from(pen.area.width);
    let all: Vec<_> = (0..top.history[0].len()).map(|at| top.average(at)).collect();
    cpu(&all, "all", look, (0, width), pen);
    let mut levels = top.machine.cpus.chunks(strip_cells(pen.area));
    for _ in 1..lines {
        pen.line += 1;
        for (at, &busy) in levels.next().unwrap_or_default().iter().enumerate() {
            pen.put(at + 4, gauge::level(busy).encode_utf8(&mut [0; 4]), look.share(busy));
        }
    }
    pen.line += 1;
}

/// Number, percent and sparkline of a processor.
fn cpu(history: &[f64], title: &str, look: Look, (at, width): (usize, usize), pen: &mut Pen<'_>) {
    let busy = history.last().copied().unwrap_or(0.0);
    let x = pen.put(at, &format!("{title} "), look.faint());
    let x = pen.put(x, &format!("{busy:>3.0}% "), look.share(busy));
    let cells = (at + width).saturating_sub(x + 1);
    pen.put(x, &gauge::sparkline(history, cells), look.share(busy));
}

fn memory(top: &Top, look: Look, pen: &mut Pen<'_>) {
    let machine = &top.machine;
    let half = usize::from(pen.area.width) / 2 + 1;
    let limit = machine.memory_limit.map(|limit| format!(", limit {}", units::bytes(limit)));
    let used = |used, total| format!("{} of {}", units::bytes(used), units::bytes(total));
    let memory = used(machine.memory_used, machine.memory_total) + &limit.unwrap_or_default();
    gauge_line("mem", machine.memory_percent(), &memory, look, (0, half.saturating_sub(2)), pen);
    if machine.swap_total > 0 {
        let swap = used(machine.swap_used, machine.swap_total);
        gauge_line(
            "swap",
            machine.swap_percent(),
            &swap,
            look,
            (half, half.saturating_sub(1)),
            pen,
        );
    } else {
        pen.put(half, "no swap", look.faint());
    }
    pen.line += 1;
}

fn gauge_line(
    title: &str,
    percent: f64,
    text: &str,
    look: Look,
    (at, width): (usize, usize),
    pen: &mut Pen<'_>,
) {
    let x = pen.put(at, &format!("{title:>3} "), look.faint());
    let x = pen.put(x, &format!("{percent:>3.0}% "), look.share(percent));
    let cells = (at + width).saturating_sub(x + text::width(text) + 2);
    let x = pen.put(x, &gauge::bar(percent, cells), look.share(percent));
    pen.put(x, &format!(" {text}"), Style::new());
}

fn short_head(top: &Top, look: Look, pen: &mut Pen<'_>) {
    let machine = &top.machine;
    let x = pen.put(0, &format!("cpu {:.0}% ", machine.cpu()), look.share(machine.cpu()));
    let levels: String = machine.cpus.iter().take(16).map(|&busy| gauge::level(busy)).collect();
    let x = pen.put(x, &levels, look.share(machine.cpu()));
    let memory = machine.memory_percent();
    let x = pen.put(x, &format!(" mem {memory:.0}%"), look.share(memory));
    pen.put(x, &format!(" load {:.1}", machine.load[0]), Style::new());
    pen.put_right(&format!(" {}", top.rows.len()), look.faint());
}

fn list(top: &Top, look: Look, pen: &mut Pen<'_>) {
    let fields: Vec<_> = FIELDS.iter().filter(|field| field.from <= pen.area.width).collect();
    titles(top, look, &fields, pen);
    let lines = top.lines.iter().enumerate().skip(top.first);
    for (at, line) in lines.take(page(top, pen.area)) {
        let row = &top.rows[line.index];
        process(row, line, (look, top.paths), &fields, pen);
        if at == top.cursor {
            let (y, width) = (pen.area.y + pen.line, pen.area.width);
            pen.buffer.set_style(Rect::new(pen.area.x, y, width, 1), look.reversed());
        }
        pen.line += 1;
    }
    if top.lines.is_empty() && !top.rows.is_empty() {
        pen.put(1, "no process is what is asked for (Esc undoes the filter)", look.faint());
    }
}

/// The titles; the one that the list is sorted by stands out, with the direction.
fn titles(top: &Top, look: Look, fields: &[&Field], pen: &mut Pen<'_>) {
    let mut x = 0;
    let sorted = top.order.column.column.name;
    for field in fields {
        let Some(column) = columns::find(field.name) else { continue };
        let title = if field.name == "state" { "S" } else { column.column.title };
        let style = if field.name == sorted { look.reversed() } else { look.strong() };
        let blanks = field.width.saturating_sub(title.len());
        x += if column.column.kind.is_right() { blanks } else { 0 };
        pen.put(x, title, style);
        x += field.width + 1 - if column.column.kind.is_right() { blanks } else { 0 };
    }
    pen.put(x, "COMMAND", look.strong());
    if !fields.iter().any(|field| field.name == sorted) || top.order.reverse {
        let direction = if top.order.reverse { ", reversed" } else { "" };
        pen.put_right(&format!(" by {sorted}{direction}"), look.faint());
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
    x = pen.put(x, &line.lead, look.faint());
    if let Some(role) = &row.role {
        x = pen.put(x, &format!("[{}] ", role.value().shown()), look.role());
    }
    if line.folded > 0 {
        x = pen.put(x, &format!("+{} ", line.folded), look.strong());
    }
    let faint = row.is_kernel || row.state == "zombie";
    let room = usize::from(pen.area.width).saturating_sub(x);
    let command = if paths { row.shown_command() } else { row.short_command() };
    let command = text::cut(&command, room);
    pen.put(x, &command, if faint { look.faint() } else { Style::new() });
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
        _ if value.is_missing() || value.amount() == 0.0 && field.name != "user" => look.faint(),
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

fn foot(top: &Top, look: Look, pen: &mut Pen<'_>) {
    match &top.mode {
        Mode::Filter => typed(&format!("only with: {}", top.filter_text), look, pen),
        Mode::Find => typed(&format!("find: {}", top.find_text), look, pen),
        _ => match &top.message {
            Some(message) => drop(pen.put(0, message, look.strong())),
            None => hints(top, look, pen),
        },
    }
}

/// With a block for the cursor, since the terminal's own is hidden.
fn typed(text: &str, look: Look, pen: &mut Pen<'_>) {
    let x = pen.put(0, text, look.strong());
    pen.put(x, " ", look.reversed());
}

fn hints(top: &Top, look: Look, pen: &mut Pen<'_>) {
    let mut x = 0;
    for (on, text) in
        [(top.paused, "paused"), (top.families_only, "families"), (top.kernel_hidden, "no kernel")]
    {
        if on {
            x = pen.put(x, text, look.reversed());
            x = pen.put(x, " ", Style::new());
        }
    }
    if !top.filter_text.is_empty() {
        let filter = format!("only with `{}`", text::shown(top.filter_text.as_bytes()));
        x = pen.put(x, &filter, look.reversed());
        x = pen.put(x, " ", Style::new());
    }
    for (key, what) in [
        ("?", "help"),
        ("q", "leave"),
        ("s", "sort"),
        ("t", "tree"),
        ("/", "filter"),
        ("f", "find"),
        ("k", "end"),
        ("z", "suspend"),
    ] {
        x = pen.put(x, key, look.strong());
        x = pen.put(x, &format!(" {what}  "), look.faint());
    }
    let place = format!(" {}/{}", (top.cursor + 1).min(top.lines.len()), top.lines.len());
    if x + place.len() < usize::from(pen.area.width) {
        pen.put_right(&place, look.faint());
    }
}
