//! Benches and chaos: programs of the workspace, built by the release profile and run.

use crate::{Outcome, cargo, facts};
use serde_json::Value;

/// What a program is for: the word that is typed, and the crates that have such programs.
///
/// Two crates of a workspace cannot both have a program `sync`. So a program may carry the word
/// before its name: `bench-sync` and `chaos-sync`.
struct Family {
    word: &'static str,
    crates: &'static [&'static str],
}

const BENCH: Family = Family {
    word: "bench",
    crates: &[
        "polyproc-bench",
        "polyproc-bench-ipc",
        "polyproc-bench-channel",
        "polyproc-bench-pool",
        "polyproc-bench-info",
    ],
};
/// Whose peer has to be fetched first.
const NEEDS_PSUTIL: &str = "polyproc-bench-info";
/// One of whose peers is so large that it is a feature, which whoever builds the workspace goes without.
const HAS_FEATURE: (&str, &str) = ("polyproc-bench-channel", "iceoryx2");
const CHAOS: Family = Family { word: "chaos", crates: &["polyproc-chaos", "polyproc-chaos-ipc"] };

/// A program: its crate, and cargo's name for it.
#[derive(Clone, Copy, Debug)]
struct Program<'a> {
    package: &'static str,
    binary: &'a str,
}

impl Family {
    fn programs<'a>(&self, metadata: &'a Value) -> Vec<Program<'a>> {
        let of = |&package| {
            let binaries = cargo::binaries(metadata, package).into_iter();
            binaries.map(move |binary| Program { package, binary })
        };
        self.crates.iter().flat_map(of).collect()
    }

    /// The name that is typed.
    fn name<'a>(&self, program: &Program<'a>) -> &'a str {
        let rest = program.binary.strip_prefix(self.word);
        rest.and_then(|rest| rest.strip_prefix('-')).unwrap_or(program.binary)
    }

    fn run(&self, arguments: &[String]) -> Outcome {
        let metadata = cargo::metadata()?;
        let programs = self.programs(&metadata);
        let list = || programs.iter().map(|one| self.name(one)).collect::<Vec<_>>().join(", ");
        let Some((name, rest)) = arguments.split_first() else {
            return Err(format!("which one? There are: {}", list()));
        };
        match programs.iter().find(|one| self.name(one) == name) {
            Some(program) => program.run(rest),
            None => Err(format!("no {name:?}; there are: {}", list())),
        }
    }
}

impl Program<'_> {
    /// Its crate is built by itself, without the features that other crates ask of what it uses:
    /// a bench of the locks must not have their crash points.
    fn run(&self, arguments: &[String]) -> Outcome {
        let Self { package, binary } = self;
        if *package == NEEDS_PSUTIL {
            facts::python_with_psutil(&cargo::target_folder(&cargo::metadata()?))?;
        }
        let mut command = cargo::cargo(&["run", "--quiet", "--release", "--package", package]);
        let (large, feature) = HAS_FEATURE;
        if *package == large {
            command.args(["--features", feature]);
        }
        cargo::run(command.args(["--bin", binary, "--"]).args(arguments))
    }
}

/// `cargo xtask bench NAME [--json]`.
pub(crate) fn bench(arguments: &[String]) -> Outcome {
    BENCH.run(arguments)
}

/// `cargo xtask chaos NAME [--rounds N] [--seed N]`.
pub(crate) fn chaos(arguments: &[String]) -> Outcome {
    CHAOS.run(arguments)
}

/// `cargo xtask hang-table`.
pub(crate) fn hang_table(arguments: &[String]) -> Outcome {
    crate::no_arguments(arguments)?;
    cargo::run(&mut cargo::cargo(&["run", "--quiet", "--package", "polyproc-hang-table"]))
}

/// A short run of every chaos program.
pub(crate) fn short_chaos() -> Outcome {
    let metadata = cargo::metadata()?;
    for program in CHAOS.programs(&metadata) {
        // A round of these is one death, of the others a whole family.
        let rounds = if program.package == "polyproc-chaos" { "25" } else { "500" };
        println!("{}:", CHAOS.name(&program));
        program.run(&["--rounds", rounds].map(str::to_owned))?;
    }
    Ok(())
}

/// Whether there is anything for [`short_chaos`] to run.
pub(crate) fn has_chaos() -> bool {
    cargo::metadata().is_ok_and(|metadata| !CHAOS.programs(&metadata).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_program_is_an_error_that_lists_the_known() {
        let error = bench(&["nothing".into()]).unwrap_err();
        assert_eq!(
            error,
            "no \"nothing\"; there are: spawn, sync, channel, pool, pool-instructions, info"
        );
        let error = chaos(&[]).unwrap_err();
        assert_eq!(error, "which one? There are: pool, process, sharing, arena, channel, sync");
    }

    #[test]
    fn no_two_programs_share_a_name() {
        let metadata = cargo::metadata().unwrap();
        let mut names: Vec<_> = [BENCH, CHAOS]
            .iter()
            .flat_map(|family| family.programs(&metadata))
            .map(|program| program.binary)
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
