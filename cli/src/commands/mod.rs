//! One file for each command: asks, makes a report, prints it.

pub(crate) mod completions;
mod kill;
mod limits;
mod net;
mod ps;
mod show;
mod sys;
mod top;
mod wait;

use crate::arguments::{Arguments, Command};
use crate::exit::Exit;
use crate::output::say;
use polyproc_info::Error;

/// Does what the arguments ask for.
///
/// # Errors
/// How the program is to end, if not well. What there is to say has been said.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let common = &arguments.common;
    match &arguments.command {
        Command::Ps(options) => ps::run(options, common),
        Command::Show(options) => show::run(options, common),
        Command::Sys(options) => sys::run(options, common),
        Command::Net(options) => net::run(options, common),
        Command::Kill(options) => kill::run(options, common),
        Command::Wait(options) => wait::run(options, common),
        Command::Completions(options) => completions::completions(options),
        Command::Man => completions::man(),
        Command::Top(options) => top::run(options, common),
    }
}

/// Says what went wrong, and what may help.
fn complain(error: &Error) -> Exit {
    match error {
        Error::Gone { .. } => {
            say(&error.to_string());
            return Exit::NothingFound;
        }
        Error::Denied { .. } => say(&format!("{error}; try as root")),
        _ => say(&error.to_string()),
    }
    Exit::Failed
}
