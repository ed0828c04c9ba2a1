//! What the shell and the manual get from the definition of the arguments.

use crate::arguments::{Arguments, Completions};
use crate::exit::Exit;
use crate::output;
use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::Roff;
use std::io;

/// `polyproc completions SHELL`.
pub(crate) fn completions(options: &Completions) -> Result<(), Exit> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "polyproc", &mut script);
    output::write(&script)
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
    for command in program.get_subcommands() {
        section(command, &mut page)?;
    }
    main.render_extra_section(&mut page)?;
    main.render_version_section(&mut page)?;
    Ok(page)
}

fn section(command: &clap::Command, page: &mut Vec<u8>) -> io::Result<()> {
    let mut head = Roff::new();
    let name = command.get_name();
    head.control("SH", [format!("POLYPROC {}", name.to_uppercase()).as_str()]);
    head.to_writer(page)?;
    let part = Man::new(command.clone());
    for render in
        [Man::render_description_section, Man::render_options_section, Man::render_extra_section]
    {
        let mut text = Vec::new();
        render(&part, &mut text)?;
        // Sections of the command are subsections of the program's page.
        page.extend(String::from_utf8_lossy(&text).replace(".SH ", ".SS ").into_bytes());
    }
    Ok(())
}
