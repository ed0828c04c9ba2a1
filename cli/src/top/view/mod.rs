//! The state as a picture. Pure: the same state gives the same cells, whatever the terminal; which of
//! them changed, and so have to be written, is ratatui's business.
//!
//! | | |
//! |---|---|
//! | [`head`] | the machine |
//! | [`pools`] | the pools of programs that use polyproc |
//! | [`list`] | the processes |
//! | [`look`] | styles, and the pen that writes with them |

mod head;
mod list;
pub(crate) mod look;
mod pools;

use super::dialog;
use super::model::{Mode, Top};
use crate::text;
pub(crate) use look::Look;
use look::{FAINT, Pen, REVERSED, STRONG};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// How many lines of the list fit a screen of that size.
pub(crate) fn page(top: &Top, area: Rect) -> usize {
    // Below the head, the line with the columns' titles; at the bottom, the keys.
    usize::from(area.height.saturating_sub(list_at(top, area) + 2))
}

/// The first line of the list.
fn list_at(top: &Top, area: Rect) -> u16 {
    head::height(top, area) + pools::height(top, area)
}

/// Draws everything.
pub(crate) fn draw(top: &Top, look: Look, area: Rect, buffer: &mut Buffer) {
    let mut pen = Pen { area, buffer, line: 0 };
    head::draw(top, look, &mut pen);
    pen.line = head::height(top, area);
    pools::draw(top, look, &mut pen);
    pen.line = list_at(top, area);
    list::draw(top, look, &mut pen);
    pen.line = area.height.saturating_sub(1);
    foot(top, &mut pen);
    dialog::draw(top, area, buffer);
}

fn foot(top: &Top, pen: &mut Pen<'_>) {
    match &top.mode {
        Mode::Filter => typed(&format!("only with: {}", top.filter_text), pen),
        Mode::Find => typed(&format!("find: {}", top.find_text), pen),
        _ => match &top.message {
            Some(message) => drop(pen.put(0, message, STRONG)),
            None => hints(top, pen),
        },
    }
}

/// With a block for the cursor, since the terminal's own is hidden.
fn typed(text: &str, pen: &mut Pen<'_>) {
    let x = pen.put(0, text, STRONG);
    pen.put(x, " ", REVERSED);
}

const KEYS: [(&str, &str); 8] = [
    ("?", "help"),
    ("q", "leave"),
    ("s", "sort"),
    ("t", "tree"),
    ("/", "filter"),
    ("f", "find"),
    ("k", "end"),
    ("z", "suspend"),
];

/// What narrows the list, then as many keys as have room, and at the right where in the list the cursor is.
fn hints(top: &Top, pen: &mut Pen<'_>) {
    let mut x = narrowed(top, pen);
    let place = format!(" {}/{}", (top.cursor + 1).min(top.lines.len()), top.lines.len());
    let room = usize::from(pen.area.width).saturating_sub(place.len());
    let has_room = x <= room;
    for (key, what) in KEYS {
        if x + key.len() + 1 + what.len() > room {
            break;
        }
        x = pen.put(x, key, STRONG);
        x = pen.put(x, &format!(" {what}  "), FAINT);
    }
    if has_room {
        pen.put_right(&place, FAINT);
    }
}

fn narrowed(top: &Top, pen: &mut Pen<'_>) -> usize {
    let mut x = 0;
    for (on, text) in
        [(top.paused, "paused"), (top.families_only, "families"), (top.kernel_hidden, "no kernel")]
    {
        if on {
            x = pen.put(x, text, REVERSED);
            x = pen.put(x, " ", Style::new());
        }
    }
    if !top.filter_text.is_empty() {
        let filter = format!("only with `{}`", text::shown(top.filter_text.as_bytes()));
        x = pen.put(x, &filter, REVERSED);
        x = pen.put(x, " ", Style::new());
    }
    x
}
