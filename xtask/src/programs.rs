//! Benches and chaos: programs of the workspace, built by the release profile and run.

use crate::{Outcome, cargo};

const BENCH: &str = "polyproc-bench";
const CHAOS: &str = "polyproc-chaos";

/// `cargo xtask bench NAME [--json]`.
pub(crate) fn bench(arguments: &[String]) -> Outcome {
    program(BENCH, arguments)
}

/// `cargo xtask chaos NAME [--rounds N] [--seed N]`.
pub(crate) fn chaos(arguments: &[String]) -> Outcome {
    program(CHAOS, arguments)
}

/// A short run of every chaos program.
pub(crate) fn short_chaos() -> Outcome {
    for name in cargo::binaries(&cargo::metadata()?, CHAOS) {
        let rounds = ["--rounds", "25"].map(str::to_owned);
        program(CHAOS, &[&[name.to_owned()], &rounds[..]].concat())?;
    }
    Ok(())
}

/// Whether there is anything for [`short_chaos`] to run.
pub(crate) fn has_chaos() -> bool {
    cargo::metadata().is_ok_and(|metadata| cargo::has_crate(&metadata, CHAOS))
}

fn program(package: &str, arguments: &[String]) -> Outcome {
    let metadata = cargo::metadata()?;
    let names = cargo::binaries(&metadata, package);
    let list = || match names.join(", ") {
        none if none.is_empty() => "none".to_owned(),
        list => list,
    };
    let Some((name, rest)) = arguments.split_first() else {
        return Err(format!("which one? There are: {}", list()));
    };
    if !names.contains(&name.as_str()) {
        return Err(format!("no {name:?}; there are: {}", list()));
    }
    let mut command = cargo::cargo(&["run", "--quiet", "--release", "--package", package]);
    cargo::run(command.args(["--bin", name, "--"]).args(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_program_is_an_error_that_lists_the_known() {
        let error = bench(&["nothing".into()]).unwrap_err();
        assert!(error.starts_with("no \"nothing\"; there are: "), "{error}");
        assert!(chaos(&[]).unwrap_err().starts_with("which one?"));
    }
}
