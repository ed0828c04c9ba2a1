//! `polyproc-info` against psutil, on this machine as it is.

use crate::{Outcome, cargo};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The one that the semantics are taken from.
const PSUTIL: &str = "psutil==7.2.2";

/// `cargo xtask facts`.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    crate::no_arguments(arguments)?;
    let target = cargo::target_folder(&cargo::metadata()?);
    let python = python_with_psutil(&target)?;
    cargo::run(&mut cargo::cargo(&["build", "--quiet", "--package", "polyproc-facts"]))?;
    let script = cargo::root().join("testkit/facts/compare.py");
    let program = target.join("debug/polyproc-facts");
    cargo::run(Command::new(&python).arg(&script).arg(&program))?;
    // Once more as a user who may see little, if we can become one.
    let is_superuser = cargo::succeeds(Command::new("sh").args(["-c", "test $(id -u) = 0"]));
    if is_superuser {
        cargo::run(Command::new(&python).arg(&script).arg(&program).arg("--nobody"))?;
    }
    Ok(())
}

/// A Python that has psutil, in a virtual environment of its own below the target folder; made, with
/// psutil from the registry, when it is not there.
pub(crate) fn python_with_psutil(target: &Path) -> Result<PathBuf, String> {
    let folder = target.join(PSUTIL.replace("==", "-"));
    let python = folder.join("bin/python");
    if !cargo::succeeds(Command::new(&python).args(["-c", "import psutil"])) {
        cargo::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PSUTIL];
        cargo::run(Command::new(&python).args(install))?;
    }
    Ok(python)
}
