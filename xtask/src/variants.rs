//! A program that uses every start method, built in every way that people build programs.

use crate::{Outcome, cargo};
use polyproc_testkit::try_run;
use polyproc_testkit::variants::Variant;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Which program under `testkit/variants/` is built how.
const CASES: &[(&str, Variant)] = &[
    ("smoke", Variant::DEBUG),
    ("smoke", Variant::RELEASE),
    ("smoke", Variant::FAT_LTO),
    ("smoke", Variant::PANIC_ABORT),
    ("dylib", Variant::DYNAMIC),
    ("smoke", Variant::STATIC),
];

/// `cargo xtask variants [NAME...]`.
pub(crate) fn run(names: &[String]) -> Outcome {
    let known: Vec<_> = CASES.iter().map(|(_, variant)| variant.name).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("no variant {name:?}; there are: {}", known.join(", ")));
    }
    let is_meant =
        |variant: &Variant| names.is_empty() || names.iter().any(|name| name == variant.name);
    let mut meant = CASES.iter().filter(|(_, variant)| is_meant(variant));
    meant.try_for_each(|(program, variant)| check(program, variant))
}

fn manifest(program: &str) -> PathBuf {
    cargo::root().join("testkit/variants").join(program).join("Cargo.toml")
}

/// Builds, runs and expects `ok`.
fn check(program: &str, variant: &Variant) -> Outcome {
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
        let mut names: Vec<_> = CASES.iter().map(|(_, variant)| variant.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CASES.len());
    }
}
