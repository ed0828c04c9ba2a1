//! How a table looks to people: columns as wide as they need to be, lines no wider than the terminal.

use super::{Cell, Head, Table};
use crate::paint::{Paint, Tone};
use crate::text;

/// Between two columns.
const GAP: usize = 2;
/// A column of text may be cut down to this.
const NARROWEST: usize = 8;

impl Table {
    /// The lines of the table, its head first. With a `width`, wide columns of text are cut until a
    /// line fits it; what cannot be made to fit is left too wide rather than unreadable.
    pub(crate) fn lines(&self, width: Option<usize>, paint: Paint) -> Vec<String> {
        let texts: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(Cell::shown).collect()).collect();
        let mut widths: Vec<_> = self.heads.iter().map(|head| text::width(head.title)).collect();
        for row in &texts {
            for (width, text) in widths.iter_mut().zip(row) {
                *width = text::width(text).max(*width);
            }
        }
        if let Some(width) = width {
            fit(&mut widths, &self.heads, width);
        }
        let head = self.heads.iter().map(|head| (head.title, Tone::Head));
        let rows = self.rows.iter().zip(&texts).map(|(row, texts)| {
            let tones = row.iter().map(|cell| cell.tone);
            texts.iter().map(String::as_str).zip(tones).collect::<Vec<_>>()
        });
        let lines = std::iter::once(head.collect::<Vec<_>>()).chain(rows);
        lines.map(|cells| self.line(&cells, &widths, paint)).collect()
    }

    fn line(&self, cells: &[(&str, Tone)], widths: &[usize], paint: Paint) -> String {
        let mut line = String::new();
        // Blanks are due only when something follows them: no line ends in blanks.
        let mut due = 0;
        for ((head, &width), &(full, tone)) in self.heads.iter().zip(widths).zip(cells) {
            let cut = text::cut(full, width);
            let free = width.saturating_sub(text::width(&cut));
            if head.is_right() {
                due += free;
            }
            if !cut.is_empty() {
                line.extend(std::iter::repeat_n(' ', due));
                line.push_str(&paint.apply(tone, &cut));
                due = 0;
            }
            due += GAP + if head.is_right() { 0 } else { free };
        }
        line
    }
}

impl Cell {
    fn shown(&self) -> String {
        format!("{}{}", self.lead, self.value.shown())
    }
}

/// Takes from the widest column of text, the last one first, until the sum fits.
fn fit(widths: &mut [usize], heads: &[Head], line: usize) {
    let gaps = GAP * widths.len().saturating_sub(1);
    let least = |at: usize| text::width(heads[at].title).max(NARROWEST);
    loop {
        let excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(line);
        let spare = |at: &usize| widths[*at].saturating_sub(least(*at));
        let widest = (0..widths.len())
            .filter(|at| !heads[*at].is_right() && spare(at) > 0)
            .max_by_key(|at| (widths[*at], *at));
        let Some(widest) = widest.filter(|_| excess > 0) else { return };
        // Down to the next widest at most, so that the two then share what is to be taken.
        let next = (0..widths.len())
            .filter(|&at| at != widest && !heads[at].is_right())
            .map(|at| widths[at])
            .max();
        let step = widths[widest] - next.unwrap_or(0).min(widths[widest] - 1);
        widths[widest] -= step.max(1).min(excess).min(spare(&widest));
    }
}
