//! A program that uses every start method, built in every way that people build programs.

use crate::{Outcome, cargo};
use polyproc_testkit::try_run;
use polyproc_testkit::variants::Variant;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A program of its own under `testkit/variants/`, and how it is built.
struct Case {
    program: &'static str,
    variant: Variant,
    /// Whether it is built in the time that a developer waits for.
    is_quick: bool,
}

const CASES: &[Case] = &[
    Case { program: "smoke", variant: Variant::DEBUG, is_quick: true },
    Case { program: "smoke", variant: Variant::RELEASE, is_quick: true },
    Case { program: "smoke", variant: Variant::FAT_LTO, is_quick: true },
    Case { program: "smoke", variant: Variant::PANIC_ABORT, is_quick: true },
    Case { program: "dylib", variant: Variant::DYNAMIC, is_quick: true },
    Case { program: "smoke", variant: Variant::STATIC, is_quick: true },
];

/// `cargo xtask variants [NAME...]`.
pub(crate) fn run(names: &[String]) -> Outcome {
    let is_known = |name: &&String| CASES.iter().any(|case| case.variant.name == **name);
    if let Some(name) = names.iter().find(|name| !is_known(name)) {
        let known: Vec<_> = CASES.iter().map(|case| case.variant.name).collect();
        return Err(format!("no variant {name:?}; there are: {}", known.join(", ")));
    }
    let is_meant =
        |case: &&Case| names.is_empty() || names.iter().any(|name| name == case.variant.name);
    CASES.iter().filter(is_meant).try_for_each(check)
}

/// Those that every run of the tests can afford.
pub(crate) fn quick() -> Outcome {
    CASES.iter().filter(|case| case.is_quick).try_for_each(check)
}

/// Whether there is a program to build.
pub(crate) fn has_program() -> bool {
    manifest("smoke").exists()
}

fn manifest(program: &str) -> PathBuf {
    cargo::root().join("testkit/variants").join(program).join("Cargo.toml")
}

/// Builds, runs and expects `ok`.
fn check(case: &Case) -> Outcome {
    let Case { program, variant, .. } = case;
    let folder = cargo::target_folder(&cargo::metadata()?).join("variants");
    let manifest = manifest(program);
    let started = Instant::now();
    cargo::run(&mut variant.cargo("build", &manifest, &folder))
        .map_err(|error| format!("{}: {error}", variant.name))?;
    let command = variant.cargo("run", &manifest, &folder);
    let output = try_run(command, Duration::from_mins(1))
        .map_err(|error| format!("{}: {error}", variant.name))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || printed.trim_end() != "ok" {
        let errors = String::from_utf8_lossy(&output.stderr);
        let (name, status) = (variant.name, output.status);
        return Err(format!("{name}: {status}\n{printed}{errors}"));
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("variant {:<12} ok in {seconds:.1} s", variant.name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_variant_is_an_error_that_lists_the_known() {
        let error = run(&["thin".into()]).unwrap_err();
        assert!(error.contains("no variant \"thin\"") && error.contains("fat-lto"), "{error}");
    }

    #[test]
    fn every_case_has_a_name_of_its_own() {
        let mut names: Vec<_> = CASES.iter().map(|case| case.variant.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CASES.len());
    }
}
