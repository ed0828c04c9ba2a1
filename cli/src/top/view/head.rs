//! The machine, above the list.

use super::look::{FAINT, Look, Pen, STRONG};
use crate::text;
use crate::top::gauge;
use crate::top::model::Top;
use crate::units;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::collections::HashSet;

/// A screen lower than this gets a head of one line.
const LOW: u16 = 16;
/// A processor's number, sparkline and percent take at least this.
const CPU_CELLS: usize = 20;

/// Draws it.
pub(super) fn draw(top: &Top, look: Look, pen: &mut Pen<'_>) {
    if pen.area.height < LOW {
        short(top, look, pen);
    } else {
        long(top, look, pen);
    }
}

/// How many lines it takes.
pub(super) fn height(top: &Top, area: Rect) -> u16 {
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

fn long(top: &Top, look: Look, pen: &mut Pen<'_>) {
    let x = pen.put(0, "polyproc", STRONG);
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
    let roles = top.rows.iter().filter_map(|row| row.role.as_ref());
    let families = match roles.map(|role| role.family).collect::<HashSet<_>>().len() {
        0 => String::new(),
        1 => ", 1 family".into(),
        many => format!(", {many} families"),
    };
    let limit = top.machine.cpu_limit.map(|limit| format!(", limit {limit:.1} cpus"));
    let limit = limit.unwrap_or_default();
    let processes = if top.rows.len() == 1 { "process" } else { "processes" };
    let hidden = match top.machine.hidden {
        0 => String::new(),
        hidden => format!(", {hidden} hidden"),
    };
    format!("{} {processes}, {running} running{hidden}{families}{limit}", top.rows.len())
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
    let x = pen.put(at, &format!("{title} "), FAINT);
    let x = pen.put(x, &format!("{busy:>3.0}% "), look.share(busy));
    let cells = (at + width).saturating_sub(x + 1);
    // Blanks need not be written: they are there.
    let line = gauge::sparkline(history, cells);
    let drawn = line.trim_start();
    pen.put(x + cells - text::width(drawn), drawn, look.share(busy));
}

fn memory(top: &Top, look: Look, pen: &mut Pen<'_>) {
    let machine = &top.machine;
    let half = usize::from(pen.area.width) / 2 + 1;
    let limit = machine.memory_limit.map(|limit| format!(", limit {}", units::bytes(limit)));
    let used = |used, total| format!("{} of {}", units::bytes(used), units::bytes(total));
    let memory = Gauge {
        title: "mem",
        percent: machine.memory_percent(),
        text: used(machine.memory_used, machine.memory_total) + &limit.unwrap_or_default(),
    };
    memory.draw(look, (0, half.saturating_sub(2)), pen);
    if machine.swap_total > 0 {
        let text = used(machine.swap_used, machine.swap_total);
        let swap = Gauge { title: "swap", percent: machine.swap_percent(), text };
        swap.draw(look, (half, half.saturating_sub(1)), pen);
    } else {
        pen.put(half, "no swap", FAINT);
    }
    pen.line += 1;
}

/// How full something is.
struct Gauge {
    title: &'static str,
    percent: f64,
    text: String,
}

impl Gauge {
    fn draw(&self, look: Look, (at, width): (usize, usize), pen: &mut Pen<'_>) {
        let Self { title, percent, text } = self;
        let x = pen.put(at, &format!("{title:>3} "), FAINT);
        let x = pen.put(x, &format!("{percent:>3.0}% "), look.share(*percent));
        let cells = (at + width).saturating_sub(x + text::width(text) + 2);
        pen.put(x, gauge::bar(*percent, cells).trim_end(), look.share(*percent));
        pen.put(x + cells + 1, text, Style::new());
    }
}

fn short(top: &Top, look: Look, pen: &mut Pen<'_>) {
    let machine = &top.machine;
    let x = pen.put(0, &format!("cpu {:.0}% ", machine.cpu()), look.share(machine.cpu()));
    let levels: String = machine.cpus.iter().take(16).map(|&busy| gauge::level(busy)).collect();
    let x = pen.put(x, &levels, look.share(machine.cpu()));
    let memory = machine.memory_percent();
    let x = pen.put(x, &format!(" mem {memory:.0}%"), look.share(memory));
    pen.put(x, &format!(" load {:.1}", machine.load[0]), Style::new());
    pen.put_right(&format!(" {}", top.rows.len()), FAINT);
}
