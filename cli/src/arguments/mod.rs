//! What can be asked for on the command line. Each command's options are one struct; the help, the
//! completions and the man page are made from it.

mod candidates;
pub(crate) mod examples;
pub(crate) mod parse;
mod spelling;

use crate::exit;
use crate::host::Host;
use crate::output::{Form, Output};
use crate::paint::ColorChoice;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueHint};
use parse::{SignalName, Target};
use std::env;
use std::path::PathBuf;
use std::time::Duration;

/// The machine's processes: who runs, what each has open, who talks to whom, live or at once; ends
/// them without ever hitting the wrong one.
///
/// Text for people goes to a terminal, as wide as that is and in colour; JSON and CSV on request. What
/// is not yours to see is missing, and all else is there.
#[derive(Debug, Parser)]
#[command(
    name = "polyproc",
    version,
    after_help = exit::HELP,
    after_long_help = format!("{}\n\n{}", examples::ALL, exit::HELP),
    arg_required_else_help = true,
    max_term_width = 100,
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) common: Common,
}

impl Arguments {
    /// What this program was called with.
    ///
    /// # Errors
    /// Help that was asked for, too.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        Self::try_parse_from(spelling::spelled_out(env::args_os().collect()))
    }
}

/// What every command knows.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// When to use colour
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Common options"
    )]
    pub(crate) color: ColorChoice,

    /// Look at the system below this directory, as in a container that has the host's
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = "/",
        env = "POLYPROC_ROOT",
        value_hint = ValueHint::DirPath,
        help_heading = "Common options"
    )]
    pub(crate) root: PathBuf,
}

impl Common {
    /// The system to look at.
    pub(crate) fn host(&self) -> Host {
        Host::at(&self.root)
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List processes
    Ps(Ps),
    /// Show everything about one process
    Show(Show),
    /// Show the machine: processors, memory, disks, network, sensors
    Sys(Sys),
    /// List sockets: who listens, who talks to whom
    Net(Net),
    /// End processes, and say what became of each
    Kill(Kill),
    /// Wait until processes have ended
    Wait(Wait),
    /// Watch processes, full screen
    Top(Top),
    /// Print a script that completes commands in a shell
    Completions(Completions),
    /// Print the manual page
    Man,
}

/// In which form to print.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Format {
    /// Print JSON: amounts are bytes and seconds
    #[arg(long, help_heading = "Output", conflicts_with = "csv")]
    pub(crate) json: bool,

    /// Print CSV: amounts are bytes and seconds
    #[arg(long, help_heading = "Output")]
    pub(crate) csv: bool,

    /// Do not cut lines to the width of the terminal
    #[arg(long, short = 'w', help_heading = "Output")]
    pub(crate) wide: bool,
}

impl Format {
    /// Where that goes.
    pub(crate) fn output(self, common: &Common) -> Output {
        let form = match self {
            Self { json: true, .. } => Form::Json,
            Self { csv: true, .. } => Form::Csv,
            Self { wide: true, .. } => Form::Wide,
            _ => Form::People,
        };
        Output::new(form, common.color)
    }
}

/// Which processes.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Selection {
    /// Only processes with this in their name or command line (any of them, without regard to case)
    #[arg(value_name = "TEXT", add = candidates::names())]
    pub(crate) text: Vec<String>,

    /// Only those of this user: name or number (may be repeated)
    #[arg(long, short, value_name = "USER", help_heading = "Which processes", add = candidates::users())]
    pub(crate) user: Vec<String>,

    /// Only those in this state (may be repeated)
    #[arg(long, value_name = "STATE", value_parser = parse::state_names(), help_heading = "Which processes")]
    pub(crate) state: Vec<String>,

    /// Only these pids (may be repeated, or separated by commas)
    #[arg(
        long,
        short,
        value_name = "PID",
        value_delimiter = ',',
        value_parser = parse::pid,
        help_heading = "Which processes",
        add = candidates::pids(),
    )]
    pub(crate) pid: Vec<u32>,

    /// Only families that use polyproc; with their roles
    #[arg(long, help_heading = "Which processes")]
    pub(crate) families: bool,

    /// Only workers of this pool, with their roles; `*` and `?` stand for any text and any character
    /// (may be repeated)
    #[arg(long, value_name = "NAME", help_heading = "Which processes", add = candidates::pools())]
    pub(crate) pool: Vec<String>,

    /// Leave out the kernel's own threads
    #[arg(long, short = 'K', help_heading = "Which processes")]
    pub(crate) no_kernel: bool,
}

