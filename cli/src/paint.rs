//! Colour, where it is wanted and helps.

use clap::ValueEnum;
use clap::builder::styling::{AnsiColor, Style};
use std::env;
use std::io::IsTerminal;

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or the terminal is `dumb`
    #[default]
    Auto,
    /// Also into a file or a pipe
    Always,
    /// Nowhere
    Never,
}

impl ColorChoice {
    /// Whether the standard output gets colour.
    pub(crate) fn wants_color(self) -> bool {
        let variable = |name| env::var_os(name).unwrap_or_default();
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                std::io::stdout().is_terminal()
                    && variable("NO_COLOR").is_empty()
                    && variable("TERM") != "dumb"
                    && !variable("TERM").is_empty()
            }
        }
    }
}

/// What a piece of text is, and so how it is painted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As the terminal writes by itself.
    #[default]
    Plain,
    /// The head of a table or section.
    Head,
    /// Of little weight: nothing, zero, a line of a tree.
    Faint,
    /// Good, busy.
    Good,
    /// Worth a look.
    Warn,
    /// Wrong, or very much of something.
    Bad,
    /// A name among other things.
    Accent,
}

impl Tone {
    fn style(self) -> Style {
        let colored = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Head => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
            Self::Good => colored(AnsiColor::Green),
            Self::Warn => colored(AnsiColor::Yellow),
            Self::Bad => colored(AnsiColor::Red),
            Self::Accent => colored(AnsiColor::Cyan),
        }
    }
}

/// Paints, or leaves everything as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    /// Whether to paint at all.
    pub(crate) color: bool,
}

impl Paint {
    /// `text` in its tone. What is not to be seen is not painted either.
    pub(crate) fn apply(self, tone: Tone, text: &str) -> String {
        let style = tone.style();
        if !self.color || text.is_empty() || style.is_plain() {
            return text.to_owned();
        }
        format!("{}{text}{}", style.render(), style.render_reset())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_color_nothing_is_added() {
        let plain = Paint { color: false };
        assert_eq!(plain.apply(Tone::Bad, "x"), "x");
        let colored = Paint { color: true };
        assert_eq!(colored.apply(Tone::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(colored.apply(Tone::Plain, "x"), "x");
    }
}
