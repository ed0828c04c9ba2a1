//! Calling cargo.

use crate::Outcome;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// Runs a command with our own output and without input.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let shown = show(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cannot start {shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}")) }
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
    fn the_workspace_has_this_crate_and_its_program() {
        let metadata = metadata().unwrap();
        assert!(has_crate(&metadata, "xtask"));
        assert_eq!(binaries(&metadata, "xtask"), ["xtask"]);
        assert_eq!(binaries(&metadata, "nothing"), [""; 0]);
    }
}
