//! The layers of the architecture: folders, and dependencies that point downwards only.

use crate::{Outcome, cargo};
use serde_json::Value;
use std::fmt;

/// The folders from the bottom up. A crate may use those of lower folders. The last row is one
/// layer: fronts, which know nothing of each other.
const LAYERS: &[&[&str]] =
    &[&["os"], &["ipc"], &["engine"], &["api"], &["cli", "python", "examples"]];

/// Folders outside the layers: they may use anything, and nothing but tests may use them.
const TOOLS: &[&str] = &["testkit", "bench", "fuzz", "xtask"];

/// Edges between two crates of the same layer: the first may use the others.
const WITHIN: &[(&str, &[&str])] = &[
    ("polyproc-info", &["polyproc-sys"]),
    ("polyproc-shm", &["polyproc-sync"]),
    ("polyproc-channel", &["polyproc-shm", "polyproc-sync"]),
    ("polyproc-pool", &["polyproc-process"]),
    ("polyproc", &["polyproc-macros"]),
];

/// Edges to a lower layer that are narrower than the folders say: what these crates may use of the
/// workspace is this and no more.
const NARROW: &[(&str, &[&str])] = &[
    ("polyproc-sync", &["polyproc-sys"]),
    ("polyproc-shm", &["polyproc-sync", "polyproc-sys"]),
    ("polyproc-connection", &["polyproc-sys"]),
    ("polyproc-pool", &["polyproc-process", "polyproc-channel", "polyproc-sync", "polyproc-sys"]),
    ("polyproc-macros", &[]),
];

/// The only crate that calls the kernel.
const KERNEL_CRATE: &str = "polyproc-sys";

/// Bytes below, types above: below `api` nobody knows how a value becomes bytes.
const FOREIGN_BELOW_API: &[&str] = &["serde", "pyo3"];

/// `cargo xtask layers`.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    crate::no_arguments(arguments)?;
    let metadata = cargo::metadata()?;
    let crates = crates(&metadata);
    let violations = violations(&crates);
    match violations.as_slice() {
        [] => {
            println!("layers: {} crates, every edge points down", crates.len());
            Ok(())
        }
        list => {
            let lines: Vec<_> = list.iter().map(|one| format!("\n  {one}")).collect();
            Err(format!("layers:{}", lines.concat()))
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Layer(usize),
    Tool,
    Unknown,
}

/// A crate of the workspace.
#[derive(Debug)]
struct Crate<'a> {
    name: &'a str,
    /// Its folder, from the repository's root.
    folder: &'a str,
    /// Name of what it uses, and whether only for its tests.
    uses: Vec<(&'a str, bool)>,
}

impl Crate<'_> {
    fn place(&self) -> Place {
        let top = self.folder.split('/').next().unwrap_or_default();
        match LAYERS.iter().position(|folders| folders.contains(&top)) {
            Some(layer) => Place::Layer(layer),
            None if TOOLS.contains(&top) => Place::Tool,
            None => Place::Unknown,
        }
    }

    fn is_below_api(&self) -> bool {
        let api = LAYERS.iter().position(|folders| folders.contains(&"api"));
        matches!((self.place(), api), (Place::Layer(layer), Some(api)) if layer < api)
    }
}

/// An edge that is not allowed, and by which rule.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    from: String,
    to: String,
    rule: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}: {}", self.from, self.to, self.rule)
    }
}

fn crates(metadata: &Value) -> Vec<Crate<'_>> {
    let root = metadata["workspace_root"].as_str().unwrap_or_default();
    cargo::packages(metadata)
        .map(|package| {
            let manifest = package["manifest_path"].as_str().unwrap_or_default();
            let path = manifest.strip_prefix(root).unwrap_or(manifest);
            let dependencies = package["dependencies"].as_array().into_iter().flatten();
            Crate {
                name: package["name"].as_str().unwrap_or_default(),
                folder: path.trim_start_matches('/').trim_end_matches("/Cargo.toml"),
                uses: dependencies
                    .map(|used| {
                        let name = used["name"].as_str().unwrap_or_default();
                        (name, used["kind"] == "dev")
                    })
                    .collect(),
            }
        })
        .collect()
}

