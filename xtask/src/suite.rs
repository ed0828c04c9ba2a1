//! What must pass before a change lands, cheapest first.

use crate::steps::Steps;
use crate::{Outcome, cargo, facts, layers, programs, variants};
use std::process::Command;

/// `cargo xtask test`.
pub(crate) fn test(arguments: &[String]) -> Outcome {
    let keep_going = match arguments {
        [] => false,
        [flag] if flag == "--keep-going" => true,
        [word, ..] => return Err(format!("unexpected argument {word:?}")),
    };
    let mut steps = Steps::new(keep_going);
    steps
        .run("tools", install_components)
        .run("format", format)
        .run("layers", || layers::run(&[]))
        .run("clippy", clippy)
        .run("platform seam", platform_seam)
        .run("documentation", documentation);
    test_steps(&mut steps);
    steps.run("documentation examples", || {
        cargo::run(&mut cargo::cargo(&["test", "--workspace", "--doc"]))
    });
    steps.run("interleavings, by loom", || loom(&[]));
    steps.run("the bench without crash points", || {
        cargo::run(&mut cargo::cargo(&["test", "--package", "polyproc-bench-ipc"]))
    });
    steps.run("facts, compared with psutil", || facts::run(&[]));
    steps.run("build variants", || variants::run(&[]));
    if programs::has_chaos() {
        steps.run("chaos, short", programs::short_chaos);
        steps.run("the hang table", || programs::hang_table(&[]));
    }
    steps.close()
}

/// `cargo xtask lint`.
pub(crate) fn lint(arguments: &[String]) -> Outcome {
    crate::no_arguments(arguments)?;
    install_components()?;
    format()?;
    clippy()?;
    documentation()
}

/// `cargo xtask loom`: all interleavings of the algorithms of `ipc/`. Another cfg, so another target
/// folder: this one would be built anew each time.
pub(crate) fn loom(arguments: &[String]) -> Outcome {
    crate::no_arguments(arguments)?;
    model(&["--package", "polyproc-sync", "--test", "loom"])?;
    model(&["--package", "polyproc-channel", "--lib"])
}

fn model(which: &[&str]) -> Outcome {
    let folder = cargo::target_folder(&cargo::metadata()?).join("loom");
    let mut command = cargo::cargo(&["test", "--release"]);
    command.args(which);
    command.arg("--target-dir").arg(folder).env("RUSTFLAGS", "--cfg loom");
    if std::env::var_os("LOOM_MAX_PREEMPTIONS").is_none() {
        // Two find nearly every bug, as loom's authors say, and take seconds.
        command.env("LOOM_MAX_PREEMPTIONS", "2");
    }
    cargo::run(&mut command)
}

/// With nextest, which gives each test a process and ends those that hang; and some of it by plain
/// `cargo test` too, where all tests of a program are threads of one process.
fn test_steps(steps: &mut Steps) {
    if !has_nextest() {
        let all = ["test", "--workspace", "--lib", "--bins", "--tests", "--examples"];
        steps.run("tests", || cargo::run(&mut cargo::cargo(&all)));
        return;
    }
    let all = ["nextest", "run", "--workspace"];
    steps.run("tests, by nextest", || cargo::run(&mut cargo::cargo(&all)));
    steps.run("tests, by cargo test", || {
        let metadata = cargo::metadata()?;
        let package =
            if cargo::has_crate(&metadata, "polyproc") { "polyproc" } else { "polyproc-sys" };
        cargo::run(&mut cargo::cargo(&["test", "--package", package, "--lib", "--tests"]))
    });
}

fn has_nextest() -> bool {
    cargo::succeeds(&mut cargo::cargo(&["nextest", "--version"]))
}

/// rustfmt and clippy are parts of the toolchain that a minimal installation leaves out.
fn install_components() -> Outcome {
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !cargo::succeeds(&mut cargo::cargo(&[tool, "--version"])) {
            cargo::run(Command::new("rustup").args(["component", "add", component]))?;
        }
    }
    Ok(())
}

fn format() -> Outcome {
    cargo::run(&mut cargo::cargo(&["fmt", "--all", "--check"]))
}

fn clippy() -> Outcome {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-Dwarnings"];
    cargo::run(&mut cargo::cargo(&arguments))
}

fn documentation() -> Outcome {
    let arguments = ["doc", "--workspace", "--no-deps", "--features", "polyproc/async"];
    cargo::run(cargo::cargo(&arguments).env("RUSTDOCFLAGS", "-Dwarnings"))
}

/// The back end for platforms that are not there yet compiles, without a warning.
fn platform_seam() -> Outcome {
    let folder = cargo::target_folder(&cargo::metadata()?).join("unsupported");
    let mut command = cargo::cargo(&["check", "--package", "polyproc-sys", "--target-dir"]);
    let flags = "--cfg polyproc_unsupported -Dwarnings";
    cargo::run(command.arg(folder).env("RUSTFLAGS", flags))
}
