//! What lies over the list for a while: a question, a choice, the help.

use super::keys::BINDINGS;
use super::model::{Mode, ORDERS, Question, Top};
use super::view::look::{REVERSED, STRONG};
use crate::process::columns;
use crate::text;
use polyproc_sys::signal::Signal;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph, Widget};

/// Draws what the mode asks for, if anything.
pub(crate) fn draw(top: &Top, area: Rect, buffer: &mut Buffer) {
    match &top.mode {
        Mode::Help => over("keys", &help(), area, buffer),
        Mode::Order(at) => over("sort by", &orders(*at, area), area, buffer),
        Mode::Confirm(question) => {
            over(&question.signal.to_string(), &asked(question), area, buffer);
        }
        Mode::Browse | Mode::Filter | Mode::Find => {}
    }
}

/// A frame in the middle, as large as its lines need and the screen allows.
fn over(title: &str, lines: &[Line<'_>], area: Rect, buffer: &mut Buffer) {
    let widest = lines.iter().map(Line::width).max().unwrap_or(0).max(title.len()) as u16;
    let (width, height) = ((widest + 4).min(area.width), (lines.len() as u16 + 2).min(area.height));
    let frame = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    Clear.render(frame, buffer);
    let block = Block::bordered().title(format!(" {title} "));
    let padded = lines.iter().cloned().map(|mut line| {
        line.spans.insert(0, " ".into());
        line
    });
    Paragraph::new(padded.collect::<Vec<_>>()).block(block).render(frame, buffer);
}

fn help() -> Vec<Line<'static>> {
    let shown = BINDINGS.iter().filter(|binding| !binding.shown.is_empty());
    shown
        .map(|binding| {
            let blanks = " ".repeat(10_usize.saturating_sub(text::width(binding.shown)));
            Line::from_iter([
                ratatui::text::Span::styled(binding.shown, STRONG),
                format!("{blanks}{}", binding.doc).into(),
            ])
        })
        .collect()
}

fn orders(at: usize, area: Rect) -> Vec<Line<'static>> {
    let doc = |name: &&str| columns::find(name).map_or("", |one| one.column.doc);
    let lines = ORDERS.iter().enumerate().map(|(index, name)| {
        let style = if index == at { REVERSED } else { Style::new() };
        let short = area.width < 60;
        let text = if short { (*name).to_owned() } else { format!("{name:<12}{}", doc(name)) };
        Line::styled(text, style)
    });
    // On a low screen, those around the cursor.
    let room = usize::from(area.height.saturating_sub(2)).max(1);
    lines.skip((at + 1).saturating_sub(room)).collect()
}

fn asked(question: &Question) -> Vec<Line<'static>> {
    let Question { signal, target, below } = question;
    let what = match *signal {
        Signal::TERM => "ask to end",
        Signal::KILL => "kill",
        Signal::STOP => "suspend",
        Signal::CONT => "resume",
        _ => "signal",
    };
    let mut lines = vec![
        Line::styled(format!("{what} {} (pid {})?", target.name, target.identity.pid), STRONG),
        Line::default(),
        Line::from("y  yes"),
    ];
    if !below.is_empty() {
        let names: Vec<_> = below.iter().take(3).map(|one| one.name.as_str()).collect();
        let more = if below.len() > 3 { ", …" } else { "" };
        lines.push(
            format!("a  also the {} below it: {}{more}", below.len(), names.join(", ")).into(),
        );
    }
    lines.push(Line::from("any other key: no"));
    lines
}
