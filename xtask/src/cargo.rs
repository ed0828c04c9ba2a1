//! Calling cargo.

use crate::Outcome;
use serde_json::Value;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Of a failed command's output, CI shows so many lines from its end.
const LAST_LINES: usize = 200;
/// And so many of those before that have one of these words, or come right after a panic's place.
const TELLING_LINES: usize = 80;
const FAILURES: [&str; 16] = [
    "FAIL",
    "TIMEOUT",
    "LEAK",
    "SIGABRT",
    "SIGSEGV",
    "SIGKILL",
    "TERMINATING",
    "error:",
    "error[",
    PANIC,
    "failures:",
    "no end within",
    "left behind",
    "DIFFER",
    "--seed",
    "POLYPROC_SEED",
];
/// The message is in the next line.
const PANIC: &str = "panicked at";
/// Longer ones are cut.
const LONGEST_LINE: usize = 500;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// `cargo ARGUMENTS` in the repository, by the cargo that runs this program.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.current_dir(root()).args(arguments);
    // Set by `cargo run` for us, and wrong for anybody else.
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME"] {
        command.env_remove(name);
    }
    command
}

/// Runs a command without input. Its output is ours; in CI, which keeps little of it, only what matters
/// of a failure.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let shown = show(command);
    let log = if std::env::var_os("CI").is_some() { Some(Log::attach(command)?) } else { None };
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cannot start {shown}: {error}"))?;
    if status.success() {
        return Ok(());
    }
    let told = log.map(Log::excerpt).unwrap_or_default();
    Err(format!("{shown}: {status}{told}"))
}

/// The output of a command, in a file without a name.
struct Log(File);

impl Log {
    fn attach(command: &mut Command) -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("polyproc-xtask-{}.log", std::process::id()));
        let cannot = |error| format!("cannot write {}: {error}", path.display());
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(cannot)?;
        std::fs::remove_file(&path).map_err(cannot)?;
        let [stdout, stderr] =
            [file.try_clone().map_err(cannot)?, file.try_clone().map_err(cannot)?];
        command.stdout(stdout).stderr(stderr);
        Ok(Self(file))
    }

    /// The lines that speak of a failure, and the last ones.
    fn excerpt(mut self) -> String {
        let mut bytes = Vec::new();
        let read = self.0.rewind().and_then(|()| self.0.read_to_end(&mut bytes));
        match read {
            Ok(_) => excerpt(&String::from_utf8_lossy(&bytes)),
            Err(error) => format!("\nIts output cannot be read: {error}"),
        }
    }
}

fn excerpt(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let lines: Vec<_> = text.lines().map(cut).collect();
    let (before, last) = lines.split_at(lines.len().saturating_sub(LAST_LINES));
    let is_telling = |index: &usize| {
        let is_message = index.checked_sub(1).is_some_and(|place| before[place].contains(PANIC));
        is_message || FAILURES.iter().any(|word| before[*index].contains(word))
    };
    let telling = (0..before.len()).filter(is_telling).take(TELLING_LINES);
    let telling: Vec<_> = telling.map(|index| before[index]).collect();
    [&["", "Of its output, what speaks of failures:"], &*telling, &["And the end:"], last]
        .concat()
        .join("\n")
}

fn cut(line: &str) -> &str {
    let end = line.char_indices().nth(LONGEST_LINE).map_or(line.len(), |(end, _)| end);
    &line[..end]
}

/// Whether a command runs and succeeds; its output is thrown away.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// What `cargo metadata` says of the workspace's own crates.
pub(crate) fn metadata() -> Result<Value, String> {
    let mut command = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start cargo metadata: {error}"))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cannot read the output of cargo metadata: {error}"))
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder(metadata: &Value) -> PathBuf {
    match metadata["target_directory"].as_str() {
        Some(folder) => folder.into(),
        None => root().join("target"),
    }
}

/// Whether the workspace has a crate of that name.
pub(crate) fn has_crate(metadata: &Value, name: &str) -> bool {
    packages(metadata).any(|package| package["name"] == name)
}

/// The names of the programs of a crate; none when there is no such crate.
pub(crate) fn binaries<'a>(metadata: &'a Value, name: &str) -> Vec<&'a str> {
    packages(metadata)
        .filter(|package| package["name"] == name)
        .flat_map(|package| package["targets"].as_array().into_iter().flatten())
        .filter(|target| target["kind"][0] == "bin")
        .filter_map(|target| target["name"].as_str())
        .collect()
}

pub(crate) fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    let words = [program].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_fails_is_named() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(error, "sh -c exit 3: exit status: 3");
        let error = run(&mut Command::new("/no/such/program")).unwrap_err();
        assert!(error.starts_with("cannot start program:"), "{error}");
    }

    #[test]
    fn an_excerpt_has_failures_and_the_end() {
        let mut lines = vec!["noise".to_owned(); 500];
        lines[7] = "FAIL a_test".into();
        lines[9] = "thread 'main' panicked at here.rs:1:2:".into();
        lines[10] = format!("it is {}", "é".repeat(10_000));
        lines[499] = "the end".into();
        let excerpt = excerpt(&lines.join("\n"));
        assert!(excerpt.contains("FAIL a_test") && excerpt.ends_with("the end"), "{excerpt}");
        assert!(excerpt.contains("here.rs:1:2:\nit is ééé"), "{excerpt}");
        assert!(excerpt.lines().count() < 2 * LAST_LINES && excerpt.len() < 20_000);
    }

    #[test]
    fn the_workspace_has_this_crate_and_its_program() {
        let metadata = metadata().unwrap();
        assert!(has_crate(&metadata, "xtask"));
        assert_eq!(binaries(&metadata, "xtask"), ["xtask"]);
        assert_eq!(binaries(&metadata, "nothing"), [""; 0]);
    }
}