/// Options of `ps`.
#[derive(Debug, Args)]
#[command(after_long_help = examples::PS)]
pub(crate) struct Ps {
    #[command(flatten)]
    pub(crate) selection: Selection,

    /// Only those with a socket bound to this port (may be repeated)
    #[arg(long, value_name = "PORT", help_heading = "Which processes", add = candidates::ports())]
    pub(crate) port: Vec<u16>,

    /// Which columns, in this order, separated by commas; `+NAME,...` adds to the usual ones; `help`
    /// lists them all
    #[arg(
        long,
        short,
        value_name = "COLUMNS",
        value_delimiter = ',',
        allow_hyphen_values = true,
        add = candidates::columns(),
    )]
    pub(crate) columns: Vec<String>,

    /// By which column to sort: amounts from the largest, names from A
    #[arg(long, short, value_name = "COLUMN", add = candidates::sort_columns())]
    pub(crate) sort: Option<String>,

    /// Turn the order round
    #[arg(long, short)]
    pub(crate) reverse: bool,

    /// Show children below their parents
    #[arg(long, short)]
    pub(crate) tree: bool,

    /// At most so many; of a tree the first lines
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) limit: Option<usize>,

    /// Measure processor use over this time, instead of over each process's life
    #[arg(long, short, value_name = "TIME", value_parser = parse::duration)]
    pub(crate) interval: Option<Duration>,

    #[command(flatten)]
    pub(crate) format: Format,
}

/// Options of `show`.
#[derive(Debug, Args)]
#[command(after_long_help = examples::SHOW)]
pub(crate) struct Show {
    /// Which processes: pids, or names; `*` and `?` stand for any text and any character
    #[arg(value_name = "PID|NAME", required = true, add = candidates::targets())]
    pub(crate) processes: Vec<Target>,

    /// Only these sections, separated by commas
    #[arg(long, value_name = "SECTIONS", value_delimiter = ',', value_parser = parse::section_names())]
    pub(crate) only: Vec<String>,

    #[command(flatten)]
    pub(crate) format: Format,
}

/// Options of `sys`.
#[derive(Debug, Args)]
#[command(after_long_help = examples::SYS)]
pub(crate) struct Sys {
    /// Measure processor use and traffic over this time
    #[arg(long, short, value_name = "TIME", value_parser = parse::duration, default_value = "0.5s")]
    pub(crate) interval: Duration,

    /// Also file systems that are not on a disk
    #[arg(long, short)]
    pub(crate) all: bool,

    /// Only these sections, separated by commas
    #[arg(
        long,
        value_name = "SECTIONS",
        value_delimiter = ',',
        value_parser = parse::sys_section_names(),
    )]
    pub(crate) only: Vec<String>,

    #[command(flatten)]
    pub(crate) format: Format,
}

/// Options of `net`.
#[derive(Debug, Args)]
#[command(after_long_help = examples::NET)]
pub(crate) struct Net {
    /// Only sockets of processes with this in their name
    #[arg(value_name = "TEXT", add = candidates::names())]
    pub(crate) text: Vec<String>,

    /// Only those that wait for others to connect (and unconnected UDP)
    #[arg(long, short, conflicts_with = "established")]
    pub(crate) listening: bool,

    /// Only those that are connected
    #[arg(long, short)]
    pub(crate) established: bool,

    /// Only those with this port at either end (may be repeated)
    #[arg(long, value_name = "PORT", add = candidates::ports())]
    pub(crate) port: Vec<u16>,

