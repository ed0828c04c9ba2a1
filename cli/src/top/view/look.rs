//! Styles, and the pen that writes with them.

use crate::text;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

pub(crate) const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
pub(crate) const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);
pub(crate) const REVERSED: Style = Style::new().add_modifier(Modifier::REVERSED);

/// How things look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) color: bool,
}

impl Look {
    fn colored(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    pub(super) fn role(self) -> Style {
        self.colored(Color::Cyan)
    }

    /// For a share of what there is.
    pub(super) fn share(self, percent: f64) -> Style {
        match percent {
            90.0.. => self.colored(Color::Red),
            60.0.. => self.colored(Color::Yellow),
            _ => self.colored(Color::Green),
        }
    }

    pub(super) fn state(self, state: &str) -> Style {
        match state {
            "running" => self.colored(Color::Green),
            "disk-sleep" | "stopped" | "tracing-stop" => self.colored(Color::Yellow),
            "zombie" | "dead" => self.colored(Color::Red),
            _ => FAINT,
        }
    }
}

/// Writes lines from the top down.
pub(super) struct Pen<'a> {
    pub(super) area: Rect,
    pub(super) buffer: &'a mut Buffer,
    pub(super) line: u16,
}

impl Pen<'_> {
    /// Writes at column `x`, as much as fits; returns the column behind it.
    pub(super) fn put(&mut self, x: usize, text: &str, style: Style) -> usize {
        let width = usize::from(self.area.width);
        if x >= width || self.line >= self.area.height {
            return x;
        }
        let (column, line) = (self.area.x + x as u16, self.area.y + self.line);
        let (end, _) = self.buffer.set_stringn(column, line, text, width - x, style);
        usize::from(end - self.area.x)
    }

    pub(super) fn put_right(&mut self, text: &str, style: Style) {
        self.put(usize::from(self.area.width).saturating_sub(text::width(text)), text, style);
    }
}
