//! `polyproc top`.

use crate::arguments::{Common, Top};
use crate::exit::Exit;
use crate::output;
use crate::process::columns::Need;
use crate::process::{Filter, Order};
use crate::top::{Failure, Live, Look, Top as State, frame, record};
use ratatui::layout::Rect;
use std::env;
use std::io::{self, IsTerminal};

/// Shows the live view; without a terminal, some frames of it as text; looks as JSON if asked for.
pub(crate) fn run(options: &Top, common: &Common) -> Result<(), Exit> {
    let live = Live {
        top: state(options).map_err(|message| output::usage(&message))?,
        look: Look { color: common.color.wants_color() },
        delay: options.delay,
        frames: options.frames,
    };
    let has_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    if options.json {
        let print = |top: &mut State| output::write(record::line(top).as_bytes()).map_err(Ended);
        return live.into_looks(common.host(), print).map_err(|ended| ended.0);
    }
    if has_terminal {
        return live.on_terminal(common.host()).map_err(|failure| complain(&failure));
    }
    if options.frames.is_none() {
        let message = "there is no terminal: `polyproc top --frames 1` prints a frame as text, \
                       `--json` looks for programs, `polyproc ps` a table";
        return Err(output::usage(message));
    }
    let mut is_first = true;
    let ended = live.into_looks(common.host(), |top| {
        let between = if std::mem::take(&mut is_first) { "" } else { "\n" };
        let frame = frame(top, area());
        output::write(format!("{between}{frame}").as_bytes()).map_err(Ended)
    });
    ended.map_err(|ended| ended.0)
}

/// The view that is asked for.
fn state(options: &Top) -> Result<State, String> {
    let chosen = options.sort.as_deref().map(|name| Order::by(name, false)).transpose()?;
    if let Some(column) = chosen.map(|order| order.column).filter(|one| !reads(one.need)) {
        let name = column.column.name;
        return Err(format!("`top` does not read the column `{name}`; `ps --sort {name}` does"));
    }
    if !options.port.is_empty() {
        return Err("`top` does not read ports; `ps --port` does".into());
    }
    let order = chosen.map_or_else(|| Order::by("cpu", false), Ok)?;
    let state = State::new(Filter::from(&options.selection), order);
    Ok(if options.tree { state.into_tree(chosen) } else { state })
}

/// Whether that is read at every look.
fn reads(need: Need) -> bool {
    matches!(need, Need::Basics | Need::Command | Need::Traffic | Need::Role)
}

/// How the text ended early.
struct Ended(Exit);

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self(complain(&failure))
    }
}

fn complain(failure: &Failure) -> Exit {
    match failure {
        Failure::Facts(error) => super::complain(error),
        Failure::Terminal(_) => output::failed(&failure.to_string()),
    }
}

/// As large as the environment says, or as terminals are.
fn area() -> Rect {
    let variable = |name, usual| {
        let value = env::var(name).ok().and_then(|value| value.parse::<u16>().ok());
        value.filter(|&value| value > 0 && value <= 1000).unwrap_or(usual)
    };
    Rect::new(0, 0, variable("COLUMNS", 80), variable("LINES", 24))
}