fn violations(crates: &[Crate<'_>]) -> Vec<Violation> {
    let mut found = Vec::new();
    for from in crates {
        let mut report = |to: &str, rule| {
            found.push(Violation { from: from.name.to_owned(), to: to.to_owned(), rule });
        };
        if from.place() == Place::Unknown {
            report(from.folder, "this folder is no layer (xtask/src/layers.rs lists them)");
        }
        for &(name, is_dev) in &from.uses {
            let broken = match crates.iter().find(|one| one.name == name) {
                Some(to) => broken_inside(from, to, is_dev),
                // A test may do by hand what its subject is to survive.
                None if is_dev && name == "libc" => None,
                None => broken_outside(from, name),
            };
            if let Some(rule) = broken {
                report(name, rule);
            }
        }
    }
    found
}

/// The rule that an edge between two crates of the workspace breaks.
fn broken_inside(from: &Crate<'_>, to: &Crate<'_>, is_dev: bool) -> Option<&'static str> {
    if is_dev && from.name == to.name {
        // With other features, for its own tests.
        return None;
    }
    let (from_layer, to_layer) = match (from.place(), to.place()) {
        // Its own tests with other features.
        _ if is_dev && from.name == to.name => return None,
        (Place::Tool, _) => return None,
        (_, Place::Tool) if is_dev => return None,
        (_, Place::Tool) => return Some("only tests may use a tool"),
        (Place::Layer(from), Place::Layer(to)) => (from, to),
        _ => return None,
    };
    let lists = |table: &[(&str, &[&str])]| {
        let row = table.iter().find(|(name, _)| *name == from.name);
        row.map(|(_, used)| used.contains(&to.name))
    };
    if to_layer > from_layer {
        Some("an edge that points up")
    } else if to_layer == from_layer && lists(WITHIN) != Some(true) {
        Some("an edge within a layer that is not listed (WITHIN in xtask/src/layers.rs)")
    } else if lists(NARROW) == Some(false) {
        Some("more than this crate may use (NARROW in xtask/src/layers.rs)")
    } else {
        None
    }
}

