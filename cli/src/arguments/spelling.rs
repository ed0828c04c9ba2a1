//! What fingers are used to: `kill -9 PID` and `kill -KILL PID`, as of `kill(1)`.

use super::parse;
use std::ffi::OsString;

/// Common options whose value may be a word of its own.
const WITH_VALUE: [&str; 2] = ["--color", "--root"];

/// The same with `-9` and `-KILL` behind `kill` spelled out as `--signal=9`. Anything else is left as it is.
pub(crate) fn spelled_out(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let Some(command) = place_of_command(&arguments) else { return arguments };
    if arguments[command] != "kill" {
        return arguments;
    }
    let options = arguments[command..].iter_mut().take_while(|argument| *argument != "--");
    for argument in options {
        if let Some(signal) = bare_signal(argument) {
            *argument = format!("--signal={signal}").into();
        }
    }
    arguments
}

/// The first word that is neither an option nor the value of one.
fn place_of_command(arguments: &[OsString]) -> Option<usize> {
    let mut is_value = true; // The program's own name stands first.
    arguments.iter().position(|argument| {
        let text = argument.to_str().unwrap_or_default();
        let is_command = !is_value && !text.starts_with('-');
        is_value = WITH_VALUE.contains(&text);
        is_command
    })
}

/// The signal of `-9` or `-KILL`. Options of `kill` are of one letter or of small ones.
fn bare_signal(argument: &OsString) -> Option<&str> {
    let name = argument.to_str()?.strip_prefix('-')?;
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = name.len() > 1
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    ((is_number || is_name) && parse::signal(name).is_ok()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(line: &str) -> String {
        let words = line.split(' ').map(OsString::from).collect();
        let spelled: Vec<_> =
            spelled_out(words).into_iter().map(|word| word.into_string().unwrap()).collect();
        spelled.join(" ")
    }

    #[test]
    fn a_signal_may_stand_by_itself() {
        assert_eq!(spelled("polyproc kill -9 42"), "polyproc kill --signal=9 42");
        assert_eq!(
            spelled("polyproc --root /x kill 42 -KILL"),
            "polyproc --root /x kill 42 --signal=KILL"
        );
        assert_eq!(spelled("polyproc kill -SIGUSR1 42"), "polyproc kill --signal=SIGUSR1 42");
    }

    #[test]
    fn all_else_stays() {
        for line in [
            "polyproc",
            "kill -9 42",
            "polyproc ps kill -9",
            "polyproc --color kill ps -9",
            "polyproc kill -N TERM -n -g 9 -ty",
            "polyproc kill -NAME -0 -65 - --",
            "polyproc kill -- -9",
        ] {
            assert_eq!(spelled(line), line);
        }
    }
}
