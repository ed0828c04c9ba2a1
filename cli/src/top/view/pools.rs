//! The pools of the families that use polyproc, a line each, between the machine and the processes.

use super::look::{FAINT, Look, Pen};
use crate::process::Pool;
use crate::text;
use crate::top::model::Top;
use crate::units;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// A screen lower than this has other uses for its lines.
const LOW: u16 = 16;
/// A name wider than this is cut; on a narrow screen wider than that.
const NAME: usize = 32;
const SHORT_NAME: usize = 16;

/// How many lines they take; no more than a sixth of the screen.
pub(super) fn height(top: &Top, area: Rect) -> u16 {
    let most = if area.height < LOW { 0 } else { area.height / 6 };
    most.min(u16::try_from(top.pools.len()).unwrap_or(most))
}

/// Draws them. If there is no room for all, the busiest come first, and the last line says how many there
/// are besides.
pub(super) fn draw(top: &Top, look: Look, pen: &mut Pen<'_>) {
    let lines = usize::from(height(top, pen.area));
    let room = if top.pools.len() > lines { lines.saturating_sub(1) } else { lines };
    let mut shown: Vec<_> = top.pools.iter().collect();
    if room < shown.len() {
        shown.sort_by(|one, other| busyness(other).total_cmp(&busyness(one)));
        shown.truncate(room);
    }
    let most = if pen.area.width < 100 { SHORT_NAME } else { NAME };
    let fields: Vec<_> = shown.into_iter().map(|pool| fields(pool, most)).collect();
    let widths: [usize; FIELDS] = std::array::from_fn(|at| {
        fields.iter().map(|fields| text::width(&fields[at].0)).max().unwrap_or(0)
    });
    for fields in &fields {
        line(fields, widths, look, pen);
        pen.line += 1;
    }
    if room < lines {
        let text = format!(
            "and {} more pools (`polyproc show PID` lists a program's)",
            top.pools.len() - room
        );
        pen.put(0, &text, FAINT);
        pen.line += 1;
    }
}

/// Tasks a second; of pools that have not ended one, which have some.
fn busyness(pool: &Pool) -> f64 {
    let has_some = pool.busy + pool.queued + pool.in_flight > 0;
    pool.rate.max(if has_some { 1e-3 } else { 0.0 })
}

const FIELDS: usize = 5;

/// What there is to say of a pool, and in which words.
fn fields(pool: &Pool, most: usize) -> [(String, &'static str); FIELDS] {
    let name = text::cut(&text::shown(pool.name.as_bytes()), most);
    [
        (format!("{name} of {}", pool.parent), ""),
        (pool.shown_busy(), "busy"),
        (pool.queued.to_string(), "queued"),
        (units::frequency(pool.rate), "tasks/s"),
        (pool.done.to_string(), "done"),
    ]
}

fn line(
    fields: &[(String, &'static str); FIELDS],
    widths: [usize; FIELDS],
    look: Look,
    pen: &mut Pen<'_>,
) {
    let mut x = pen.put(0, "pool ", FAINT);
    for (at, ((value, unit), width)) in fields.iter().zip(widths).enumerate() {
        // Half a number would be another one.
        if at > 0 && x + width + 1 + unit.len() > usize::from(pen.area.width) {
            break;
        }
        let blanks = if at == 0 { 0 } else { width - text::width(value) };
        let style = if at == 0 { look.role() } else { Style::new() };
        let end = pen.put(x + blanks, value, style);
        x = end.max(x + width) + 1;
        x = pen.put(x, unit, FAINT) + if at == 0 { 1 } else { 2 };
    }
}
