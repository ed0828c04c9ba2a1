//! What the shell and the manual get from the definition of the arguments.

use crate::arguments::{Arguments, Completions, examples};
use crate::exit::{self, Exit};
use crate::output;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_complete::env::{CompleteEnv, Shells};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use std::{env, io};

/// How a shell's script says to this program that it wants to complete: by its own name.
const VARIABLE: &str = "POLYPROC_COMPLETE";

/// zsh reads a file of its `fpath` when it has to complete for the first time, and expects an answer
/// from it there and then, not only a function for the next time.
const AT_FIRST_TAB: &[u8] =
    b"\n[[ $funcstack[1] == _polyproc ]] && _clap_dynamic_completer_polyproc \"$@\"\n";

/// `polyproc completions SHELL`: the script asks this program at each tab, so it knows of processes,
/// and of what a later version can.
pub(crate) fn completions(options: &Completions) -> Result<(), Exit> {
    let mut script = Vec::new();
    let shell = options.shell.to_string();
    let shells = Shells::builtins();
    let written = shells.completer(&shell).map(|shell| {
        shell.write_registration(VARIABLE, "polyproc", "polyproc", "polyproc", &mut script)
    });
    match written {
        Some(Ok(())) => {
            if options.shell == Shell::Zsh {
                script.extend_from_slice(AT_FIRST_TAB);
            }
            output::write(&script)
        }
        _ => Err(output::failed(&format!("there is no script for {shell}"))),
    }
}

/// Answers a script that asks what could stand at the cursor; whether one has asked.
pub(crate) fn answer() -> bool {
    let place = env::current_dir().ok();
    let asked = CompleteEnv::with_factory(Arguments::command).var(VARIABLE);
    // Without an answer the shell has nothing to offer: there is nobody to tell.
    asked.try_complete(env::args_os(), place.as_deref()).unwrap_or(true)
}

/// `polyproc man`.
pub(crate) fn man() -> Result<(), Exit> {
    let page = page().map_err(|error| output::failed(&format!("cannot make the page: {error}")))?;
    output::write(&page)
}

/// One page: the program, and a section for each command.
fn page() -> io::Result<Vec<u8>> {
    let mut program = Arguments::command();
    program.build();
    let mut page = Vec::new();
    let main = Man::new(program.clone());
    main.render_title(&mut page)?;
    main.render_name_section(&mut page)?;
    main.render_synopsis_section(&mut page)?;
    main.render_description_section(&mut page)?;
    main.render_options_section(&mut page)?;
    for command in program.get_subcommands().filter(|command| command.get_name() != "help") {
        let title = format!("polyproc {}", command.get_name()).to_uppercase();
        Roff::new().control("SH", [title.as_str()]).to_writer(&mut page)?;
        // Sections of the command are subsections of the program's page.
        let mut part = Vec::new();
        Man::new(command.clone()).render_description_section(&mut part)?;
        Man::new(command.clone()).render_synopsis_section(&mut part)?;
        Man::new(command.clone()).render_options_section(&mut part)?;
        page.extend(String::from_utf8_lossy(&part).replace(".SH ", ".SS ").into_bytes());
        let taught = command.get_after_long_help().map(ToString::to_string);
        as_it_is("SS", "EXAMPLES", &taught.unwrap_or_default(), &mut page)?;
    }
    as_it_is("SH", "EXAMPLES", examples::ALL, &mut page)?;
    as_it_is("SH", "EXIT STATUS", exit::HELP, &mut page)?;
    as_it_is("SH", "ENVIRONMENT", ENVIRONMENT, &mut page)?;
    main.render_version_section(&mut page)?;
    Ok(page)
}

const ENVIRONMENT: &str = "\
Environment:
  NO_COLOR        not empty: no colour, unless `--color always` asks for it
  TERM            `dumb`: the same
  POLYPROC_ROOT   what `--root` is when it is not given
  COLUMNS, LINES  how large a frame of `top` is that goes to no terminal";

/// What stands below the options in the help, line by line as it is there, but for its own heading.
fn as_it_is(section: &str, title: &str, text: &str, page: &mut Vec<u8>) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut roff = Roff::new();
    roff.control(section, [title]).control("nf", []);
    let headings = ["Examples:", "Exit codes:", "Environment:"];
    for line in text.lines().filter(|line| !headings.contains(line)) {
        roff.text([roman(line)]);
    }
    roff.control("fi", []).to_writer(page)
}