    /// Only those of this process (may be repeated)
    #[arg(long, short, value_name = "PID", value_delimiter = ',', value_parser = parse::pid, add = candidates::pids())]
    pub(crate) pid: Vec<u32>,

    /// Also sockets of the UNIX family
    #[arg(long, short = 'x')]
    pub(crate) unix: bool,

    #[command(flatten)]
    pub(crate) format: Format,
}

/// Options of `kill`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_long_help = examples::KILL)]
#[command(group(ArgGroup::new("whom").required(true).multiple(true).args(["pids", "name"])))]
pub(crate) struct Kill {
    /// Which processes
    #[arg(value_name = "PID", value_parser = parse::pid_to_end, add = candidates::pids())]
    pub(crate) pids: Vec<u32>,

    /// Those with this name; `*` and `?` stand for any text and any character (may be repeated)
    #[arg(long, short = 'N', value_name = "NAME", add = candidates::names())]
    pub(crate) name: Vec<String>,

    /// With a name: only those of this user (may be repeated)
    #[arg(long, short, value_name = "USER", requires = "name", add = candidates::users())]
    pub(crate) user: Vec<String>,

    /// Also their children, and theirs
    #[arg(long, short)]
    pub(crate) tree: bool,

    /// Which signal to send first; STOP suspends, CONT resumes; also `-9` and `-KILL`, as of `kill(1)`
    #[arg(long, short, value_name = "SIGNAL", default_value = "TERM", value_parser = parse::signal, add = candidates::signals())]
    pub(crate) signal: SignalName,

    /// How long they may take to end before they are killed; `0` does not wait, and kills nobody
    #[arg(long, short, value_name = "TIME", default_value = "5s", value_parser = parse::duration)]
    pub(crate) grace: Duration,

    /// Only say what would be done
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,

    /// Ask nothing, on a terminal either
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Also pid 1, this program itself and those that started it
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) format: Format,
}

/// Options of `wait`.
#[derive(Debug, Args)]
#[command(after_long_help = examples::WAIT)]
pub(crate) struct Wait {
    /// For which processes
    #[arg(value_name = "PID", required = true, value_parser = parse::pid, add = candidates::pids())]
    pub(crate) pids: Vec<u32>,

    /// Give up after this time
    #[arg(long, short, value_name = "TIME", value_parser = parse::duration)]
    pub(crate) timeout: Option<Duration>,

    /// Until the first of them has ended; one that is not there has
    #[arg(long, short)]
    pub(crate) any: bool,

    #[command(flatten)]
    pub(crate) format: Format,
}

/// Options of `top`.
#[derive(Debug, Args)]
#[command(after_long_help = examples::TOP)]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) selection: Selection,

    /// Not read at every look: named so that the error says who reads it.
    #[arg(long, hide = true)]
    pub(crate) port: Vec<u16>,

    /// Time between two looks
    #[arg(long, short, value_name = "TIME", default_value = "1.5s", value_parser = parse::delay)]
    pub(crate) delay: Duration,

    /// By which column to sort [default: cpu; in a tree pid]
    #[arg(long, short, value_name = "COLUMN", add = candidates::sort_columns())]
    pub(crate) sort: Option<String>,

    /// Show children below their parents
    #[arg(long, short)]
    pub(crate) tree: bool,

    /// End after so many frames; without a terminal they are printed as text
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) frames: Option<u64>,

    /// Print a line of JSON for each look, instead of the screen: amounts are bytes and seconds
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// Options of `completions`.
#[derive(Debug, Args)]
#[command(after_long_help = examples::COMPLETIONS)]
pub(crate) struct Completions {
    /// For which shell
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_teaches_by_example() {
        for command in Arguments::command().get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            assert!(command.get_name() == "man" || help.contains("Examples:"), "{help}");
            let taught = command.get_after_long_help().map(ToString::to_string);
            let taught = taught.unwrap_or_default();
            let folded = taught.lines().find(|line| line.len() > 80);
            assert_eq!(folded, None, "a terminal of 80 columns folds it");
        }
    }
}
