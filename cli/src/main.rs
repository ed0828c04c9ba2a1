//! `polyproc`: the machine's processes on the terminal.
//!
//! | module | what it does |
//! |---|---|
//! | [`arguments`] | what can be asked for: the help, completions and the man page come from it |
//! | [`commands`] | one file for each command: asks `polyproc-info`, makes a report |
//! | [`value`], [`table`], [`report`] | what a report holds, as data: amounts with units, columns |
//! | [`text`], [`units`], [`paint`] | how it looks |
//! | [`output`], [`exit`] | where it goes, and how the program ends |
//! | [`process`] | a process as `ps` and `top` list it: columns, filter, order, tree, role |
//! | [`top`] | the live view |
#![forbid(unsafe_code)]

mod arguments;
mod commands;
mod exit;
mod host;
mod output;
mod paint;
mod process;
mod report;
mod sockets;
mod table;
mod text;
mod top;
mod units;
mod value;

use clap::error::ErrorKind;
use std::process::ExitCode;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(report_bug));
    if commands::completions::answer() {
        return exit::Exit::Done.into();
    }
    let ended = match arguments::Arguments::read() {
        Ok(arguments) => commands::run(&arguments),
        Err(error) => explain(&error),
    };
    ended.err().unwrap_or(exit::Exit::Done).into()
}

/// A panic is a fault of ours: it is named in one line, on a terminal that can be read again.
fn report_bug(panic: &std::panic::PanicHookInfo<'_>) {
    top::rescue_terminal();
    output::say(&format!("this is a bug in polyproc, please report it: {panic}"));
}

/// Help and version go to the standard output and are no error; a wrong argument is one.
fn explain(error: &clap::Error) -> Result<(), exit::Exit> {
    // Nobody may be reading any more.
    drop(error.print());
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(()),
        _ => Err(exit::Exit::Usage),
    }
}
