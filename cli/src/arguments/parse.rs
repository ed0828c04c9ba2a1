//! Values of arguments.

use clap::builder::PossibleValuesParser;
use polyproc_sys::signal::Signal;
use std::ffi::OsString;
use std::time::Duration;

/// The states that a process can be in, by name.
pub(crate) const STATES: &[&str] = &[
    "running",
    "sleeping",
    "disk-sleep",
    "stopped",
    "tracing-stop",
    "zombie",
    "dead",
    "wake-kill",
    "waking",
    "idle",
    "parked",
];

/// The sections of `show`.
pub(crate) const SECTIONS: &[&str] = &[
    "process",
    "memory",
    "limits",
    "cgroup",
    "cgroup_limits",
    "threads",
    "files",
    "sockets",
    "children",
    "pools",
    "maps",
    "environment",
];

/// The sections of `sys`.
pub(crate) const SYS_SECTIONS: &[&str] = &[
    "system",
    "processors",
    "processor",
    "memory",
    "limits",
    "file_systems",
    "disks",
    "interfaces",
    "temperatures",
    "fans",
    "battery",
    "users",
];

/// For `--state`.
pub(crate) fn state_names() -> PossibleValuesParser {
    STATES.iter().copied().into()
}

/// For `--only` of `sys`.
pub(crate) fn sys_section_names() -> PossibleValuesParser {
    SYS_SECTIONS.iter().copied().into()
}

/// For `--only` of `show`.
pub(crate) fn section_names() -> PossibleValuesParser {
    SECTIONS.iter().copied().into()
}

/// A process: by its pid, or else by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Pid(u32),
    Name(OsString),
}

impl From<OsString> for Target {
    fn from(text: OsString) -> Self {
        let pid = text.to_str().and_then(|text| text.parse().ok());
        pid.map_or(Self::Name(text), Self::Pid)
    }
}

/// A pid.
///
/// # Errors
/// What to do instead, when it is a name or another thing that is no number.
pub(crate) fn pid(text: &str) -> Result<u32, String> {
    let advice = "`polyproc ps TEXT` finds those of a program";
    text.parse().map_err(|_malformed| no_pid(text, advice))
}

/// A pid for `kill`, which takes names, too.
///
/// # Errors
/// As [`pid`].
pub(crate) fn pid_to_end(text: &str) -> Result<u32, String> {
    let advice = format!("`--name '{text}'` ends those that are called so");
    text.parse().map_err(|_malformed| no_pid(text, &advice))
}

fn no_pid(text: &str, advice: &str) -> String {
    format!("`{text}` is no pid, which is a number: {advice}")
}

/// `10` and `10s` are seconds; `250ms`, `1.5m`, `2h`, `1d`.
///
/// # Errors
/// What is wrong with it, for the user.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.trim().parse().map_err(|_malformed| example(text))?;
    let scale = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err(format!("`{unit}` is no unit of time: use ms, s, m, h or d")),
    };
    Duration::try_from_secs_f64(number * scale).map_err(|_out_of_range| example(text))
}

fn example(text: &str) -> String {
    format!("`{text}` is no length of time: write it as 10s, 1.5m or 250ms")
}

/// Time between two looks of `top`.
///
/// # Errors
/// As [`duration`], and for what would keep a processor busy.
pub(crate) fn delay(text: &str) -> Result<Duration, String> {
    let delay = duration(text)?;
    let sensible = Duration::from_millis(100)..=Duration::from_hours(24);
    sensible.contains(&delay).then_some(delay).ok_or_else(|| "it must be from 100ms to 1d".into())
}

/// A signal as people name it: `TERM`, `SIGTERM`, `term`, `15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignalName(pub(crate) Signal);

/// For `--signal`.
///
/// # Errors
/// When there is no such signal.
pub(crate) fn signal(text: &str) -> Result<SignalName, String> {
    let name = text.to_ascii_uppercase();
    let short = name.strip_prefix("SIG").unwrap_or(&name);
    let by_name =
        |signal: &Signal| signal.name().and_then(|long| long.strip_prefix("SIG")) == Some(short);
    let all = (1..=64).filter_map(Signal::from_number);
    let found = match short.parse() {
        Ok(number) => Signal::from_number(number),
        Err(_) => all.into_iter().find(by_name),
    };
    found.map(SignalName).ok_or_else(|| {
        format!("there is no signal `{text}`: use a name such as TERM, KILL, HUP, INT, STOP, CONT, or a number")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_is_a_number() {
        assert_eq!(pid("4242"), Ok(4242));
        for wrong in ["", "nginx", "-1", "4294967296"] {
            assert!(pid(wrong).is_err_and(|error| error.contains("polyproc ps")), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_pid_is_a_name() {
        assert_eq!(Target::from(OsString::from("4242")), Target::Pid(4242));
        for name in ["", "nginx", "-1", "4294967296", "4 2"] {
            assert_eq!(Target::from(OsString::from(name)), Target::Name(name.into()));
        }
    }

    #[test]
    fn durations_have_units() {
        let cases = [
            ("10", 10_000),
            ("10s", 10_000),
            ("250ms", 250),
            ("1.5m", 90_000),
            ("2h", 7_200_000),
            ("0", 0),
        ];
        for (text, milliseconds) in cases {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for wrong in ["", "s", "x", "-1", "1x", "1e400s", "nan", "inf", "1e30d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert!(delay("0").is_err() && delay("100ms").is_ok());
    }

    #[test]
    fn signals_have_several_names() {
        for text in ["TERM", "SIGTERM", "term", "15"] {
            assert_eq!(signal(text), Ok(SignalName(Signal::TERM)), "{text}");
        }
        for wrong in ["", "0", "65", "TREM", "SIG"] {
            assert!(signal(wrong).is_err(), "{wrong}");
        }
        assert!(signal("34").is_ok());
    }
}
