//! One file for each command.

mod completions;

use crate::arguments::{Arguments, Command};
use crate::exit::Exit;

/// Does what the arguments ask for.
///
/// # Errors
/// How the program is to end, if not well. What there is to say has been said.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    match &arguments.command {
        Command::Completions(options) => completions::completions(options),
        Command::Man => completions::man(),
        _ => Err(Exit::Failed),
    }
}
