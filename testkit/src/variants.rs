//! One program, built in every way that people build programs.

use std::path::Path;
use std::process::Command;

/// A way to build a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its name, also that of its folder of build products.
    pub name: &'static str,
    /// By the release profile instead of the debug one.
    pub release: bool,
    /// Settings of the profile, as the variables that cargo reads.
    pub profile: &'static [(&'static str, &'static str)],
    /// Flags for every crate of the program.
    pub rust_flags: &'static str,
    /// Builds for the host by its name, which keeps the flags from build scripts and macros.
    pub names_target: bool,
}

impl Variant {
    const PLAIN: Self =
        Self { name: "debug", release: false, profile: &[], rust_flags: "", names_target: false };

    /// As `cargo build` does.
    pub const DEBUG: Self = Self::PLAIN;

    /// As `cargo build --release` does.
    pub const RELEASE: Self = Self { name: "release", release: true, ..Self::PLAIN };

    /// Everything in one unit of code: functions move, merge and vanish the most.
    pub const FAT_LTO: Self = Self {
        name: "fat-lto",
        release: true,
        profile: &[
            ("CARGO_PROFILE_RELEASE_LTO", "fat"),
            ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
        ],
        ..Self::PLAIN
    };

    /// A panic ends the process by `SIGABRT`.
    pub const PANIC_ABORT: Self = Self {
        name: "panic-abort",
        release: true,
        profile: &[("CARGO_PROFILE_RELEASE_PANIC", "abort")],
        ..Self::PLAIN
    };

    /// Crates in shared libraries wherever that can be, std among them.
    pub const DYNAMIC: Self =
        Self { name: "dynamic", rust_flags: "-Cprefer-dynamic", ..Self::PLAIN };

    /// The C runtime inside the program file: no loader, no shared library.
    pub const STATIC: Self = Self {
        name: "static",
        rust_flags: "-Ctarget-feature=+crt-static",
        names_target: true,
        ..Self::PLAIN
    };

    /// `cargo VERB` of the program whose manifest that is, with build products below `folder`.
    pub fn cargo(&self, verb: &str, manifest: &Path, folder: &Path) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        command
            .args([verb, "--quiet", "--manifest-path"])
            .arg(manifest)
            .arg("--target-dir")
            .arg(folder.join(self.folder()))
            .envs(self.profile.iter().copied())
            .env("RUSTFLAGS", self.rust_flags)
            // It would win over RUSTFLAGS.
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        if self.release {
            command.arg("--release");
        }
        if self.names_target {
            command.args(["--target", HOST]);
        }
        command
    }

    /// Variants that differ by profile alone share a folder: cargo tells them apart, and what they
    /// have in common (macros above all) is built once.
    fn folder(&self) -> &'static str {
        if self.rust_flags.is_empty() { "profiles" } else { self.name }
    }
}

/// The host's name for rustc.
const HOST: &str = if cfg!(target_env = "musl") {
    if cfg!(target_arch = "aarch64") {
        "aarch64-unknown-linux-musl"
    } else {
        "x86_64-unknown-linux-musl"
    }
} else if cfg!(target_arch = "aarch64") {
    "aarch64-unknown-linux-gnu"
} else {
    "x86_64-unknown-linux-gnu"
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_with_deadline;
    use std::time::Duration;
    use std::{env, fs};

    #[test]
    fn a_program_is_built_as_the_variant_says() {
        let folder = env::temp_dir().join(format!("polyproc-variants-{}", std::process::id()));
        let manifest = folder.join("Cargo.toml");
        fs::create_dir_all(folder.join("src")).unwrap();
        let package =
            "[package]\nname = 'shown'\nversion = '0.0.0'\nedition = '2024'\n[workspace]\n";
        fs::write(&manifest, package).unwrap();
        let program = "fn main() { print!(\"{} {} {}\", cfg!(debug_assertions), \
            cfg!(panic = \"abort\"), cfg!(target_feature = \"crt-static\")); }";
        fs::write(folder.join("src/main.rs"), program).unwrap();
        let expected = [
            (Variant::DEBUG, "true false false"),
            (Variant::PANIC_ABORT, "false true false"),
            (Variant::STATIC, "true false true"),
        ];
        for (variant, text) in expected {
            let command = variant.cargo("run", &manifest, &folder.join("target"));
            let output = run_with_deadline(command, Duration::from_mins(2));
            let (out, err) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
            assert_eq!(String::from_utf8_lossy(out), text, "{}: {err}", variant.name);
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