/// The rule that the use of somebody else's crate breaks.
fn broken_outside(from: &Crate<'_>, name: &str) -> Option<&'static str> {
    let is_family_of = |head: &str| {
        name == head
            || name.starts_with(&format!("{head}-"))
            || name.starts_with(&format!("{head}_"))
    };
    // A tool may race against libc's own, or do by hand what a test needs.
    if name == "libc" && from.name != KERNEL_CRATE && from.place() != Place::Tool {
        Some("only polyproc-sys calls the kernel")
    } else if from.is_below_api() && FOREIGN_BELOW_API.iter().any(|head| is_family_of(head)) {
        Some("below api payloads are bytes")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A workspace of crates (folder, name, what each uses; `dev:NAME` for its tests).
    fn found(crates: &[(&str, &str, &[&str])]) -> Vec<String> {
        let packages: Vec<_> = crates
            .iter()
            .map(|(folder, name, uses)| {
                let uses: Vec<_> = uses
                    .iter()
                    .map(|used| match used.strip_prefix("dev:") {
                        Some(used) => json!({"name": used, "kind": "dev"}),
                        None => json!({"name": used, "kind": null}),
                    })
                    .collect();
                let manifest = format!("/repository/{folder}/Cargo.toml");
                json!({"name": name, "manifest_path": manifest, "dependencies": uses})
            })
            .collect();
        let metadata = json!({"workspace_root": "/repository", "packages": packages});
        violations(&super::crates(&metadata)).iter().map(ToString::to_string).collect()
    }

    const SYS: (&str, &str, &[&str]) = ("os/sys", "polyproc-sys", &["libc", "dev:proptest"]);
    const TESTKIT: (&str, &str, &[&str]) = ("testkit", "polyproc-testkit", &["polyproc-sys"]);

    #[test]
    fn the_intended_edges_pass() {
        let none: [&str; 0] = [];
        let workspace = [
            SYS,
            TESTKIT,
            ("os/info", "polyproc-info", &["polyproc-sys"][..]),
            ("ipc/sync", "polyproc-sync", &["polyproc-sys", "dev:loom"]),
            ("ipc/shm", "polyproc-shm", &["polyproc-sync", "polyproc-sys"]),
            (
                "engine/process",
                "polyproc-process",
                &["polyproc-shm", "polyproc-sys", "dev:polyproc-testkit"],
            ),
            ("engine/pool", "polyproc-pool", &["polyproc-process"]),
            ("api/macros", "polyproc-macros", &["syn"]),
            ("api", "polyproc", &["polyproc-process", "polyproc-macros", "serde", "dev:polyproc"]),
            ("cli", "polyproc-cli", &["polyproc"]),
            ("bench", "polyproc-bench", &["polyproc", "polyproc-sys", "serde"]),
        ];
        assert_eq!(found(&workspace), none);
    }

    #[test]
    fn an_edge_that_points_up_is_named() {
        let workspace = [
            ("os/sys", "polyproc-sys", &["dev:polyproc"][..]),
            ("engine/process", "polyproc-process", &["polyproc"]),
            ("api", "polyproc", &["polyproc-process"]),
        ];
        assert_eq!(
            found(&workspace),
            [
                "polyproc-sys -> polyproc: an edge that points up",
                "polyproc-process -> polyproc: an edge that points up"
            ]
        );
    }

    #[test]
    fn within_a_layer_only_listed_edges_pass() {
        let workspace = [
            SYS,
            ("ipc/sync", "polyproc-sync", &["polyproc-shm"][..]),
            ("ipc/shm", "polyproc-shm", &["polyproc-sync"]),
            ("engine/pool", "polyproc-pool", &["polyproc-shm"]),
        ];
        let found = found(&workspace);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("polyproc-sync -> polyproc-shm: an edge within"));
        assert!(found[1].starts_with("polyproc-pool -> polyproc-shm: more than"));
    }

    #[test]
    fn tools_are_for_tests_only() {
        let workspace =
            [SYS, TESTKIT, ("engine/process", "polyproc-process", &["polyproc-testkit"][..])];
        assert_eq!(
            found(&workspace),
            ["polyproc-process -> polyproc-testkit: only tests may use a tool"]
        );
    }

    #[test]
    fn the_kernel_and_the_codecs_stay_where_they_belong() {
        let workspace = [
            ("os/info", "polyproc-info", &["libc", "serde_json"][..]),
            ("engine/process", "polyproc-process", &["dev:serde", "pyo3-ffi", "serdes"]),
            ("api", "polyproc", &["serde", "libc", "dev:libc"]),
        ];
        assert_eq!(
            found(&workspace),
            [
                "polyproc-info -> libc: only polyproc-sys calls the kernel",
                "polyproc-info -> serde_json: below api payloads are bytes",
                "polyproc-process -> serde: below api payloads are bytes",
                "polyproc-process -> pyo3-ffi: below api payloads are bytes",
                "polyproc -> libc: only polyproc-sys calls the kernel",
            ]
        );
    }

    #[test]
    fn a_tool_may_race_against_libc() {
        let none: [&str; 0] = [];
        let bench = ("bench/ipc", "polyproc-bench-ipc", &["libc", "polyproc-sync"][..]);
        assert_eq!(found(&[bench, ("ipc/sync", "polyproc-sync", &["polyproc-sys"]), SYS]), none);
    }

    #[test]
    fn a_new_folder_asks_for_its_layer() {
        let found = found(&[("stuff/a", "a", &[])]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a -> stuff/a: this folder is no layer"));
    }

    #[test]
    fn this_workspace_keeps_the_rules() {
        assert_eq!(run(&[]), Ok(()));
    }
}
