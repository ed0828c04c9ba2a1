//! What a command prints, and in which form. The standard output gets data only; what is said about
//! it goes to the standard error. A reader that has seen enough (`| head`) is no error.

use crate::exit::Exit;
use crate::paint::{ColorChoice, Paint};
use crate::report::Report;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// The form of what is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// Text with units, in lines that fit the terminal.
    #[default]
    People,
    /// The same, however wide.
    Wide,
    /// One JSON value.
    Json,
    /// The table as CSV.
    Csv,
}

/// Where a command prints to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) form: Form,
    pub(crate) paint: Paint,
    /// How wide lines may be; `None` where nobody minds.
    pub(crate) width: Option<usize>,
}

impl Output {
    /// For the standard output as it is.
    pub(crate) fn new(form: Form, color: ColorChoice) -> Self {
        let paint = Paint { color: form != Form::Json && form != Form::Csv && color.wants_color() };
        let width = if form == Form::People { terminal_width() } else { None };
        Self { form, paint, width }
    }

    /// Whether a program reads it.
    pub(crate) fn is_for_programs(&self) -> bool {
        matches!(self.form, Form::Json | Form::Csv)
    }

    /// Prints a report in the form that is asked for.
    ///
    /// # Errors
    /// Those of the standard output.
    pub(crate) fn print(&self, report: &Report) -> Result<(), Exit> {
        write(&self.bytes(report))
    }

    /// Prints what became of something that was done, and ends with `end`: whether somebody reads
    /// of it or not, it is done.
    ///
    /// # Errors
    /// `end`, unless it is good; faults of the standard output.
    pub(crate) fn print_and_end(&self, report: &Report, end: Exit) -> Result<(), Exit> {
        match self.print(report) {
            Ok(()) | Err(Exit::Closed) if end == Exit::Done => Ok(()),
            Ok(()) | Err(Exit::Closed) => Err(end),
            failed => failed,
        }
    }

    /// The report in the form that is asked for.
    fn bytes(&self, report: &Report) -> Vec<u8> {
        match self.form {
            Form::People | Form::Wide => report.text(self.width, self.paint).into_bytes(),
            Form::Csv => report.csv(),
            Form::Json => {
                // The alternate form of a JSON value is indented, as people can read it, too.
                format!("{:#}\n", report.json()).into_bytes()
            }
        }
    }
}

/// As wide as the terminal is, if the standard output is one.
fn terminal_width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    crossterm::terminal::size()
        .ok()
        .map(|(columns, _)| usize::from(columns))
        .filter(|&wide| wide > 0)
}

/// Writes to the standard output, all of it or until nobody reads on.
///
/// # Errors
/// [`Exit::Closed`] when nobody reads on, and any other fault of the standard output.
pub(crate) fn write(bytes: &[u8]) -> Result<(), Exit> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Exit::Closed),
        Err(error) => Err(failed(&format!("cannot write the output: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// A line to the standard error. If nobody can hear it, then so be it.
pub(crate) fn say(message: &str) {
    drop(writeln!(io::stderr().lock(), "polyproc: {message}"));
}

/// Says what was not possible.
pub(crate) fn failed(message: &str) -> Exit {
    say(message);
    Exit::Failed
}

/// Says which argument makes no sense.
pub(crate) fn usage(message: &str) -> Exit {
    say(message);
    Exit::Usage
}
